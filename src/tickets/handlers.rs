//! Handlers: one function per operation.

use serde::Deserialize;

use super::model::RESOURCE;
use super::model::archive::archive_cutoff;
use super::model::batch::{self, BatchAction};
use super::model::command::{
    CustomerLink, NewTicket, TicketCommand, TicketCommandError, TicketCommandKind, TicketSelection,
};
use super::model::filter::{ColumnFilter, PageRequest, TicketFilter};
use super::model::ticket::{Priority, Status, TicketChange};
use super::model::view::{self, ViewConditions};
use super::responses;
use super::store::{self, ReadItem, TicketWriteError};
use crate::api::{ApiError, HandlerContext, JsonBody};

#[derive(Deserialize)]
struct ListInput {
    #[serde(rename = "applyView")]
    view: String,
    query: String,
    #[serde(rename = "itemStart")]
    start: u64,
    #[serde(rename = "itemLimit")]
    limit: u64,
    #[serde(rename = "searchArchived")]
    search_archived: String,
    #[serde(flatten)]
    columns: ColumnFilter,
}

/// Returns the matching tickets, newest first.
pub(super) async fn list(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let input: ListInput = context.take_input()?;
    let with_archived = input.search_archived == "yes";
    let page = PageRequest { start: input.start, limit: input.limit };
    let mut filter = TicketFilter {
        view: ViewConditions::default(),
        columns: input.columns,
        query: Some(input.query).filter(|query| !query.is_empty()),
        archived_before: (!with_archived).then(|| archive_cutoff(&context.settings)),
        zone: context.settings.zone.clone(),
    };
    filter.view = resolve_view(&context, input.view).await?;
    let url = context.base_url.clone();
    let query =
        context.database.read_maybe_interruptible(filter.is_expensive(), move |connection| {
            Box::pin(async move { store::list_tickets(connection, &url, &filter, page).await })
        });
    let (total, entries) = query.await?;
    Ok(responses::list(&context.settings.dialect.list_type, page, total, &entries))
}

/// Returns the conditions of a view; an empty name has none.
async fn resolve_view(context: &HandlerContext, name: String) -> Result<ViewConditions, ApiError> {
    if name.is_empty() {
        return Ok(ViewConditions::default());
    }
    if let Some(conditions) = view::built_in_view(&name) {
        return Ok(conditions);
    }
    let slug = name.clone();
    let lookup = context.database.read(move |connection| {
        Box::pin(async move { store::fetch_view_conditions(connection, &slug).await })
    });
    lookup.await?.ok_or_else(|| {
        let rule = format!(
            "must be the slug or id of a view of this account, or one of {}",
            view::BUILT_IN_VIEWS.join(", ")
        );
        ApiError::invalid_value("applyView", rule, &name.into())
    })
}

/// Creates an empty ticket.
pub(super) async fn create(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let new = Box::new(context.take_input::<NewTicket>()?);
    let ids = execute(&context, TicketCommandKind::Create(new)).await?;
    Ok(responses::create(
        &context.settings.dialect.created_id_field,
        ids.first().copied().unwrap_or(0),
    ))
}

#[derive(Deserialize)]
struct GetInput {
    #[serde(rename = "ticketID")]
    id: i64,
    #[serde(rename = "getTicketHistory")]
    with_history: Option<bool>,
}

/// Returns one ticket with its timeline.
pub(super) async fn get(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let input: GetInput = context.take_input()?;
    let read = ReadItem {
        id: input.id,
        with_events: input.with_history.unwrap_or(true),
        public_url: context.base_url.clone(),
        zone: context.settings.zone.clone(),
    };
    let ticket = context
        .database
        .read_batched(read)
        .await?
        .ok_or(ApiError::UnknownRow(&responses::NOT_FOUND))?;
    Ok(responses::item(&ticket))
}

#[derive(Deserialize)]
struct UpdateInput {
    #[serde(rename = "ticketID")]
    id: i64,
    #[serde(rename = "externalPrimaryID")]
    external_primary_id: Option<String>,
    title: Option<String>,
    status: Option<Status>,
}

/// Updates the sent fields of one ticket.
pub(super) async fn update(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let UpdateInput { id, external_primary_id, title, status } = context.take_input()?;
    let unknown_customer = context.settings.dialect.unknown_customer;
    let link = external_primary_id
        .map(|external_primary_id| CustomerLink { external_primary_id, unknown_customer });
    let changes = title
        .map(TicketChange::Title)
        .into_iter()
        .chain(status.map(TicketChange::Status))
        .collect();
    execute_single(
        &context,
        TicketCommandKind::Update { tickets: TicketSelection::from_id(id), changes, link },
    )
    .await?;
    Ok(responses::update())
}

#[derive(Deserialize)]
struct TicketIdInput {
    #[serde(rename = "ticketID")]
    id: i64,
}

/// Deletes all the data of one ticket.
pub(super) async fn delete(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let TicketIdInput { id } = context.take_input()?;
    execute_single(&context, TicketCommandKind::Delete(TicketSelection::from_id(id))).await?;
    Ok(responses::delete())
}

#[derive(Deserialize)]
struct TicketIdsInput {
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Deletes several tickets.
pub(super) async fn delete_multi(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let TicketIdsInput { ids } = context.take_input()?;
    let kind = TicketCommandKind::Delete(select_tickets(&context, ids));
    Ok(responses::delete_multi(execute(&context, kind).await?.len()))
}

#[derive(Deserialize)]
struct SetStatusInput {
    status: Status,
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Sets the status of several tickets.
pub(super) async fn set_status(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let SetStatusInput { status, ids } = context.take_input()?;
    Ok(responses::set_status(
        status,
        apply_changes(&context, ids, vec![TicketChange::Status(status)]).await?,
    ))
}

#[derive(Deserialize)]
struct SetPriorityInput {
    priority: Priority,
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Sets the priority of several tickets.
pub(super) async fn set_priority(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let SetPriorityInput { priority, ids } = context.take_input()?;
    Ok(responses::set_priority(
        priority,
        apply_changes(&context, ids, vec![TicketChange::Priority(priority)]).await?,
    ))
}

/// Solves every ticket that is neither solved nor closed.
pub(super) async fn solve_unfinished(context: HandlerContext) -> Result<JsonBody, ApiError> {
    Ok(responses::solve_unfinished(
        execute(&context, TicketCommandKind::SolveUnfinished).await?.len(),
    ))
}

/// Unlinks the customer from one ticket.
pub(super) async fn unlink_customer(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let TicketIdInput { id } = context.take_input()?;
    let changes = vec![TicketChange::UnlinkCustomer];
    execute_single(
        &context,
        TicketCommandKind::Update { tickets: TicketSelection::from_id(id), changes, link: None },
    )
    .await?;
    Ok(responses::unlink_customer())
}

#[derive(Deserialize)]
struct BatchInput {
    #[serde(rename = "TicketIDs")]
    ids: Vec<i64>,
    actions: Vec<BatchAction>,
}

/// Performs all actions on all tickets, or none.
pub(super) async fn batch(mut context: HandlerContext) -> Result<JsonBody, ApiError> {
    let BatchInput { ids, actions } = context.take_input()?;
    let changes = batch::parse_changes(&actions, ids.len()).map_err(ApiError::Invalid)?;
    Ok(responses::batch(actions.len(), apply_changes(&context, ids, changes).await?))
}

/// Applies changes to several tickets; returns how many.
async fn apply_changes(
    context: &HandlerContext,
    ids: Vec<i64>,
    changes: Vec<TicketChange>,
) -> Result<usize, ApiError> {
    let kind =
        TicketCommandKind::Update { tickets: select_tickets(context, ids), changes, link: None };
    Ok(execute(context, kind).await?.len())
}

/// Selects tickets by id; the dialect decides whether unknown ids are skipped.
fn select_tickets(context: &HandlerContext, ids: Vec<i64>) -> TicketSelection {
    TicketSelection { ids, unknown_ids: context.settings.dialect.unknown_ids }
}

/// Executes a command and returns the ids of its tickets.
async fn execute(context: &HandlerContext, kind: TicketCommandKind) -> Result<Vec<i64>, ApiError> {
    let (now, key_name) = (context.settings.now_text(), context.key.name.to_string());
    context.commit(TicketCommand { kind, now, zone: context.settings.zone.clone(), key_name }).await
}

/// Executes a command on the single ticket of a request.
async fn execute_single(context: &HandlerContext, kind: TicketCommandKind) -> Result<(), ApiError> {
    execute(context, kind).await.map(drop).map_err(|error| match error {
        ApiError::UnknownRows { .. } => ApiError::UnknownRow(&responses::NOT_FOUND),
        error => error,
    })
}

impl From<TicketWriteError> for ApiError {
    fn from(error: TicketWriteError) -> Self {
        match error {
            TicketWriteError::Rejected(TicketCommandError::UnknownTickets(ids)) => {
                let ids = ids.iter().map(ToString::to_string).collect();
                Self::UnknownRows { resource: RESOURCE, ids }
            }
            TicketWriteError::Rejected(TicketCommandError::UnknownCustomer(external)) => {
                let rule = "must be the external primary id of a customer of this account";
                Self::invalid_value("externalPrimaryID", rule, &external.into())
            }
            TicketWriteError::Storage(error) => Self::Storage(error),
        }
    }
}

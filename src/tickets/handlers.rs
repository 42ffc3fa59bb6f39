//! One function for each operation. Each reads like the sentence that documents it.

use serde::Deserialize;

use super::answer;
use super::batch::{self, Action};
use super::search::{self, Conditions, Filter, Page};
use super::store;
use super::task::{Deed, Link, NewTicket, Refused, Task, Those};
use super::ticket::{Change, Priority, Status};
use crate::http::{Call, Error, Reply};

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "applyView")]
    view: String,
    query: String,
    #[serde(rename = "itemStart")]
    start: u64,
    #[serde(rename = "itemLimit")]
    limit: u64,
    #[serde(rename = "searchArchived")]
    archived: String,
    status: Option<String>,
}

/// Gives the tickets that match, newest first.
pub(super) async fn list(mut call: Call) -> Result<Reply, Error> {
    let asked: Listing = call.input()?;
    let with_archived = asked.archived == "yes";
    let page = Page { start: asked.start, limit: asked.limit };
    let mut filter = Filter {
        view: Conditions::default(),
        status: asked.status,
        query: Some(asked.query).filter(|query| !query.is_empty()),
        archived_before: (!with_archived).then(|| call.terms.archived_before()),
        zone: call.terms.zone.clone(),
    };
    filter.view = view(&call, asked.view).await?;
    let url = call.state.public_url.clone();
    let read = call.database.read_for(filter.may_take_long(), move |connection| {
        Box::pin(async move { store::list(connection, &url, filter, page).await })
    });
    let (total, entries) = read.await?;
    Ok(answer::list(&call.terms.dialect.list_type, page, total, &entries))
}

/// The conditions of the view with this name; none for no name.
async fn view(call: &Call, name: String) -> Result<Conditions, Error> {
    if name.is_empty() {
        return Ok(Conditions::default());
    }
    if let Some(conditions) = search::built_in(&name) {
        return Ok(conditions);
    }
    let slug = name.clone();
    let found = call
        .database
        .read(move |connection| Box::pin(async move { store::view(connection, &slug).await }));
    found.await?.ok_or_else(|| {
        let rule = format!(
            "must be the slug or id of a view of this account, or one of {}",
            search::BUILT_IN.join(", ")
        );
        Error::refused("applyView", rule, &name.into())
    })
}

/// Creates an empty ticket.
pub(super) async fn create(mut call: Call) -> Result<Reply, Error> {
    let new = Box::new(call.input::<NewTicket>()?);
    let made = make(&call, Deed::Create(new)).await?;
    Ok(answer::created(&call.terms.dialect.created_id_field, made.first().copied().unwrap_or(0)))
}

#[derive(Deserialize)]
struct Showing {
    #[serde(rename = "ticketID")]
    id: i64,
    #[serde(rename = "getTicketHistory")]
    history: Option<bool>,
}

/// Gives one ticket with its timeline.
pub(super) async fn show(mut call: Call) -> Result<Reply, Error> {
    let asked: Showing = call.input()?;
    let (url, zone) = (call.state.public_url.clone(), call.terms.zone.clone());
    let with_events = asked.history.unwrap_or(true);
    let read = call.database.read(move |connection| {
        Box::pin(async move { store::item(connection, (&url, &zone), asked.id, with_events).await })
    });
    let ticket = read.await?.ok_or(Error::UnknownTicket)?;
    Ok(answer::item(&ticket))
}

#[derive(Deserialize)]
struct Update {
    #[serde(rename = "ticketID")]
    id: i64,
    #[serde(rename = "externalPrimaryID")]
    external_primary_id: Option<String>,
    title: Option<String>,
    status: Option<Status>,
}

/// Updates what was sent of one ticket.
pub(super) async fn update(mut call: Call) -> Result<Reply, Error> {
    let Update { id, external_primary_id, title, status } = call.input()?;
    let unknown = call.terms.dialect.unknown_customer;
    let link = external_primary_id.map(|external| Link { external, unknown });
    let changes = title.map(Change::Title).into_iter().chain(status.map(Change::Status)).collect();
    make_one(&call, Deed::Change { tickets: Those::one(id), changes, link }).await?;
    Ok(answer::updated())
}

#[derive(Deserialize)]
struct One {
    #[serde(rename = "ticketID")]
    id: i64,
}

/// Deletes all the data of one ticket.
pub(super) async fn delete(mut call: Call) -> Result<Reply, Error> {
    let One { id } = call.input()?;
    make_one(&call, Deed::Delete(Those::one(id))).await?;
    Ok(answer::deleted())
}

#[derive(Deserialize)]
struct Several {
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Deletes several tickets.
pub(super) async fn delete_multi(mut call: Call) -> Result<Reply, Error> {
    let Several { ids } = call.input()?;
    let deed = Deed::Delete(those(&call, ids));
    Ok(answer::several_deleted(make(&call, deed).await?.len()))
}

#[derive(Deserialize)]
struct NewStatus {
    status: Status,
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Sets the status of several tickets.
pub(super) async fn set_status(mut call: Call) -> Result<Reply, Error> {
    let NewStatus { status, ids } = call.input()?;
    Ok(answer::status_set(status, change(&call, ids, vec![Change::Status(status)]).await?))
}

#[derive(Deserialize)]
struct NewPriority {
    priority: Priority,
    #[serde(rename = "ticketIDs")]
    ids: Vec<i64>,
}

/// Sets the priority of several tickets.
pub(super) async fn set_priority(mut call: Call) -> Result<Reply, Error> {
    let NewPriority { priority, ids } = call.input()?;
    Ok(answer::priority_set(priority, change(&call, ids, vec![Change::Priority(priority)]).await?))
}

/// Solves every ticket that is neither solved nor closed.
pub(super) async fn solve_unfinished(call: Call) -> Result<Reply, Error> {
    Ok(answer::solved(make(&call, Deed::SolveUnfinished).await?.len()))
}

/// Unlinks the customer from one ticket.
pub(super) async fn unlink_customer(mut call: Call) -> Result<Reply, Error> {
    let One { id } = call.input()?;
    let changes = vec![Change::NoCustomer];
    make_one(&call, Deed::Change { tickets: Those::one(id), changes, link: None }).await?;
    Ok(answer::unlinked())
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "TicketIDs")]
    ids: Vec<i64>,
    actions: Vec<Action>,
}

/// Performs all actions on all tickets, or none.
pub(super) async fn batch(mut call: Call) -> Result<Reply, Error> {
    let Batch { ids, actions } = call.input()?;
    let changes = batch::changes(&actions, ids.len()).map_err(Error::Invalid)?;
    Ok(answer::batched(actions.len(), change(&call, ids, changes).await?))
}

/// Makes changes to several tickets and says to how many.
async fn change(call: &Call, ids: Vec<i64>, changes: Vec<Change>) -> Result<usize, Error> {
    let deed = Deed::Change { tickets: those(call, ids), changes, link: None };
    Ok(make(call, deed).await?.len())
}

/// The tickets with these ids, without those that do not exist, where the dialect allows that.
fn those(call: &Call, ids: Vec<i64>) -> Those {
    Those { ids, unknown: call.terms.dialect.unknown_ids }
}

/// Does what is asked of the tickets, and gives the ids of those that it was done to.
async fn make(call: &Call, deed: Deed) -> Result<Vec<i64>, Error> {
    let (now, key) = (call.terms.date(), call.key.name.to_string());
    call.make(Task { deed, now, zone: call.terms.zone.clone(), key }).await
}

/// Does what is asked of the one ticket that a request is about.
async fn make_one(call: &Call, deed: Deed) -> Result<(), Error> {
    make(call, deed).await.map(drop).map_err(|error| match error {
        Error::UnknownTickets(_) => Error::UnknownTicket,
        error => error,
    })
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown(ids) => {
                Self::UnknownTickets(ids.iter().map(ToString::to_string).collect())
            }
            Refused::NoCustomer(external) => {
                let rule = "must be that of a customer of this account";
                Self::refused("externalPrimaryID", rule, &external.into())
            }
            Refused::Storage(error) => Self::Storage(error),
        }
    }
}

//! One function for each operation. Each reads like the sentence that documents it.

use serde::Deserialize;
use serde_json::Value;

use super::answer;
use super::batch::{self, Action};
use super::search::{self, Conditions, Filter, Page};
use super::store::{self, NewTicket, Stamp, Tickets};
use super::ticket::{Change, Priority, Status};
use crate::dialect::{UnknownCustomer, UnknownIds};
use crate::http::{Call, Error, Reply};
use crate::journal::{Changed, Rows};
use crate::storage::Connection;

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
    };
    filter.view = view(&call, asked.view).await?;
    let url = call.state.public_url.clone();
    let read = call.database.read(move |connection| {
        Box::pin(async move { store::list(connection, &url, &filter, page).await })
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
    let new: NewTicket = call.input()?;
    let now = call.terms.date();
    let write = call.write(move |connection| {
        Box::pin(async move { Ok(store::create(connection, &new, &now).await?) })
    });
    Ok(answer::created(&call.terms.dialect.created_id_field, write.await?))
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
    let url = call.state.public_url.clone();
    let with_events = asked.history.unwrap_or(true);
    let read = call.database.read(move |connection| {
        Box::pin(async move { store::item(connection, &url, asked.id, with_events).await })
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
    let (stamp, policy) = (stamp(&call), call.terms.dialect.unknown_customer);
    let write = call.write(move |connection| {
        Box::pin(async move {
            let ticket = the_ticket(connection, id).await?;
            let mut changes = Vec::new();
            let mut rows = Rows::default();
            if let Some(external) = external_primary_id {
                let linked = link(connection, external, id, policy).await?;
                rows = linked.rows;
                changes.push(linked.value);
            }
            changes.extend(title.map(Change::Title));
            changes.extend(status.map(Change::Status));
            let more = store::apply(connection, ticket, &changes, &stamp).await?;
            Ok(Changed { rows: rows.and(more), value: () })
        })
    });
    write.await?;
    Ok(answer::updated())
}

/// The change that links a ticket to the customer with this external primary id.
async fn link(
    connection: &mut Connection,
    external: String,
    ticket: i64,
    policy: UnknownCustomer,
) -> Result<Changed<Change>, Error> {
    let Changed { rows, value: id } = match (store::customer(connection, &external).await?, policy)
    {
        (Some(id), _) => Changed { rows: Rows::default(), value: id },
        (None, UnknownCustomer::Create) => {
            store::add_customer(connection, &external, ticket).await?
        }
        (None, UnknownCustomer::Refuse) => {
            let sent = Value::from(external);
            return Err(Error::refused(
                "externalPrimaryID",
                "must be that of a customer of this account",
                &sent,
            ));
        }
    };
    Ok(Changed { rows, value: Change::Customer(id, external) })
}

#[derive(Deserialize)]
struct One {
    #[serde(rename = "ticketID")]
    id: i64,
}

/// Deletes all the data of one ticket.
pub(super) async fn delete(mut call: Call) -> Result<Reply, Error> {
    let One { id } = call.input()?;
    let write = call.write(move |connection| {
        Box::pin(async move {
            let ticket = the_ticket(connection, id).await?;
            Ok(Changed { rows: store::remove(connection, &ticket).await?, value: () })
        })
    });
    write.await?;
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
    let policy = call.terms.dialect.unknown_ids;
    let write = call.write(move |connection| {
        Box::pin(async move {
            let tickets = existing(connection, &ids, policy).await?;
            Ok(Changed { rows: store::remove(connection, &tickets).await?, value: tickets.len() })
        })
    });
    Ok(answer::several_deleted(write.await?))
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
    let stamp = stamp(&call);
    let write = call.write(move |connection| {
        Box::pin(async move {
            let ids = store::unfinished(connection).await?;
            let tickets = store::tickets(connection, &ids).await?;
            let change = [Change::Status(Status::Solved)];
            let rows = store::apply(connection, tickets, &change, &stamp).await?;
            Ok(Changed { rows, value: ids.len() })
        })
    });
    Ok(answer::solved(write.await?))
}

/// Unlinks the customer from one ticket.
pub(super) async fn unlink_customer(mut call: Call) -> Result<Reply, Error> {
    let One { id } = call.input()?;
    let stamp = stamp(&call);
    let write = call.write(move |connection| {
        Box::pin(async move {
            let ticket = the_ticket(connection, id).await?;
            let rows = store::apply(connection, ticket, &[Change::NoCustomer], &stamp).await?;
            Ok(Changed { rows, value: () })
        })
    });
    write.await?;
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
    let (stamp, policy) = (stamp(call), call.terms.dialect.unknown_ids);
    let write = call.write(move |connection| {
        Box::pin(async move {
            let tickets = existing(connection, &ids, policy).await?;
            let value = tickets.len();
            let rows = store::apply(connection, tickets, &changes, &stamp).await?;
            Ok(Changed { rows, value })
        })
    });
    write.await
}

/// The tickets with these ids, without those that do not exist, where the dialect allows that.
async fn existing(
    connection: &mut Connection,
    ids: &[i64],
    policy: UnknownIds,
) -> Result<Tickets, Error> {
    let tickets = store::tickets(connection, ids).await?;
    let unknown = tickets.lacks(ids);
    if !unknown.is_empty() && policy == UnknownIds::Refuse {
        return Err(Error::UnknownTickets(unknown));
    }
    Ok(tickets)
}

async fn the_ticket(connection: &mut Connection, id: i64) -> Result<Tickets, Error> {
    let ticket = store::tickets(connection, &[id]).await?;
    if ticket.len() == 1 { Ok(ticket) } else { Err(Error::UnknownTicket) }
}

fn stamp(call: &Call) -> Stamp {
    Stamp { now: call.terms.date(), key: call.key.name.to_string() }
}

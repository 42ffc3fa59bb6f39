//! The Ticket controller: its operations, as one table.

mod answer;
mod batch;
mod choices;
mod columns;
mod dates;
mod desk;
mod fields;
mod handlers;
mod search;
mod store;
mod task;
mod ticket;
mod timeline;

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

use crate::accounts::Permission;
use crate::clock::Zone;
use crate::http::decode::Encoding;
use crate::http::{Answer, Endpoint, Handler, Lasting, Reads};
use crate::rules::{Field, Kind, Source, Violation, check};
use crate::storage::{Database, StorageError};

pub(crate) mod fixture;
pub(crate) use choices::{CHOICES, CONVENTIONS};
pub(crate) use columns::{entry_schema, item_schema, names as columns};

const INDEX: &str = "/api/v2/ticket";
const ITEM: &str = "/api/v2/ticket/{ticketID}";
const V1: Source = Source::Documented("v1 and v2 documents, Ticket.");
const PERMISSIONS: Source = Source::Documented("the permission list of the API keys");

/// What most rows have in common; a row names what it has of its own.
fn row(
    operation: &'static str,
    id: &'static str,
    method: Method,
    path: &'static str,
    handler: Handler,
) -> Endpoint {
    Endpoint {
        operation,
        id,
        method,
        path,
        summary: "",
        source: V1,
        permission: Permission::TicketRead,
        permission_source: PERMISSIONS,
        path_fields: if path == ITEM { || fields::ITEM_PATH } else { || fields::NOTHING },
        fields: || fields::NOTHING,
        reads: Reads::Body,
        documented_encoding: None,
        answer: Answer::Result,
        keeps: None,
        handler,
    }
}

/// A ticket without its timeline; None where there is none with this id.
///
/// # Errors
/// When the database fails.
pub(crate) async fn ticket(
    database: &Database,
    public_url: &str,
    zone: &Zone,
    id: i64,
) -> Result<Option<Value>, StorageError> {
    let (url, zone) = (public_url.to_owned(), zone.clone());
    let found = database.read(move |connection| {
        Box::pin(async move { store::entry(connection, (&url, &zone), id).await })
    });
    let text = found.await?;
    let value = text.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|error| StorageError::corrupt(error.to_string()))
}

/// Refuses what a column can never hold; an empty text stands for nothing.
///
/// # Errors
/// The rule that the column has.
pub(crate) fn must_fit(column: &str, value: &str) -> Result<(), Violation> {
    // A ticket is asked for by what it shows.
    let shown = |field: Field| match field.kind {
        Kind::DateOrUtc => Field { kind: Kind::Date, ..field },
        _ => field,
    };
    let fields: Vec<Field> = columns::fields_of(columns::TICKET).map(shown).collect();
    let sent = [(column.to_owned(), Value::from(value))].into_iter().collect();
    check(&fields, &sent).broken.into_iter().next().map_or(Ok(()), Err)
}

/// Every operation of the controller.
pub(crate) static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        Endpoint {
            summary: "Returns all tickets, with optional filters.",
            fields: || fields::LIST,
            reads: Reads::Query,
            answer: Answer::List,
            // What is archived depends on the time.
            keeps: Some(Lasting::ThisSecond),
            ..row("ticket.list", "ticketIndexGET", Method::GET, INDEX, |call| {
                Box::pin(handlers::list(call))
            })
        },
        Endpoint {
            summary: "Creates a new empty ticket.",
            permission: Permission::TicketCreate,
            fields: || fields::CREATE,
            documented_encoding: Some(Encoding::Multipart),
            answer: Answer::Created,
            ..row("ticket.create", "ticketIndexPOST", Method::POST, INDEX, |call| {
                Box::pin(handlers::create(call))
            })
        },
        Endpoint {
            summary: "Returns all the data of this ticket.",
            fields: || fields::SHOW,
            reads: Reads::Query,
            answer: Answer::Item,
            keeps: Some(Lasting::UntilTicketChanges),
            ..row("ticket.get", "ticketItemGET", Method::GET, ITEM, |call| {
                Box::pin(handlers::show(call))
            })
        },
        Endpoint {
            summary: "Updates the fields of this ticket.",
            permission: Permission::TicketUpdate,
            fields: || fields::UPDATE,
            documented_encoding: Some(Encoding::Urlencoded),
            ..row("ticket.update", "ticketItemPUT", Method::PUT, ITEM, |call| {
                Box::pin(handlers::update(call))
            })
        },
        Endpoint {
            summary: "Deletes all the data of this ticket.",
            permission: Permission::TicketDelete,
            ..row("ticket.delete", "ticketItemDELETE", Method::DELETE, ITEM, |call| {
                Box::pin(handlers::delete(call))
            })
        },
        Endpoint {
            summary: "Deletes several tickets given in an array.",
            permission: Permission::TicketDelete,
            fields: || fields::DELETE_MULTI,
            reads: Reads::BodyOrQuery,
            documented_encoding: Some(Encoding::Urlencoded),
            ..row(
                "ticket.deleteMulti",
                "ticketMultiDELETE",
                Method::DELETE,
                "/api/v2/ticket/multi",
                |call| Box::pin(handlers::delete_multi(call)),
            )
        },
        Endpoint {
            summary: "Sets the status of the tickets given in an array.",
            permission: Permission::SetStatus,
            fields: || fields::SET_STATUS,
            documented_encoding: Some(Encoding::Multipart),
            ..row(
                "ticket.setStatus",
                "ticketSetStatusPOST",
                Method::POST,
                "/api/v2/ticket/setStatus",
                |call| Box::pin(handlers::set_status(call)),
            )
        },
        Endpoint {
            summary: "Sets the priority of the tickets given in an array.",
            permission: Permission::TicketUpdate,
            fields: || fields::SET_PRIORITY,
            documented_encoding: Some(Encoding::Multipart),
            ..row(
                "ticket.setPriority",
                "ticketSetPriorityPOST",
                Method::POST,
                "/api/v2/ticket/setPriority",
                |call| Box::pin(handlers::set_priority(call)),
            )
        },
        Endpoint {
            summary: "Solves every ticket that is neither solved nor closed.",
            source: Source::Chosen(
                "Named in the permission list and described nowhere: the behaviour is chosen.",
            ),
            permission: Permission::SetStatus,
            ..row(
                "ticket.solveUnfinishedTickets",
                "ticketSolveUnfinishedTicketsPUT",
                Method::PUT,
                "/api/v2/ticket/solveUnfinishedTickets",
                |call| Box::pin(handlers::solve_unfinished(call)),
            )
        },
        Endpoint {
            summary: "Unlinks the customer from the ticket.",
            permission: Permission::TicketUpdate,
            permission_source: Source::Chosen("none is stated; it changes a ticket"),
            fields: || fields::UNLINK,
            documented_encoding: Some(Encoding::Multipart),
            ..row(
                "ticket.unlinkCustomerFromTicket",
                "ticketUnlinkCustomerFromTicketPOST",
                Method::POST,
                "/api/v2/ticket/unlinkCustomerFromTicket",
                |call| Box::pin(handlers::unlink_customer(call)),
            )
        },
        Endpoint {
            summary: "Performs actions on the tickets given in a list.",
            permission: Permission::TicketBatch,
            fields: || fields::BATCH,
            documented_encoding: Some(Encoding::Multipart),
            ..row("ticket.batch", "ticketBatchPOST", Method::POST, "/api/v2/ticket/batch", |call| {
                Box::pin(handlers::batch(call))
            })
        },
    ]
});

//! The Ticket controller and its endpoint table.

mod assumptions;
mod fields;
mod handlers;
mod model;
mod responses;
mod store;

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

use crate::accounts::Permission;
use crate::api::decode::MediaType;
use crate::api::{CachePolicy, Endpoint, Envelope, Handler, InputSource};
use crate::clock::Zone;
use crate::contract::{Fidelity, Field, FieldType, Violation, validate};
use crate::storage::{Database, StorageError};

pub(crate) mod fixture;
pub(crate) use assumptions::{ASSUMPTIONS, DOCUMENTED_CONVENTIONS};
pub(crate) use model::columns::{item_schema, list_item_schema, ticket_column_names};

const INDEX_ROUTE: &str = "/api/v2/ticket";
const ITEM_ROUTE: &str = "/api/v2/ticket/{ticketID}";
const TICKET_DOCS: Fidelity = Fidelity::Documented("v1 and v2 documents, Ticket.");
const PERMISSION_DOCS: Fidelity = Fidelity::Documented("the permission list of the API keys");

/// Returns an endpoint with the values that most endpoints share.
fn base_endpoint(
    operation: &'static str,
    operation_id: &'static str,
    method: Method,
    path: &'static str,
    handler: Handler,
) -> Endpoint {
    Endpoint {
        operation,
        operation_id,
        method,
        path,
        summary: "",
        source: TICKET_DOCS,
        permission: Permission::TicketRead,
        permission_source: PERMISSION_DOCS,
        path_fields: if path == ITEM_ROUTE {
            || fields::ITEM_PATH_PARAMS
        } else {
            || fields::NO_FIELDS
        },
        fields: || fields::NO_FIELDS,
        input_source: InputSource::Body,
        documented_media_type: None,
        envelope: Envelope::Result,
        cache_policy: None,
        handler,
    }
}

/// Returns a ticket without its timeline; None if it does not exist.
///
/// # Errors
/// If the database fails.
pub(crate) async fn fetch_ticket(
    database: &Database,
    public_url: &str,
    zone: &Zone,
    id: i64,
) -> Result<Option<Value>, StorageError> {
    let (url, zone) = (public_url.to_owned(), zone.clone());
    let query = database.read(move |connection| {
        Box::pin(async move { store::fetch_ticket(connection, (&url, &zone), id).await })
    });
    let text = query.await?;
    let value = text.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|error| StorageError::corrupt(error.to_string()))
}

/// Validates a value by its column's rule; an empty one counts as not sent.
///
/// # Errors
/// The violation of that rule.
pub(crate) fn validate_column_value(column: &str, value: &str) -> Result<(), Violation> {
    // Displayed dates never end in `Z`.
    let as_displayed = |field: Field| match field.data_type {
        FieldType::DateTimeOrUtc => Field { data_type: FieldType::DateTime, ..field },
        _ => field,
    };
    let fields: Vec<Field> =
        model::columns::fixture_fields(model::columns::TICKET_COLUMNS).map(as_displayed).collect();
    let input = [(column.to_owned(), Value::from(value))].into_iter().collect();
    validate(&fields, &input).violations.into_iter().next().map_or(Ok(()), Err)
}

/// Every endpoint of the controller.
pub(crate) static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        Endpoint {
            summary: "Returns all tickets, with optional filters.",
            fields: || fields::LIST,
            input_source: InputSource::Query,
            envelope: Envelope::List,
            // The archive cutoff depends on the time.
            cache_policy: Some(CachePolicy::ThisSecond),
            ..base_endpoint("ticket.list", "ticketIndexGET", Method::GET, INDEX_ROUTE, |context| {
                Box::pin(handlers::list(context))
            })
        },
        Endpoint {
            summary: "Creates a new empty ticket.",
            permission: Permission::TicketCreate,
            fields: || fields::CREATE,
            documented_media_type: Some(MediaType::Multipart),
            envelope: Envelope::Created,
            ..base_endpoint(
                "ticket.create",
                "ticketIndexPOST",
                Method::POST,
                INDEX_ROUTE,
                |context| Box::pin(handlers::create(context)),
            )
        },
        Endpoint {
            summary: "Returns all the data of this ticket.",
            fields: || fields::GET,
            input_source: InputSource::Query,
            envelope: Envelope::Item,
            cache_policy: Some(CachePolicy::UntilTicketChanges),
            ..base_endpoint("ticket.get", "ticketItemGET", Method::GET, ITEM_ROUTE, |context| {
                Box::pin(handlers::get(context))
            })
        },
        Endpoint {
            summary: "Updates the fields of this ticket.",
            permission: Permission::TicketUpdate,
            fields: || fields::UPDATE,
            documented_media_type: Some(MediaType::Urlencoded),
            ..base_endpoint("ticket.update", "ticketItemPUT", Method::PUT, ITEM_ROUTE, |context| {
                Box::pin(handlers::update(context))
            })
        },
        Endpoint {
            summary: "Deletes all the data of this ticket.",
            permission: Permission::TicketDelete,
            ..base_endpoint(
                "ticket.delete",
                "ticketItemDELETE",
                Method::DELETE,
                ITEM_ROUTE,
                |context| Box::pin(handlers::delete(context)),
            )
        },
        Endpoint {
            summary: "Deletes several tickets given in an array.",
            permission: Permission::TicketDelete,
            fields: || fields::DELETE_MULTI,
            input_source: InputSource::BodyOrQuery,
            documented_media_type: Some(MediaType::Urlencoded),
            ..base_endpoint(
                "ticket.deleteMulti",
                "ticketMultiDELETE",
                Method::DELETE,
                "/api/v2/ticket/multi",
                |context| Box::pin(handlers::delete_multi(context)),
            )
        },
        Endpoint {
            summary: "Sets the status of the tickets given in an array.",
            permission: Permission::SetStatus,
            fields: || fields::SET_STATUS,
            documented_media_type: Some(MediaType::Multipart),
            ..base_endpoint(
                "ticket.setStatus",
                "ticketSetStatusPOST",
                Method::POST,
                "/api/v2/ticket/setStatus",
                |context| Box::pin(handlers::set_status(context)),
            )
        },
        Endpoint {
            summary: "Sets the priority of the tickets given in an array.",
            permission: Permission::TicketUpdate,
            fields: || fields::SET_PRIORITY,
            documented_media_type: Some(MediaType::Multipart),
            ..base_endpoint(
                "ticket.setPriority",
                "ticketSetPriorityPOST",
                Method::POST,
                "/api/v2/ticket/setPriority",
                |context| Box::pin(handlers::set_priority(context)),
            )
        },
        Endpoint {
            summary: "Solves every ticket that is neither solved nor closed.",
            source: Fidelity::Undocumented(
                "Named in the permission list and described nowhere: the behaviour is chosen.",
            ),
            permission: Permission::SetStatus,
            ..base_endpoint(
                "ticket.solveUnfinishedTickets",
                "ticketSolveUnfinishedTicketsPUT",
                Method::PUT,
                "/api/v2/ticket/solveUnfinishedTickets",
                |context| Box::pin(handlers::solve_unfinished(context)),
            )
        },
        Endpoint {
            summary: "Unlinks the customer from the ticket.",
            permission: Permission::TicketUpdate,
            permission_source: Fidelity::Undocumented("none is stated; it changes a ticket"),
            fields: || fields::UNLINK_CUSTOMER,
            documented_media_type: Some(MediaType::Multipart),
            ..base_endpoint(
                "ticket.unlinkCustomerFromTicket",
                "ticketUnlinkCustomerFromTicketPOST",
                Method::POST,
                "/api/v2/ticket/unlinkCustomerFromTicket",
                |context| Box::pin(handlers::unlink_customer(context)),
            )
        },
        Endpoint {
            summary: "Performs actions on the tickets given in a list.",
            permission: Permission::TicketBatch,
            fields: || fields::BATCH,
            documented_media_type: Some(MediaType::Multipart),
            ..base_endpoint(
                "ticket.batch",
                "ticketBatchPOST",
                Method::POST,
                "/api/v2/ticket/batch",
                |context| Box::pin(handlers::batch(context)),
            )
        },
    ]
});

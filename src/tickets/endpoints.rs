//! The endpoint table of the Ticket controller.

use super::model::RESOURCE;
use super::{fields, handlers};
use crate::api::{CachePolicy, Endpoint};
use crate::contract::{Envelope, Fidelity, InputSource, MediaType, Method, Operation, Permission};

const INDEX_ROUTE: &str = "/api/v2/ticket";
const ITEM_ROUTE: &str = "/api/v2/ticket/{ticketID}";
const TICKET_DOCS: Fidelity = Fidelity::Documented("v1 and v2 documents, Ticket.");
const PERMISSION_DOCS: Fidelity = Fidelity::Documented("the permission list of the API keys");

/// Declares an operation with the values that most operations share.
const fn operation(
    name: &'static str,
    id: &'static str,
    method: Method,
    path: &'static str,
) -> Operation {
    Operation {
        name,
        id,
        method,
        path,
        is_named_method: false,
        summary: "",
        fidelity: TICKET_DOCS,
        permission: Permission::TicketRead,
        permission_fidelity: PERMISSION_DOCS,
        path_fields: || fields::NO_FIELDS,
        fields: || fields::NO_FIELDS,
        input_source: InputSource::Body,
        documented_media_type: None,
        body_schema: "",
        envelope: Envelope::Result,
        example_message: "",
    }
}

/// Declares an operation whose path ends in its own name.
const fn named_method(
    name: &'static str,
    id: &'static str,
    method: Method,
    path: &'static str,
) -> Operation {
    Operation { is_named_method: true, ..operation(name, id, method, path) }
}

/// Every endpoint of the controller.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    Endpoint::read(
        Operation {
            summary: "Returns all tickets, with optional filters.",
            fields: || fields::LIST,
            input_source: InputSource::Query,
            envelope: Envelope::List,
            ..operation("ticket.list", "ticketIndexGET", Method::Get, INDEX_ROUTE)
        },
        // The archive cutoff depends on the time.
        CachePolicy::ThisSecond,
        |context| Box::pin(handlers::list(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Creates a new empty ticket.",
            permission: Permission::TicketCreate,
            fields: || fields::CREATE,
            documented_media_type: Some(MediaType::Multipart),
            envelope: Envelope::Created,
            body_schema: "NewTicket",
            example_message: "Ticket created.",
            ..operation("ticket.create", "ticketIndexPOST", Method::Post, INDEX_ROUTE)
        },
        |context| Box::pin(handlers::create(context)),
    ),
    Endpoint::read(
        Operation {
            summary: "Returns all the data of this ticket.",
            fields: || fields::GET,
            input_source: InputSource::Query,
            envelope: Envelope::Item,
            path_fields: || fields::ITEM_PATH_PARAMS,
            ..operation("ticket.get", "ticketItemGET", Method::Get, ITEM_ROUTE)
        },
        CachePolicy::UntilRowChanges(RESOURCE),
        |context| Box::pin(handlers::get(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Updates the fields of this ticket.",
            permission: Permission::TicketUpdate,
            fields: || fields::UPDATE,
            documented_media_type: Some(MediaType::Urlencoded),
            path_fields: || fields::ITEM_PATH_PARAMS,
            body_schema: "TicketUpdate",
            example_message: "Ticket updated.",
            ..operation("ticket.update", "ticketItemPUT", Method::Put, ITEM_ROUTE)
        },
        |context| Box::pin(handlers::update(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Deletes all the data of this ticket.",
            permission: Permission::TicketDelete,
            path_fields: || fields::ITEM_PATH_PARAMS,
            example_message: "Ticket deleted.",
            ..operation("ticket.delete", "ticketItemDELETE", Method::Delete, ITEM_ROUTE)
        },
        |context| Box::pin(handlers::delete(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Deletes several tickets given in an array.",
            permission: Permission::TicketDelete,
            fields: || fields::DELETE_MULTI,
            input_source: InputSource::BodyOrQuery,
            documented_media_type: Some(MediaType::Urlencoded),
            body_schema: "TicketDeletion",
            example_message: "2 tickets deleted.",
            ..named_method(
                "ticket.deleteMulti",
                "ticketMultiDELETE",
                Method::Delete,
                "/api/v2/ticket/multi",
            )
        },
        |context| Box::pin(handlers::delete_multi(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Sets the status of the tickets given in an array.",
            permission: Permission::SetStatus,
            fields: || fields::SET_STATUS,
            documented_media_type: Some(MediaType::Multipart),
            body_schema: "StatusChange",
            example_message: "Status of 1 ticket set to pending.",
            ..named_method(
                "ticket.setStatus",
                "ticketSetStatusPOST",
                Method::Post,
                "/api/v2/ticket/setStatus",
            )
        },
        |context| Box::pin(handlers::set_status(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Sets the priority of the tickets given in an array.",
            permission: Permission::TicketUpdate,
            fields: || fields::SET_PRIORITY,
            documented_media_type: Some(MediaType::Multipart),
            body_schema: "PriorityChange",
            example_message: "Priority of 1 ticket set to high.",
            ..named_method(
                "ticket.setPriority",
                "ticketSetPriorityPOST",
                Method::Post,
                "/api/v2/ticket/setPriority",
            )
        },
        |context| Box::pin(handlers::set_priority(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Solves every ticket that is neither solved nor closed.",
            fidelity: Fidelity::Undocumented(
                "The permission list names it, but no page describes it: the behaviour is an assumption.",
            ),
            permission: Permission::SetStatus,
            example_message: "3 tickets solved.",
            ..named_method(
                "ticket.solveUnfinishedTickets",
                "ticketSolveUnfinishedTicketsPUT",
                Method::Put,
                "/api/v2/ticket/solveUnfinishedTickets",
            )
        },
        |context| Box::pin(handlers::solve_unfinished(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Unlinks the customer from the ticket.",
            permission: Permission::TicketUpdate,
            permission_fidelity: Fidelity::Undocumented(
                "no permission is documented; the operation changes a ticket",
            ),
            fields: || fields::UNLINK_CUSTOMER,
            documented_media_type: Some(MediaType::Multipart),
            body_schema: "CustomerUnlink",
            example_message: "Customer unlinked from ticket.",
            ..named_method(
                "ticket.unlinkCustomerFromTicket",
                "ticketUnlinkCustomerFromTicketPOST",
                Method::Post,
                "/api/v2/ticket/unlinkCustomerFromTicket",
            )
        },
        |context| Box::pin(handlers::unlink_customer(context)),
    ),
    Endpoint::write(
        Operation {
            summary: "Performs actions on the tickets given in a list.",
            permission: Permission::TicketBatch,
            fields: || fields::BATCH,
            documented_media_type: Some(MediaType::Multipart),
            body_schema: "TicketBatch",
            example_message: "1 action performed on 2 tickets.",
            ..named_method("ticket.batch", "ticketBatchPOST", Method::Post, "/api/v2/ticket/batch")
        },
        |context| Box::pin(handlers::batch(context)),
    ),
];

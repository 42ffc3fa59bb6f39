//! The Ticket controller's entry in the list of controllers.

use super::assumptions::{ASSUMPTIONS, DOCUMENTED_CONVENTIONS};
use super::endpoints::ENDPOINTS;
use super::fixture::FIXTURE;
use super::model::columns;
use crate::api::Controller;
use crate::contract::openapi::{NamedSchema, NotFoundResponse, ResourceSchemas};

pub(crate) static CONTROLLER: Controller = Controller {
    name: "ticket",
    description: "Tickets and their timelines.",
    endpoints: ENDPOINTS,
    schemas: ResourceSchemas {
        item: NamedSchema { name: "Ticket", build: columns::item_schema },
        list_item: NamedSchema { name: "TicketEntry", build: columns::list_item_schema },
        item_envelope: "Item",
        list_envelope: "List",
    },
    not_found: NotFoundResponse {
        id_field: "ticketID",
        status: |dialect| dialect.unknown_ticket_status,
        description: "This ticket does not exist.",
    },
    conventions: DOCUMENTED_CONVENTIONS,
    assumptions: ASSUMPTIONS,
    fixture: Some(&FIXTURE),
};

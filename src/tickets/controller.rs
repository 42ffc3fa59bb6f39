//! The Ticket controller's entry in the list of controllers.

use super::assumptions::{ASSUMPTIONS, DOCUMENTED_CONVENTIONS};
use super::endpoints::ENDPOINTS;
use super::fixture::FIXTURE;
use super::model::columns;
use super::responses;
use crate::api::Controller;
use crate::contract::openapi::{CreatedSchema, NamedSchema, ResourceSchemas};

pub(crate) static CONTROLLER: Controller = Controller {
    name: "ticket",
    description: "Tickets and their timelines.",
    endpoints: ENDPOINTS,
    schemas: ResourceSchemas {
        item: NamedSchema { name: "Ticket", build: columns::item_schema },
        list_item: NamedSchema { name: "TicketEntry", build: columns::list_item_schema },
        parts: columns::TIMELINE_SCHEMAS,
        item_envelope: "TicketItem",
        list_envelope: "TicketList",
        created: CreatedSchema {
            name: "TicketCreated",
            id_field: |dialect| &dialect.created_id_field,
        },
    },
    not_found: &responses::NOT_FOUND,
    conventions: DOCUMENTED_CONVENTIONS,
    assumptions: ASSUMPTIONS,
    fixture: Some(&FIXTURE),
};

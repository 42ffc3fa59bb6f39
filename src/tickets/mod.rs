//! The Ticket controller.

mod assumptions;
mod controller;
mod endpoints;
mod fields;
pub(crate) mod fixture;
mod handlers;
mod inspection;
mod model;
mod responses;
mod store;

pub(crate) use controller::CONTROLLER;
pub(crate) use inspection::{fetch_ticket, validate_column_value};
pub(crate) use model::columns::ticket_column_names;

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
pub(crate) use inspection::{
    AccountNames, CustomerSummary, fetch_customer, fetch_names, fetch_ticket, validate_column_value,
};
pub(crate) use model::columns::ticket_column_names;
pub(crate) use model::ticket::{Priority, Status};
pub(crate) use model::view::BUILT_IN_VIEWS;

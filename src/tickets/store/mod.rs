//! The SQL of tickets: whole statements, each in one place.

pub(crate) mod export;
pub(crate) mod insert;
mod list;
mod read;
mod sql;
mod write;

pub(crate) use list::list_tickets;
pub(crate) use read::{fetch_ticket, fetch_ticket_with_timeline, fetch_view_conditions};

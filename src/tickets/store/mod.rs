//! The SQL of tickets: whole statements, each in one place.

pub(crate) mod conflicts;
pub(crate) mod export;
pub(crate) mod insert;
mod list;
pub(crate) mod next_ids;
mod read;
mod sql;
#[cfg(test)]
mod tests;
mod text_search;
mod write;

pub(crate) use list::list_tickets;
pub(crate) use read::{ReadItem, fetch_customer, fetch_names, fetch_ticket, fetch_view_conditions};
pub(crate) use write::TicketWriteError;

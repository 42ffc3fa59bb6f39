//! The domain of tickets, without HTTP and without SQL statements: tickets and their timeline, commands, filters, and the
//! unit of work that applies commands.

pub(crate) mod archive;
pub(crate) mod batch;
pub(crate) mod columns;
pub(crate) mod command;
pub(crate) mod dates;
pub(crate) mod filter;
mod named_enum;
pub(crate) mod reference;
pub(crate) mod row;
pub(crate) mod search_text;
#[cfg(test)]
mod tests;
pub(crate) mod ticket;
pub(crate) mod ticket_state;
pub(crate) mod timeline;
pub(crate) mod unit_of_work;
pub(crate) mod view;

/// The name of the resource in change counters.
pub(crate) const RESOURCE: &str = "ticket";

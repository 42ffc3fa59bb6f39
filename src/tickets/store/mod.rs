//! The SQL of tickets: whole statements, each in one place.

mod effect;
pub(crate) mod export;
pub(crate) mod plant;
mod read;
mod sql;
mod write;

pub(crate) use effect::{Tickets, tickets};
pub(crate) use read::{entry, item, list, view};
pub(crate) use write::{
    NewTicket, Stamp, add_customer, apply, create, customer, remove, unfinished,
};

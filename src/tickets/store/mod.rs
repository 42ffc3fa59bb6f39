//! The SQL of tickets: whole statements, each in one place.

pub(crate) mod export;
mod list;
pub(crate) mod plant;
mod read;
mod sql;
mod work;

pub(crate) use list::list;
pub(crate) use read::{entry, item, view};

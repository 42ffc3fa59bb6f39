//! What most benchmarks use.

pub use anyhow::{Context, Result, bail, ensure};
pub use clap::{Parser, value_parser};
pub use serde_json::{Value, json};

pub use crate::{
    Bench, CommonOptions,
    http::{
        ACCOUNTS, Connection, FORM, JSON, KEY, Requests, Response, TICKETS, new_ticket, send_all,
    },
    report::{Report, cells, fixed},
    row,
    seed::{self, PRIORITIES, STATUSES},
    server::{Server, Storage},
    statistics::{Samples, median, milliseconds, range},
};

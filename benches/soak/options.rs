//! What can be chosen on the command line of the benchmark.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, value_parser};

/// Loads a server for a while with everything that it can do, and says whether it erred or grew.
#[derive(Parser)]
pub(crate) struct Options {
    /// How long the load lasts, in minutes; from 5 on growth is judged
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
    /// Clients, each with an account of its own, and all in one that they share
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) clients: u32,
    /// Requests in a second, by all clients together; by default about 60 % of a core of the server
    #[arg(long, default_value_t = 800, value_parser = value_parser!(u32).range(10..=100_000))]
    pub(crate) rate: u32,
    /// What the choices of the clients follow from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Keep the accounts in memory rather than in a folder
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Leave out what is provoked: faults, budgets and strictness
    #[arg(long)]
    pub(crate) without_faults: bool,
    /// Time between two lines, such as 10s or 1m
    #[arg(long, default_value = "10s", value_parser = span)]
    pub(crate) every: Duration,
    /// Write the lines to this file too, as CSV
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Growth of the resident memory after the warm-up that is taken for noise, in MB
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) growth: u32,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// Whole seconds or minutes, from one second to an hour.
fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match (number.parse::<u64>(), unit) {
        (Ok(number), "s") => number,
        (Ok(number), "m") => number.saturating_mul(60),
        _ => return Err("must be a time such as 10s or 1m".to_owned()),
    };
    if (1..=3600).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err("must be from 1s to 60m".to_owned())
}

//! The command-line options.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, value_parser};
use omnidesk_mock_bench::{options::CommonOptions, storage::Storage};

/// Loads a server with all operations for a while, and reports errors and growth.
#[derive(Parser)]
pub(crate) struct Options {
    /// Duration of the load in minutes; growth is an error from 5 minutes on
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=10_080))]
    pub(crate) minutes: u32,
    /// Number of clients; each uses an account of its own, and all use a shared one
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) clients: u32,
    /// Requests per second of all clients together; the default takes about 60 % of a core of the server
    #[arg(long, default_value_t = 800, value_parser = value_parser!(u32).range(10..=100_000))]
    pub(crate) rate: u32,
    /// Seed of the random number generators of the clients
    #[arg(long, default_value_t = 1)]
    pub(crate) random_seed: u64,
    /// Store the accounts in memory instead of files
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Exclude fault rules, rate limits and strict mode
    #[arg(long)]
    pub(crate) without_faults: bool,
    /// Time between two printed lines, such as 10s or 1m
    #[arg(long, default_value = "10s", value_parser = parse_interval)]
    pub(crate) interval: Duration,
    /// Write the printed lines to this CSV file too
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Growth of the resident memory after the warm-up that is no error, in MB
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) memory_tolerance: u32,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl Options {
    pub(crate) fn storage(&self) -> Storage {
        Storage::from_ephemeral(self.ephemeral)
    }
}

/// Parses seconds or minutes, from one second to an hour.
fn parse_interval(text: &str) -> Result<Duration, String> {
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

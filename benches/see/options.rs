//! What can be chosen on the command line of the benchmark.

use clap::{Parser, value_parser};

/// Waits for requests, checks and follows the journal, and fills it.
#[derive(Parser)]
pub(crate) struct Options {
    /// Requests that are waited for, one after the other, by each number of waiters
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(10..=100_000))]
    pub(crate) rounds: u32,
    /// Repetitions of each check of a full journal
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(10..=10_000))]
    pub(crate) checks: u32,
    /// Requests that are timed beside each kind of reader
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(100..=100_000))]
    pub(crate) followed: u32,
    /// Requests while the memory is watched, by one account and by many, without a journal and with it
    #[arg(long, default_value_t = 200_000, value_parser = value_parser!(u32).range(1_000..=100_000_000))]
    pub(crate) requests: u32,
    /// How many are many accounts
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(2..=1_000))]
    pub(crate) accounts: u32,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

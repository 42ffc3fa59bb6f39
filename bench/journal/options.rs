//! The command-line options.

use clap::{Parser, value_parser};
use omnidesk_mock_bench::options::CommonOptions;

/// Measures waits, verification, event streams and memory of the journal.
#[derive(Parser)]
pub(crate) struct Options {
    /// Rounds for each number of waiting clients
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(10..=100_000))]
    pub(crate) rounds: u32,
    /// Repetitions of each query of a full journal
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(10..=10_000))]
    pub(crate) repetitions: u32,
    /// Requests that are timed for each kind of client of the event stream
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(100..=100_000))]
    pub(crate) stream_requests: u32,
    /// Requests while the memory is measured, by one account and by many, without a journal and with it
    #[arg(long, default_value_t = 200_000, value_parser = value_parser!(u32).range(1_000..=100_000_000))]
    pub(crate) memory_requests: u32,
    /// Number of accounts in the measurement of the memory with many accounts
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(2..=1_000))]
    pub(crate) accounts: u32,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

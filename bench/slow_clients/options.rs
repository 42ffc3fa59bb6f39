//! The command-line options.

use clap::{Parser, value_parser};
use omnidesk_mock_bench::options::CommonOptions;

/// Measures a client without and with slow clients beside it.
#[derive(Parser)]
pub(crate) struct Options {
    /// Rounds; each measures once without the slow clients and once with them
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Number of slow clients
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(3..=4_000))]
    pub(crate) clients: u32,
    /// Requests of each kind in a measurement over one connection, one after the other, for the latency
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(100..=100_000))]
    pub(crate) sequential: u32,
    /// Requests of each kind in a measurement over 32 connections, for the throughput
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(100..=1_000_000))]
    pub(crate) concurrent: u32,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

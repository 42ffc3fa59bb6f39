//! What can be chosen on the command line of the benchmark.

use clap::{Parser, value_parser};

/// Asks a server without and with clients that hang.
#[derive(Parser)]
pub(crate) struct Options {
    /// Rounds; each has a turn without the crowd and one with it
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Clients that hang
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(3..=4_000))]
    pub(crate) clients: u32,
    /// Requests of each kind in a turn that are timed, one after the other over one connection
    #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(100..=100_000))]
    pub(crate) timed: u32,
    /// Requests of each kind in a turn over many connections at once
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(100..=1_000_000))]
    pub(crate) crowded: u32,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

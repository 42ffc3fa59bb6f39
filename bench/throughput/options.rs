//! The command-line options.

use clap::{Parser, ValueEnum};
use omnidesk_mock_bench::options::CommonOptions;

/// Measures throughput, latency, start-up time and memory.
#[derive(Parser)]
pub(crate) struct Options {
    /// Length of one round of one operation, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) seconds: u32,
    /// Rounds of each operation; the table contains their median
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=21))]
    pub(crate) rounds: u32,
    /// How often a noisy round is retried; after that the least noisy one counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,
    /// Tickets in the account under load
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(6_000..=100_000))]
    pub(crate) tickets: u32,
    /// Starts of the server for each start-up time; the table contains their median
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub(crate) starts: u32,
    /// Accounts of 1,000 tickets each for the start-up time with many accounts
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) accounts: u32,
    /// Tickets in the large account
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10_000..=200_000))]
    pub(crate) large_account_tickets: u32,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::DEFAULT)]
    parts: Vec<Part>,
    /// Measure json-server, Mockoon and Prism too; npm installs them below target/bench/peers
    #[arg(long)]
    peers: bool,
    /// Run as the bare server that the real one is compared with
    #[arg(long, hide = true)]
    pub(crate) bare: bool,
    /// Address of the bare server
    #[arg(long, hide = true, default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
    /// Sizes of the bare server's responses in bytes, in the order of `Operation::ALL`
    #[arg(long, hide = true, value_delimiter = ',')]
    pub(crate) sizes: Vec<usize>,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Start-up time and memory without load
    Startup,
    /// Every operation, compared with the bare server
    Load,
    /// Some operations, with the journal and without it
    Journal,
    /// Memory after all tickets of a large account were read
    Large,
    /// Other mock servers; --peers adds it to the other parts
    Peers,
}

impl Part {
    const DEFAULT: [Self; 4] = [Self::Startup, Self::Load, Self::Journal, Self::Large];
}

impl Options {
    pub(crate) fn includes(&self, part: Part) -> bool {
        self.parts.contains(&part) || part == Part::Peers && self.peers
    }

    pub(crate) fn is_only(&self, part: Part) -> bool {
        self.parts.iter().all(|other| *other == part)
    }
}

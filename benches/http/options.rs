//! What can be chosen on the command line of the benchmark.

use clap::{Parser, ValueEnum};

/// Loads the server with wrk and prints what it did.
#[derive(Parser)]
pub(crate) struct Options {
    /// Length of one round of one operation, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) seconds: u32,
    /// Rounds of each operation; the table holds their median
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=21))]
    pub(crate) rounds: u32,
    /// How often a round is done again that other programs disturbed; after that the quietest counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) repeats: u32,
    /// Tickets in the account under load
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(6_000..=100_000))]
    pub(crate) tickets: u32,
    /// Starts of the server for each start-up time; the table holds their median
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub(crate) starts: u32,
    /// Accounts of 1,000 tickets each in the folder of the last start-up time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) accounts: u32,
    /// Tickets in the large account
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10_000..=200_000))]
    pub(crate) large: u32,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    parts: Vec<Part>,
    /// Compare with json-server, Mockoon and Prism, too: they are installed with npm below target/bench/peers
    #[arg(long)]
    peers: bool,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
    /// Be the bare server that the real one is compared with
    #[arg(long, hide = true)]
    pub(crate) bare: bool,
    /// Address of the bare server
    #[arg(long, hide = true, default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
    /// Sizes of the bare server's answers in bytes, in the order of `Operation::ALL`
    #[arg(long, hide = true, value_delimiter = ',')]
    pub(crate) sizes: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Start-up and memory, before any load
    Rest,
    /// Every operation, beside the bare server
    Load,
    /// Some operations with the journal and without it
    Journal,
    /// Memory after all of a large account was read
    Large,
    /// Beside other mock servers; --peers adds it
    Peers,
}

impl Part {
    const ALL: [Self; 4] = [Self::Rest, Self::Load, Self::Journal, Self::Large];
}

impl Options {
    pub(crate) fn asks_for(&self, part: Part) -> bool {
        self.parts.contains(&part) || part == Part::Peers && self.peers
    }

    pub(crate) fn asks_for_nothing_but(&self, part: Part) -> bool {
        self.parts.iter().all(|asked| *asked == part)
    }
}

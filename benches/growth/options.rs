//! What can be chosen on the command line of the benchmark.

use clap::{Parser, value_parser};

use crate::storage::Storage;

/// Asks accounts of several sizes, and prints how long they took.
#[derive(Parser)]
pub(crate) struct Options {
    /// Tickets in the accounts, one for each size
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
        value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    sizes: Vec<u32>,
    /// Repetitions of each operation; at most 20 of those on 1,000 tickets and of resets, and fewer of what takes long
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u32).range(5..=500))]
    pub(crate) repetitions: u32,
    /// Connections that fill the account
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) connections: u32,
    /// Keep everything in memory
    #[arg(long)]
    ephemeral: bool,
    /// Let a month go by once the account is filled, so that the closed tickets are archived
    #[arg(long)]
    pub(crate) archived: bool,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

impl Options {
    /// From the smallest to the largest, each once.
    pub(crate) fn sizes(&self) -> Vec<u32> {
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    pub(crate) fn storage(&self) -> Storage {
        if self.ephemeral { Storage::Memory } else { Storage::Files }
    }
}

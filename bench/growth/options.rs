//! The command-line options.

use clap::{Parser, value_parser};
use omnidesk_mock_bench::{options::CommonOptions, storage::Storage};

/// Measures latency, memory and disk of accounts of several sizes.
#[derive(Parser)]
pub(crate) struct Options {
    /// Tickets in the accounts, one for each size
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
        value_parser = value_parser!(u32).range(1_000..=1_000_000))]
    sizes: Vec<u32>,
    /// Repetitions of each operation; at most 20 of operations on 1,000 tickets and of resets, and fewer of slow ones
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u32).range(5..=500))]
    pub(crate) repetitions: u32,
    /// Connections that fill the account
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) connections: u32,
    /// Store the accounts in memory instead of files
    #[arg(long)]
    ephemeral: bool,
    /// Advance the clock by a month after the account is filled, so that closed tickets are archived
    #[arg(long)]
    pub(crate) archived: bool,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl Options {
    /// From the smallest to the largest, without duplicates.
    pub(crate) fn sizes(&self) -> Vec<u32> {
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    pub(crate) fn storage(&self) -> Storage {
        Storage::from_ephemeral(self.ephemeral)
    }
}

//! What can be chosen on the command line of the benchmark.

use clap::{Parser, value_parser};

use crate::SEEDS;

/// Makes, uses and removes accounts, and prints what that took.
#[derive(Parser)]
pub(crate) struct Options {
    /// Repetitions of each operation; half as many with the largest seed
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(100..=3_000))]
    pub(crate) repetitions: u32,
    /// Accounts that are made, left alone and removed
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(200..=10_000))]
    pub(crate) accounts: u32,
    /// Other accounts that are there while one is reset
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u32).range(200..=20_000))]
    pub(crate) others: u32,
    /// Given by `cargo bench`, and not by `cargo test`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

impl Options {
    pub(crate) fn repetitions(&self, tickets: u32) -> u32 {
        if tickets == SEEDS[SEEDS.len() - 1] { self.repetitions / 2 } else { self.repetitions }
    }
}

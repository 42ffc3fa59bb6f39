//! The command-line options.

use clap::{Parser, value_parser};
use omnidesk_mock_bench::options::CommonOptions;

use crate::SEED_SIZES;

/// Creates, uses and deletes accounts, and measures the cost.
#[derive(Parser)]
pub(crate) struct Options {
    /// Repetitions of each operation; half as many with the largest seed
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(100..=3_000))]
    pub(crate) repetitions: u32,
    /// Accounts that are created, left idle and deleted
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(200..=10_000))]
    pub(crate) accounts: u32,
    /// Other accounts that exist while an account is reset
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u32).range(200..=20_000))]
    pub(crate) other_accounts: u32,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl Options {
    pub(crate) fn repetitions(&self, tickets: u32) -> u32 {
        let is_largest = tickets == SEED_SIZES[SEED_SIZES.len() - 1];
        if is_largest { self.repetitions / 2 } else { self.repetitions }
    }
}

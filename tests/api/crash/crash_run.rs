//! Random seed and round count of a crash test; both are printed on failure.

use std::time::Instant;

use super::stats::CrashStats;
use crate::support::rng::{Rng, parse_env_var};

/// The number of kills, unless `CRASH_ROUNDS` is set.
const DEFAULT_ROUNDS: usize = 5;

pub(super) struct CrashRun {
    pub(super) rng: Rng,
    pub(super) stats: CrashStats,
    seed: u64,
    rounds: usize,
    started_at: Instant,
}

impl CrashRun {
    pub(super) fn from_env() -> Self {
        let random = || getrandom::u64().expect("the OS provides random numbers");
        let seed = parse_env_var("CRASH_SEED").unwrap_or_else(random);
        let rounds = parse_env_var("CRASH_ROUNDS").unwrap_or(DEFAULT_ROUNDS);
        Self {
            rng: Rng::new(seed),
            stats: CrashStats::default(),
            seed,
            rounds,
            started_at: Instant::now(),
        }
    }

    /// Returns true if another round is due, and counts it as done.
    pub(super) fn next_round(&mut self) -> bool {
        let has_next = self.stats.kills < self.rounds;
        self.stats.kills += usize::from(has_next);
        has_next
    }

    #[expect(clippy::print_stdout, reason = "the summary of a long run is printed")]
    pub(super) fn print_summary(&self) {
        println!("CRASH_SEED={}: {:?}: {:#?}", self.seed, self.started_at.elapsed(), self.stats);
    }
}

impl Drop for CrashRun {
    #[expect(clippy::print_stderr, reason = "the seed reproduces the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in round {} with CRASH_SEED={}", self.stats.kills, self.seed);
        }
    }
}

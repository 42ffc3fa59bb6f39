//! What a test draws by lot, and how often it goes on; both are said where it fails.

use std::str::FromStr;
use std::time::Instant;

use super::rng::Rng;
use super::stats::CrashStats;

/// How often a server is killed, unless `CRASH_ROUNDS` says it.
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
        let fresh = || getrandom::u64().expect("the system has random numbers");
        let seed = parse_env_var("CRASH_SEED").unwrap_or_else(fresh);
        let rounds = parse_env_var("CRASH_ROUNDS").unwrap_or(DEFAULT_ROUNDS);
        let (dice, tally) = (Rng::new(seed), CrashStats::default());
        Self { rng: dice, stats: tally, seed, rounds, started_at: Instant::now() }
    }

    /// Whether there is another kill; it counts as done.
    pub(super) fn next_round(&mut self) -> bool {
        let goes_on = self.stats.kills < self.rounds;
        self.stats.kills += usize::from(goes_on);
        goes_on
    }

    #[expect(clippy::print_stdout, reason = "whoever asks for many rounds wants to know")]
    pub(super) fn print_summary(&self) {
        println!("CRASH_SEED={}: {:?}: {:#?}", self.seed, self.started_at.elapsed(), self.stats);
    }
}

impl Drop for CrashRun {
    #[expect(clippy::print_stderr, reason = "whoever sees the failure wants to see it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in round {} with CRASH_SEED={}", self.stats.kills, self.seed);
        }
    }
}

/// The number that this environment variable holds.
pub(crate) fn parse_env_var<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

//! What a test draws by lot, and how often it goes on; both are said where it fails.

use std::str::FromStr;
use std::time::Instant;

use super::dice::Dice;
use super::tally::Tally;

/// How often a server is killed, unless `CRASH_ROUNDS` says it.
const ROUNDS: usize = 5;

pub(super) struct Luck {
    pub(super) dice: Dice,
    pub(super) tally: Tally,
    seed: u64,
    rounds: usize,
    begun: Instant,
}

impl Luck {
    pub(super) fn drawn() -> Self {
        let fresh = || getrandom::u64().expect("the system has random numbers");
        let seed = variable("CRASH_SEED").unwrap_or_else(fresh);
        let rounds = variable("CRASH_ROUNDS").unwrap_or(ROUNDS);
        let (dice, tally) = (Dice::new(seed), Tally::default());
        Self { dice, tally, seed, rounds, begun: Instant::now() }
    }

    /// Whether there is another kill; it counts as done.
    pub(super) fn goes_on(&mut self) -> bool {
        let goes_on = self.tally.kills < self.rounds;
        self.tally.kills += usize::from(goes_on);
        goes_on
    }

    #[expect(clippy::print_stdout, reason = "whoever asks for many rounds wants to know")]
    pub(super) fn tell(&self) {
        println!("CRASH_SEED={}: {:?}: {:#?}", self.seed, self.begun.elapsed(), self.tally);
    }
}

impl Drop for Luck {
    #[expect(clippy::print_stderr, reason = "whoever sees the failure wants to see it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in round {} with CRASH_SEED={}", self.tally.kills, self.seed);
        }
    }
}

/// The number that this environment variable holds.
pub(crate) fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

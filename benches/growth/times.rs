//! How long the repetitions of an operation took.

use std::time::{Duration, Instant};

/// What takes long is not repeated any more after so long.
const ENOUGH: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let middle = sorted.len() / 2;
        let lower = sorted.len().saturating_sub(1) - middle;
        let pair = [lower, middle].map(|place| sorted[place].as_secs_f64() * 1e3);
        f64::midpoint(pair[0], pair[1])
    }
}

/// So many repetitions, or as many as there is time for, and one at least.
pub(crate) fn repetitions(most: u32) -> impl Iterator<Item = u32> {
    let began = Instant::now();
    (0..most).take_while(move |turn| *turn == 0 || began.elapsed() < ENOUGH)
}

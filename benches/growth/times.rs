//! How long the repetitions of an operation took.

use std::time::{Duration, Instant};

/// Of what takes long there are fewer repetitions, but not fewer than these.
const FEWEST: u32 = 5;
const ENOUGH: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// In milliseconds.
    pub(crate) fn median(mut self) -> f64 {
        self.0.sort_unstable();
        let middle = self.0.len() / 2;
        let last = self.0.len().saturating_sub(1);
        let pair = [self.0[last - middle], self.0[middle]].map(|time| time.as_secs_f64() * 1e3);
        f64::midpoint(pair[0], pair[1])
    }
}

/// The numbers of the repetitions, until there are enough of them or they have taken long enough.
pub(crate) fn repetitions(most: u32) -> impl Iterator<Item = u32> {
    let began = Instant::now();
    (0..most).take_while(move |turn| *turn < FEWEST || began.elapsed() < ENOUGH)
}

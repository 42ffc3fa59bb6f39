//! How long the repetitions of an operation took, and what they cost the server.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Times {
    /// Of each repetition.
    elapsed: Vec<Duration>,
    /// Processor time of the server for all of them, in seconds.
    cpu: f64,
}

impl Times {
    pub(crate) fn add(&mut self, elapsed: Vec<Duration>, cpu: f64) {
        self.elapsed.extend(elapsed);
        self.cpu += cpu;
    }

    /// What so many in a hundred do not exceed, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.elapsed.clone();
        sorted.sort();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted[rank.saturating_sub(1)].as_secs_f64() * 1e3
    }

    /// Processor time of one, in milliseconds.
    pub(crate) fn cpu(&self) -> f64 {
        let count = u32::try_from(self.elapsed.len()).expect("repetitions are counted in u32");
        self.cpu * 1e3 / f64::from(count)
    }
}

//! Median, percentiles and processor time of repeated requests.

use crate::prelude::*;

/// The latency of each repetition of an operation in milliseconds, and the server's processor time for all of them.
#[derive(Clone, Default)]
pub struct Samples {
    pub latencies: Vec<f64>,
    pub cpu_seconds: f64,
}

impl Samples {
    pub fn extend(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.cpu_seconds += other.cpu_seconds;
    }

    /// Median and 99th percentile in milliseconds, and mean processor time.
    pub fn figures(&self) -> [f64; 3] {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let [p50, p99] = [50, 99].map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        });
        let count = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        [p50, p99, self.cpu_seconds * 1e3 / f64::from(count)]
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The median; the mean of the middle two if their number is even.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match (values.get(values.len().saturating_sub(1) / 2), values.get(values.len() / 2)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

pub fn range(values: &[f64]) -> [f64; 2] {
    let values = || values.iter().copied();
    [values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max)]
}

//! Median, percentiles and processor time of repeated requests.

use std::time::Duration;

/// The latency of each repetition of an operation, and the server's processor time for all of them.
#[derive(Default)]
pub struct LatencySamples {
    latencies: Vec<Duration>,
    cpu_seconds: f64,
}

impl LatencySamples {
    pub fn new(latencies: Vec<Duration>, cpu_seconds: f64) -> Self {
        Self { latencies, cpu_seconds }
    }

    pub fn push(&mut self, latency: Duration) {
        self.latencies.push(latency);
    }

    /// Adds the samples of another run of the same operation.
    pub fn extend(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.cpu_seconds += other.cpu_seconds;
    }

    /// The latency that this percentage of the samples does not exceed, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| milliseconds(*latency))
    }

    /// The median latency, in milliseconds.
    pub fn median(&self) -> f64 {
        median(self.latencies.iter().copied().map(milliseconds).collect())
    }

    /// Mean processor time of a repetition, in milliseconds.
    pub fn mean_cpu(&self) -> f64 {
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        self.cpu_seconds * 1e3 / f64::from(count)
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The median; the mean of the middle two if their number is even.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = values.len().saturating_sub(1) / 2;
    match (values.get(lower), values.get(upper)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

//! A histogram of latencies, whose size does not depend on their number.

use std::time::Duration;

/// Buckets for each power of two, so the relative error of a percentile is at most a sixteenth.
const BUCKETS_PER_OCTAVE: u32 = 16;
/// Powers of two above the first buckets, in microseconds.
const OCTAVES: u32 = 28;

#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    count: u32,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = (BUCKETS_PER_OCTAVE * (OCTAVES + 1)) as usize;
        Self { counts: vec![0; buckets], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.counts[bucket_of(micros) as usize] += 1;
        self.count += 1;
        self.max = self.max.max(latency);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The latency that this percentage does not exceed, in milliseconds; 0 if the histogram is empty.
    pub(crate) fn percentile(&self, percent: u32) -> f64 {
        let rank = (u64::from(self.count) * u64::from(percent)).div_ceil(100);
        let mut cumulated = 0;
        for (bucket, count) in (0..).zip(&self.counts) {
            cumulated += u64::from(*count);
            if cumulated >= rank && rank > 0 {
                return (f64::from(upper_bound(bucket)) / 1e3).min(self.max());
            }
        }
        0.0
    }

    /// The highest latency, in milliseconds.
    pub(crate) fn max(&self) -> f64 {
        self.max.as_secs_f64() * 1e3
    }
}

fn bucket_of(micros: u32) -> u32 {
    if micros < BUCKETS_PER_OCTAVE {
        return micros;
    }
    let octave = micros.ilog2() - BUCKETS_PER_OCTAVE.ilog2();
    octave * BUCKETS_PER_OCTAVE + (micros >> octave)
}

/// The largest number of microseconds in a bucket.
fn upper_bound(bucket: u32) -> u32 {
    if bucket < BUCKETS_PER_OCTAVE {
        return bucket;
    }
    let octave = bucket / BUCKETS_PER_OCTAVE - 1;
    let next = u64::from(bucket % BUCKETS_PER_OCTAVE + BUCKETS_PER_OCTAVE + 1) << octave;
    u32::try_from(next - 1).unwrap_or(u32::MAX)
}

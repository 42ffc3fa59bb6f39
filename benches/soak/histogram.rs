//! How long things took, in a size that does not grow with their number.

use std::time::Duration;

/// Classes for each doubling; a figure is good to a sixteenth.
const FINE: u32 = 16;
/// The doublings of a number of microseconds that come after the first classes.
const DOUBLINGS: u32 = 28;

#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    count: u32,
    most: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let classes = (FINE * (DOUBLINGS + 1)) as usize;
        Self { counts: vec![0; classes], count: 0, most: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.counts[class(micros) as usize] += 1;
        self.count += 1;
        self.most = self.most.max(time);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What so many in a hundred do not exceed, in milliseconds; 0 where there is nothing.
    pub(crate) fn percentile(&self, percent: u32) -> f64 {
        let rank = (u64::from(self.count) * u64::from(percent)).div_ceil(100);
        let mut passed = 0;
        for (class, count) in (0..).zip(&self.counts) {
            passed += u64::from(*count);
            if passed >= rank && rank > 0 {
                return (f64::from(end(class)) / 1e3).min(self.most());
            }
        }
        0.0
    }

    /// The longest time, in milliseconds.
    pub(crate) fn most(&self) -> f64 {
        self.most.as_secs_f64() * 1e3
    }
}

fn class(micros: u32) -> u32 {
    if micros < FINE {
        return micros;
    }
    let doubling = micros.ilog2() - FINE.ilog2();
    doubling * FINE + (micros >> doubling)
}

/// The largest number of microseconds in a class.
fn end(class: u32) -> u32 {
    if class < FINE {
        return class;
    }
    let doubling = class / FINE - 1;
    let next = u64::from(class % FINE + FINE + 1) << doubling;
    u32::try_from(next - 1).unwrap_or(u32::MAX)
}

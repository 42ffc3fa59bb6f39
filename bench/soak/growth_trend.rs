//! Whether a figure has grown after the warm-up.

use omnidesk_mock_bench::statistics::median;

/// The first third of the samples is the warm-up. The medians are those of the first and the last sixth of the others.
const WARM_UP_PARTS: usize = 3;
const MEDIAN_PARTS: usize = 6;

#[derive(Clone, Copy, Default)]
pub(crate) struct GrowthTrend {
    /// Median of the first and of the last sixth.
    pub(crate) first_median: f64,
    pub(crate) last_median: f64,
    /// Slope of the regression line per hour, and its rise from the first to the last sample.
    pub(crate) slope_per_hour: f64,
    pub(crate) rise: f64,
}

impl GrowthTrend {
    /// The samples are pairs of seconds and figure.
    pub(crate) fn from_samples(samples: impl Iterator<Item = (f64, f64)>) -> Self {
        let all: Vec<_> = samples.collect();
        let samples = &all[all.len() / WARM_UP_PARTS..];
        let ([(start, _), ..], [.., (end, _)]) = (samples, samples) else { return Self::default() };
        let part = samples.len().div_ceil(MEDIAN_PARTS);
        let slope = regression_slope(samples);
        Self {
            first_median: median_value(&samples[..part]),
            last_median: median_value(&samples[samples.len() - part..]),
            slope_per_hour: slope * 3600.0,
            rise: slope * (end - start),
        }
    }

    /// Whether both the regression line and the medians rise by more than the tolerance.
    pub(crate) fn has_grown(&self, tolerance: f64) -> bool {
        self.rise > tolerance && self.last_median - self.first_median > tolerance
    }
}

/// Least squares.
fn regression_slope(samples: &[(f64, f64)]) -> f64 {
    let count: f64 = samples.iter().map(|_| 1.0).sum();
    let mean = |sum: f64| sum / count;
    let mean_x = mean(samples.iter().map(|(x, _)| x).sum());
    let mean_y = mean(samples.iter().map(|(_, y)| y).sum());
    let covariance: f64 = samples.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

fn median_value(samples: &[(f64, f64)]) -> f64 {
    median(samples.iter().map(|(_, value)| *value).collect())
}

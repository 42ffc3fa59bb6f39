//! Whether a figure has grown.

/// The part of the samples that is the warm-up, and the part of the others that a median is taken of.
const WARM_UP: usize = 3;
const PART: usize = 6;

/// How a figure went after the warm-up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trend {
    /// The medians of the first sixth and of the last.
    pub(crate) first: f64,
    pub(crate) last: f64,
    /// What the line that fits best rises by in an hour, and from its beginning to its end.
    pub(crate) per_hour: f64,
    pub(crate) rise: f64,
}

impl Trend {
    /// Of a figure at these seconds.
    pub(crate) fn of(samples: impl Iterator<Item = (f64, f64)>) -> Self {
        let all: Vec<_> = samples.collect();
        let warm = &all[all.len() / WARM_UP..];
        let ([(begin, _), ..], [.., (end, _)]) = (warm, warm) else { return Self::default() };
        let part = warm.len().div_ceil(PART);
        let slope = slope(warm);
        Self {
            first: median(&warm[..part]),
            last: median(&warm[warm.len() - part..]),
            per_hour: slope * 3600.0,
            rise: slope * (end - begin),
        }
    }

    /// Whether both the line and the medians have risen by more than this.
    pub(crate) fn has_grown(&self, tolerance: f64) -> bool {
        self.rise > tolerance && self.last - self.first > tolerance
    }
}

/// By the method of least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count: f64 = samples.iter().map(|_| 1.0).sum();
    let mean = |sum: f64| sum / count;
    let x = mean(samples.iter().map(|(x, _)| x).sum());
    let y = mean(samples.iter().map(|(_, y)| y).sum());
    let both: f64 = samples.iter().map(|(at, value)| (at - x) * (value - y)).sum();
    let square: f64 = samples.iter().map(|(at, _)| (at - x).powi(2)).sum();
    if square > 0.0 { both / square } else { 0.0 }
}

fn median(samples: &[(f64, f64)]) -> f64 {
    let mut values: Vec<_> = samples.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

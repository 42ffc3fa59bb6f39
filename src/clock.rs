//! The only reader of the time. An account has a clock of its own, which may stand still or be ahead.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

/// The form of every documented date; it has no zone.
const DATE: &str = "%Y-%m-%d %H:%M:%S";

/// Longer than a server runs, and short enough to be counted with.
const FOREVER: Duration = Duration::from_hours(30 * 365 * 24);

/// What time it is for an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Clock {
    /// The machine's time.
    #[default]
    Real,
    /// Always the same moment.
    Frozen { at: Timestamp },
    /// The machine's time and something more, or less.
    Offset {
        #[serde(deserialize_with = "written_duration")]
        by: SignedDuration,
    },
}

impl Clock {
    /// The moment that this clock shows.
    pub(crate) fn now(self) -> Timestamp {
        if let Self::Frozen { at } = self { at } else { self.at(Timestamp::now()) }
    }

    /// The moment that this clock shows at a moment of the machine's time.
    pub(crate) fn at(self, machine: Timestamp) -> Timestamp {
        match self {
            Self::Real => machine,
            Self::Frozen { at } => at,
            Self::Offset { by } => machine.checked_add(by).unwrap_or(Timestamp::MAX),
        }
    }
}

impl Clock {
    /// The same clock, later. A real one becomes one that is ahead; None beyond all time.
    pub(crate) fn later(self, by: SignedDuration) -> Option<Self> {
        Some(match self {
            Self::Real => Self::Offset { by },
            Self::Frozen { at } => Self::Frozen { at: at.checked_add(by).ok()? },
            Self::Offset { by: before } => Self::Offset { by: before.checked_add(by)? },
        })
    }

    /// Whether it shows a moment that a date can be written of: within the years 0 to 9999.
    pub(crate) fn is_sound(self) -> bool {
        let now = match self {
            Self::Real => return true,
            Self::Frozen { at } => Some(at),
            Self::Offset { by } => shifted(by),
        };
        now.is_some_and(|now| (0..=9998).contains(&now.to_zoned_datetime(TimeZone::UTC).year()))
    }
}

/// The machine's time and something more, where there is such a moment.
fn shifted(by: SignedDuration) -> Option<Timestamp> {
    Timestamp::now().checked_add(by).ok()
}

/// A duration as people write it: `90m`, `3d`, or as ISO 8601 has it: `PT2H`, `P3D`. A day has 24 hours.
///
/// # Errors
/// When it is none, or counts in months or years, whose length differs.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    let refuse = |_| "must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D".to_owned();
    let span: Span = text.parse().map_err(refuse)?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(refuse)
}

fn written_duration<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
    duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// A duration for people, to the millisecond.
pub(crate) fn short(duration: SignedDuration) -> String {
    let rounded = duration.round(jiff::Unit::Millisecond).unwrap_or(duration);
    format!("{rounded:#}")
}

/// The same of a duration that is not negative.
pub(crate) fn words(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), short)
}

/// The machine's time.
pub(crate) fn machine() -> Timestamp {
    Timestamp::now()
}

/// The moment before another one by a duration; the earliest moment there is when it would be before that.
pub(crate) fn earlier(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The time zone with this IANA name.
///
/// # Errors
/// When there is none.
pub(crate) fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}

/// A moment as the API writes it: in the account's zone, to the second.
pub(crate) fn written(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime(DATE).to_string()
}

/// A moment as the `Date` header has it.
pub(crate) fn http_date(moment: Timestamp) -> String {
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// How long something takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The moment when so much time has passed since the start.
    pub(crate) fn after(self, time: Duration) -> Instant {
        self.0 + time.min(FOREVER)
    }

    /// The time since the start, in whole milliseconds.
    pub(crate) fn milliseconds(self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

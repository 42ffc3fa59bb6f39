//! The only reader of the time, and of time zones. An account has a clock of its own, which may stand still or be ahead.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
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
pub(crate) fn zone(name: &str) -> Result<Zone, jiff::Error> {
    let rules = TimeZone::get(name)?;
    // By any name, such as Etc/UTC.
    let never_changes = rules.following(Timestamp::MIN).next().is_none();
    let is_utc = never_changes && rules.to_offset(Timestamp::MIN) == Offset::UTC;
    Ok(Zone { rules: (!is_utc).then_some(rules) })
}

/// A moment as it is stored: in UTC, to the second. Such texts sort as the moments do.
pub(crate) fn written(moment: Timestamp) -> String {
    moment.strftime(DATE).to_string()
}

/// The zone that the dates of an account are shown and read in. They are stored in UTC.
///
/// A date that the zone moves out of the years 0 to 9999 stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    /// None for UTC, where a date is shown as it is stored.
    rules: Option<TimeZone>,
}

/// The first date that can be written.
const FIRST: DateTime = DateTime::constant(0, 1, 1, 0, 0, 0, 0);
/// Later than every date.
const NEVER: &str = "99999";

impl Zone {
    /// Whether dates are shown as they are stored.
    pub(crate) const fn is_utc(&self) -> bool {
        self.rules.is_none()
    }

    /// A stored date as the API shows it.
    pub(crate) fn show<'a>(&self, stored: &'a str) -> Cow<'a, str> {
        let local = |rules: &TimeZone| {
            let moment = TimeZone::UTC.to_timestamp(stored.parse().ok()?).ok()?;
            Some(rules.to_datetime(moment)).filter(|local| local.year() >= 0)
        };
        let local = self.rules.as_ref().and_then(local);
        local.map_or(Cow::Borrowed(stored), |local| local.strftime(DATE).to_string().into())
    }

    /// A date as it is stored, from one that a person gives: in this zone, or in UTC when it ends in `Z`. Where the
    /// clock goes back and shows a date twice, the first is meant; one that it skips counts by the offset before.
    pub(crate) fn read(&self, given: &str) -> String {
        if let Some(stored) = given.strip_suffix('Z') {
            return stored.to_owned();
        }
        let moment = |rules: &TimeZone| {
            let moment = rules.to_timestamp(given.parse::<DateTime>().ok()?).ok()?;
            Some(written(moment)).filter(|stored| !stored.starts_with('-'))
        };
        self.rules.as_ref().and_then(moment).unwrap_or_else(|| given.to_owned())
    }

    /// A stored date such that [`Zone::read`] gives it back: as it is shown, or in UTC with a `Z` where that would be
    /// read as another one.
    pub(crate) fn export<'a>(&self, stored: &'a str) -> Cow<'a, str> {
        let shown = self.show(stored);
        if self.read(&shown) == stored { shown } else { format!("{stored}Z").into() }
    }

    /// How dates in this zone become UTC, in their order: the local date before which a shift holds, and the shift in
    /// seconds. Empty for UTC.
    pub(crate) fn shifts(&self) -> Vec<(String, i32)> {
        let Some(rules) = &self.rules else { return Vec::new() };
        let mut offset = rules.to_offset(Timestamp::MIN);
        let mut shifts = Vec::new();
        // What would leave the years 0 to 9999 stays as it is, as in `read`.
        let first = SignedDuration::from_secs(offset.seconds().max(0).into());
        shifts.extend(FIRST.checked_add(first).ok().map(|end| (end.strftime(DATE).to_string(), 0)));
        for change in rules.following(Timestamp::MIN) {
            // Both the hour that comes twice and the one that is skipped go by the offset before, as in `read`.
            let end = offset.max(change.offset()).to_datetime(change.timestamp());
            if end.year() >= 0 {
                shifts.push((end.strftime(DATE).to_string(), -offset.seconds()));
            }
            offset = change.offset();
        }
        let last = offset.to_datetime(Timestamp::MAX).checked_add(SignedDuration::from_secs(1));
        let last = last.map_or_else(|_| NEVER.to_owned(), |end| end.strftime(DATE).to_string());
        shifts.push((last, -offset.seconds()));
        shifts.push((NEVER.to_owned(), 0));
        shifts
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the year 0 to the last moment there is, in seconds.
    const ALL: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_207_200;
    /// Years in which zones change their clocks by laws that are known.
    const MODERN: std::ops::Range<i64> = 0..2_000_000_000;

    fn any_zone() -> impl Strategy<Value = Zone> {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        assert!(names.len() > 400, "{names:?}");
        proptest::sample::select(names).prop_map(|name| zone(&name).expect("it is known"))
    }

    fn seconds() -> impl Strategy<Value = i64> {
        prop_oneof![MODERN, ALL]
    }

    fn stored(seconds: i64) -> String {
        written(Timestamp::from_second(seconds).expect("a moment"))
    }

    /// A date near a change of the zone's clock.
    fn near_a_change() -> impl Strategy<Value = (Zone, String)> {
        (any_zone(), MODERN, -7200_i64..7200).prop_map(|(zone, from, by)| {
            let from = Timestamp::from_second(from).expect("a moment");
            let change = zone.rules.as_ref().and_then(|rules| rules.following(from).next());
            let at = change.map_or(from, |change| change.timestamp());
            (zone, stored(at.as_second() + by))
        })
    }

    /// How many moments are shown as this date.
    fn times(zone: &Zone, shown: &str) -> usize {
        let moment = TimeZone::UTC.to_timestamp(shown.parse().expect("a date")).expect("a moment");
        let day = Timestamp::from_second(moment.as_second() - 26 * 3600).expect("a moment");
        let Some(rules) = &zone.rules else { return 1 };
        let mut offsets = vec![rules.to_offset(day)];
        let changes = rules
            .following(day)
            .take_while(|change| change.timestamp().as_second() < moment.as_second() + 26 * 3600);
        offsets.extend(changes.map(|change| change.offset()));
        offsets.sort();
        offsets.dedup();
        let is_shown = |offset: &Offset| {
            let at = stored(moment.as_second() - i64::from(offset.seconds()));
            zone.show(&at) == shown
        };
        offsets.iter().filter(|offset| is_shown(offset)).count()
    }

    proptest! {
        #[test]
        fn stored_dates_sort_as_moments_do(one in ALL, other in ALL) {
            prop_assert_eq!(stored(one).cmp(&stored(other)), one.cmp(&other));
        }

        #[test]
        fn an_export_is_read_as_what_it_was(zone in any_zone(), seconds in seconds()) {
            let date = stored(seconds);
            prop_assert_eq!(zone.read(&zone.export(&date)), date);
        }

        #[test]
        fn what_is_shown_is_read_as_what_it_was_unless_it_is_shown_twice(
            (zone, date) in near_a_change(),
        ) {
            let shown = zone.show(&date);
            let read = zone.read(&shown);
            prop_assert_eq!(zone.show(&read), shown.clone(), "{} is read as {}", date, read);
            if times(&zone, &shown) == 1 {
                prop_assert_eq!(&read, &date);
                prop_assert_eq!(zone.export(&date), shown);
            } else {
                prop_assert!(read <= date, "{} is the first of its moments", read);
                prop_assert_eq!(zone.read(&zone.export(&date)), date);
            }
        }

    }

    proptest! {
        // The shifts of all years are many.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn shifts_lead_where_reading_does(
            (zone, near) in near_a_change(),
            seconds in seconds(),
        ) {
            for given in [near, stored(seconds)] {
                let shifts = zone.shifts();
                let mut ends = shifts.iter().map(|(end, _)| end);
                prop_assert!(ends.clone().is_sorted(), "{:?}", shifts);
                let place = ends.position(|end| *end > given);
                let shift = place.map_or(0, |place| shifts[place].1);
                let date: DateTime = given.parse().expect("a date");
                let shifted = date + SignedDuration::from_secs(shift.into());
                prop_assert_eq!(shifted.strftime(DATE).to_string(), zone.read(&given));
            }
        }
    }

    #[test]
    fn a_date_that_is_shown_twice_is_the_first_and_one_that_is_skipped_goes_by_the_offset_before() {
        let amsterdam = zone("Europe/Amsterdam").expect("a zone");
        for (given, read, shown, exported) in [
            (
                "2026-10-25 01:59:59",
                "2026-10-24 23:59:59",
                "2026-10-25 01:59:59",
                "2026-10-25 01:59:59",
            ),
            (
                "2026-10-25 02:30:00",
                "2026-10-25 00:30:00",
                "2026-10-25 02:30:00",
                "2026-10-25 02:30:00",
            ),
            (
                "2026-10-25 01:30:00Z",
                "2026-10-25 01:30:00",
                "2026-10-25 02:30:00",
                "2026-10-25 01:30:00Z",
            ),
            (
                "2026-10-25 03:00:00",
                "2026-10-25 02:00:00",
                "2026-10-25 03:00:00",
                "2026-10-25 03:00:00",
            ),
            (
                "2026-03-29 02:30:00",
                "2026-03-29 01:30:00",
                "2026-03-29 03:30:00",
                "2026-03-29 03:30:00",
            ),
            (
                "9999-12-31 23:59:59",
                "9999-12-31 23:59:59",
                "9999-12-31 23:59:59",
                "9999-12-31 23:59:59",
            ),
            (
                "0000-01-01 00:00:00",
                "0000-01-01 00:00:00",
                "0000-01-01 00:17:30",
                "0000-01-01 00:17:30",
            ),
        ] {
            assert_eq!(amsterdam.read(given), read, "{given}");
            assert_eq!(amsterdam.show(read), shown, "{given}");
            assert_eq!(amsterdam.export(read), exported, "{given}");
        }
    }

    #[test]
    fn utc_shows_what_is_stored() {
        for name in ["UTC", "utc", "Etc/UTC"] {
            let utc = zone(name).expect("a zone");
            assert!(utc.is_utc(), "{name}");
            assert_eq!(utc.show("2026-10-25 02:30:00"), "2026-10-25 02:30:00");
            assert_eq!(utc.read("2026-10-25 02:30:00"), "2026-10-25 02:30:00");
            assert_eq!(utc.read("2026-10-25 02:30:00Z"), "2026-10-25 02:30:00");
            assert_eq!(utc.shifts(), []);
        }
    }
}

//! The only module that reads the system time and time zones. Each account has its own clock, maybe frozen or offset.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

/// The format of every documented date, without a zone.
const DATE_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Longer than a server runs, and too short to overflow an `Instant`.
const MAX_DEADLINE_OFFSET: Duration = Duration::from_hours(30 * 365 * 24);

/// The clock of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Clock {
    /// The system time.
    #[default]
    Real,
    /// Always the same time.
    Frozen { at: Timestamp },
    /// The system time plus a signed duration.
    Offset {
        #[serde(deserialize_with = "deserialize_duration")]
        by: SignedDuration,
    },
}

impl Clock {
    /// Returns the clock's time.
    pub(crate) fn now(self) -> Timestamp {
        if let Self::Frozen { at } = self { at } else { self.time_at(Timestamp::now()) }
    }

    /// Returns the clock's time at a system time.
    pub(crate) fn time_at(self, system_time: Timestamp) -> Timestamp {
        match self {
            Self::Real => system_time,
            Self::Frozen { at } => at,
            Self::Offset { by } => system_time.checked_add(by).unwrap_or(Timestamp::MAX),
        }
    }
}

impl Clock {
    /// Advances the clock. A real one becomes an offset one; None on overflow.
    pub(crate) fn checked_add(self, by: SignedDuration) -> Option<Self> {
        Some(match self {
            Self::Real => Self::Offset { by },
            Self::Frozen { at } => Self::Frozen { at: at.checked_add(by).ok()? },
            Self::Offset { by: before } => Self::Offset { by: before.checked_add(by)? },
        })
    }

    /// Returns whether dates can represent its time: in the years 0 to 9998.
    pub(crate) fn is_representable(self) -> bool {
        let now = match self {
            Self::Real => return true,
            Self::Frozen { at } => Some(at),
            Self::Offset { by } => system_now_plus(by),
        };
        now.is_some_and(|now| (0..=9998).contains(&now.to_zoned_datetime(TimeZone::UTC).year()))
    }
}

/// Adds a duration to the system time; None on overflow.
fn system_now_plus(by: SignedDuration) -> Option<Timestamp> {
    Timestamp::now().checked_add(by).ok()
}

/// Matches the usual forms of the durations that [`parse_duration`] accepts, for documents.
pub(crate) const DURATION_PATTERN: &str =
    "^[+-]?(P[0-9DWTHMS.]+|[0-9]+([.][0-9]+)? ?[a-z]+( ?[0-9]+([.][0-9]+)? ?[a-z]+)*)$";

/// Parses a duration: in short form, `90m`, `3d`, or in ISO 8601, `PT2H`, `P3D`. A day has 24 hours.
///
/// # Errors
/// If it is invalid, or has months or years, whose length varies.
pub(crate) fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let to_message = |_| "must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D".to_owned();
    let span: Span = text.parse().map_err(to_message)?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(to_message)
}

/// Parses a duration from zero to `max`.
///
/// # Errors
/// If it is invalid or out of range; the message states the valid values.
pub(crate) fn parse_duration_up_to(text: &str, max: Duration) -> Result<Duration, String> {
    let duration = Duration::try_from(parse_duration(text)?);
    let duration = duration.map_err(|_| "must not be negative".to_owned())?;
    if duration > max {
        return Err(format!("must be at most {}", format_duration(max)));
    }
    Ok(duration)
}

/// Parses a duration that is longer than zero and at most `max`.
///
/// # Errors
/// If it is invalid or out of range; the message states the valid values.
pub(crate) fn parse_positive_duration(text: &str, max: Duration) -> Result<Duration, String> {
    let duration = parse_duration_up_to(text, max)?;
    if duration.is_zero() { Err("must be longer than zero".to_owned()) } else { Ok(duration) }
}

fn deserialize_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SignedDuration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Formats a duration, to the millisecond.
pub(crate) fn format_signed_duration(duration: SignedDuration) -> String {
    let rounded = duration.round(jiff::Unit::Millisecond).unwrap_or(duration);
    format!("{rounded:#}")
}

/// Formats a duration that is not negative.
pub(crate) fn format_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), format_signed_duration)
}

/// Returns the system time.
pub(crate) fn system_now() -> Timestamp {
    Timestamp::now()
}

/// Subtracts a duration from a timestamp; saturates at the earliest timestamp.
pub(crate) fn saturating_sub(timestamp: Timestamp, by: SignedDuration) -> Timestamp {
    timestamp.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Finds a time zone by its IANA name.
///
/// # Errors
/// If the name is unknown.
pub(crate) fn find_zone(name: &str) -> Result<Zone, jiff::Error> {
    let time_zone = TimeZone::get(name)?;
    // UTC by any name, such as Etc/UTC.
    let never_changes = time_zone.following(Timestamp::MIN).next().is_none();
    let is_utc = never_changes && time_zone.to_offset(Timestamp::MIN) == Offset::UTC;
    Ok(Zone { time_zone: (!is_utc).then_some(time_zone) })
}

/// Formats a timestamp as stored: in UTC, to the second. Such dates sort by time.
pub(crate) fn format_stored_date(timestamp: Timestamp) -> String {
    timestamp.strftime(DATE_FORMAT).to_string()
}

/// The time zone of an account's dates in requests and responses. They are stored in UTC.
///
/// A date that the zone would move out of the years 0 to 9999 is not converted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    /// None for UTC, which needs no conversion.
    time_zone: Option<TimeZone>,
}

impl Zone {
    /// Returns whether dates need no conversion.
    pub(crate) const fn is_utc(&self) -> bool {
        self.time_zone.is_none()
    }

    /// Converts a stored date for the API.
    pub(crate) fn to_local<'a>(&self, stored: &'a str) -> Cow<'a, str> {
        let local = |time_zone: &TimeZone| {
            let timestamp = TimeZone::UTC.to_timestamp(stored.parse().ok()?).ok()?;
            Some(time_zone.to_datetime(timestamp)).filter(|local| local.year() >= 0)
        };
        let local = self.time_zone.as_ref().and_then(local);
        local.map_or(Cow::Borrowed(stored), |local| local.strftime(DATE_FORMAT).to_string().into())
    }

    /// Converts a date to its stored form: from this zone, or from UTC if it ends in `Z`. An ambiguous date (fold) is
    /// the earlier timestamp; a skipped date (gap) uses the offset before.
    pub(crate) fn to_utc(&self, local_date: &str) -> String {
        if let Some(stored) = local_date.strip_suffix('Z') {
            return stored.to_owned();
        }
        let utc = |time_zone: &TimeZone| {
            let timestamp = time_zone.to_timestamp(local_date.parse::<DateTime>().ok()?).ok()?;
            Some(format_stored_date(timestamp)).filter(|stored| !stored.starts_with('-'))
        };
        self.time_zone.as_ref().and_then(utc).unwrap_or_else(|| local_date.to_owned())
    }

    /// Formats a stored date so that [`Zone::to_utc`] restores it: in local time, or in UTC with a `Z` if local time
    /// would not.
    pub(crate) fn format_for_export<'a>(&self, stored: &'a str) -> Cow<'a, str> {
        let local = self.to_local(stored);
        if self.to_utc(&local) == stored { local } else { format!("{stored}Z").into() }
    }
}

/// Formats a timestamp as in a `Date` header.
pub(crate) fn format_http_date(timestamp: Timestamp) -> String {
    timestamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A monotonic timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts the timer.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the instant at `timeout` after the start.
    pub(crate) fn deadline(self, timeout: Duration) -> Instant {
        self.0 + timeout.min(MAX_DEADLINE_OFFSET)
    }

    /// Returns the elapsed time in whole milliseconds.
    pub(crate) fn elapsed_millis(self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the elapsed time.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the year 0 to the last timestamp, in seconds.
    const ALL_SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_207_200;
    /// Years whose time zone transitions are known, in seconds.
    const MODERN_SECONDS: std::ops::Range<i64> = 0..2_000_000_000;

    fn any_zone() -> impl Strategy<Value = Zone> {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        assert!(names.len() > 400, "{names:?}");
        proptest::sample::select(names).prop_map(|name| find_zone(&name).expect("a known zone"))
    }

    fn seconds() -> impl Strategy<Value = i64> {
        prop_oneof![MODERN_SECONDS, ALL_SECONDS]
    }

    fn stored_date(seconds: i64) -> String {
        format_stored_date(Timestamp::from_second(seconds).expect("a valid timestamp"))
    }

    /// Generates a date near a zone's transition.
    fn near_transition() -> impl Strategy<Value = (Zone, String)> {
        (any_zone(), MODERN_SECONDS, -7200_i64..7200).prop_map(|(zone, from, by)| {
            let from = Timestamp::from_second(from).expect("a valid timestamp");
            let transition =
                zone.time_zone.as_ref().and_then(|time_zone| time_zone.following(from).next());
            let at = transition.map_or(from, |transition| transition.timestamp());
            (zone, stored_date(at.as_second() + by))
        })
    }

    /// Counts the timestamps with this local date.
    fn count_timestamps(zone: &Zone, local: &str) -> usize {
        let timestamp = TimeZone::UTC
            .to_timestamp(local.parse().expect("a valid date"))
            .expect("a valid timestamp");
        let start =
            Timestamp::from_second(timestamp.as_second() - 26 * 3600).expect("a valid timestamp");
        let Some(time_zone) = &zone.time_zone else { return 1 };
        let mut offsets = vec![time_zone.to_offset(start)];
        let end_second = timestamp.as_second() + 26 * 3600;
        let transitions = time_zone
            .following(start)
            .take_while(|transition| transition.timestamp().as_second() < end_second);
        offsets.extend(transitions.map(|transition| transition.offset()));
        offsets.sort();
        offsets.dedup();
        let has_local_date = |offset: &Offset| {
            let utc = stored_date(timestamp.as_second() - i64::from(offset.seconds()));
            zone.to_local(&utc) == local
        };
        offsets.iter().filter(|offset| has_local_date(offset)).count()
    }

    #[test]
    fn duration_pattern_matches_the_accepted_forms() {
        let pattern = regex::Regex::new(DURATION_PATTERN).expect("a valid regex");
        for text in [
            "500ms",
            "10s",
            "90m",
            "3d",
            "1.5h",
            "1h30m",
            "1h 30m",
            "2 hours",
            "-90m",
            "PT2H",
            "P3D",
            "-P1D",
            "PT0.5S",
            "P1DT2H30M",
            "0s",
        ] {
            assert!(parse_duration(text).is_ok(), "{text}");
            assert!(pattern.is_match(text), "{text}");
        }
        for text in ["", "soon", "90", "h", "P", "2026-03-01"] {
            assert!(parse_duration(text).is_err(), "{text}");
            assert!(!pattern.is_match(text), "{text}");
        }
        let printed = SignedDuration::from_millis(-90_061_500).to_string();
        assert!(pattern.is_match(&printed), "{printed}");
    }

    proptest! {
        #[test]
        fn stored_dates_sort_chronologically(one in ALL_SECONDS, other in ALL_SECONDS) {
            prop_assert_eq!(stored_date(one).cmp(&stored_date(other)), one.cmp(&other));
        }

        #[test]
        fn exported_dates_round_trip(zone in any_zone(), seconds in seconds()) {
            let date = stored_date(seconds);
            prop_assert_eq!(zone.to_utc(&zone.format_for_export(&date)), date);
        }

        #[test]
        fn local_dates_round_trip_unless_ambiguous(
            (zone, date) in near_transition(),
        ) {
            let local = zone.to_local(&date);
            let utc = zone.to_utc(&local);
            prop_assert_eq!(zone.to_local(&utc), local.clone(), "{} becomes {}", date, utc);
            if count_timestamps(&zone, &local) == 1 {
                prop_assert_eq!(&utc, &date);
                prop_assert_eq!(zone.format_for_export(&date), local);
            } else {
                prop_assert!(utc <= date, "{} is the earliest of its timestamps", utc);
                prop_assert_eq!(zone.to_utc(&zone.format_for_export(&date)), date);
            }
        }
    }

    #[test]
    fn ambiguous_date_is_the_earlier_and_skipped_date_uses_the_offset_before() {
        let amsterdam = find_zone("Europe/Amsterdam").expect("a known zone");
        for (input, utc, local, exported) in [
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
            assert_eq!(amsterdam.to_utc(input), utc, "{input}");
            assert_eq!(amsterdam.to_local(utc), local, "{input}");
            assert_eq!(amsterdam.format_for_export(utc), exported, "{input}");
        }
    }

    #[test]
    fn utc_dates_are_unchanged() {
        for name in ["UTC", "utc", "Etc/UTC"] {
            let utc = find_zone(name).expect("a known zone");
            assert!(utc.is_utc(), "{name}");
            assert_eq!(utc.to_local("2026-10-25 02:30:00"), "2026-10-25 02:30:00");
            assert_eq!(utc.to_utc("2026-10-25 02:30:00"), "2026-10-25 02:30:00");
            assert_eq!(utc.to_utc("2026-10-25 02:30:00Z"), "2026-10-25 02:30:00");
        }
    }

    #[test]
    fn zone_is_utc_only_if_its_offset_is_always_zero() {
        for (name, stored, local) in [
            ("Etc/GMT+5", "2026-07-01 10:00:00", "2026-07-01 05:00:00"),
            // It was UTC until 2005.
            ("Antarctica/Troll", "2026-07-01 10:00:00", "2026-07-01 12:00:00"),
            // It is UTC since 1912.
            ("Africa/Abidjan", "1900-07-01 10:00:00", "1900-07-01 09:43:52"),
            ("Asia/Kathmandu", "2026-07-01 20:00:00", "2026-07-02 01:45:00"),
        ] {
            let zone = find_zone(name).expect("a known zone");
            assert!(!zone.is_utc(), "{name}");
            assert_eq!(zone.to_local(stored), local, "{name}");
            assert_eq!(zone.to_utc(local), stored, "{name}");
        }
        assert!(Zone::default().is_utc());
        for unknown in ["", "Europe/Atlantis", "+02:00"] {
            assert!(find_zone(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn date_outside_of_the_years_0_to_9999_is_not_converted() {
        for (name, stored) in [
            ("America/New_York", "0000-01-01 00:00:00"),
            ("Asia/Tokyo", "9999-12-31 23:59:59"),
            ("Asia/Tokyo", "no date"),
        ] {
            let zone = find_zone(name).expect("a known zone");
            assert_eq!(zone.to_local(stored), stored, "{name}");
        }
        for (name, local) in [
            ("Asia/Tokyo", "0000-01-01 00:00:00"),
            ("America/New_York", "9999-12-31 23:59:59"),
            ("Asia/Tokyo", "no date"),
        ] {
            let zone = find_zone(name).expect("a known zone");
            assert_eq!(zone.to_utc(local), local, "{name}");
        }
    }

    fn timestamp(text: &str) -> Timestamp {
        text.parse().expect("a valid timestamp")
    }

    fn seconds_offset(seconds: i64) -> Clock {
        Clock::Offset { by: SignedDuration::from_secs(seconds) }
    }

    /// Longer than dates can represent, in seconds.
    const TEN_THOUSAND_YEARS: i64 = 10_000 * 366 * 24 * 3600;

    #[test]
    fn clock_derives_its_time_from_the_system_time() {
        let system = timestamp("2026-07-01T10:00:00Z");
        let frozen = timestamp("2020-01-01T00:00:00Z");
        for (clock, expected) in [
            (Clock::Real, "2026-07-01T10:00:00Z"),
            (Clock::Frozen { at: frozen }, "2020-01-01T00:00:00Z"),
            (seconds_offset(90), "2026-07-01T10:01:30Z"),
            (seconds_offset(-90), "2026-07-01T09:58:30Z"),
        ] {
            assert_eq!(clock.time_at(system), timestamp(expected), "{clock:?}");
        }
        assert_eq!(seconds_offset(TEN_THOUSAND_YEARS).time_at(system), Timestamp::MAX);
        assert_eq!(Clock::Frozen { at: frozen }.now(), frozen);
        assert_eq!(Clock::default(), Clock::Real);
        for (clock, offset) in
            [(Clock::Real, 0), (seconds_offset(3600), 3600), (seconds_offset(-3600), -3600)]
        {
            let (before, now, after) = (system_now(), clock.now(), system_now());
            let offset = SignedDuration::from_secs(offset);
            assert!(before + offset <= now && now <= after + offset, "{clock:?}: {now}");
        }
    }

    #[test]
    fn advanced_clock_is_frozen_or_has_an_offset() {
        let at = timestamp("2026-07-01T10:00:00Z");
        let minute = SignedDuration::from_mins(1);
        for (clock, expected) in [
            (Clock::Real, Some(seconds_offset(60))),
            (seconds_offset(-30), Some(seconds_offset(30))),
            (Clock::Frozen { at }, Some(Clock::Frozen { at: timestamp("2026-07-01T10:01:00Z") })),
            (Clock::Frozen { at: Timestamp::MAX }, None),
            (seconds_offset(i64::MAX), None),
        ] {
            assert_eq!(clock.checked_add(minute), expected, "{clock:?}");
        }
    }

    #[test]
    fn clock_is_representable_in_the_years_0_to_9998() {
        for (at, expected) in [
            ("-000001-12-31T23:59:59Z", false),
            ("0000-01-01T00:00:00Z", true),
            ("2026-07-01T10:00:00Z", true),
            ("9998-12-31T23:59:59Z", true),
            ("9999-01-01T00:00:00Z", false),
        ] {
            let clock = Clock::Frozen { at: timestamp(at) };
            assert_eq!(clock.is_representable(), expected, "{at}");
        }
        for (clock, expected) in [
            (Clock::Real, true),
            (seconds_offset(3600), true),
            (seconds_offset(-3600), true),
            (seconds_offset(TEN_THOUSAND_YEARS), false),
            (seconds_offset(-TEN_THOUSAND_YEARS), false),
            // No overflow, but before the year 0.
            (seconds_offset(-TEN_THOUSAND_YEARS / 4), false),
            (seconds_offset(i64::MAX), false),
        ] {
            assert_eq!(clock.is_representable(), expected, "{clock:?}");
        }
    }

    #[test]
    fn clock_is_saved_by_its_mode() {
        for (clock, json) in [
            (Clock::Real, r#"{"mode":"real"}"#),
            (
                Clock::Frozen { at: timestamp("2026-07-01T10:00:00Z") },
                r#"{"mode":"frozen","at":"2026-07-01T10:00:00Z"}"#,
            ),
            (seconds_offset(-5400), r#"{"mode":"offset","by":"-PT1H30M"}"#),
        ] {
            assert_eq!(serde_json::to_string(&clock).expect("a clock is JSON"), json);
            assert_eq!(serde_json::from_str::<Clock>(json).expect("a clock"), clock);
        }
        let short: Clock =
            serde_json::from_str(r#"{"mode":"offset","by":"90m"}"#).expect("a clock");
        assert_eq!(short, seconds_offset(5400));
        for (json, message) in [
            (r#"{"mode":"slow"}"#, "unknown variant `slow`"),
            (r#"{"mode":"frozen","at":"2026-07-01T10:00:00Z","by":"1s"}"#, "unknown field `by`"),
            (r#"{"mode":"frozen"}"#, "missing field `at`"),
            (r#"{"mode":"offset","by":"soon"}"#, "must be a duration such as 500ms"),
        ] {
            let error = serde_json::from_str::<Clock>(json).expect_err("an invalid clock");
            assert!(error.to_string().contains(message), "{json}: {error}");
        }
    }

    #[test]
    fn duration_has_the_short_or_the_iso_form() {
        for (text, expected) in [
            ("500ms", SignedDuration::from_millis(500)),
            ("0s", SignedDuration::ZERO),
            ("10s", SignedDuration::from_secs(10)),
            ("90m", SignedDuration::from_mins(90)),
            ("1h 30m", SignedDuration::from_mins(90)),
            ("2h", SignedDuration::from_hours(2)),
            ("3d", SignedDuration::from_hours(72)),
            ("2w", SignedDuration::from_hours(14 * 24)),
            ("PT2H", SignedDuration::from_hours(2)),
            ("P3D", SignedDuration::from_hours(72)),
            ("-10s", SignedDuration::from_secs(-10)),
            ("-PT10S", SignedDuration::from_secs(-10)),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for invalid in
            ["", "10", "soon", "10 parsecs", "P1M", "1mo", "P1Y", "1y", "P", "99999999999d"]
        {
            let message = "must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D";
            assert_eq!(parse_duration(invalid), Err(message.to_owned()), "{invalid}");
        }
    }

    #[test]
    fn duration_is_limited_to_a_range_with_its_bounds() {
        const MAX: Duration = Duration::from_mins(1);
        for (text, up_to, positive) in [
            ("0s", Ok(Duration::ZERO), Err("must be longer than zero")),
            ("1ns", Ok(Duration::from_nanos(1)), Ok(Duration::from_nanos(1))),
            ("59s", Ok(Duration::from_secs(59)), Ok(Duration::from_secs(59))),
            ("60s", Ok(MAX), Ok(MAX)),
            ("60s 1ns", Err("must be at most 1m"), Err("must be at most 1m")),
            ("-1ns", Err("must not be negative"), Err("must not be negative")),
            (
                "soon",
                Err("must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D"),
                Err("must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D"),
            ),
        ] {
            let owned = |result: Result<Duration, &str>| result.map_err(str::to_owned);
            assert_eq!(parse_duration_up_to(text, MAX), owned(up_to), "{text}");
            assert_eq!(parse_positive_duration(text, MAX), owned(positive), "{text}");
        }
    }

    #[test]
    fn duration_is_formatted_to_the_millisecond() {
        for (nanos, expected) in [
            (0, "0s"),
            (1_000_000, "1ms"),
            (1_499_999, "1ms"),
            (1_500_000, "2ms"),
            (-1_500_000, "2ms ago"),
            (1_000_400_000, "1s"),
            (90_000_000_000, "1m 30s"),
        ] {
            assert_eq!(format_signed_duration(SignedDuration::from_nanos(nanos)), expected);
        }
        assert_eq!(format_duration(Duration::from_hours(36)), "36h");
        // Too long for a signed duration.
        assert_eq!(format_duration(Duration::MAX), "18446744073709551615.999999999s");
    }

    proptest! {
        #[test]
        fn formatted_durations_round_trip(millis in -300_000_000_000_000_i64..300_000_000_000_000) {
            let duration = SignedDuration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_signed_duration(duration)), Ok(duration));
        }

        #[test]
        fn advances_add_up(first in -1_000_000_i64..1_000_000, second in -1_000_000_i64..1_000_000) {
            let (first, second) = (SignedDuration::from_secs(first), SignedDuration::from_secs(second));
            let at = timestamp("2026-07-01T10:00:00Z");
            for clock in [Clock::Real, Clock::Frozen { at }, seconds_offset(7)] {
                let twice = clock.checked_add(first).and_then(|clock| clock.checked_add(second));
                let once = clock.checked_add(first + second);
                prop_assert_eq!(twice, once);
                let time = once.expect("no overflow").time_at(at);
                prop_assert_eq!(time, clock.time_at(at) + first + second);
            }
        }
    }

    #[test]
    fn timestamps_are_formatted_to_the_second() {
        for (text, stored, http) in [
            ("2026-03-01T12:00:00Z", "2026-03-01 12:00:00", "Sun, 01 Mar 2026 12:00:00 GMT"),
            ("2026-03-01T12:00:00.999Z", "2026-03-01 12:00:00", "Sun, 01 Mar 2026 12:00:00 GMT"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31 23:59:59", "Wed, 31 Dec 1969 23:59:59 GMT"),
            ("0007-01-01T00:00:00Z", "0007-01-01 00:00:00", "Mon, 01 Jan 0007 00:00:00 GMT"),
        ] {
            assert_eq!(format_stored_date(timestamp(text)), stored, "{text}");
            assert_eq!(format_http_date(timestamp(text)), http, "{text}");
        }
    }

    #[test]
    fn subtraction_saturates_at_the_earliest_timestamp() {
        let at = timestamp("2026-07-01T10:00:00Z");
        let day = SignedDuration::from_hours(24);
        assert_eq!(saturating_sub(at, day), timestamp("2026-06-30T10:00:00Z"));
        assert_eq!(saturating_sub(Timestamp::MIN, day), Timestamp::MIN);
        assert_eq!(saturating_sub(at, SignedDuration::MAX), Timestamp::MIN);
    }

    #[test]
    fn deadline_of_any_timeout_is_an_instant() {
        let stopwatch = Stopwatch::start();
        let start = stopwatch.deadline(Duration::ZERO);
        assert_eq!(stopwatch.deadline(Duration::from_secs(7)), start + Duration::from_secs(7));
        assert_eq!(stopwatch.deadline(MAX_DEADLINE_OFFSET), start + MAX_DEADLINE_OFFSET);
        assert_eq!(stopwatch.deadline(Duration::MAX), start + MAX_DEADLINE_OFFSET);
    }

    #[test]
    fn elapsed_time_is_in_whole_milliseconds() {
        let ago = Duration::from_micros(5_600);
        let Some(start) = Instant::now().checked_sub(ago) else { return };
        let stopwatch = Stopwatch(start);
        let (millis, elapsed) = (stopwatch.elapsed_millis(), stopwatch.elapsed());
        assert!(elapsed >= ago && u128::from(millis) <= elapsed.as_millis(), "{elapsed:?}");
        assert!(millis >= 5, "{millis}");
    }
}

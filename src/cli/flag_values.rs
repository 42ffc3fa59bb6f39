//! Parsers of flag values, and the values of flags that are enums elsewhere.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, RangedI64ValueParser};

use crate::accounts::UnknownKeyPolicy;
use crate::clock;
use crate::storage::Durability;

impl ValueEnum for Durability {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Process, Self::Power]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Process => "process",
            Self::Power => "power",
        }))
    }
}

impl ValueEnum for UnknownKeyPolicy {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Fixed, Self::Auto]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Fixed => "fixed",
            Self::Auto => "auto",
        }))
    }
}

/// The longest timeouts that flags accept.
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);
/// The shortest allowed timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// Returns a parser of numbers in a range.
pub(super) fn number_in(range: RangeInclusive<i64>) -> RangedI64ValueParser<usize> {
    RangedI64ValueParser::new().range(range)
}

/// Parses a base URL, and removes its trailing slash.
pub(super) fn parse_public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("must start with http:// or https://, followed by a host".to_owned()),
    }
}

/// Parses a duration, which may be zero.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = clock::parse_duration(text)?;
    Duration::try_from(duration).map_err(|_| "must not be negative".to_owned())
}

/// Parses a timeout of at most `max`, which is an hour or a day.
pub(super) fn parse_timeout(text: &str, max: Duration) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if (MIN_TIMEOUT..=max).contains(&timeout) {
        return Ok(timeout);
    }
    let max = if max == DAY { "24h" } else { "1h" };
    Err(format!("must be from 10ms to {max}"))
}

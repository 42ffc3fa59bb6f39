//! Parses durations in bodies and queries with `clock`; adds the parameter's name to the message.

use std::time::Duration;

use jiff::SignedDuration;

use super::problem::Problem;
use crate::clock;
use crate::contract::quote_value;

/// Parses a duration of either sign.
pub(super) fn parse_signed_duration(name: &str, text: &str) -> Result<SignedDuration, Problem> {
    clock::parse_duration(text).map_err(|reason| invalid(name, text, &reason))
}

/// Parses a duration from zero to `max`.
pub(super) fn parse_duration(name: &str, text: &str, max: Duration) -> Result<Duration, Problem> {
    clock::parse_duration_up_to(text, max).map_err(|reason| invalid(name, text, &reason))
}

/// Parses a duration that is longer than zero and at most `max`.
pub(super) fn parse_positive_duration(
    name: &str,
    text: &str,
    max: Duration,
) -> Result<Duration, Problem> {
    clock::parse_positive_duration(text, max).map_err(|reason| invalid(name, text, &reason))
}

fn invalid(name: &str, text: &str, reason: &str) -> Problem {
    let sent = quote_value(&text.into());
    Problem::invalid(format!("{name} {reason}; {sent} was sent."))
}

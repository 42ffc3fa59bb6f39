//! Validates the effects of fault rules. `api` applies them to requests and responses.

use std::time::Duration;

use omnidesk_mock_client::types::{DroppedResponse, FaultEffect};

use crate::clock;
use crate::contract::quote_value;

/// The maximum duration of an effect (arbitrary).
const MAX_EFFECT_DURATION: Duration = Duration::from_mins(5);
/// The maximum interval between body chunks (arbitrary).
const MAX_DRIBBLE_INTERVAL: Duration = Duration::from_secs(10);
/// The maximum `Retry-After` (arbitrary).
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24 * 31);
/// The maximum message length, in characters (arbitrary).
const MAX_MESSAGE_CHARS: usize = 1000;

/// An effect with parsed durations.
pub(crate) type Effect = FaultEffect<Duration>;

/// Why an effect was rejected, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidEffect(String);

/// Parses the durations of an effect, and validates its options.
///
/// # Errors
/// If an option is out of range.
pub(crate) fn parse_effect(sent: FaultEffect) -> Result<Effect, InvalidEffect> {
    match &sent {
        FaultEffect::Status { status, message, .. } => {
            check_error_status("status", *status)?;
            check_message(message.as_deref().unwrap_or_default())?;
        }
        FaultEffect::DropResponse(DroppedResponse::Status(status)) => {
            check_error_status("drop_response", *status)?;
        }
        _ => {}
    }
    sent.try_map_durations(|option, text| {
        let duration = match option {
            "retry_after" => clock::parse_duration_up_to(&text, MAX_RETRY_AFTER),
            "dribble" => clock::parse_positive_duration(&text, MAX_DRIBBLE_INTERVAL),
            _ => clock::parse_positive_duration(&text, MAX_EFFECT_DURATION),
        };
        duration.map_err(|reason| {
            let sent = quote_value(&text.into());
            InvalidEffect(format!("effect: {option} {reason}; {sent} was sent."))
        })
    })
}

fn check_message(message: &str) -> Result<(), InvalidEffect> {
    let length = message.chars().count();
    if length <= MAX_MESSAGE_CHARS {
        return Ok(());
    }
    Err(InvalidEffect(format!(
        "effect: message must have at most {MAX_MESSAGE_CHARS} characters; {length} were sent."
    )))
}

fn check_error_status(option: &str, status: u16) -> Result<(), InvalidEffect> {
    if (400..=599).contains(&status) {
        return Ok(());
    }
    Err(InvalidEffect(format!(
        "effect: {option} must be a status from 400 to 599; {status} was sent."
    )))
}

#[cfg(test)]
mod tests {
    use omnidesk_mock_client::types::{DelayTiming, DropMode};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    fn parse(effect: &Value) -> Result<Effect, String> {
        let effect = FaultEffect::deserialize(effect).expect("the JSON form of an effect");
        parse_effect(effect).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_of_effects_are_inclusive() {
        let status = |status, message: Option<String>, retry_after: Option<Duration>| {
            FaultEffect::Status { status, message, retry_after }
        };
        let delay = |time, timing| FaultEffect::Delay(time, timing);
        let longest_message = "é".repeat(1000);
        for (sent, expected) in [
            (json!({ "status": 400 }), status(400, None, None)),
            (json!({ "status": 599 }), status(599, None, None)),
            (
                json!({ "status": 429, "message": longest_message }),
                status(429, Some(longest_message.clone()), None),
            ),
            (
                json!({ "status": 429, "retry_after": "0s" }),
                status(429, None, Some(Duration::ZERO)),
            ),
            (
                json!({ "status": 429, "retry_after": "31d" }),
                status(429, None, Some(Duration::from_hours(744))),
            ),
            (json!({ "delay": "1ms" }), delay(Duration::from_millis(1), DelayTiming::Before)),
            (
                json!({ "delay": "5m", "when": "after" }),
                delay(Duration::from_mins(5), DelayTiming::After),
            ),
            (json!({ "hang": "PT5M" }), FaultEffect::Hang(Duration::from_mins(5))),
            (json!({ "dribble": "10s" }), FaultEffect::Dribble(Duration::from_secs(10))),
            (json!({ "truncate": 0 }), FaultEffect::Truncate(0)),
            (json!({ "truncate": u64::MAX }), FaultEffect::Truncate(u64::MAX)),
            (json!({ "reset_connection": true }), FaultEffect::ResetConnection),
            (json!({ "malformed": true }), FaultEffect::Malformed),
            (
                json!({ "drop_response": "hang" }),
                FaultEffect::DropResponse(DroppedResponse::Mode(DropMode::Hang)),
            ),
            (
                json!({ "drop_response": 400 }),
                FaultEffect::DropResponse(DroppedResponse::Status(400)),
            ),
            (
                json!({ "drop_response": 599 }),
                FaultEffect::DropResponse(DroppedResponse::Status(599)),
            ),
        ] {
            assert_eq!(parse(&sent), Ok(expected), "{sent}");
        }
    }

    #[test]
    fn option_out_of_range_is_rejected_with_its_limit_and_the_sent_value() {
        for (sent, expected) in [
            (
                json!({ "status": 399 }),
                "effect: status must be a status from 400 to 599; 399 was sent.",
            ),
            (
                json!({ "status": 600 }),
                "effect: status must be a status from 400 to 599; 600 was sent.",
            ),
            (
                json!({ "drop_response": 399 }),
                "effect: drop_response must be a status from 400 to 599; 399 was sent.",
            ),
            (
                json!({ "drop_response": 600 }),
                "effect: drop_response must be a status from 400 to 599; 600 was sent.",
            ),
            (
                json!({ "status": 500, "message": "é".repeat(1001) }),
                "effect: message must have at most 1000 characters; 1001 were sent.",
            ),
            (json!({ "delay": "0s" }), r#"effect: delay must be longer than zero; "0s" was sent."#),
            (
                json!({ "delay": "300001ms" }),
                r#"effect: delay must be at most 5m; "300001ms" was sent."#,
            ),
            (json!({ "hang": "0s" }), r#"effect: hang must be longer than zero; "0s" was sent."#),
            (json!({ "hang": "6m" }), r#"effect: hang must be at most 5m; "6m" was sent."#),
            (json!({ "hang": "-1s" }), r#"effect: hang must not be negative; "-1s" was sent."#),
            (
                json!({ "dribble": "0ms" }),
                r#"effect: dribble must be longer than zero; "0ms" was sent."#,
            ),
            (
                json!({ "dribble": "11s" }),
                r#"effect: dribble must be at most 10s; "11s" was sent."#,
            ),
            (
                json!({ "status": 429, "retry_after": "-1s" }),
                r#"effect: retry_after must not be negative; "-1s" was sent."#,
            ),
            (
                json!({ "status": 429, "retry_after": "745h" }),
                r#"effect: retry_after must be at most 744h; "745h" was sent."#,
            ),
            (
                json!({ "delay": "soon" }),
                r#"effect: delay must be a duration such as 500ms, 10s, 90m, 3d, PT2H or P3D; "soon" was sent."#,
            ),
        ] {
            assert_eq!(parse(&sent), Err(expected.to_owned()), "{sent}");
        }
    }
}

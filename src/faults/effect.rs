//! Validates the effects of fault rules. `api` applies them to requests and responses.

use std::collections::HashSet;
use std::time::Duration;

use omnidesk_mock_client::types::{CustomResponse, DroppedResponse, FaultEffect};

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

/// The most headers of a response (arbitrary).
const MAX_HEADERS: usize = 20;
/// The longest name, and the longest value, of a header (arbitrary).
const MAX_HEADER_BYTES: usize = 1000;
/// The longest body, in bytes of JSON (arbitrary).
const MAX_BODY_BYTES: usize = 64 * 1024;
/// The headers that describe the connection and the length of the body.
const FRAMING_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

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
        FaultEffect::Status { status, message, response, .. } => {
            check_message(message.as_deref().unwrap_or_default())?;
            check_custom_response(*status, message.is_some(), response)?;
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

/// Validates the status and the parts of a response.
fn check_custom_response(
    status: u16,
    has_message: bool,
    CustomResponse { headers, body, .. }: &CustomResponse,
) -> Result<(), InvalidEffect> {
    let invalid = |what: String| Err(InvalidEffect(format!("effect: {what}.")));
    let has_no_content = matches!(status, 204 | 205 | 304);
    match status {
        200..=599 if has_no_content && body.is_some() => {
            return invalid(format!("a response with the status {status} has no body"));
        }
        200..=399 if has_message => {
            return invalid(format!(
                "message is part of an error; with the status {status}, send body"
            ));
        }
        200..=299 if !has_no_content && body.is_none() => {
            return invalid(format!("status {status} requires body"));
        }
        200..=599 => {}
        _ => return invalid(format!("status must be from 200 to 599; {status} was sent")),
    }
    if headers.len() > MAX_HEADERS {
        return invalid(format!("headers must have at most {MAX_HEADERS} entries"));
    }
    let lower_names: HashSet<String> =
        headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    if lower_names.len() < headers.len() {
        return invalid("headers must have each name once; the case does not matter".to_owned());
    }
    for (name, value) in headers {
        let sent = quote_value(&name.as_str().into());
        if !is_header_name(name) {
            return invalid(format!("headers: {sent} is not a header name"));
        }
        if FRAMING_HEADERS.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return invalid(format!("headers: {sent} is set by the server"));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.len() > MAX_HEADER_BYTES
        {
            return invalid(format!(
                "headers: the value of {sent} must have at most {MAX_HEADER_BYTES} characters, all of them printable ASCII"
            ));
        }
    }
    let body_bytes = body.as_ref().map_or(0, |body| body.to_string().len());
    if body_bytes > MAX_BODY_BYTES {
        return invalid(format!(
            "body must have at most {MAX_BODY_BYTES} bytes; {body_bytes} were sent"
        ));
    }
    Ok(())
}

/// Returns whether it is a token (RFC 9110).
fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=MAX_HEADER_BYTES).contains(&name.len()) && name.bytes().all(is_token)
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
            FaultEffect::Status { status, message, retry_after, response: CustomResponse::NONE }
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
            (json!({ "status": 199 }), "effect: status must be from 200 to 599; 199 was sent."),
            (json!({ "status": 600 }), "effect: status must be from 200 to 599; 600 was sent."),
            (json!({ "status": 200 }), "effect: status 200 requires body."),
            (
                json!({ "status": 299, "headers": { "a": "b" } }),
                "effect: status 299 requires body.",
            ),
            (
                json!({ "status": 204, "body": "" }),
                "effect: a response with the status 204 has no body.",
            ),
            (
                json!({ "status": 302, "message": "x" }),
                "effect: message is part of an error; with the status 302, send body.",
            ),
            (
                json!({ "status": 503, "headers": { "a b": "c" } }),
                r#"effect: headers: "a b" is not a header name."#,
            ),
            (
                json!({ "status": 503, "headers": { "a": "b", "A": "c" } }),
                "effect: headers must have each name once; the case does not matter.",
            ),
            (
                json!({ "status": 503, "headers": { "Content-Length": "1" } }),
                r#"effect: headers: "Content-Length" is set by the server."#,
            ),
            (
                json!({ "status": 503, "headers": { "a": "b\r\nc: d" } }),
                r#"effect: headers: the value of "a" must have at most 1000 characters, all of them printable ASCII."#,
            ),
            (
                json!({ "status": 503, "body": "x".repeat(64 * 1024 - 1) }),
                "effect: body must have at most 65536 bytes; 65537 were sent.",
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

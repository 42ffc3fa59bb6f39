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

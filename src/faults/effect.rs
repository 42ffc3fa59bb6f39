//! Effects of faults: the enum, and its form in the control API. `api` applies them to requests and responses.

use std::time::Duration;

use crate::clock;
use crate::contract::quote_value;
use crate::control::wire::{Effect as SentEffect, LossWay, ResponseDrop, When as DelayPhase};

/// The maximum duration of an effect (arbitrary).
const MAX_EFFECT_DURATION: Duration = Duration::from_mins(5);
/// The maximum interval between body chunks (arbitrary).
const MAX_DRIBBLE_INTERVAL: Duration = Duration::from_secs(10);
/// The maximum `Retry-After` (arbitrary).
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24 * 31);
/// The maximum message length, in characters (arbitrary).
const MAX_MESSAGE_CHARS: usize = 1000;

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Delays the response.
    Delay(Duration, DelayPhase),
    /// Rejects the request with Omnidesk's error envelope.
    Status { status: u16, message: Option<String>, retry_after: Option<Duration> },
    /// Resets the connection.
    Reset,
    /// Truncates the body to this many bytes, then closes the connection.
    Cut(usize),
    /// Sends a body that is not JSON.
    Garbage,
    /// Sends the body in chunks, with this interval between them.
    Drip(Duration),
    /// Sends no response, and closes the connection after this time.
    Hang(Duration),
    /// Executes the request, but drops the response.
    LoseAnswer(DropBehavior),
}

/// What the client gets instead of a dropped response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropBehavior {
    ResetConnection,
    Hang,
    /// A response with this status.
    Status(u16),
}

/// Why an effect was rejected, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidEffect(String);

impl Effect {
    /// Validates an effect: exactly one, with only its own options.
    ///
    /// # Errors
    /// If it is none, more than one, or has an invalid option.
    pub(crate) fn parse(sent: SentEffect) -> Result<Self, InvalidEffect> {
        let SentEffect {
            delay,
            when,
            status,
            message,
            retry_after,
            reset,
            cut,
            garbage,
            drip,
            hang,
            lose_answer,
        } = sent;
        if when.is_some() && delay.is_none() {
            return Err(invalid("effect: when goes with delay."));
        }
        if (message.is_some() || retry_after.is_some()) && status.is_none() {
            return Err(invalid("effect: message and retry_after go with status."));
        }
        let mut effects = Vec::new();
        if let Some(delay) = delay {
            let phase = when.unwrap_or(DelayPhase::Before);
            effects.push(Self::Delay(parse_time("delay", &delay, MAX_EFFECT_DURATION)?, phase));
        }
        if let Some(status) = status {
            let status = check_error_status("status", status)?;
            let message = message.map(check_message).transpose()?;
            let retry_after = retry_after.as_deref().map(parse_retry_after).transpose()?;
            effects.push(Self::Status { status, message, retry_after });
        }
        if parse_true_flag("reset", reset)? {
            effects.push(Self::Reset);
        }
        effects.extend(cut.map(|bytes| Self::Cut(usize::try_from(bytes).unwrap_or(usize::MAX))));
        if parse_true_flag("garbage", garbage)? {
            effects.push(Self::Garbage);
        }
        if let Some(drip) = drip {
            effects.push(Self::Drip(parse_time("drip", &drip, MAX_DRIBBLE_INTERVAL)?));
        }
        if let Some(hang) = hang {
            effects.push(Self::Hang(parse_time("hang", &hang, MAX_EFFECT_DURATION)?));
        }
        if let Some(response_drop) = lose_answer {
            effects.push(Self::LoseAnswer(match response_drop {
                ResponseDrop::Mode(LossWay::Reset) => DropBehavior::ResetConnection,
                ResponseDrop::Mode(LossWay::Hang) => DropBehavior::Hang,
                ResponseDrop::Status(status) => {
                    DropBehavior::Status(check_error_status("lose_answer", status)?)
                }
            }));
        }
        if effects.len() == 1
            && let Some(effect) = effects.pop()
        {
            return Ok(effect);
        }
        let sent: Vec<&str> = effects.iter().map(Self::name).collect();
        let sent = if sent.is_empty() { "none was".to_owned() } else { sent.join(", ") + " were" };
        Err(invalid(format!(
            "effect must have exactly one of delay, status, reset, cut, garbage, drip, hang and lose_answer; {sent} sent."
        )))
    }

    /// Returns its name in rules and the journal.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Delay(..) => "delay",
            Self::Status { .. } => "status",
            Self::Reset => "reset",
            Self::Cut(_) => "cut",
            Self::Garbage => "garbage",
            Self::Drip(_) => "drip",
            Self::Hang(_) => "hang",
            Self::LoseAnswer(_) => "lose_answer",
        }
    }

    /// Returns whether the request is executed.
    pub(crate) const fn executes_request(&self) -> bool {
        !matches!(self, Self::Status { .. } | Self::Reset | Self::Hang(_))
    }
}

fn invalid(message: impl Into<String>) -> InvalidEffect {
    InvalidEffect(message.into())
}

fn invalid_time(option: &str, text: &str, reason: &str) -> InvalidEffect {
    let sent = quote_value(&text.into());
    invalid(format!("effect: {option} {reason}; {sent} was sent."))
}

fn parse_time(option: &str, text: &str, max: Duration) -> Result<Duration, InvalidEffect> {
    clock::parse_positive_duration(text, max).map_err(|reason| invalid_time(option, text, &reason))
}

fn parse_retry_after(text: &str) -> Result<Duration, InvalidEffect> {
    clock::parse_duration_up_to(text, MAX_RETRY_AFTER)
        .map_err(|reason| invalid_time("retry_after", text, &reason))
}

fn check_message(message: String) -> Result<String, InvalidEffect> {
    if message.chars().count() <= MAX_MESSAGE_CHARS {
        return Ok(message);
    }
    Err(invalid(format!("effect: message must have at most {MAX_MESSAGE_CHARS} characters.")))
}

fn check_error_status(option: &str, status: u16) -> Result<u16, InvalidEffect> {
    if (400..=599).contains(&status) {
        return Ok(status);
    }
    Err(invalid(format!("effect: {option} must be a status from 400 to 599; {status} was sent.")))
}

/// Parses an option that is true or omitted.
fn parse_true_flag(option: &str, sent: Option<bool>) -> Result<bool, InvalidEffect> {
    match sent {
        Some(false) => Err(invalid(format!("effect: {option} must be true or left out."))),
        sent => Ok(sent.is_some()),
    }
}

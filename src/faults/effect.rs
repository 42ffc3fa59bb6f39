//! Effects of faults, and presets.

use std::time::Duration;

use super::Trigger;

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

/// Whether a delay comes before or after the request is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DelayPhase {
    Before,
    After,
}

/// What the client gets instead of a dropped response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropBehavior {
    ResetConnection,
    Hang,
    /// A response with this status.
    Status(u16),
}

impl Effect {
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

/// A named fault.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) trigger: Trigger,
    pub(crate) effect: Effect,
}

const fn status_effect(status: u16, retry_after: Option<Duration>) -> Effect {
    Effect::Status { status, message: None, retry_after }
}

/// All presets (our choice).
pub(crate) static PRESETS: &[Preset] = &[
    Preset {
        name: "flaky",
        description: "every third request is answered 503",
        trigger: Trigger::Every(3),
        effect: status_effect(503, None),
    },
    Preset {
        name: "slow",
        description: "every request takes a second longer",
        trigger: Trigger::Always,
        effect: Effect::Delay(Duration::from_secs(1), DelayPhase::Before),
    },
    Preset {
        name: "down",
        description: "every request is answered 503",
        trigger: Trigger::Always,
        effect: status_effect(503, None),
    },
    Preset {
        name: "rate-limited",
        description: "every third request is answered 429 with Retry-After: 1",
        trigger: Trigger::Every(3),
        effect: status_effect(429, Some(Duration::from_secs(1))),
    },
    Preset {
        name: "lost-replies",
        description: "every third request is carried out, and the connection is reset in place of an answer",
        trigger: Trigger::Every(3),
        effect: Effect::LoseAnswer(DropBehavior::ResetConnection),
    },
];

//! What can become of a request or of its answer.

use std::time::Duration;

use super::Trigger;

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The answer takes longer.
    Delay(Duration, When),
    /// The request is refused with Omnidesk's envelope.
    Status { status: u16, message: Option<String>, retry_after: Option<Duration> },
    /// The connection is reset.
    Reset,
    /// So many bytes of the body arrive, and then the connection ends.
    Cut(usize),
    /// The body is no JSON.
    Garbage,
    /// The body arrives bit by bit; the time is that between two bits.
    Drip(Duration),
    /// There is no answer, and after this time the connection ends.
    Hang(Duration),
    /// The request is carried out, and its answer is lost.
    LoseAnswer(Loss),
}

/// Whether a delay comes before what the request does, or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Reset,
    Hang,
    /// Another one comes in its place.
    Status(u16),
}

impl Effect {
    /// What rules and the journal call it.
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

    /// Whether the request does what it asks for.
    pub(crate) const fn is_carried_out(&self) -> bool {
        !matches!(self, Self::Status { .. } | Self::Reset | Self::Hang(_))
    }
}

/// A fault with a name.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// What it does, in words.
    pub(crate) about: &'static str,
    pub(crate) trigger: Trigger,
    pub(crate) effect: Effect,
}

const fn status(status: u16, retry_after: Option<Duration>) -> Effect {
    Effect::Status { status, message: None, retry_after }
}

/// All presets (chosen).
pub(crate) static PRESETS: &[Preset] = &[
    Preset {
        name: "flaky",
        about: "every third request is answered 503",
        trigger: Trigger::Every(3),
        effect: status(503, None),
    },
    Preset {
        name: "slow",
        about: "every request takes a second longer",
        trigger: Trigger::Always,
        effect: Effect::Delay(Duration::from_secs(1), When::Before),
    },
    Preset {
        name: "down",
        about: "every request is answered 503",
        trigger: Trigger::Always,
        effect: status(503, None),
    },
    Preset {
        name: "rate-limited",
        about: "every third request is answered 429 with Retry-After: 1",
        trigger: Trigger::Every(3),
        effect: status(429, Some(Duration::from_secs(1))),
    },
    Preset {
        name: "lost-replies",
        about: "every third request is carried out, and the connection is reset in place of an answer",
        trigger: Trigger::Every(3),
        effect: Effect::LoseAnswer(Loss::Reset),
    },
];

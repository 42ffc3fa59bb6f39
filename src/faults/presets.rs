//! Presets: faults with a name, a trigger and an effect.

use std::time::Duration;

use super::effect::{DropBehavior, Effect};
use super::rule::Trigger;
use crate::control::wire::When as DelayPhase;

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

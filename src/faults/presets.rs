//! Presets: faults with a name, a trigger and an effect.

use std::time::Duration;

use omnidesk_mock_client::types::DelayTiming;

use super::effect::Effect;
use super::rule::Trigger;

/// A named fault.
#[derive(Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) trigger: Trigger,
    pub(crate) effect: Effect,
}

/// All presets (our choice).
pub(crate) static PRESETS: &[Preset] = &[
    Preset {
        name: "flaky",
        description: "every third request gets the status 503",
        trigger: Trigger::Every(3),
        effect: Effect::status(503),
    },
    Preset {
        name: "slow",
        description: "every response is delayed by one second",
        trigger: Trigger::Always,
        effect: Effect::Delay(Duration::from_secs(1), DelayTiming::Before),
    },
    Preset {
        name: "down",
        description: "every request gets the status 503",
        trigger: Trigger::Always,
        effect: Effect::status(503),
    },
    Preset {
        name: "rate-limited",
        description: "every third request gets the status 429 with Retry-After: 1",
        trigger: Trigger::Every(3),
        effect: Effect::Status {
            status: 429,
            message: None,
            retry_after: Some(Duration::from_secs(1)),
        },
    },
    Preset {
        name: "dropped-responses",
        description: "every third request is executed, but the connection is reset instead of sending a response",
        trigger: Trigger::Every(3),
        effect: Effect::drop_response(),
    },
];

//! Presets: faults with a name, a trigger and an effect.

use std::time::Duration;

use omnidesk_mock_client::types::{CustomResponse, DelayTiming};

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
            response: CustomResponse::NONE,
        },
    },
    Preset {
        name: "dropped-responses",
        description: "every third request is executed, but the connection is reset instead of sending a response",
        trigger: Trigger::Every(3),
        effect: Effect::drop_response(),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_of_a_preset_states_its_trigger_and_effect() {
        let mut names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        for Preset { name, description, trigger, effect } in PRESETS {
            let scope = match trigger {
                Trigger::Always => "every re",
                Trigger::Every(3) => "every third request ",
                other => panic!("{name} has an undescribed trigger: {other:?}"),
            };
            assert!(description.starts_with(scope), "{name}: {description}");
            let effect = match effect {
                Effect::Status { status, message: None, retry_after: None, .. } => {
                    format!("gets the status {status}")
                }
                Effect::Status { status, message: None, retry_after: Some(time), .. } => {
                    format!("gets the status {status} with Retry-After: {}", time.as_secs())
                }
                Effect::Delay(time, DelayTiming::Before) if time.as_secs() == 1 => {
                    "response is delayed by one second".to_owned()
                }
                effect if *effect == Effect::drop_response() => {
                    "is executed, but the connection is reset instead of sending a response"
                        .to_owned()
                }
                other => panic!("{name} has an undescribed effect: {other:?}"),
            };
            assert!(description.ends_with(&effect), "{name}: {description}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["down", "dropped-responses", "flaky", "rate-limited", "slow"]);
    }
}

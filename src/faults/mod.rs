//! Fault injection: decides which requests fail, and how. `api` applies the effect. Does no I/O.

mod effect;
mod presets;
pub(crate) mod rate_limit;
pub(crate) mod retry_after;
mod rule;
mod rules;

pub(crate) use effect::{Effect, InvalidEffect, parse_effect};
pub(crate) use presets::{PRESETS, Preset};
pub(crate) use rule::{EffectSchedule, FaultRule, Trigger, Ttl};
pub(crate) use rules::{AddRuleError, FaultRules, MAX_FAULT_REGEXES, MAX_FAULT_RULES};

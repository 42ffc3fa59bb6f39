//! Fault injection: decides which requests fail, and how. `api` applies the effect. Does no I/O.

mod book;
mod effect;
pub(crate) mod rate_limit;
mod rule;

pub(crate) use book::{AddRuleError, FaultRules, MAX_FAULT_REGEXES, MAX_FAULT_RULES, RuleStatus};
pub(crate) use effect::{DelayPhase, DropBehavior, Effect, PRESETS, Preset};
pub(crate) use rule::{EffectSchedule, FaultRule, Trigger, Ttl};

//! Faults: which requests fail, and how. Pure: what an effect does to an answer, `http` knows.

mod book;
mod effect;
mod rule;

pub(crate) use book::{Faults, Full, MOST_EXPRESSIONS, MOST_RULES, ShownRule};
pub(crate) use effect::{Effect, Loss, PRESETS, Preset, When};
pub(crate) use rule::{Plan, Rule, Trigger, Ttl};

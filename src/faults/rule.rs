//! Fault rules: which requests they match, when they fire, and when they expire.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::effect::Effect;
use crate::journal::RequestPattern;

/// Which of the matching requests get the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Always,
    First(u64),
    /// Every nth request.
    Every(u64),
    /// All but the first n.
    After(u64),
}

impl Trigger {
    /// Returns whether it fires on the request with this number, from 1.
    const fn fires_on(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => number <= count,
            Self::Every(step) => number.is_multiple_of(step),
            Self::After(count) => number > count,
        }
    }
}

/// Which effect each matching request gets.
#[derive(Clone, Debug)]
pub(crate) enum EffectSchedule {
    OnTrigger(Trigger, Effect),
    /// One effect for each; None applies no effect; after the last entry, no effect applies.
    Sequence(Vec<Option<Effect>>),
}

/// When a rule expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// After this many matching requests.
    Requests(u64),
    /// At this time of the account's clock.
    Until(Timestamp),
}

/// A rule and its counters.
#[derive(Clone, Debug)]
pub(crate) struct FaultRule {
    /// Shared, so that matching needs no lock.
    pub(crate) pattern: Arc<RequestPattern>,
    pub(crate) schedule: EffectSchedule,
    pub(crate) ttl: Option<Ttl>,
    /// Number of matching requests.
    pub(super) matched: u64,
    /// Number of injected effects.
    pub(super) applied: u64,
}

impl FaultRule {
    pub(crate) fn new(pattern: RequestPattern, schedule: EffectSchedule, ttl: Option<Ttl>) -> Self {
        Self { pattern: Arc::new(pattern), schedule, ttl, matched: 0, applied: 0 }
    }

    /// Returns whether it has expired.
    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        match self.ttl {
            None => false,
            Some(Ttl::Requests(max)) => self.matched >= max,
            Some(Ttl::Until(end)) => now >= end,
        }
    }

    /// Counts a matching request, and returns its effect.
    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        self.matched += 1;
        let effect = match &self.schedule {
            EffectSchedule::OnTrigger(trigger, effect) => {
                trigger.fires_on(self.matched).then(|| effect.clone())
            }
            EffectSchedule::Sequence(effects) => {
                let index = usize::try_from(self.matched - 1).unwrap_or(usize::MAX);
                effects.get(index).cloned().flatten()
            }
        };
        self.applied += u64::from(effect.is_some());
        effect
    }
}

impl Ttl {
    /// Adds a duration to a time; None on overflow.
    pub(crate) fn from_duration(now: Timestamp, duration: SignedDuration) -> Option<Self> {
        now.checked_add(duration).ok().map(Self::Until)
    }
}

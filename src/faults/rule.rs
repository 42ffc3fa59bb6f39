//! A rule: which requests it is about, which of those it meets, and how long it stays.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Effect;
use crate::journal::Pattern;

/// Which of the requests that a rule is about are met by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Always,
    First(u64),
    /// This one, the one twice as far, and so on.
    Every(u64),
    /// All but so many.
    After(u64),
}

impl Trigger {
    /// Whether it meets the request with this number, counted from 1.
    const fn meets(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => number <= count,
            Self::Every(step) => number.is_multiple_of(step),
            Self::After(count) => number > count,
        }
    }
}

/// What a rule does to the requests that it is about.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Each(Trigger, Effect),
    /// To each its own; None lets a request pass, and so does the end.
    Sequence(Vec<Option<Effect>>),
}

/// How long a rule stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// For so many requests that it is about.
    Requests(u64),
    /// Until this moment of the account's clock.
    Until(Timestamp),
}

/// A rule in use.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Shared with those who compare it with a request.
    pub(crate) pattern: Arc<Pattern>,
    pub(crate) plan: Plan,
    pub(crate) ttl: Option<Ttl>,
    /// How many requests it was about.
    pub(super) seen: u64,
    /// How many it met.
    pub(super) applied: u64,
}

impl Rule {
    pub(crate) fn new(pattern: Pattern, plan: Plan, ttl: Option<Ttl>) -> Self {
        Self { pattern: Arc::new(pattern), plan, ttl, seen: 0, applied: 0 }
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        match self.ttl {
            None => false,
            Some(Ttl::Requests(most)) => self.seen >= most,
            Some(Ttl::Until(end)) => now >= end,
        }
    }

    /// Counts a request that it is about; gives what happens to that.
    pub(super) fn meet(&mut self) -> Option<Effect> {
        self.seen += 1;
        let effect = match &self.plan {
            Plan::Each(trigger, effect) => trigger.meets(self.seen).then(|| effect.clone()),
            Plan::Sequence(effects) => {
                let index = usize::try_from(self.seen - 1).unwrap_or(usize::MAX);
                effects.get(index).cloned().flatten()
            }
        };
        self.applied += u64::from(effect.is_some());
        effect
    }
}

impl Ttl {
    /// For so long from a moment on; None beyond all time.
    pub(crate) fn lasting(now: Timestamp, time: SignedDuration) -> Option<Self> {
        now.checked_add(time).ok().map(Self::Until)
    }
}

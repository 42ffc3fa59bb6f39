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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(schedule: EffectSchedule, ttl: Option<Ttl>) -> FaultRule {
        FaultRule::new(RequestPattern::default(), schedule, ttl)
    }

    /// Returns `x` for each of ten matching requests that gets the effect, `.` for the others, and ` ` once expired.
    fn fault_pattern(mut rule: FaultRule) -> String {
        let mut next_mark = || {
            if rule.is_expired(Timestamp::UNIX_EPOCH) {
                ' '
            } else if rule.next_effect().is_some() {
                'x'
            } else {
                '.'
            }
        };
        (0..10).map(|_| next_mark()).collect()
    }

    #[test]
    fn each_trigger_selects_its_requests() {
        for (trigger, ttl, expected) in [
            (Trigger::Always, None, "xxxxxxxxxx"),
            (Trigger::First(1), None, "x........."),
            (Trigger::First(3), None, "xxx......."),
            (Trigger::First(u64::MAX), None, "xxxxxxxxxx"),
            (Trigger::Every(1), None, "xxxxxxxxxx"),
            (Trigger::Every(2), None, ".x.x.x.x.x"),
            (Trigger::Every(3), None, "..x..x..x."),
            (Trigger::Every(10), None, ".........x"),
            (Trigger::Every(11), None, ".........."),
            (Trigger::After(1), None, ".xxxxxxxxx"),
            (Trigger::After(4), None, "....xxxxxx"),
            (Trigger::After(10), None, ".........."),
            (Trigger::Always, Some(1), "x         "),
            (Trigger::Always, Some(4), "xxxx      "),
            (Trigger::First(3), Some(2), "xx        "),
            (Trigger::First(2), Some(3), "xx.       "),
            (Trigger::Every(2), Some(5), ".x.x.     "),
            (Trigger::After(2), Some(4), "..xx      "),
        ] {
            let schedule = EffectSchedule::OnTrigger(trigger, Effect::status(503));
            let rule = rule(schedule, ttl.map(Ttl::Requests));
            assert_eq!(fault_pattern(rule), expected, "{trigger:?}, {ttl:?}");
        }
    }

    #[test]
    fn sequence_applies_entry_by_entry_and_then_ends() {
        let [first, third] = [500, 502].map(|status| Some(Effect::status(status)));
        let mut rule =
            rule(EffectSchedule::Sequence(vec![first.clone(), None, third.clone()]), None);
        let effects: Vec<Option<Effect>> = (0..5).map(|_| rule.next_effect()).collect();
        assert_eq!(effects, [first, None, third, None, None]);
        assert_eq!((rule.matched, rule.applied), (5, 2));
    }

    #[test]
    fn counters_count_matches_and_effects() {
        let mut rule =
            rule(EffectSchedule::OnTrigger(Trigger::Every(3), Effect::status(503)), None);
        assert_eq!((rule.matched, rule.applied), (0, 0));
        for _ in 0..10 {
            rule.next_effect();
        }
        assert_eq!((rule.matched, rule.applied), (10, 3));
    }

    #[test]
    fn rule_expires_at_the_end_of_its_ttl() {
        let now = Timestamp::UNIX_EPOCH;
        let after_30s = Ttl::from_duration(now, SignedDuration::from_secs(30));
        assert!(after_30s.is_some());
        for (ttl, millis, expected) in
            [(after_30s, 29_999, false), (after_30s, 30_000, true), (None, i64::MAX, false)]
        {
            let rule = rule(EffectSchedule::Sequence(Vec::new()), ttl);
            let time = now.saturating_add(SignedDuration::from_millis(millis));
            let is_expired = rule.is_expired(time.unwrap_or(Timestamp::MAX));
            assert_eq!(is_expired, expected, "{ttl:?} after {millis} ms");
        }
    }

    #[test]
    fn ttl_beyond_the_last_timestamp_is_none() {
        let second = SignedDuration::from_secs(1);
        assert_eq!(Ttl::from_duration(Timestamp::MAX, second), None);
        let last = Timestamp::MAX - second;
        assert_eq!(Ttl::from_duration(last, second), Some(Ttl::Until(Timestamp::MAX)));
    }
}

//! Fault rules of one account: picks the effect for a request.
//!
//! Each rule counts its matches. The first rule that fires wins, and the rules after it do not count that request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use omnidesk_mock_client::types;
use omnidesk_mock_client::types::ActiveFaultRule;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Map, Value};

use super::effect::Effect;
use super::rule::FaultRule;
use crate::journal::{AppliedFault, RequestPattern};

/// Limit for the rules of one account (arbitrary).
pub(crate) const MAX_FAULT_RULES: usize = 100;

/// Limit for the regular expressions of one account's rules: each takes up to 0.3 seconds per request.
pub(crate) const MAX_FAULT_REGEXES: usize = 20;

/// Why a rule was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddRuleError {
    TooManyRules,
    TooManyRegexes,
}

/// The rules, in order of evaluation.
#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    /// Avoids the lock if there are no rules.
    has_rules: AtomicBool,
    /// Whether a rule has a regular expression.
    has_regexes: AtomicBool,
    rules: Mutex<RuleTable>,
}

#[derive(Debug, Default)]
struct RuleTable {
    rules: Vec<StoredRule>,
    last_id: u64,
}

#[derive(Debug)]
struct StoredRule {
    id: u64,
    rule: FaultRule,
    /// The rule as the client sent it.
    definition: types::FaultRule,
}

impl StoredRule {
    fn status(&self) -> ActiveFaultRule {
        let FaultRule { matched, applied, .. } = self.rule;
        ActiveFaultRule { id: self.id, matched, applied, rule: self.definition.clone() }
    }
}

impl RuleTable {
    fn remove_expired(&mut self, now: Timestamp) {
        self.rules.retain(|stored| !stored.rule.is_expired(now));
    }
}

impl FaultRules {
    fn lock(&self) -> MutexGuard<'_, RuleTable> {
        self.rules.lock()
    }

    fn update_flags(&self, table: &RuleTable) {
        self.has_rules.store(!table.rules.is_empty(), Ordering::Release);
        let has_regexes = table.rules.iter().any(|stored| stored.rule.pattern.has_regexes());
        self.has_regexes.store(has_regexes, Ordering::Release);
    }

    /// Returns whether there is any rule.
    pub(crate) fn has_rules(&self) -> bool {
        self.has_rules.load(Ordering::Acquire)
    }

    /// Returns whether matching is slow: a rule has a regular expression.
    pub(crate) fn has_regexes(&self) -> bool {
        self.has_regexes.load(Ordering::Acquire)
    }

    /// Adds a rule, with its definition.
    ///
    /// # Errors
    /// If a limit is reached.
    pub(crate) fn add(
        &self,
        rule: FaultRule,
        definition: types::FaultRule,
        now: Timestamp,
    ) -> Result<ActiveFaultRule, AddRuleError> {
        let mut table = self.lock();
        table.remove_expired(now);
        if table.rules.len() >= MAX_FAULT_RULES {
            return Err(AddRuleError::TooManyRules);
        }
        let rules = table.rules.iter().map(|stored| &stored.rule).chain([&rule]);
        let regexes: usize = rules.map(|rule| rule.pattern.regexes().count()).sum();
        if rule.pattern.has_regexes() && regexes > MAX_FAULT_REGEXES {
            return Err(AddRuleError::TooManyRegexes);
        }
        table.last_id += 1;
        let stored = StoredRule { id: table.last_id, rule, definition };
        let status = stored.status();
        table.rules.push(stored);
        self.update_flags(&table);
        Ok(status)
    }

    /// Returns the rules that have not expired.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<ActiveFaultRule> {
        let table = self.lock();
        let active = table.rules.iter().filter(|stored| !stored.rule.is_expired(now));
        active.map(StoredRule::status).collect()
    }

    /// Removes a rule. Returns whether it existed.
    pub(crate) fn remove(&self, id: u64, now: Timestamp) -> bool {
        let mut table = self.lock();
        table.remove_expired(now);
        let count = table.rules.len();
        table.rules.retain(|stored| stored.id != id);
        self.update_flags(&table);
        table.rules.len() < count
    }

    /// Removes all rules.
    pub(crate) fn clear(&self) {
        let mut table = self.lock();
        table.rules.clear();
        self.update_flags(&table);
    }

    /// Returns the effect for a request. The first rule that fires wins; later rules do not count it.
    pub(crate) fn next_effect(
        &self,
        (operation, key): (&str, &str),
        fields: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<(AppliedFault, Effect)> {
        self.next_effect_where(now, |_, pattern| pattern.matches_input(operation, key, fields))
    }

    /// Returns the ids of the rules that match a request. Holds no lock while it matches.
    pub(crate) fn matching_rule_ids(
        &self,
        (operation, key): (&str, &str),
        fields: &Map<String, Value>,
    ) -> Vec<u64> {
        let patterns: Vec<(u64, Arc<RequestPattern>)> = {
            let table = self.lock();
            let rules = table.rules.iter();
            rules.map(|stored| (stored.id, Arc::clone(&stored.rule.pattern))).collect()
        };
        let matching =
            patterns.iter().filter(|(_, pattern)| pattern.matches_input(operation, key, fields));
        matching.map(|(id, _)| *id).collect()
    }

    /// Returns the effect for a request that matches these rules.
    pub(crate) fn next_effect_among(
        &self,
        rule_ids: &[u64],
        now: Timestamp,
    ) -> Option<(AppliedFault, Effect)> {
        self.next_effect_where(now, |id, _| rule_ids.contains(&id))
    }

    fn next_effect_where(
        &self,
        now: Timestamp,
        is_match: impl Fn(u64, &RequestPattern) -> bool,
    ) -> Option<(AppliedFault, Effect)> {
        let mut table = self.lock();
        table.remove_expired(now);
        let mut matching =
            table.rules.iter_mut().filter(|stored| is_match(stored.id, &stored.rule.pattern));
        let applied = matching.find_map(|StoredRule { id, rule, .. }| {
            let effect = rule.next_effect()?;
            Some((AppliedFault { rule_id: *id, effect: effect.name() }, effect))
        });
        self.update_flags(&table);
        applied
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{EffectSchedule, Trigger, Ttl};
    use super::*;
    use crate::journal::{BoundedRegex, FieldMatcher, ValueMatcher};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const GET: (&str, &str) = ("ticket.get", "ci");

    fn rule(pattern: RequestPattern, trigger: Trigger, status: u16, ttl: Option<Ttl>) -> FaultRule {
        FaultRule::new(pattern, EffectSchedule::OnTrigger(trigger, Effect::status(status)), ttl)
    }

    fn always(status: u16) -> FaultRule {
        rule(RequestPattern::default(), Trigger::Always, status, None)
    }

    fn expiring_after(seconds: i64) -> FaultRule {
        let ttl = Ttl::from_duration(NOW, SignedDuration::from_secs(seconds));
        rule(RequestPattern::default(), Trigger::Always, 503, ttl)
    }

    fn with_regexes(count: usize) -> FaultRule {
        let regex = BoundedRegex::new("^Print").expect("a valid regex");
        let matcher = ValueMatcher::Matches(regex);
        let field = FieldMatcher { path: "title".to_owned(), matcher };
        let pattern = RequestPattern { fields: vec![field; count], ..RequestPattern::default() };
        rule(pattern, Trigger::Always, 503, None)
    }

    fn add(rules: &FaultRules, rule: FaultRule) -> Result<u64, AddRuleError> {
        rules.add(rule, types::FaultRule::default(), NOW).map(|added| added.id)
    }

    fn rules_with(all: impl IntoIterator<Item = FaultRule>) -> FaultRules {
        let rules = FaultRules::default();
        for rule in all {
            add(&rules, rule).expect("the rule is within the limits");
        }
        rules
    }

    fn at(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    /// Returns the status that a request gets; 200 without an effect.
    fn next_status(rules: &FaultRules, now: Timestamp) -> u16 {
        match rules.next_effect(GET, &Map::new(), now) {
            Some((_, Effect::Status { status, .. })) => status,
            None => 200,
            Some((_, other)) => panic!("unexpected effect {other:?}"),
        }
    }

    fn counts(rules: &FaultRules, now: Timestamp) -> Vec<(u64, u64)> {
        rules.list(now).iter().map(|rule| (rule.matched, rule.applied)).collect()
    }

    fn ids(rules: &FaultRules) -> Vec<u64> {
        rules.list(NOW).iter().map(|rule| rule.id).collect()
    }

    #[test]
    fn first_rule_that_fires_wins_and_later_rules_do_not_count() {
        use Trigger::{After, Always, Every, First};
        for (triggers, expected, expected_counts) in [
            (
                vec![(Every(2), 500), (Always, 501)],
                vec![501, 500, 501, 500, 501, 500],
                vec![(6, 3), (3, 3)],
            ),
            (vec![(Always, 501), (Every(2), 500)], vec![501; 6], vec![(6, 6), (0, 0)]),
            (
                vec![(First(2), 500), (First(2), 501)],
                vec![500, 500, 501, 501, 200, 200],
                vec![(6, 2), (4, 2)],
            ),
            (
                vec![(Every(3), 500), (Every(2), 501), (After(2), 502)],
                vec![200, 501, 500, 200, 501, 500, 502, 501],
                vec![(8, 2), (6, 3), (3, 1)],
            ),
        ] {
            let rule = |(trigger, status)| rule(RequestPattern::default(), trigger, status, None);
            let rules = rules_with(triggers.iter().copied().map(rule));
            let statuses: Vec<u16> = expected.iter().map(|_| next_status(&rules, NOW)).collect();
            assert_eq!(statuses, expected, "{triggers:?}");
            assert_eq!(counts(&rules, NOW), expected_counts, "{triggers:?}");
        }
    }

    #[test]
    fn requests_that_do_not_match_are_not_counted() {
        let field = |value: &str| FieldMatcher {
            path: "title".to_owned(),
            matcher: ValueMatcher::Equals(value.into()),
        };
        let none = RequestPattern::default;
        let fields = json!({ "title": "Printer" });
        let fields = fields.as_object().expect("an object");
        for (pattern, is_match) in [
            (none(), true),
            (RequestPattern { operation: Some("ticket.get"), ..none() }, true),
            (RequestPattern { operation: Some("ticket.list"), ..none() }, false),
            (RequestPattern { key_name: Some("ci".to_owned()), ..none() }, true),
            (RequestPattern { key_name: Some("other".to_owned()), ..none() }, false),
            (RequestPattern { fields: vec![field("Printer")], ..none() }, true),
            (RequestPattern { fields: vec![field("Scanner")], ..none() }, false),
        ] {
            let rules = rules_with([rule(pattern.clone(), Trigger::Always, 503, None)]);
            let applied = rules.next_effect(GET, fields, NOW);
            let expected = AppliedFault { rule_id: 1, effect: "status" };
            let expected = is_match.then(|| (expected, Effect::status(503)));
            assert_eq!(applied, expected, "{pattern}");
            let count = u64::from(is_match);
            assert_eq!(counts(&rules, NOW), [(count, count)], "{pattern}");
        }
    }

    #[test]
    fn ids_ascend_and_are_not_reused() {
        let rules = rules_with([always(500), always(501), always(502)]);
        assert_eq!(ids(&rules), [1, 2, 3]);
        assert!(rules.remove(3, NOW));
        assert!(!rules.remove(3, NOW));
        assert!(!rules.remove(99, NOW));
        assert_eq!(ids(&rules), [1, 2]);
        assert!(rules.remove(1, NOW));
        assert_eq!(next_status(&rules, NOW), 501);
        assert_eq!(add(&rules, always(500)), Ok(4));
        rules.clear();
        assert_eq!(next_status(&rules, NOW), 200);
        assert_eq!(add(&rules, always(500)), Ok(5));
        assert_eq!(ids(&rules), [5]);
    }

    #[test]
    fn rule_is_listed_as_it_was_sent() {
        let definition = types::FaultRule { first: Some(7), ..types::FaultRule::default() };
        let rules = FaultRules::default();
        let added = rules.add(always(503), definition.clone(), NOW).expect("the first rule");
        assert_eq!(added, ActiveFaultRule { id: 1, matched: 0, applied: 0, rule: definition });
        assert_eq!(rules.list(NOW), [added]);
    }

    #[test]
    fn expired_rule_is_neither_applied_nor_listed_nor_removable() {
        let is_listed = |rules: &FaultRules, seconds| !rules.list(at(seconds)).is_empty();
        let rules = rules_with([expiring_after(30)]);
        assert_eq!(next_status(&rules, at(29)), 503);
        assert!(is_listed(&rules, 29));
        assert!(!is_listed(&rules, 30));
        assert_eq!(next_status(&rules, at(30)), 200);
        assert!(!rules.has_rules());
        let rules = rules_with([expiring_after(30)]);
        assert!(!rules.remove(1, at(30)));
        assert!(!rules.has_rules());
        let rules = rules_with([expiring_after(30)]);
        assert!(rules.remove(1, at(29)));
    }

    #[test]
    fn account_has_at_most_100_rules() {
        let rules = rules_with((0..99).map(|_| always(500)).chain([expiring_after(30)]));
        assert_eq!(add(&rules, always(503)), Err(AddRuleError::TooManyRules));
        assert_eq!(ids(&rules).len(), 100);
        let added = rules.add(always(503), types::FaultRule::default(), at(30));
        assert_eq!(added.map(|rule| rule.id), Ok(101), "expired rules do not count");
        assert_eq!(add(&rules, always(503)), Err(AddRuleError::TooManyRules));
        assert!(rules.remove(1, NOW));
        assert_eq!(add(&rules, always(503)), Ok(102));
    }

    #[test]
    fn rules_of_an_account_have_at_most_20_regexes() {
        assert_eq!(add(&rules_with([]), with_regexes(21)), Err(AddRuleError::TooManyRegexes));
        let rules = rules_with([with_regexes(10), with_regexes(10)]);
        assert_eq!(add(&rules, with_regexes(1)), Err(AddRuleError::TooManyRegexes));
        assert_eq!(add(&rules, always(503)), Ok(3), "a rule without regexes is accepted");
        assert!(rules.remove(1, NOW));
        assert_eq!(add(&rules, with_regexes(11)), Err(AddRuleError::TooManyRegexes));
        assert_eq!(add(&rules, with_regexes(10)), Ok(4));
    }

    #[test]
    fn flags_follow_the_rules() {
        let rules = FaultRules::default();
        let flags = || (rules.has_rules(), rules.has_regexes());
        assert_eq!(flags(), (false, false));
        add(&rules, always(503)).expect("the rule is within the limits");
        assert_eq!(flags(), (true, false));
        let id = add(&rules, with_regexes(1)).expect("the rule is within the limits");
        assert_eq!(flags(), (true, true));
        rules.remove(id, NOW);
        assert_eq!(flags(), (true, false));
        add(&rules, with_regexes(1)).expect("the rule is within the limits");
        rules.clear();
        assert_eq!(flags(), (false, false));
    }

    #[test]
    fn matching_rules_are_those_whose_pattern_matches() {
        let get = RequestPattern { operation: Some("ticket.get"), ..RequestPattern::default() };
        let list = RequestPattern { operation: Some("ticket.list"), ..RequestPattern::default() };
        let all = [get.clone(), list, get];
        let rules = rules_with(all.map(|pattern| rule(pattern, Trigger::Always, 503, None)));
        assert_eq!(rules.matching_rule_ids(GET, &Map::new()), [1, 3]);
        assert_eq!(rules.next_effect_among(&[], NOW), None);
        let (applied, _) = rules.next_effect_among(&[3], NOW).expect("rule 3 fires");
        assert_eq!(applied.rule_id, 3);
        assert_eq!(counts(&rules, NOW), [(0, 0), (0, 0), (1, 1)]);
    }

    fn any_rule() -> impl Strategy<Value = FaultRule> {
        let operation =
            prop_oneof![Just(None), Just(Some("ticket.get")), Just(Some("ticket.list"))];
        let trigger = (0_u8..4, 1_u64..4).prop_map(|(kind, number)| match kind {
            0 => Trigger::Always,
            1 => Trigger::First(number),
            2 => Trigger::Every(number),
            _ => Trigger::After(number),
        });
        let ttl = prop_oneof![
            Just(None),
            (1_u64..5).prop_map(|requests| Some(Ttl::Requests(requests))),
            (1_i64..9).prop_map(|seconds| Some(Ttl::Until(at(seconds)))),
        ];
        (operation, trigger, 400_u16..600, ttl).prop_map(|(operation, trigger, status, ttl)| {
            rule(RequestPattern { operation, ..RequestPattern::default() }, trigger, status, ttl)
        })
    }

    proptest! {
        #[test]
        fn matching_without_the_lock_has_the_same_effects(
            all in prop::collection::vec(any_rule(), 0..5),
            requests in prop::collection::vec(any::<bool>(), 0..20),
        ) {
            let (locked, lock_free) = (rules_with(all.clone()), rules_with(all));
            for (seconds, is_get) in (0..).zip(requests) {
                let caller = (if is_get { "ticket.get" } else { "ticket.list" }, "ci");
                let now = at(seconds);
                let candidates = lock_free.matching_rule_ids(caller, &Map::new());
                prop_assert_eq!(
                    lock_free.next_effect_among(&candidates, now),
                    locked.next_effect(caller, &Map::new(), now)
                );
                prop_assert_eq!(lock_free.list(now), locked.list(now));
            }
        }
    }
}

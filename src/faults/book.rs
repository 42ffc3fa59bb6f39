//! Fault rules of one account: picks the effect for a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Effect, FaultRule};
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
    rules: Vec<(u64, FaultRule, Map<String, Value>)>,
    last_id: u64,
}

/// The definition of a rule, and its counters.
#[derive(Clone, Debug)]
pub(crate) struct RuleStatus {
    pub(crate) id: u64,
    pub(crate) definition: Map<String, Value>,
    pub(crate) matched: u64,
    pub(crate) applied: u64,
}

impl FaultRules {
    fn lock(&self) -> MutexGuard<'_, RuleTable> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_flags(&self, table: &RuleTable) {
        self.has_rules.store(!table.rules.is_empty(), Ordering::Release);
        let has_regexes = table.rules.iter().any(|(_, rule, _)| rule.pattern.has_regexes());
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
        definition: Map<String, Value>,
        now: Timestamp,
    ) -> Result<RuleStatus, AddRuleError> {
        let mut table = self.lock();
        table.rules.retain(|(_, rule, _)| !rule.is_expired(now));
        if table.rules.len() >= MAX_FAULT_RULES {
            return Err(AddRuleError::TooManyRules);
        }
        let rules = table.rules.iter().map(|(_, rule, _)| rule).chain([&rule]);
        let regexes: usize = rules.map(|rule| rule.pattern.regexes().count()).sum();
        if rule.pattern.has_regexes() && regexes > MAX_FAULT_REGEXES {
            return Err(AddRuleError::TooManyRegexes);
        }
        table.last_id += 1;
        let id = table.last_id;
        table.rules.push((id, rule, definition.clone()));
        self.update_flags(&table);
        Ok(RuleStatus { id, definition, matched: 0, applied: 0 })
    }

    /// Returns the rules that have not expired.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<RuleStatus> {
        let table = self.lock();
        let rules = table.rules.iter().filter(|(_, rule, _)| !rule.is_expired(now));
        rules
            .map(|(id, rule, definition)| RuleStatus {
                id: *id,
                definition: definition.clone(),
                matched: rule.matched,
                applied: rule.applied,
            })
            .collect()
    }

    /// Removes a rule. Returns whether it existed.
    pub(crate) fn remove(&self, id: u64, now: Timestamp) -> bool {
        let mut table = self.lock();
        let existed =
            table.rules.iter().any(|(rule_id, rule, _)| *rule_id == id && !rule.is_expired(now));
        table.rules.retain(|(rule_id, ..)| *rule_id != id);
        self.update_flags(&table);
        existed
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
            rules.map(|(id, rule, _)| (*id, Arc::clone(&rule.pattern))).collect()
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
        table.rules.retain(|(_, rule, _)| !rule.is_expired(now));
        let mut matching =
            table.rules.iter_mut().filter(|(id, rule, _)| is_match(*id, &rule.pattern));
        let triggered =
            matching.find_map(|(id, rule, _)| rule.next_effect().map(|effect| (*id, effect)));
        self.update_flags(&table);
        triggered.map(|(id, effect)| (AppliedFault { rule_id: id, effect: effect.name() }, effect))
    }
}

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

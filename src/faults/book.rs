//! The fault rules of one account.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Effect, Rule};
use crate::journal::{Fault, Pattern};

/// The most rules of one account (chosen).
pub(crate) const MOST_RULES: usize = 100;

/// The most regular expressions of all rules of one account (chosen: each takes up to 0.3 seconds for a request).
pub(crate) const MOST_EXPRESSIONS: usize = 20;

/// Why there is no room for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Rules,
    Expressions,
}

/// The rules, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// So that an account without rules pays nothing.
    any: AtomicBool,
    /// Whether a rule has a regular expression.
    slow: AtomicBool,
    rules: Mutex<Numbered>,
}

#[derive(Debug, Default)]
struct Numbered {
    rules: Vec<(u64, Rule, Map<String, Value>)>,
    last: u64,
}

/// A rule as it was written, and how it stands.
#[derive(Clone, Debug)]
pub(crate) struct ShownRule {
    pub(crate) id: u64,
    pub(crate) written: Map<String, Value>,
    pub(crate) seen: u64,
    pub(crate) applied: u64,
}

impl Faults {
    fn numbered(&self) -> MutexGuard<'_, Numbered> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, numbered: &Numbered) {
        self.any.store(!numbered.rules.is_empty(), Ordering::Release);
        let is_slow = numbered.rules.iter().any(|(_, rule, _)| rule.pattern.is_slow());
        self.slow.store(is_slow, Ordering::Release);
    }

    /// Whether there is any rule.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Whether it takes time to tell which rules a request is for.
    pub(crate) fn are_slow(&self) -> bool {
        self.slow.load(Ordering::Acquire)
    }

    /// Adds a rule, with how it was written.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn add(
        &self,
        rule: Rule,
        written: Map<String, Value>,
        now: Timestamp,
    ) -> Result<ShownRule, Full> {
        let mut numbered = self.numbered();
        numbered.rules.retain(|(_, rule, _)| !rule.is_over(now));
        if numbered.rules.len() >= MOST_RULES {
            return Err(Full::Rules);
        }
        let rules = numbered.rules.iter().map(|(_, rule, _)| rule).chain([&rule]);
        let expressions: usize = rules.map(|rule| rule.pattern.expressions().count()).sum();
        if rule.pattern.is_slow() && expressions > MOST_EXPRESSIONS {
            return Err(Full::Expressions);
        }
        numbered.last += 1;
        let id = numbered.last;
        numbered.rules.push((id, rule, written.clone()));
        self.note(&numbered);
        Ok(ShownRule { id, written, seen: 0, applied: 0 })
    }

    /// All rules that are not over.
    pub(crate) fn all(&self, now: Timestamp) -> Vec<ShownRule> {
        let numbered = self.numbered();
        let rules = numbered.rules.iter().filter(|(_, rule, _)| !rule.is_over(now));
        rules
            .map(|(id, rule, written)| ShownRule {
                id: *id,
                written: written.clone(),
                seen: rule.seen,
                applied: rule.applied,
            })
            .collect()
    }

    /// Takes a rule away. Says whether there was one.
    pub(crate) fn remove(&self, id: u64, now: Timestamp) -> bool {
        let mut numbered = self.numbered();
        let is_known =
            numbered.rules.iter().any(|(known, rule, _)| *known == id && !rule.is_over(now));
        numbered.rules.retain(|(known, ..)| *known != id);
        self.note(&numbered);
        is_known
    }

    /// Takes all rules away.
    pub(crate) fn clear(&self) {
        let mut numbered = self.numbered();
        numbered.rules.clear();
        self.note(&numbered);
    }

    /// What happens to a request. The first rule that meets it decides; later ones do not see it.
    pub(crate) fn meet(
        &self,
        (operation, key): (&str, &str),
        fields: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<(Fault, Effect)> {
        self.meet_where(now, |_, pattern| pattern.fits(operation, key, fields))
    }

    /// The ids of the rules that are about a request. Nobody waits for it, however long it takes.
    pub(crate) fn about(
        &self,
        (operation, key): (&str, &str),
        fields: &Map<String, Value>,
    ) -> Vec<u64> {
        let patterns: Vec<(u64, Arc<Pattern>)> = {
            let numbered = self.numbered();
            let rules = numbered.rules.iter();
            rules.map(|(id, rule, _)| (*id, Arc::clone(&rule.pattern))).collect()
        };
        let about = patterns.iter().filter(|(_, pattern)| pattern.fits(operation, key, fields));
        about.map(|(id, _)| *id).collect()
    }

    /// What happens to a request that these rules are about.
    pub(crate) fn meet_one_of(&self, about: &[u64], now: Timestamp) -> Option<(Fault, Effect)> {
        self.meet_where(now, |id, _| about.contains(&id))
    }

    fn meet_where(
        &self,
        now: Timestamp,
        is_about: impl Fn(u64, &Pattern) -> bool,
    ) -> Option<(Fault, Effect)> {
        let mut numbered = self.numbered();
        numbered.rules.retain(|(_, rule, _)| !rule.is_over(now));
        let mut about =
            numbered.rules.iter_mut().filter(|(id, rule, _)| is_about(*id, &rule.pattern));
        let met = about.find_map(|(id, rule, _)| rule.meet().map(|effect| (*id, effect)));
        self.note(&numbered);
        met.map(|(id, effect)| (Fault { id, effect: effect.name() }, effect))
    }
}

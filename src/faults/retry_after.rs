//! `Retry-After`: how long each API key must not send requests, after a response with `Retry-After`. By the account's
//! clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// The name of a key, and an operation; None for all operations.
type PeriodKey = (Arc<str>, Option<&'static str>);

/// The Retry-After periods of one account.
#[derive(Debug, Default)]
pub(crate) struct RetryAfterTracker {
    /// Avoids the lock if there is no period.
    has_periods: AtomicBool,
    /// The start and the end of each period.
    periods: Mutex<HashMap<PeriodKey, (Timestamp, Timestamp)>>,
}

impl RetryAfterTracker {
    /// Returns whether there is a period.
    pub(crate) fn has_periods(&self) -> bool {
        self.has_periods.load(Ordering::Acquire)
    }

    fn update(&self, change: impl FnOnce(&mut HashMap<PeriodKey, (Timestamp, Timestamp)>)) {
        let mut periods = self.periods.lock();
        change(&mut periods);
        self.has_periods.store(!periods.is_empty(), Ordering::Release);
    }

    /// Records the period of a response to a key.
    pub(crate) fn record(
        &self,
        key: &Arc<str>,
        operation: Option<&'static str>,
        period: (Timestamp, Timestamp),
    ) {
        self.update(|periods| {
            periods.insert((Arc::clone(key), operation), period);
        });
    }

    /// Returns the time until the end of the period; None without a period.
    pub(crate) fn remaining(
        &self,
        key: &Arc<str>,
        operation: &'static str,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        if !self.has_periods() {
            return None;
        }
        let keys = [None, Some(operation)].map(|operation| (Arc::clone(key), operation));
        let mut until = None;
        self.update(|periods| {
            // A period that starts in the future is invalid: the clock was set back.
            periods.retain(|_, (since, until)| (*since..*until).contains(&now));
            let current = keys.iter().filter_map(|key| periods.get(key));
            until = current.map(|(_, until)| *until).max();
        });
        until.map(|until| until.duration_since(now))
    }

    /// Removes the periods of all operations, which only a rate limit causes.
    pub(crate) fn clear_rate_limit_periods(&self) {
        self.update(|periods| periods.retain(|(_, operation), _| operation.is_some()));
    }

    /// Removes all periods.
    pub(crate) fn clear(&self) {
        self.update(HashMap::clear);
    }
}

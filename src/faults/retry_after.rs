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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    /// Returns the remaining seconds for `ticket.get`.
    fn remaining(tracker: &RetryAfterTracker, key: &str, seconds: i64) -> Option<i64> {
        let remaining = tracker.remaining(&key.into(), "ticket.get", at(seconds));
        remaining.map(|remaining| remaining.as_secs())
    }

    fn tracker_with(periods: &[(Option<&'static str>, i64, i64)]) -> RetryAfterTracker {
        let tracker = RetryAfterTracker::default();
        for (operation, since, until) in periods {
            tracker.record(&"ci".into(), *operation, (at(*since), at(*until)));
        }
        tracker
    }

    #[test]
    fn period_includes_its_start_but_not_its_end() {
        // A request before the start means that the clock was set back, which ends the period.
        for (seconds, expected) in
            [(99, None), (100, Some(10)), (101, Some(9)), (109, Some(1)), (110, None), (111, None)]
        {
            let tracker = tracker_with(&[(Some("ticket.get"), 100, 110)]);
            assert!(tracker.has_periods());
            assert_eq!(remaining(&tracker, "ci", seconds), expected, "at {seconds} s");
            assert_eq!(tracker.has_periods(), expected.is_some(), "at {seconds} s");
        }
    }

    #[test]
    fn period_applies_to_its_key_and_operation() {
        for (operation, key, expected) in [
            (Some("ticket.get"), "ci", Some(10)),
            (Some("ticket.list"), "ci", None),
            (None, "ci", Some(10)),
            (None, "other", None),
            (Some("ticket.get"), "other", None),
        ] {
            let tracker = tracker_with(&[(operation, 0, 10)]);
            assert_eq!(remaining(&tracker, key, 0), expected, "{operation:?}, {key}");
            assert!(tracker.has_periods(), "the period of another request is still there");
        }
    }

    #[test]
    fn longest_of_the_applicable_periods_counts() {
        for (of_operation, of_all) in [(10, 30), (30, 10)] {
            let tracker = tracker_with(&[(Some("ticket.get"), 0, of_operation), (None, 0, of_all)]);
            assert_eq!(remaining(&tracker, "ci", 0), Some(30));
        }
    }

    #[test]
    fn later_response_replaces_the_period() {
        let tracker = tracker_with(&[(None, 0, 30), (None, 5, 10)]);
        assert_eq!(remaining(&tracker, "ci", 5), Some(5));
        assert_eq!(remaining(&tracker, "ci", 10), None);
    }

    #[test]
    fn periods_of_a_rate_limit_can_be_cleared_alone() {
        let tracker = tracker_with(&[(None, 0, 30), (Some("ticket.get"), 0, 10)]);
        tracker.clear_rate_limit_periods();
        assert_eq!(remaining(&tracker, "ci", 0), Some(10));
        tracker.clear();
        assert!(!tracker.has_periods());
        assert_eq!(remaining(&tracker, "ci", 0), None);

        let tracker = tracker_with(&[(None, 0, 30)]);
        tracker.clear_rate_limit_periods();
        assert!(!tracker.has_periods());
    }
}

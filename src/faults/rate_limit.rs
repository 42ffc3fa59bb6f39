//! Rate limits: a fixed window for each API key, by the account's clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};

/// The window count above which expired windows are evicted (arbitrary): keys come and go.
const WINDOW_PRUNE_THRESHOLD: usize = 1000;

/// The request limit of a key per window (our choice; undocumented).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) requests: u64,
    pub(crate) window: SignedDuration,
    /// The window as the client sent it.
    pub(crate) window_text: String,
}

/// The rate limit of a key after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimitStatus {
    pub(crate) limit: u64,
    /// None if the request exceeded the limit.
    pub(crate) remaining: Option<u64>,
    /// When the window ends.
    pub(crate) resets_at: Timestamp,
    /// The time until then.
    pub(crate) resets_in: SignedDuration,
}

/// The rate limit of one account.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    /// Avoids the lock if there is no limit.
    is_active: AtomicBool,
    state: Mutex<LimiterState>,
}

#[derive(Debug, Default)]
struct LimiterState {
    rate_limit: Option<RateLimit>,
    /// The window of each key: its start, and its number of requests.
    windows: HashMap<Arc<str>, (Timestamp, u64)>,
}

impl RateLimiter {
    fn lock(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock()
    }

    fn update_active_flag(&self, state: &LimiterState) {
        self.is_active.store(state.rate_limit.is_some(), Ordering::Release);
    }

    /// Returns whether there is a limit.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Acquire)
    }

    /// Returns the current limit.
    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        self.lock().rate_limit.clone()
    }

    /// Sets or removes the limit. All windows restart.
    pub(crate) fn set_rate_limit(&self, rate_limit: Option<RateLimit>) {
        let mut state = self.lock();
        state.rate_limit = rate_limit;
        state.windows.clear();
        self.update_active_flag(&state);
    }

    /// Removes everything.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        *state = LimiterState::default();
        self.update_active_flag(&state);
    }

    /// Returns the remaining requests of a key in its window; None if there is no limit.
    pub(crate) fn remaining(&self, key: &str, now: Timestamp) -> Option<u64> {
        let state = self.lock();
        let limit = state.rate_limit.as_ref()?;
        let used = state.windows.get(key).filter(|(started_at, _)| {
            let end = started_at.saturating_add(limit.window).unwrap_or(Timestamp::MAX);
            (*started_at..end).contains(&now)
        });
        Some(limit.requests - used.map_or(0, |(_, used)| *used))
    }

    /// Counts a request. None if there is no limit.
    pub(crate) fn check(&self, key: &Arc<str>, now: Timestamp) -> Option<RateLimitStatus> {
        let mut state = self.lock();
        let RateLimit { requests: limit, window: window_length, .. } = state.rate_limit.clone()?;
        let end = |started_at: Timestamp| {
            started_at.saturating_add(window_length).unwrap_or(Timestamp::MAX)
        };
        let is_expired = |started_at: Timestamp| now >= end(started_at) || now < started_at;
        if state.windows.len() >= WINDOW_PRUNE_THRESHOLD && !state.windows.contains_key(key) {
            state.windows.retain(|_, (started_at, _)| !is_expired(*started_at));
        }
        let window = state.windows.entry(Arc::clone(key)).or_insert((now, 0));
        if is_expired(window.0) {
            *window = (now, 0);
        }
        let resets_at = end(window.0);
        let remaining = limit.checked_sub(window.1 + 1);
        window.1 = (window.1 + 1).min(limit);
        Some(RateLimitStatus {
            limit,
            remaining,
            resets_at,
            resets_in: resets_at.duration_since(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limiter(requests: u64, window: SignedDuration) -> RateLimiter {
        let limiter = RateLimiter::default();
        let window_text = crate::clock::format_signed_duration(window);
        limiter.set_rate_limit(Some(RateLimit { requests, window, window_text }));
        limiter
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    /// Checks a request; returns the remaining requests, and the seconds until the window ends.
    fn check(limiter: &RateLimiter, key: &str, seconds: i64) -> (Option<u64>, i64) {
        let status = limiter.check(&key.into(), at(seconds)).expect("rate limit is set");
        assert_eq!(status.resets_at, at(seconds) + status.resets_in);
        (status.remaining, status.resets_in.as_secs())
    }

    #[test]
    fn window_counts_down_rejects_and_restarts() {
        let limiter = limiter(3, SignedDuration::from_mins(1));
        for (seconds, expected) in [
            (100, (Some(2), 60)),
            (110, (Some(1), 50)),
            (159, (Some(0), 1)),
            (159, (None, 1)),
            (159, (None, 1)),
            // The end of a window belongs to the next one. Rejected requests have not extended it.
            (160, (Some(2), 60)),
            (219, (Some(1), 1)),
            (1000, (Some(2), 60)),
            // The clock was set back.
            (999, (Some(2), 60)),
            (999, (Some(1), 60)),
        ] {
            assert_eq!(check(&limiter, "ci", seconds), expected, "at {seconds} s");
        }
    }

    #[test]
    fn each_key_has_its_own_window() {
        let limiter = limiter(1, SignedDuration::from_mins(1));
        assert_eq!(check(&limiter, "first", 0), (Some(0), 60));
        assert_eq!(check(&limiter, "second", 30), (Some(0), 60));
        assert_eq!(check(&limiter, "first", 30), (None, 30));
        assert_eq!(check(&limiter, "first", 60), (Some(0), 60));
        assert_eq!(check(&limiter, "second", 60), (None, 30));
    }

    #[test]
    fn window_ends_at_the_last_timestamp_at_the_latest() {
        let limiter = limiter(5, SignedDuration::from_mins(1));
        let now = Timestamp::MAX - SignedDuration::from_secs(1);
        let status = limiter.check(&"ci".into(), now).expect("rate limit is set");
        assert_eq!((status.limit, status.remaining), (5, Some(4)));
        assert_eq!(status.resets_at, Timestamp::MAX);
        assert_eq!(status.resets_in, SignedDuration::from_secs(1));
    }

    #[test]
    fn limiter_is_active_while_a_limit_is_set() {
        let limiter = RateLimiter::default();
        assert_eq!(limiter.check(&"ci".into(), at(0)), None);
        assert!(!limiter.is_active());
        let limit = RateLimit {
            requests: 1,
            window: SignedDuration::from_mins(1),
            window_text: "1m".to_owned(),
        };
        for remove in [RateLimiter::clear, |limiter: &RateLimiter| limiter.set_rate_limit(None)] {
            limiter.set_rate_limit(Some(limit.clone()));
            assert!(limiter.is_active());
            assert_eq!(limiter.rate_limit(), Some(limit.clone()));
            assert_eq!(check(&limiter, "ci", 0), (Some(0), 60));
            assert_eq!(check(&limiter, "ci", 0), (None, 60));
            limiter.set_rate_limit(Some(limit.clone()));
            assert_eq!(check(&limiter, "ci", 0), (Some(0), 60), "a new limit restarts the windows");
            remove(&limiter);
            assert!(!limiter.is_active());
            assert_eq!(limiter.rate_limit(), None);
            assert_eq!(limiter.check(&"ci".into(), at(0)), None);
        }
    }

    proptest! {
        /// A window begins with the first request that no earlier window covers.
        #[test]
        fn limiter_agrees_with_a_list_of_windows(
            limit in 1_u64..4,
            length in 1_i64..5,
            requests in prop::collection::vec((0_usize..2, 0_i64..4), 1..40),
        ) {
            let limiter = limiter(limit, SignedDuration::from_secs(length));
            let mut windows: [Vec<(i64, u64)>; 2] = [Vec::new(), Vec::new()];
            let mut now = 0;
            for (key, pause) in requests {
                now += pause;
                if windows[key].last().is_none_or(|(start, _)| now >= start + length) {
                    windows[key].push((now, 0));
                }
                let (start, count) = windows[key].last_mut().expect("the window was added");
                *count += 1;
                let remaining = limit.checked_sub(*count);
                prop_assert_eq!(
                    check(&limiter, ["a", "b"][key], now),
                    (remaining, *start + length - now)
                );
            }
        }
    }

    #[test]
    fn expired_windows_are_removed() {
        let limiter = limiter(1, SignedDuration::from_secs(1));
        let (start, mut max_windows) = (Timestamp::UNIX_EPOCH, 0);
        for number in 0..20_000 {
            let now = start + SignedDuration::from_millis(10 * number);
            let status =
                limiter.check(&format!("key-{number}").into(), now).expect("rate limit is set");
            assert_eq!(status.remaining, Some(0), "each key has its own window");
            max_windows = max_windows.max(limiter.lock().windows.len());
        }
        assert_eq!(max_windows, WINDOW_PRUNE_THRESHOLD);
        // A window that has not expired is never evicted.
        let now = start + SignedDuration::from_millis(10 * 20_000);
        assert_eq!(
            limiter.check(&"key-19999".into(), now).expect("rate limit is set").remaining,
            None
        );
    }
}

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
    use super::*;

    #[test]
    fn expired_windows_are_removed() {
        let limiter = RateLimiter::default();
        let window = SignedDuration::from_secs(1);
        limiter.set_rate_limit(Some(RateLimit {
            requests: 1,
            window,
            window_text: "1s".to_owned(),
        }));
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

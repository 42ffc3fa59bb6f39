//! How fast clients may come: a budget of requests for each key, and the pauses that answers have asked for. All by
//! the account's clock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many windows are remembered before those that are over are looked for (chosen): keys come and go.
const MANY_WINDOWS: usize = 1000;

/// How many requests a key may make in a window of time (chosen: the documents name no limit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) requests: u64,
    pub(crate) per: SignedDuration,
    /// The window as it was written.
    pub(crate) written: String,
}

/// How a key's budget stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) limit: u64,
    /// None where the request was one too many.
    pub(crate) remaining: Option<u64>,
    /// When the window ends.
    pub(crate) reset: Timestamp,
    /// The time until then.
    pub(crate) left: SignedDuration,
}

/// The budget of one account, and what its clients have been told.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// So that an account without a budget and without pauses pays nothing.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    budget: Option<Budget>,
    /// The window of each key: when it began, and how many requests came.
    windows: HashMap<Arc<str>, (Timestamp, u64)>,
    /// From when to when.
    pauses: HashMap<Pause, (Timestamp, Timestamp)>,
}

/// Who was asked to wait, and with which operation; None for all.
type Pause = (Arc<str>, Option<&'static str>);

impl Pace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, state: &State) {
        let any = state.budget.is_some() || !state.pauses.is_empty();
        self.any.store(any, Ordering::Release);
    }

    /// Whether there is anything to heed.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The budget in force.
    pub(crate) fn budget(&self) -> Option<Budget> {
        self.state().budget.clone()
    }

    /// Puts a budget into force, or none. Windows begin anew.
    pub(crate) fn set_budget(&self, budget: Option<Budget>) {
        let mut state = self.state();
        state.budget = budget;
        state.windows.clear();
        // Those that the old budget asked for.
        state.pauses.retain(|(_, operation), _| operation.is_some());
        self.note(&state);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        *state = State::default();
        self.note(&state);
    }

    /// Counts a request. None where there is no budget.
    pub(crate) fn spend(&self, key: &Arc<str>, now: Timestamp) -> Option<Spent> {
        let mut state = self.state();
        let Budget { requests: limit, per, .. } = state.budget.clone()?;
        let end = |since: Timestamp| since.saturating_add(per).unwrap_or(Timestamp::MAX);
        let is_over = |since: Timestamp| now >= end(since) || now < since;
        if state.windows.len() >= MANY_WINDOWS && !state.windows.contains_key(key) {
            state.windows.retain(|_, (since, _)| !is_over(*since));
        }
        let window = state.windows.entry(Arc::clone(key)).or_insert((now, 0));
        if is_over(window.0) {
            *window = (now, 0);
        }
        let reset = end(window.0);
        let remaining = limit.checked_sub(window.1 + 1);
        window.1 = (window.1 + 1).min(limit);
        Some(Spent { limit, remaining, reset, left: reset.duration_since(now) })
    }

    /// Notes that an answer has asked a key to wait until a moment.
    pub(crate) fn pause(
        &self,
        key: &Arc<str>,
        operation: Option<&'static str>,
        (now, until): (Timestamp, Timestamp),
    ) {
        let mut state = self.state();
        state.pauses.insert((Arc::clone(key), operation), (now, until));
        self.note(&state);
    }

    /// How much too early a request comes; None where it does not.
    pub(crate) fn early(
        &self,
        key: &Arc<str>,
        operation: &'static str,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        let mut state = self.state();
        // Of one that was asked for in the future nobody can know any more: the clock was set back.
        state.pauses.retain(|_, (since, until)| (*since..*until).contains(&now));
        let asked = [None, Some(operation)].map(|operation| (Arc::clone(key), operation));
        let pauses = asked.iter().filter_map(|pause| state.pauses.get(pause));
        let until = pauses.map(|(_, until)| *until).max();
        self.note(&state);
        until.map(|until| until.duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_are_over_do_not_pile_up() {
        let pace = Pace::default();
        let per = SignedDuration::from_secs(1);
        pace.set_budget(Some(Budget { requests: 1, per, written: "1s".to_owned() }));
        let (start, mut most) = (Timestamp::UNIX_EPOCH, 0);
        for number in 0..20_000 {
            let now = start + SignedDuration::from_millis(10 * number);
            let spent = pace.spend(&format!("key-{number}").into(), now).expect("a budget");
            assert_eq!(spent.remaining, Some(0), "each key has a window of its own");
            most = most.max(pace.state().windows.len());
        }
        assert_eq!(most, MANY_WINDOWS);
        // The window of a key that is not over is never forgotten.
        let now = start + SignedDuration::from_millis(10 * 20_000);
        assert_eq!(pace.spend(&"key-19999".into(), now).expect("a budget").remaining, None);
    }
}

//! Requests, errors and latencies of all clients so far.

use std::{
    fmt::Display,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{action::ACTIONS, histogram::Histogram};

/// The load ends after this number of errors.
const MAX_ERRORS: u32 = 200;
/// The first errors are printed.
const PRINTED_ERRORS: u32 = 20;

pub(crate) struct Counters {
    is_stopped: AtomicBool,
    requests: AtomicU32,
    errors: AtomicU32,
    /// Responses with a 5xx of a fault rule.
    requested_failures: AtomicU32,
    latencies: Mutex<Latencies>,
}

/// Latencies of the responses that are not delayed on purpose.
struct Latencies {
    /// Since the last call of `take_recent_latencies`.
    recent: Histogram,
    by_action: Vec<ActionStatistics>,
}

#[derive(Clone, Default)]
pub(crate) struct ActionStatistics {
    /// Requests that are not timed count too.
    pub(crate) requests: u32,
    pub(crate) latencies: Histogram,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let by_action = vec![ActionStatistics::default(); ACTIONS.len()];
        Self {
            is_stopped: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            errors: AtomicU32::new(0),
            requested_failures: AtomicU32::new(0),
            latencies: Mutex::new(Latencies { recent: Histogram::default(), by_action }),
        }
    }

    fn lock_latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that is not timed.
    pub(crate) fn add_request(&self, action: usize) {
        self.requests.fetch_add(1, Relaxed);
        self.lock_latencies().by_action[action].requests += 1;
    }

    /// Counts a request with its latency.
    pub(crate) fn add_response(&self, action: usize, latency: Duration) {
        self.add_request(action);
        let mut latencies = self.lock_latencies();
        latencies.recent.add(latency);
        latencies.by_action[action].latencies.add(latency);
    }

    /// Counts the response if it has a 5xx.
    pub(crate) fn add_requested_failure(&self, status: u16) {
        if status >= 500 {
            self.requested_failures.fetch_add(1, Relaxed);
        }
    }

    /// Counts and prints an error.
    pub(crate) fn add_error(&self, name: &str, error: impl Display) {
        let number = self.errors.fetch_add(1, Relaxed) + 1;
        if number <= PRINTED_ERRORS {
            eprintln!("error {number}: {name}: {error}");
        }
        if number == PRINTED_ERRORS {
            eprintln!("further errors are not printed");
        }
        if number >= MAX_ERRORS {
            self.stop();
        }
    }

    /// Ends the load.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn errors(&self) -> u32 {
        self.errors.load(Relaxed)
    }

    pub(crate) fn requested_failures(&self) -> u32 {
        self.requested_failures.load(Relaxed)
    }

    /// Returns and clears the recent latencies.
    pub(crate) fn take_recent_latencies(&self) -> Histogram {
        mem::take(&mut self.lock_latencies().recent)
    }

    /// In the order of `ACTIONS`.
    pub(crate) fn by_action(&self) -> Vec<ActionStatistics> {
        self.lock_latencies().by_action.clone()
    }
}

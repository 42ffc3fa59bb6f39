//! What all clients have done and met so far.

use std::{
    fmt::Display,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{act::ACTS, histogram::Histogram};

/// After so many errors the load ends: more of them say no more.
const MOST_ERRORS: u32 = 200;
/// So many are told in full.
const TOLD: u32 = 20;

pub(crate) struct Tally {
    over: AtomicBool,
    requests: AtomicU32,
    errors: AtomicU32,
    /// Answers with a 5xx that a fault rule asked for.
    provoked: AtomicU32,
    times: Mutex<Times>,
}

/// Times from a request to its answer, where nothing delays it on purpose.
struct Times {
    /// Since they were last looked at.
    latest: Histogram,
    /// By act, in the order of `ACTS`; the number is that of all requests, also of those that are not timed.
    acts: Vec<(u32, Histogram)>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let acts = vec![(0, Histogram::default()); ACTS.len()];
        Self {
            over: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            errors: AtomicU32::new(0),
            provoked: AtomicU32::new(0),
            times: Mutex::new(Times { latest: Histogram::default(), acts }),
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that is not timed.
    pub(crate) fn asked(&self, act: usize) {
        self.requests.fetch_add(1, Relaxed);
        self.times().acts[act].0 += 1;
    }

    pub(crate) fn answered(&self, act: usize, time: Duration) {
        self.asked(act);
        let mut times = self.times();
        times.latest.add(time);
        times.acts[act].1.add(time);
    }

    pub(crate) fn provoked(&self, status: u16) {
        if status >= 500 {
            self.provoked.fetch_add(1, Relaxed);
        }
    }

    /// Counts an error and tells it.
    pub(crate) fn fail(&self, what: &str, error: impl Display) {
        let number = self.errors.fetch_add(1, Relaxed) + 1;
        if number <= TOLD {
            eprintln!("error {number}: {what}: {error}");
        }
        if number == TOLD {
            eprintln!("further errors are only counted");
        }
        if number >= MOST_ERRORS {
            self.end();
        }
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn errors(&self) -> u32 {
        self.errors.load(Relaxed)
    }

    /// How many answers with a 5xx were asked for.
    pub(crate) fn wanted_failures(&self) -> u32 {
        self.provoked.load(Relaxed)
    }

    /// The times since this was last asked.
    pub(crate) fn take_latest(&self) -> Histogram {
        mem::take(&mut self.times().latest)
    }

    pub(crate) fn acts(&self) -> Vec<(u32, Histogram)> {
        self.times().acts.clone()
    }
}

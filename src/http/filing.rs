//! Writes a request into the journal: when its answer is ready, or when its client has left before.

use std::sync::Arc;

use axum::http::Method;
use jiff::Timestamp;

use super::redact::Secrets;
use super::reply::Said;
use super::visit::Outcome;
use crate::clock::Stopwatch;
use crate::journal::{Asked, Entry, Fault, Journal, Place};

/// A request whose entry is still to be written.
#[derive(Debug)]
pub(super) struct Filing {
    journal: Arc<Journal>,
    watch: Stopwatch,
    secrets: Secrets<'static>,
    /// None once it is written, or where there is no journal. Nobody else has it.
    entry: Option<Arc<Entry>>,
}

impl Filing {
    /// Begins an entry of a journal; `at` is the time of the account, and `real_at` the machine's. `route` is the path
    /// of the operation, where there is one.
    pub(super) fn begin(
        journal: &Arc<Journal>,
        (at, real_at): (Timestamp, Timestamp),
        (method, path, route): (&Method, &str, Option<&str>),
        secrets: Secrets<'static>,
    ) -> Self {
        let entry = journal.is_on().then(|| {
            let path = secrets.redact_path(path, route);
            Entry::begun((at, real_at), secrets.redact_method(method), &path)
        });
        let entry = entry.map(Arc::new);
        Self { journal: Arc::clone(journal), watch: Stopwatch::start(), secrets, entry }
    }

    /// The texts of the keys that were sent.
    pub(super) fn secrets(&self) -> &Secrets<'static> {
        &self.secrets
    }

    /// Goes on with the entry, if there is one.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry.as_mut().and_then(Arc::get_mut) {
            note(entry);
        }
    }

    /// What was asked for.
    pub(super) fn asked(&mut self, asked: &Arc<Asked>) {
        self.note(|entry| entry.asked = Arc::clone(asked));
    }

    /// The account has changed on the way: its entry belongs into another journal.
    pub(super) fn move_to(&mut self, journal: &Arc<Journal>) {
        self.journal = Arc::clone(journal);
    }

    /// Writes the entry with its outcome and its answer; None where there is none.
    pub(super) fn file(mut self, said: Option<&Said>, outcome: Outcome, fault: Option<Fault>) {
        self.note(|entry| {
            entry.asked = outcome.asked;
            entry.fault = fault;
        });
        self.answered(said, outcome.place);
    }

    /// Writes the entry with its answer; None where there is none.
    pub(super) fn answered(mut self, said: Option<&Said>, place: Option<Place>) {
        if let Some(said) = said {
            let status = said.status.as_u16();
            self.note(|entry| entry.answer(status, &said.body));
        }
        self.close(place);
    }

    fn close(&mut self, place: Option<Place>) {
        let time = self.watch.elapsed();
        self.note(|entry| entry.duration = time);
        match (self.entry.take(), place) {
            (Some(entry), Some(mut place)) => {
                let secrets = &self.secrets;
                place
                    .rows
                    .redact(|text| secrets.may_be_in(text), |cell| secrets.redact_plain(cell));
                place.fill(entry);
            }
            (Some(entry), None) => self.journal.add(entry),
            (None, _) => {}
        }
    }

    /// Writes nothing.
    pub(super) fn forget(mut self) {
        self.entry = None;
    }
}

impl Drop for Filing {
    fn drop(&mut self) {
        self.close(None);
    }
}

//! Writes a request into the journal: when its answer is ready, or when its client has left before.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use jiff::Timestamp;

use super::reply::Said;
use super::visit::Outcome;
use crate::clock::{self, Stopwatch};
use crate::journal::{Asked, Entry, Fault, Journal, Place, Rows};

/// What stands in place of the text of a key.
pub(super) const HIDDEN: &str = "(hidden)";

/// A request whose entry is still to be written.
#[derive(Debug)]
pub(super) struct Filing {
    journal: Arc<Journal>,
    watch: Stopwatch,
    /// The texts of the keys that were sent, which nothing may repeat.
    secrets: Vec<String>,
    /// None once it is written, or where there is no journal.
    entry: Option<Entry>,
}

impl Filing {
    /// Begins an entry of a journal; `at` is the time of the account.
    pub(super) fn begin(
        journal: &Arc<Journal>,
        at: Timestamp,
        (method, path): (&Method, &str),
        secrets: Vec<String>,
    ) -> Self {
        let entry = journal.is_on().then(|| Entry {
            at,
            real_at: clock::machine(),
            operation: None,
            method: named(method),
            path: hidden(path, &secrets).as_ref().into(),
            asked: Arc::default(),
            warnings: Vec::new(),
            key: None,
            status: None,
            body: Bytes::new(),
            body_left_out: false,
            duration: std::time::Duration::ZERO,
            fault: None,
            rows: Rows::default(),
        });
        Self { journal: Arc::clone(journal), watch: Stopwatch::start(), secrets, entry }
    }

    /// The texts of the keys that were sent.
    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Goes on with the entry, if there is one.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
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
        let Some(mut entry) = self.entry.take() else { return };
        if let Some(said) = said {
            entry.answer(said.status.as_u16(), &said.body);
            // What is wrong may repeat what was sent.
            if !said.status.is_success()
                && let Ok(text) = std::str::from_utf8(&entry.body)
                && let Cow::Owned(text) = hidden(text, &self.secrets)
            {
                entry.body = text.into();
            }
        }
        entry.duration = self.watch.elapsed();
        match place {
            Some(place) => place.fill(entry),
            None => self.journal.add(entry),
        }
    }

    /// Writes nothing.
    pub(super) fn forget(mut self) {
        self.entry = None;
    }
}

impl Drop for Filing {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.duration = self.watch.elapsed();
            self.journal.add(entry);
        }
    }
}

/// A text without the keys.
pub(super) fn hidden<'a>(text: &'a str, keys: &[String]) -> Cow<'a, str> {
    let keys = keys.iter().filter(|key| !key.is_empty());
    keys.fold(Cow::Borrowed(text), |text, key| {
        if text.contains(key) { text.replace(key, HIDDEN).into() } else { text }
    })
}

fn named(method: &Method) -> Cow<'static, str> {
    let known = ["GET", "POST", "PUT", "DELETE", "HEAD"].into_iter();
    let known = known.into_iter().find(|known| *known == method.as_str());
    known.map_or_else(|| method.to_string().into(), Cow::Borrowed)
}

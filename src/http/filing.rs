//! Writes a request into the journal: when its answer is ready, or when its client has left before.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use jiff::Timestamp;

use super::reply::Said;
use super::visit::Outcome;
use crate::clock::Stopwatch;
use crate::journal::{Asked, Entry, Fault, Journal, Place};

/// What stands in place of the text of a key.
pub(super) const HIDDEN: &str = "(hidden)";

/// A request whose entry is still to be written.
#[derive(Debug)]
pub(super) struct Filing {
    journal: Arc<Journal>,
    watch: Stopwatch,
    secrets: Secrets,
    /// None once it is written, or where there is no journal. Nobody else has it.
    entry: Option<Arc<Entry>>,
}

/// The texts of the keys that were sent, which nothing may repeat.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    pub(super) first: String,
    pub(super) others: Vec<String>,
}

impl Secrets {
    /// A text without them.
    pub(super) fn hidden<'a>(&self, text: &'a str) -> Cow<'a, str> {
        without_keys(text, std::iter::once(&self.first).chain(&self.others).map(String::as_str))
    }

    /// Whether a text holds one of them.
    pub(super) fn are_in(&self, text: &str) -> bool {
        matches!(self.hidden(text), Cow::Owned(_))
    }
}

impl Filing {
    /// Begins an entry of a journal; `at` is the time of the account, and `real_at` the machine's.
    pub(super) fn begin(
        journal: &Arc<Journal>,
        (at, real_at): (Timestamp, Timestamp),
        (method, path): (&Method, &str),
        secrets: Secrets,
    ) -> Self {
        let entry = journal
            .is_on()
            .then(|| Entry::begun((at, real_at), named(method), &secrets.hidden(path)));
        let entry = entry.map(Arc::new);
        Self { journal: Arc::clone(journal), watch: Stopwatch::start(), secrets, entry }
    }

    /// The texts of the keys that were sent.
    pub(super) fn secrets(&self) -> &Secrets {
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
            // What is wrong may repeat what was sent.
            let secrets = Some(&self.secrets).filter(|_| !said.status.is_success());
            let repeated = secrets.and_then(|secrets| {
                let text = secrets.hidden(std::str::from_utf8(&said.body).ok()?);
                matches!(text, Cow::Owned(_)).then(|| Bytes::from(text.into_owned()))
            });
            let body = repeated.as_ref().unwrap_or(&said.body);
            let status = said.status.as_u16();
            self.note(|entry| entry.answer(status, body));
        }
        self.close(place);
    }

    fn close(&mut self, place: Option<Place>) {
        let time = self.watch.elapsed();
        self.note(|entry| entry.duration = time);
        match (self.entry.take(), place) {
            (Some(entry), Some(mut place)) => {
                let secrets = &self.secrets;
                place.rows.cover(|text| match secrets.hidden(text) {
                    Cow::Owned(hidden) => Some(hidden),
                    Cow::Borrowed(_) => None,
                });
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

/// A text without those keys.
pub(super) fn without_keys<'a, 'k>(
    text: &'a str,
    keys: impl Iterator<Item = &'k str>,
) -> Cow<'a, str> {
    keys.filter(|key| !key.is_empty()).fold(Cow::Borrowed(text), |text, key| {
        if text.contains(key) { text.replace(key, HIDDEN).into() } else { text }
    })
}

/// A method as the journal has it.
pub(super) fn named(method: &Method) -> Cow<'static, str> {
    let known = ["GET", "POST", "PUT", "DELETE", "HEAD"].into_iter();
    let known = known.into_iter().find(|known| *known == method.as_str());
    known.map_or_else(|| method.to_string().into(), Cow::Borrowed)
}

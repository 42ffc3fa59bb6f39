//! Writes a request to the journal when its response is ready or its client has disconnected.

use std::sync::Arc;

use axum::http::Method;
use jiff::Timestamp;

use super::redact::Redactor;
use super::request_context::HandlerOutcome;
use super::response::RenderedResponse;
use crate::clock::Stopwatch;
use crate::journal::{AppliedFault, Entry, Journal, PendingEntry, RecordedInput};

/// The unwritten journal entry of a request.
#[derive(Debug)]
pub(super) struct JournalRecorder {
    journal: Arc<Journal>,
    stopwatch: Stopwatch,
    redactor: Redactor<'static>,
    /// None once written, or if the journal is disabled. Not shared until then.
    entry: Option<Arc<Entry>>,
}

impl JournalRecorder {
    /// Begins a journal entry. `at` is account time, `real_at` is system time. `route` is the path of the operation,
    /// if there is one.
    pub(super) fn begin(
        journal: &Arc<Journal>,
        (at, real_at): (Timestamp, Timestamp),
        (method, path, route): (&Method, &str, Option<&str>),
        redactor: Redactor<'static>,
    ) -> Self {
        let entry = journal.is_enabled().then(|| {
            let path = redactor.redact_path(path, route);
            Entry::new((at, real_at), redactor.redact_method(method), &path)
        });
        let entry = entry.map(Arc::new);
        Self { journal: Arc::clone(journal), stopwatch: Stopwatch::start(), redactor, entry }
    }

    pub(super) fn redactor(&self) -> &Redactor<'static> {
        &self.redactor
    }

    /// Updates the entry, if there is one.
    pub(super) fn update_entry(&mut self, update: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry.as_mut().and_then(Arc::get_mut) {
            update(entry);
        }
    }

    pub(super) fn set_recorded_input(&mut self, input: &Arc<RecordedInput>) {
        self.update_entry(|entry| entry.input = Arc::clone(input));
    }

    /// Moves the entry to another journal, after the account was replaced.
    pub(super) fn switch_journal(&mut self, journal: &Arc<Journal>) {
        self.journal = Arc::clone(journal);
    }

    /// Writes the entry with its outcome and response, None if none was sent.
    pub(super) fn record(
        mut self,
        response: Option<&RenderedResponse>,
        outcome: HandlerOutcome,
        fault: Option<AppliedFault>,
    ) {
        self.update_entry(|entry| {
            entry.input = outcome.recorded_input;
            entry.fault = fault;
        });
        self.record_response(response, outcome.pending_entry);
    }

    /// Writes the entry with its response, None if none was sent.
    pub(super) fn record_response(
        mut self,
        response: Option<&RenderedResponse>,
        pending_entry: Option<PendingEntry>,
    ) {
        if let Some(response) = response {
            let status = response.status.as_u16();
            self.update_entry(|entry| entry.set_response(status, &response.body));
        }
        self.finish(pending_entry);
    }

    fn finish(&mut self, pending_entry: Option<PendingEntry>) {
        let elapsed = self.stopwatch.elapsed();
        self.update_entry(|entry| entry.duration = elapsed);
        match (self.entry.take(), pending_entry) {
            (Some(entry), Some(mut pending_entry)) => {
                let redactor = &self.redactor;
                pending_entry.changes.redact(
                    |text| redactor.may_contain_key(text),
                    |cell| redactor.redact_scalar(cell),
                );
                pending_entry.commit(entry);
            }
            (Some(entry), None) => self.journal.add(entry),
            (None, _) => {}
        }
    }

    pub(super) fn discard(mut self) {
        self.entry = None;
    }
}

impl Drop for JournalRecorder {
    fn drop(&mut self) {
        self.finish(None);
    }
}

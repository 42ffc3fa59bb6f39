//! Writes a request to the journal when its response is ready or its client has disconnected.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use jiff::Timestamp;

use super::outcome::HandlerOutcome;
use super::redactor::Redactor;
use super::response::RenderedResponse;
use crate::accounts::ApiKey;
use crate::clock::Stopwatch;
use crate::contract::Operation;
use crate::journal::{AppliedFault, Entry, Journal, KeyFingerprint, PendingEntry, RecordedInput};

/// When a request arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTimes {
    /// By the account's clock.
    pub(super) account: Timestamp,
    pub(super) system: Timestamp,
}

/// The request without its body, as sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestHead<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    /// The path of the operation, if any.
    pub(super) route: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

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
    /// Begins a journal entry.
    pub(super) fn begin(
        journal: &Arc<Journal>,
        times: RequestTimes,
        head: RequestHead<'_>,
        redactor: Redactor<'static>,
    ) -> Self {
        let entry = journal.is_enabled().then(|| {
            let path = redactor.redact_path(head.path, head.route);
            let mut entry = new_entry(times, redactor.redact_method(head.method), &path);
            entry.headers = redactor.redact_headers(head.headers);
            Arc::new(entry)
        });
        Self { journal: Arc::clone(journal), stopwatch: Stopwatch::start(), redactor, entry }
    }

    pub(super) fn redactor(&self) -> &Redactor<'static> {
        &self.redactor
    }

    /// Updates the entry, if any.
    pub(super) fn update_entry(&mut self, update: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entry.as_mut().and_then(Arc::get_mut) {
            update(entry);
        }
    }

    /// Sets the operation and the key that executes it.
    pub(super) fn set_caller(&mut self, operation: &Operation, key: &ApiKey) {
        if let Some(entry) = self.entry.as_mut().and_then(Arc::get_mut) {
            set_caller(entry, operation, key, &self.redactor.key);
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
        if let Some(response) = response
            && let Some(entry) = self.entry.as_mut().and_then(Arc::get_mut)
        {
            set_response(entry, response, &self.redactor);
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

    /// Records nothing.
    pub(super) fn discard(&mut self) {
        self.entry = None;
    }
}

impl Drop for JournalRecorder {
    fn drop(&mut self) {
        self.finish(None);
    }
}

/// A response from the cache.
#[derive(Debug)]
pub(super) struct CachedExchange<'a> {
    pub(super) times: RequestTimes,
    pub(super) method: &'a Method,
    /// Has no key.
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) operation: &'static Operation,
    pub(super) key: &'a ApiKey,
    pub(super) redactor: &'a Redactor<'a>,
    pub(super) input: Arc<RecordedInput>,
    pub(super) response: &'a RenderedResponse,
    pub(super) duration: Duration,
}

/// Writes a response from the cache to the journal of its account, without the state of a recorder.
pub(super) fn record_cached(exchange: CachedExchange<'_>) {
    let CachedExchange { times, method, path, operation, key, redactor, .. } = exchange;
    let journal = &key.account.journal;
    if !journal.is_enabled() {
        return;
    }
    let mut entry = new_entry(times, redactor.redact_method(method), path);
    entry.headers = redactor.redact_headers(exchange.headers);
    set_caller(&mut entry, operation, key, &redactor.key);
    entry.input = exchange.input;
    entry.duration = exchange.duration;
    set_response(&mut entry, exchange.response, redactor);
    journal.add(Arc::new(entry));
}

fn new_entry(times: RequestTimes, method: Cow<'static, str>, redacted_path: &str) -> Entry {
    Entry::new((times.account, times.system), method, redacted_path)
}

fn set_caller(entry: &mut Entry, operation: &Operation, key: &ApiKey, key_text: &str) {
    entry.operation = Some(operation.name);
    entry.key_name = Some(Arc::clone(&key.name));
    entry.key_fingerprint =
        Some(KeyFingerprint { hash: *key.hash.as_bytes(), length: key_text.len() });
}

fn set_response(entry: &mut Entry, response: &RenderedResponse, redactor: &Redactor<'_>) {
    entry.response_headers = redactor.redact_headers(&response.headers);
    entry.set_response(response.status.as_u16(), &response.body);
}

//! Journal entries: a request and its response.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{ChangeSet, Warning};

/// Longest response body that is recorded, in bytes (arbitrary).
const MAX_RESPONSE_BODY_BYTES: usize = 64 * 1024;
/// Memory limit for the fields of one request, in bytes (arbitrary).
const MAX_INPUT_FIELDS_BYTES: usize = 256 * 1024;
/// Estimated memory of a value without its text, in bytes.
const VALUE_OVERHEAD_BYTES: usize = 96;

/// The decoded input of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RecordedInput {
    /// Path, query and body fields, without the API key.
    pub(crate) fields: Map<String, Value>,
    /// Whether the fields were dropped as too large.
    pub(crate) has_omitted_fields: bool,
    pub(crate) warnings: Vec<Warning>,
    estimated_bytes: usize,
}

impl RecordedInput {
    /// Returns the shared empty input.
    pub(crate) fn empty() -> Arc<Self> {
        static EMPTY: LazyLock<Arc<RecordedInput>> = LazyLock::new(Arc::default);
        Arc::clone(&EMPTY)
    }

    /// Creates the input; drops fields beyond the memory limit.
    pub(crate) fn new(fields: Map<String, Value>, warnings: Vec<Warning>) -> Self {
        let mut estimated_bytes =
            fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum();
        let has_omitted_fields = estimated_bytes > MAX_INPUT_FIELDS_BYTES;
        let fields = if has_omitted_fields { Map::new() } else { fields };
        let warnings: Vec<Warning> = warnings.into_iter().map(Warning::truncate).collect();
        if has_omitted_fields {
            estimated_bytes = 0;
        }
        estimated_bytes += warnings.iter().map(Warning::estimated_bytes).sum::<usize>();
        Self { fields, has_omitted_fields, warnings, estimated_bytes }
    }
}

fn value_bytes(value: &Value) -> usize {
    VALUE_OVERHEAD_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(entries) => entries.iter().map(value_bytes).sum(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
            }
            _ => 0,
        }
}

/// The fault that was injected into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppliedFault {
    /// The id of the fault rule.
    pub(crate) rule_id: u64,
    /// The name of the effect.
    pub(crate) effect: &'static str,
}

/// Identifies the API key of a request without revealing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyFingerprint {
    /// The SHA-256 of the key.
    pub(crate) hash: [u8; 32],
    /// The length of the key, in bytes.
    pub(crate) length: usize,
}

/// A request and its response.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// By the account's clock.
    pub(crate) account_time: Timestamp,
    /// By the system clock.
    pub(crate) system_time: Timestamp,
    /// None if no route matches the path or the method.
    pub(crate) operation: Option<&'static str>,
    pub(crate) method: Cow<'static, str>,
    /// As sent, without the query.
    pub(crate) path: Arc<str>,
    pub(crate) input: Arc<RecordedInput>,
    /// Warnings about the context of the request, not its input.
    pub(crate) context_warnings: Vec<Warning>,
    /// The name of the API key.
    pub(crate) key_name: Option<Arc<str>>,
    /// Of a known key: redacts it when the response is displayed.
    pub(crate) key_fingerprint: Option<KeyFingerprint>,
    /// None if no response was sent.
    pub(crate) status: Option<u16>,
    /// Empty if it was too long to record.
    pub(crate) response_body: Bytes,
    pub(crate) has_omitted_body: bool,
    /// Until the response was ready.
    pub(crate) duration: Duration,
    pub(crate) fault: Option<AppliedFault>,
    pub(crate) changes: ChangeSet,
}

impl Entry {
    /// Creates an entry with the account's time and the system time; the caller sets the rest later.
    pub(crate) fn new(
        (account_time, system_time): (Timestamp, Timestamp),
        method: Cow<'static, str>,
        path: &str,
    ) -> Self {
        Self {
            account_time,
            system_time,
            operation: None,
            method,
            path: path.into(),
            input: RecordedInput::empty(),
            context_warnings: Vec::new(),
            key_name: None,
            key_fingerprint: None,
            status: None,
            response_body: Bytes::new(),
            has_omitted_body: false,
            duration: Duration::ZERO,
            fault: None,
            changes: ChangeSet::default(),
        }
    }

    /// Records the response.
    pub(crate) fn set_response(&mut self, status: u16, body: &Bytes) {
        self.status = Some(status);
        self.has_omitted_body = body.len() > MAX_RESPONSE_BODY_BYTES;
        if !self.has_omitted_body {
            self.response_body = body.clone();
        }
    }

    /// Returns all warnings, context warnings first.
    pub(crate) fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.context_warnings.iter().chain(&self.input.warnings)
    }

    /// Estimates the memory use, in bytes. Counts shared data in full for each entry.
    pub(super) fn estimated_bytes(&self) -> usize {
        size_of::<Self>()
            + self.path.len()
            + self.input.estimated_bytes
            + self.context_warnings.iter().map(Warning::estimated_bytes).sum::<usize>()
            + self.response_body.len()
            + self.changes.estimated_bytes()
    }
}

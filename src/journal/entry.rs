//! Journal entries: a request and its response.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{ChangeSet, RecordedHeaders, Warning};

/// Longest response body that is recorded, in bytes (arbitrary).
const MAX_RESPONSE_BODY_BYTES: usize = 64 * 1024;
/// Longest raw request body that is recorded, in bytes (arbitrary).
const MAX_RAW_BODY_BYTES: usize = 4096;
/// Memory limit for the fields of one request, in bytes (arbitrary).
const MAX_INPUT_FIELDS_BYTES: usize = 256 * 1024;
/// Estimated memory of a value without its text, in bytes.
const VALUE_OVERHEAD_BYTES: usize = 96;

/// The decoded input of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RecordedInput {
    /// The fields, without the API key.
    pub(crate) fields: InputFields,
    /// Whether the fields were dropped as too large.
    pub(crate) has_omitted_fields: bool,
    /// The beginning of a body that could not be decoded.
    pub(crate) undecoded_body: Option<String>,
    /// The body as it was sent, with keys: it must be redacted before it is shown. Empty if it was too long.
    pub(crate) raw_body: Box<[u8]>,
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
    pub(crate) fn new(fields: InputFields, warnings: Vec<Warning>) -> Self {
        let mut estimated_bytes = fields.estimated_bytes();
        let has_omitted_fields = estimated_bytes > MAX_INPUT_FIELDS_BYTES;
        let fields = if has_omitted_fields { InputFields::default() } else { fields };
        let warnings: Vec<Warning> = warnings.into_iter().map(Warning::truncate).collect();
        if has_omitted_fields {
            estimated_bytes = 0;
        }
        estimated_bytes += warnings.iter().map(Warning::estimated_bytes).sum::<usize>();
        Self {
            fields,
            has_omitted_fields,
            undecoded_body: None,
            raw_body: Box::default(),
            warnings,
            estimated_bytes,
        }
    }

    /// Sets the body as it was sent, unless it is too long.
    pub(crate) fn with_raw_body(mut self, body: &[u8]) -> Self {
        if body.len() <= MAX_RAW_BODY_BYTES {
            self.estimated_bytes += body.len();
            self.raw_body = body.into();
        }
        self
    }

    /// Sets the beginning of a body that could not be decoded.
    pub(crate) fn with_undecoded_body(mut self, body: Option<String>) -> Self {
        self.estimated_bytes += body.as_ref().map_or(0, String::len);
        self.undecoded_body = body;
        self
    }
}

/// Decoded fields, by where they were sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InputFields {
    pub(crate) path: Map<String, Value>,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Map<String, Value>,
}

impl InputFields {
    /// Returns the value of a field: of the path, else of the body, else of the query.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        [&self.path, &self.body, &self.query].into_iter().find_map(|fields| fields.get(name))
    }

    /// Returns the names, several times if a field was sent in several places.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let all = self.path.keys().chain(self.body.keys()).chain(self.query.keys());
        all.map(String::as_str)
    }

    /// Returns all fields in one object.
    pub(crate) fn merge(&self) -> Map<String, Value> {
        let mut fields = self.path.clone();
        for (name, value) in self.body.iter().chain(&self.query) {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        fields
    }

    fn estimated_bytes(&self) -> usize {
        let all = self.path.iter().chain(&self.body).chain(&self.query);
        all.map(|(name, value)| name.len() + value_bytes(value)).sum()
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
    pub(crate) headers: RecordedHeaders,
    pub(crate) input: Arc<RecordedInput>,
    /// Warnings about the context of the request, not its input.
    pub(crate) context_warnings: Vec<Warning>,
    /// Whether the console sent it, for which verifications and waits ignore it.
    pub(crate) is_from_console: bool,
    /// The name of the API key.
    pub(crate) key_name: Option<Arc<str>>,
    /// How an unknown key resembles a known one.
    pub(crate) key_hint: Option<Box<str>>,
    /// Of a known key: redacts it when the response is displayed.
    pub(crate) key_fingerprint: Option<KeyFingerprint>,
    /// None if no response was sent.
    pub(crate) status: Option<u16>,
    pub(crate) response_headers: RecordedHeaders,
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
            headers: RecordedHeaders::default(),
            input: RecordedInput::empty(),
            context_warnings: Vec::new(),
            is_from_console: false,
            key_name: None,
            key_hint: None,
            key_fingerprint: None,
            status: None,
            response_headers: RecordedHeaders::default(),
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
            + self.headers.estimated_bytes()
            + self.input.estimated_bytes
            + self.context_warnings.iter().map(Warning::estimated_bytes).sum::<usize>()
            + self.key_hint.as_ref().map_or(0, |hint| hint.len())
            + self.response_headers.estimated_bytes()
            + self.response_body.len()
            + self.changes.estimated_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::{ChangeKind, RowChange, WarningKind};

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!("{value} is not an object") };
        fields
    }

    fn body(value: Value) -> InputFields {
        InputFields { body: object(value), ..InputFields::default() }
    }

    fn in_query(value: Value) -> InputFields {
        InputFields { query: object(value), ..InputFields::default() }
    }

    fn in_path(value: Value) -> InputFields {
        InputFields { path: object(value), ..InputFields::default() }
    }

    #[test]
    fn field_of_the_path_precedes_the_body_and_the_query() {
        let fields = InputFields {
            path: object(json!({ "a": 1 })),
            query: object(json!({ "a": 3, "b": 3, "c": 3 })),
            body: object(json!({ "a": 2, "b": 2 })),
        };
        assert_eq!(Value::Object(fields.merge()), json!({ "a": 1, "b": 2, "c": 3 }));
        for (name, value) in fields.merge() {
            assert_eq!(fields.get(&name), Some(&value), "{name}");
        }
        assert_eq!(fields.get("d"), None);
        assert_eq!(fields.names().collect::<Vec<_>>(), ["a", "a", "b", "a", "b", "c"]);
    }

    #[test]
    fn memory_includes_a_body_that_could_not_be_decoded() {
        let input = RecordedInput::new(InputFields::default(), Vec::new());
        let bytes = input.estimated_bytes;
        let with_body = input.with_undecoded_body(Some("abc".to_owned()));
        assert_eq!(with_body.estimated_bytes, bytes + 3);
        assert_eq!(with_body.undecoded_body.as_deref(), Some("abc"));
    }

    #[test]
    fn raw_body_up_to_4_kib_is_recorded_and_counted() {
        for (length, recorded) in [(0, 0), (4096, 4096), (4097, 0)] {
            let input = RecordedInput::new(InputFields::default(), Vec::new());
            let bytes = input.estimated_bytes;
            let input = input.with_raw_body(&vec![b'x'; length]);
            assert_eq!(input.raw_body.len(), recorded, "{length}");
            assert_eq!(input.estimated_bytes, bytes + recorded, "{length}");
        }
    }

    fn entry(path: &str) -> Entry {
        let now = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        Entry::new(now, "GET".into(), path)
    }

    fn warning(message: &str) -> Warning {
        Warning::new(WarningKind::UnknownField, message)
    }

    #[test]
    fn fields_beyond_256_kib_are_omitted() {
        // Name and value take 1 and 96 bytes beside the text.
        let input = |text_bytes| {
            RecordedInput::new(body(json!({ "a": "x".repeat(text_bytes) })), vec![warning("odd")])
        };
        let longest = input(256 * 1024 - 97);
        assert_eq!((longest.fields.names().count(), longest.has_omitted_fields), (1, false));
        let too_long = input(256 * 1024 - 96);
        assert_eq!((too_long.fields.names().count(), too_long.has_omitted_fields), (0, true));
        assert_eq!(too_long.warnings, [warning("odd")], "the warnings remain");
        assert_eq!(too_long.estimated_bytes, warning("odd").estimated_bytes());
    }

    #[test]
    fn memory_of_fields_includes_names_and_nested_values() {
        for (value, values, text_bytes) in [
            (json!({}), 0, 0),
            (json!({ "title": "ab" }), 1, 7),
            (json!({ "id": 12, "is": null }), 2, 4),
            (json!({ "ids": ["7", "8"] }), 3, 5),
            (json!({ "actions": [{ "value": "low" }] }), 3, 15),
        ] {
            for fields in [body(value.clone()), in_path(value.clone()), in_query(value.clone())] {
                let input = RecordedInput::new(fields, Vec::new());
                assert_eq!(input.estimated_bytes, values * 96 + text_bytes, "{value}");
            }
        }
    }

    #[test]
    fn long_warnings_are_truncated() {
        let input = RecordedInput::new(InputFields::default(), vec![warning(&"x".repeat(301))]);
        assert_eq!(input.warnings[0].message.chars().count(), 301);
        assert!(input.warnings[0].message.ends_with('…'));
    }

    #[test]
    fn response_body_beyond_64_kib_is_omitted() {
        for (bytes, is_omitted) in [(0, false), (64 * 1024, false), (64 * 1024 + 1, true)] {
            let mut entry = entry("/");
            entry.set_response(200, &Bytes::from(vec![b'x'; bytes]));
            assert_eq!((entry.status, entry.has_omitted_body), (Some(200), is_omitted), "{bytes}");
            assert_eq!(entry.response_body.len(), if is_omitted { 0 } else { bytes });
        }
    }

    #[test]
    fn context_warnings_precede_those_of_the_input() {
        let mut entry = entry("/");
        entry.input = Arc::new(RecordedInput::new(InputFields::default(), vec![warning("input")]));
        entry.context_warnings = vec![warning("context")];
        let messages: Vec<&str> = entry.all_warnings().map(|warning| &*warning.message).collect();
        assert_eq!(messages, ["context", "input"]);
    }

    #[test]
    fn memory_of_an_entry_includes_all_its_parts() {
        let mut entry = entry("");
        let mut expected = entry.estimated_bytes();
        assert!(expected > 0);
        let mut check = |entry: &Entry, more: usize, part: &str| {
            expected += more;
            assert_eq!(entry.estimated_bytes(), expected, "{part}");
        };
        entry.path = "/abc".into();
        check(&entry, 4, "the path");
        entry.headers.push("host", "a");
        check(&entry, 7, "the headers");
        entry.input = Arc::new(RecordedInput::new(body(json!({ "a": "b" })), Vec::new()));
        check(&entry, 98, "the fields");
        entry.context_warnings = vec![warning("odd")];
        check(&entry, warning("odd").estimated_bytes(), "the warnings");
        entry.set_response(200, &Bytes::from_static(b"12345"));
        check(&entry, 5, "the response body");
        entry.response_headers.push("date", "x");
        check(&entry, 7, "the headers of the response");
        let row = RowChange { resource: "ticket", id: 1, change: ChangeKind::Deleted };
        entry.changes = [row].into_iter().collect();
        check(&entry, entry.changes.estimated_bytes(), "the changes");
    }
}

//! Tests of patterns, verification and the ring buffer, with entries of all shapes.

mod pattern;
mod ring_buffer;
mod verification;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{
    Entry, FieldMatcher, InputFields, RecordedInput, RequestPattern, ValueMatcher, Warning,
};

/// Returns a time, in seconds after an arbitrary one.
fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

/// Returns an entry with status 200 of a request at this second, by both clocks.
fn entry(operation: &'static str, seconds: i64) -> Entry {
    let mut entry = Entry::new((at(seconds), at(seconds)), "POST".into(), "/api/v2/ticket");
    entry.operation = Some(operation);
    entry.status = Some(200);
    entry
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value} is not an object") };
    fields
}

fn recorded_input(fields: Value, warnings: Vec<Warning>) -> Arc<RecordedInput> {
    let fields = InputFields { body: object(fields), ..InputFields::default() };
    Arc::new(RecordedInput::new(fields, warnings))
}

fn with_fields(mut entry: Entry, fields: Value) -> Entry {
    entry.input = recorded_input(fields, Vec::new());
    entry
}

fn operation(name: &'static str) -> RequestPattern {
    RequestPattern { operation: Some(name), ..RequestPattern::default() }
}

fn field(path: &str, matcher: ValueMatcher) -> FieldMatcher {
    FieldMatcher { path: path.to_owned(), matcher }
}

fn equals(path: &str, value: impl Into<Value>) -> FieldMatcher {
    field(path, ValueMatcher::Equals(value.into()))
}

//! Request patterns: match journal entries, and list the differences of near misses.

use std::fmt;

use serde_json::{Map, Value};

use super::bounded_regex::{
    BoundedRegex, EvaluationDeadline, EvaluationError, input_bytes, scalar_to_text,
};
use super::text::truncate_text;
use super::{Entry, InputFields, RecordedInput, Warning, WarningKind};
use crate::contract::quote_value;

/// Conditions on a request. One that is None matches everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestPattern {
    pub(crate) operation: Option<&'static str>,
    /// In upper case.
    pub(crate) method: Option<String>,
    pub(crate) status: Option<StatusMatcher>,
    /// The name of an API key.
    pub(crate) key_name: Option<String>,
    /// Whether the request changed data.
    pub(crate) has_changes: Option<bool>,
    /// Whether a fault was injected.
    pub(crate) has_fault: Option<bool>,
    pub(crate) warning: Option<WarningMatcher>,
    /// The path as it was sent, without the query.
    pub(crate) path: Option<ValueMatcher>,
    pub(crate) headers: Vec<HeaderMatcher>,
    pub(crate) fields: Vec<FieldMatcher>,
}

/// A condition on the response status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusMatcher {
    Exactly(u16),
    /// A status class: 4 matches 400 to 499.
    Class(u16),
    /// No response was sent.
    NoResponse,
}

/// A condition on the warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarningMatcher {
    Any,
    None,
    Kind(WarningKind),
}

/// A condition on one field.
#[derive(Clone, Debug)]
pub(crate) struct FieldMatcher {
    /// Name and brackets: `actions[0][value]`.
    pub(crate) path: String,
    pub(crate) matcher: ValueMatcher,
}

/// A condition on a header.
#[derive(Clone, Debug)]
pub(crate) struct HeaderMatcher {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) matcher: ValueMatcher,
}

/// A condition on a value.
#[derive(Clone, Debug)]
pub(crate) enum ValueMatcher {
    /// Compares scalars as text: 12 equals `"12"`. A scalar also equals a list that contains it.
    Equals(Value),
    Matches(BoundedRegex),
    Present,
    Absent,
}

/// An attribute that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) attribute: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl RequestPattern {
    /// Returns whether a request matches, as far as that is known before the response.
    pub(crate) fn matches_input(
        &self,
        operation: &str,
        key_name: &str,
        fields: &Map<String, Value>,
    ) -> bool {
        self.operation.is_none_or(|expected| expected == operation)
            && self.key_name.as_deref().is_none_or(|expected| expected == key_name)
            && self.fields.iter().all(|field| field.matcher.matches(value_in(fields, &field.path)))
    }

    /// Returns whether it has a regular expression, which is slow.
    pub(crate) fn has_regexes(&self) -> bool {
        self.regexes().next().is_some()
    }

    /// Returns all regular expressions.
    pub(crate) fn regexes(&self) -> impl Iterator<Item = &BoundedRegex> {
        let fields = self.fields.iter().map(|field| &field.matcher);
        let headers = self.headers.iter().map(|header| &header.matcher);
        fields.chain(headers).chain(&self.path).filter_map(ValueMatcher::regex)
    }

    /// Returns whether an entry matches, before the deadline.
    ///
    /// # Errors
    /// On a timeout, or if a field is too long for its regular expression: the result is unknown.
    pub(super) fn try_matches(
        &self,
        seq: u64,
        entry: &Entry,
        deadline: &EvaluationDeadline,
    ) -> Result<bool, EvaluationError> {
        deadline.check()?;
        let is_cheap = |matcher: &ValueMatcher| matcher.regex().is_none();
        let mut cheap_fields = self.fields.iter().filter(|field| is_cheap(&field.matcher));
        let mut cheap_headers = self.headers.iter().filter(|header| is_cheap(&header.matcher));
        if !self.matches_metadata(entry)
            || !cheap_headers.all(|header| header.matches(entry))
            || !cheap_fields.all(|field| field.matches_recorded(&entry.input))
        {
            return Ok(false);
        }
        // Path and headers are short.
        for header in self.headers.iter().filter(|header| !is_cheap(&header.matcher)) {
            deadline.check()?;
            if !header.matches(entry) {
                return Ok(false);
            }
        }
        for field in &self.fields {
            let Some(regex) = field.matcher.regex() else { continue };
            deadline.check()?;
            let path = &field.path;
            let Some(value) = recorded_value(&entry.input.fields, path) else { return Ok(false) };
            let (bytes, max_bytes) = (input_bytes(value), regex.max_input_bytes());
            if bytes > max_bytes {
                let field = path.clone();
                return Err(EvaluationError::FieldTooLong { seq, field, bytes, max_bytes });
            }
            if !regex.matches(value) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether an entry matches.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        self.matches_metadata(entry)
            && self.headers.iter().all(|header| header.matches(entry))
            && self.fields.iter().all(|field| field.matches_recorded(&entry.input))
    }

    /// Returns whether everything but headers and fields matches.
    fn matches_metadata(&self, entry: &Entry) -> bool {
        self.operation.is_none_or(|expected| entry.operation == Some(expected))
            && self.method.as_deref().is_none_or(|expected| expected == entry.method)
            && self.status.is_none_or(|expected| expected.matches(entry.status))
            && self
                .key_name
                .as_deref()
                .is_none_or(|expected| entry.key_name.as_deref() == Some(expected))
            && self.has_changes.is_none_or(|expected| expected != entry.changes.is_empty())
            && self.has_fault.is_none_or(|expected| expected == entry.fault.is_some())
            && self.warning.is_none_or(|expected| expected.matches(entry))
            && self.path.as_ref().is_none_or(|path| path.matches(Some(&path_value(entry))))
    }

    /// Returns each attribute that does not match.
    pub(crate) fn differences(&self, entry: &Entry) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |attribute: &str, is_match: bool, expected: String, actual: String| {
            if !is_match {
                differences.push(Difference { attribute: attribute.to_owned(), expected, actual });
            }
        };
        if let Some(expected) = self.operation {
            let actual = entry.operation.unwrap_or("no operation").to_owned();
            compare("operation", actual == expected, expected.to_owned(), actual);
        }
        if let Some(expected) = &self.method {
            compare(
                "method",
                *expected == entry.method,
                expected.clone(),
                entry.method.to_string(),
            );
        }
        if let Some(expected) = self.status {
            let actual = format_status(entry.status);
            compare("status", expected.matches(entry.status), expected.to_string(), actual);
        }
        if let Some(expected) = &self.key_name {
            let actual = entry.key_name.as_deref().unwrap_or("no known key").to_owned();
            compare("key", actual == *expected, expected.clone(), actual);
        }
        if let Some(expected) = self.has_changes {
            let actual = !entry.changes.is_empty();
            compare("changed", actual == expected, expected.to_string(), actual.to_string());
        }
        if let Some(expected) = self.has_fault {
            let actual = entry.fault.is_some();
            compare("fault", actual == expected, expected.to_string(), actual.to_string());
        }
        if let Some(expected) = self.warning {
            compare(
                "warning",
                expected.matches(entry),
                expected.to_string(),
                format_warnings(entry),
            );
        }
        if let Some(expected) = &self.path {
            let path = path_value(entry);
            compare(
                "path",
                expected.matches(Some(&path)),
                expected.to_string(),
                format_value(&path),
            );
        }
        differences.extend(self.headers.iter().filter_map(|header| header.difference(entry)));
        differences.extend(self.fields.iter().filter_map(|field| field.difference(&entry.input)));
        differences
    }
}

impl fmt::Display for RequestPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.method.as_ref().map(|method| format!("method {method}")));
        parts.extend(self.status.map(|status| format!("status {status}")));
        parts.extend(self.key_name.as_ref().map(|key| format!("key {key}")));
        parts.extend(self.has_changes.map(|changed| format!("changed {changed}")));
        parts.extend(self.has_fault.map(|fault| format!("fault {fault}")));
        parts.extend(self.warning.map(|warning| format!("warning {warning}")));
        parts.extend(self.path.as_ref().map(|path| format!("path {path}")));
        parts.extend(
            self.headers.iter().map(|header| format!("header {} {}", header.name, header.matcher)),
        );
        parts.extend(
            self.fields.iter().map(|field| format!("field {} {}", field.path, field.matcher)),
        );
        let operation = self.operation.unwrap_or("any operation");
        if parts.is_empty() {
            return write!(out, "{operation}");
        }
        write!(out, "{operation} with {}", parts.join(", "))
    }
}

impl StatusMatcher {
    fn matches(self, status: Option<u16>) -> bool {
        match self {
            Self::Exactly(expected) => status == Some(expected),
            Self::Class(expected) => status.is_some_and(|status| status / 100 == expected),
            Self::NoResponse => status.is_none(),
        }
    }
}

impl fmt::Display for StatusMatcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(status) => write!(out, "{status}"),
            Self::Class(class) => write!(out, "{class}xx"),
            Self::NoResponse => write!(out, "none"),
        }
    }
}

impl WarningMatcher {
    fn matches(self, entry: &Entry) -> bool {
        let mut warnings = entry.all_warnings();
        match self {
            Self::Any => warnings.any(Warning::is_avoidable),
            Self::None => !warnings.any(Warning::is_avoidable),
            Self::Kind(kind) => warnings.any(|warning| warning.kind == kind),
        }
    }
}

impl fmt::Display for WarningMatcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Any => "any",
            Self::None => "none",
            Self::Kind(kind) => kind.name(),
        })
    }
}

impl ValueMatcher {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Present => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Equals(expected) => value.is_some_and(|value| values_equal(expected, value)),
            Self::Matches(regex) => value.is_some_and(|value| regex.matches(value)),
        }
    }

    const fn regex(&self) -> Option<&BoundedRegex> {
        match self {
            Self::Matches(regex) => Some(regex),
            _ => None,
        }
    }
}

impl HeaderMatcher {
    fn matches(&self, entry: &Entry) -> bool {
        let value = entry.headers.get(&self.name).map(Value::from);
        // An omitted header is unknown, so it does not count as absent.
        let is_unknown = value.is_none() && entry.headers.has_omitted;
        !is_unknown && self.matcher.matches(value.as_ref())
    }

    fn difference(&self, entry: &Entry) -> Option<Difference> {
        if self.matches(entry) {
            return None;
        }
        let actual = match entry.headers.get(&self.name) {
            Some(value) => format_value(&value.into()),
            None if entry.headers.has_omitted => {
                "not recorded: the headers of the request were too large".to_owned()
            }
            None => "not sent".to_owned(),
        };
        let attribute = format!("header {}", self.name);
        Some(Difference { attribute, expected: self.matcher.to_string(), actual })
    }
}

fn path_value(entry: &Entry) -> Value {
    Value::from(&*entry.path)
}

impl FieldMatcher {
    /// Returns whether the recorded fields match. If they were omitted, none of them counts as absent.
    fn matches_recorded(&self, input: &RecordedInput) -> bool {
        let is_unknown = input.has_omitted_fields && matches!(self.matcher, ValueMatcher::Absent);
        !is_unknown && self.matcher.matches(recorded_value(&input.fields, &self.path))
    }

    fn difference(&self, input: &RecordedInput) -> Option<Difference> {
        if self.matches_recorded(input) {
            return None;
        }
        let actual = match recorded_value(&input.fields, &self.path) {
            Some(value) => format_value(value),
            None if input.has_omitted_fields => {
                "not recorded: the fields of the request were too large".to_owned()
            }
            None => "not sent".to_owned() + &self.suggestion(input),
        };
        let (attribute, expected) = (format!("field {}", self.path), self.matcher.to_string());
        Some(Difference { attribute, expected, actual })
    }

    /// Suggests a field of the request with a similar name.
    fn suggestion(&self, input: &RecordedInput) -> String {
        let name = self.path.split('[').next().unwrap_or_default();
        crate::contract::suggest(name, input.fields.names().filter(|other| *other != name))
            .map_or_else(String::new, |other| format!("; {other} was sent"))
    }
}

impl fmt::Display for ValueMatcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => write!(out, "{}", format_value(value)),
            Self::Matches(regex) => write!(out, "that matches {}", regex.as_str()),
            Self::Present => write!(out, "present"),
            Self::Absent => write!(out, "absent"),
        }
    }
}

fn value_in<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    value_at_path(|name| fields.get(name), path)
}

fn recorded_value<'a>(fields: &'a InputFields, path: &str) -> Option<&'a Value> {
    value_at_path(|name| fields.get(name), path)
}

/// Returns the value at a path of names and indices.
fn value_at_path<'a>(
    find_field: impl Fn(&str) -> Option<&'a Value>,
    path: &str,
) -> Option<&'a Value> {
    // A name may contain brackets that are not a path.
    if let Some(value) = find_field(path) {
        return Some(value);
    }
    let (name, rest) = path.split_at(path.find('[').unwrap_or(path.len()));
    let mut value = find_field(name)?;
    for part in rest.split('[').skip(1) {
        let part = part.strip_suffix(']')?;
        value = match value {
            Value::Array(entries) => entries.get(part.parse::<usize>().ok()?)?,
            Value::Object(fields) => fields.get(part)?,
            _ => return None,
        };
    }
    Some(value)
}

fn values_equal(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len()
                && expected
                    .iter()
                    .zip(actual)
                    .all(|(expected, actual)| values_equal(expected, actual))
        }
        (Value::Object(expected), Value::Object(actual)) => {
            expected.len() == actual.len()
                && expected.iter().all(|(name, expected)| {
                    actual.get(name).is_some_and(|actual| values_equal(expected, actual))
                })
        }
        (_, Value::Array(entries)) => entries.iter().any(|entry| scalars_equal(expected, entry)),
        _ => scalars_equal(expected, actual),
    }
}

fn scalars_equal(expected: &Value, actual: &Value) -> bool {
    match (scalar_to_text(expected), scalar_to_text(actual)) {
        (Some(expected), Some(actual)) => expected == actual,
        _ => expected == actual,
    }
}

/// Formats a value for a message.
fn format_value(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => truncate_text(&value.to_string()),
        scalar => quote_value(scalar),
    }
}

pub(super) fn format_status(status: Option<u16>) -> String {
    status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}

fn format_warnings(entry: &Entry) -> String {
    let kinds: Vec<&str> = entry.all_warnings().map(|warning| warning.kind.name()).collect();
    if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
}

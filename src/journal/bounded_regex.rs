//! Regular expressions from tests. One match takes a bounded time, for any expression and any value.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::clock::Stopwatch;

/// Memory limit of a compiled expression, in bytes (arbitrary: `\w` takes 64 KiB).
const MAX_COMPILED_BYTES: usize = 256 * 1024;
/// First size limit, in bytes (arbitrary). Larger ones allow less input.
const INITIAL_COMPILED_BYTES: usize = 4 * 1024;
/// Growth factor of the size limit.
const SIZE_LIMIT_FACTOR: usize = 8;
/// Limit for compiled size times input length, in bytes times bytes (arbitrary). The worst case takes 0.3 seconds
/// (measured: `([ab]{1,50}){1,20}y`, 128 KiB, takes 36 µs per byte).
const MAX_MATCH_COST: usize = 1 << 30;
/// Nesting limit of groups (arbitrary).
const MAX_NESTING_DEPTH: u32 = 50;
/// Memory limit of the lazy DFA cache, in bytes (arbitrary).
const DFA_CACHE_BYTES: usize = 1024 * 1024;

/// A regular expression and its input limit.
#[derive(Clone, Debug)]
pub(crate) struct BoundedRegex {
    regex: Regex,
    /// The longest input, in bytes.
    max_input_bytes: usize,
}

impl BoundedRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// If it is invalid or too large.
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        let mut size_limit = INITIAL_COMPILED_BYTES;
        loop {
            let mut builder = RegexBuilder::new(text);
            let builder = builder
                .size_limit(size_limit)
                .dfa_size_limit(DFA_CACHE_BYTES)
                .nest_limit(MAX_NESTING_DEPTH);
            match builder.build() {
                Ok(regex) => {
                    return Ok(Self { regex, max_input_bytes: MAX_MATCH_COST / size_limit });
                }
                Err(regex::Error::CompiledTooBig(_)) if size_limit < MAX_COMPILED_BYTES => {
                    size_limit *= SIZE_LIMIT_FACTOR;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns its source.
    pub(crate) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Returns the longest input, in bytes: at least 4 KiB, more for a smaller expression.
    pub(crate) const fn max_input_bytes(&self) -> usize {
        self.max_input_bytes
    }

    /// Returns whether a scalar, or any entry of a list, matches. Input over the limit never matches.
    pub(super) fn matches(&self, value: &Value) -> bool {
        input_bytes(value) <= self.max_input_bytes && self.matches_any_value(value)
    }

    fn matches_any_value(&self, value: &Value) -> bool {
        match value {
            Value::Array(entries) => entries.iter().any(|entry| self.matches_any_value(entry)),
            value => scalar_to_text(value).is_some_and(|text| self.regex.is_match(&text)),
        }
    }
}

/// Returns the input length, in bytes.
pub(super) fn input_bytes(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(input_bytes).sum(),
        value => scalar_to_text(value).map_or(0, |text| text.len()),
    }
}

/// Converts a scalar to text.
pub(super) fn scalar_to_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

/// The timeout of a journal search.
#[derive(Debug)]
pub(crate) struct EvaluationDeadline {
    stopwatch: Stopwatch,
    timeout: Duration,
}

/// Why a search was aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EvaluationError {
    /// After this timeout.
    TimedOut(Duration),
    /// A field exceeds the input limit of an expression.
    FieldTooLong { seq: u64, field: String, bytes: usize, max_bytes: usize },
}

impl EvaluationDeadline {
    /// Starts the timeout.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { stopwatch: Stopwatch::start(), timeout }
    }

    /// Fails after the timeout. Callers check before each step, which takes a bounded time.
    pub(crate) fn check(&self) -> Result<(), EvaluationError> {
        if self.stopwatch.elapsed() < self.timeout {
            Ok(())
        } else {
            Err(EvaluationError::TimedOut(self.timeout))
        }
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(timeout) => write!(
                out,
                "Timeout: the journal search took longer than {}. Add an operation to the pattern, use smaller regular expressions or equals, or start at a later cursor (since)",
                crate::clock::format_duration(*timeout)
            ),
            Self::FieldTooLong { seq, field, bytes, max_bytes } => {
                write!(
                    out,
                    "Field {field} of request {seq} has {bytes} bytes, but this regular expression accepts at most {max_bytes}: a larger compiled expression accepts fewer. Use a smaller expression, equals or present, or add a condition that excludes this request"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{
        BoundedRegex, EvaluationDeadline, EvaluationError, INITIAL_COMPILED_BYTES,
        MAX_COMPILED_BYTES, MAX_MATCH_COST, input_bytes,
    };

    #[test]
    fn larger_regex_has_smaller_input_limit() {
        let max_input_bytes =
            |text: &str| BoundedRegex::new(text).map(|regex| regex.max_input_bytes());
        assert_eq!(max_input_bytes("^Printer"), Ok(MAX_MATCH_COST / INITIAL_COMPILED_BYTES));
        assert!(
            max_input_bytes("([ab]{1,50}){1,20}y").is_ok_and(|max_bytes| max_bytes <= 16 * 1024)
        );
        assert!(
            max_input_bytes(r"\w+\s\w+\s\w+")
                .is_ok_and(|max_bytes| max_bytes >= MAX_MATCH_COST / MAX_COMPILED_BYTES)
        );
        assert!(matches!(max_input_bytes(r"\w{1,1000}"), Err(regex::Error::CompiledTooBig(_))));
        assert!(max_input_bytes(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_err());
    }

    #[test]
    fn oversized_value_never_matches_and_list_lengths_add_up() {
        let regex = BoundedRegex::new("([ab]{1,50}){1,20}y?").expect("valid regular expression");
        let max_input_bytes = regex.max_input_bytes();
        assert!(regex.matches(&json!("a".repeat(max_input_bytes))));
        assert!(!regex.matches(&json!("a".repeat(max_input_bytes + 1))));
        assert!(regex.matches(&json!(["x", "a"])));
        assert!(!regex.matches(&json!(vec!["a".repeat(max_input_bytes / 2); 3])));
    }

    #[test]
    fn scalars_match_as_text_and_lists_by_any_entry() {
        let matches = |regex: &str, value| {
            BoundedRegex::new(regex).expect("valid regular expression").matches(&value)
        };
        for (regex, value, expected) in [
            ("^1[0-9]$", json!(12), true),
            ("^1[0-9]$", json!(21), false),
            ("^true$", json!(true), true),
            ("^1\\.5$", json!(1.5), true),
            ("", json!(""), true),
            ("", json!(null), false),
            ("", json!({ "a": "" }), false),
            ("", json!([]), false),
            ("^b", json!(["alpha", "beta"]), true),
            ("^c", json!(["alpha", "beta"]), false),
            ("^b", json!(["alpha", ["beta"]]), true),
            ("^b", json!([{ "a": "beta" }]), false),
        ] {
            assert_eq!(matches(regex, value.clone()), expected, "{regex} and {value}");
        }
    }

    #[test]
    fn input_length_is_that_of_all_scalars() {
        for (value, expected) in [
            (json!("é"), 2),
            (json!(123), 3),
            (json!(false), 5),
            (json!(null), 0),
            (json!({ "a": "abc" }), 0),
            (json!(["ab", 1, ["cde"]]), 6),
        ] {
            assert_eq!(input_bytes(&value), expected, "{value}");
        }
    }

    #[test]
    fn error_says_what_to_change() {
        let error = EvaluationError::TimedOut(Duration::from_secs(5));
        assert_eq!(
            error.to_string(),
            "Timeout: the journal search took longer than 5s. Add an operation to the pattern, use smaller regular expressions or equals, or start at a later cursor (since)"
        );
        let field = "actions[0][value]".to_owned();
        let error = EvaluationError::FieldTooLong { seq: 7, field, bytes: 4_097, max_bytes: 4_096 };
        assert_eq!(
            error.to_string(),
            "Field actions[0][value] of request 7 has 4097 bytes, but this regular expression accepts at most 4096: a larger compiled expression accepts fewer. Use a smaller expression, equals or present, or add a condition that excludes this request"
        );
    }

    #[test]
    fn search_deadline_times_out() {
        assert_eq!(EvaluationDeadline::new(Duration::from_hours(1)).check(), Ok(()));
        let zero = Duration::ZERO;
        assert_eq!(EvaluationDeadline::new(zero).check(), Err(EvaluationError::TimedOut(zero)));
    }
}

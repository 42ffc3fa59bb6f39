//! Validation errors and their messages: the field, the violated rule and the rejected value.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// How much of a rejected value a message quotes, in characters.
const MAX_QUOTED_CHARS: usize = 80;

/// The rule that a value violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ViolationKind {
    Missing,
    NotText,
    ContainsNul,
    TooShort {
        min_chars: usize,
    },
    TooLong {
        max_chars: usize,
    },
    PatternMismatch {
        pattern: String,
    },
    InvalidInteger {
        min: u64,
        max: u64,
    },
    NotInIntegerEnum(&'static [u64]),
    NotInEnum {
        values: &'static [&'static str],
        documented_as: &'static str,
    },
    NotBoolean,
    InvalidDateTime,
    NotArray,
    SparseIndices,
    TooFewItems {
        min_items: usize,
    },
    TooManyItems {
        max_items: usize,
    },
    Duplicate,
    NotObject,
    NotScalar,
    InvalidKey {
        pattern: String,
    },
    /// No field has this name; the text suggests the nearest one.
    UnknownField {
        suggestion: Option<&'static str>,
    },
    /// A rule that the tables cannot express, as a message.
    Custom(String),
}

/// A validation error: path, violated rule and rejected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The path of the value in bracket notation: `actions[0][value]`.
    pub(crate) path: String,
    pub(crate) kind: ViolationKind,
    /// The sent value from [`quote_value`]; None if it is missing or not quoted.
    pub(crate) rejected_value: Option<String>,
}

impl Violation {
    /// Creates a violation of a rule outside of the tables.
    pub(crate) fn custom(
        path: impl Into<String>,
        rule: impl Into<String>,
        rejected_value: &Value,
    ) -> Self {
        Self {
            path: path.into(),
            kind: ViolationKind::Custom(rule.into()),
            rejected_value: Some(quote_value(rejected_value)),
        }
    }

    /// Returns whether it suggests a similar field name.
    pub(crate) fn has_suggestion(&self) -> bool {
        matches!(self.kind, ViolationKind::UnknownField { suggestion: Some(_) })
    }
}

/// Follows a truncated text, before its length.
pub(crate) const TRUNCATION_MARK: &str = "… (";

/// Formats a scalar as JSON, truncated to fit a sentence. Names only the type of a list or object, which may contain
/// an API key.
pub(crate) fn quote_value(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > MAX_QUOTED_CHARS => {
            let head: String = text.chars().take(MAX_QUOTED_CHARS).collect();
            format!("{}{TRUNCATION_MARK}{} characters)", Value::String(head), text.chars().count())
        }
        scalar => scalar.to_string(),
    }
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(out, "is required"),
            Self::NotText => write!(out, "must be text"),
            Self::ContainsNul => write!(out, "must not contain a NUL character"),
            Self::TooShort { min_chars } => {
                write!(out, "must have at least {min_chars} characters")
            }
            Self::TooLong { max_chars } => {
                write!(out, "must have at most {max_chars} characters")
            }
            Self::PatternMismatch { pattern } => write!(out, "must match {pattern}"),
            Self::InvalidInteger { min, max } => write!(
                out,
                "must be a whole number from {min} to {max}, in digits without sign, fraction or leading zero"
            ),
            Self::NotInIntegerEnum(numbers) => write!(out, "must be {}", join_with_or(numbers)),
            Self::NotInEnum { values, documented_as: "" } => {
                write!(out, "must be {}", join_with_or(values))
            }
            Self::NotInEnum { values, documented_as } => {
                write!(out, "must be {} (documented as {documented_as})", join_with_or(values))
            }
            Self::NotBoolean => write!(out, "must be true, false, 1 or 0"),
            Self::InvalidDateTime => {
                write!(out, "must be a valid date in the format YYYY-MM-DD HH:MM:SS")
            }
            Self::NotArray => {
                write!(out, "must be a list")
            }
            Self::SparseIndices => write!(out, "must have the indices 0, 1, 2 … without a gap"),
            Self::TooFewItems { min_items } => {
                write!(out, "must have at least {min_items} entries")
            }
            Self::TooManyItems { max_items } => {
                write!(out, "must have at most {max_items} entries")
            }
            Self::Duplicate => write!(out, "is a duplicate"),
            Self::NotObject => write!(out, "must be an object with fields"),
            Self::NotScalar => write!(out, "must be a text or a whole number"),
            Self::InvalidKey { pattern } => write!(out, "must have a name that matches {pattern}"),
            Self::UnknownField { suggestion: Some(name) } => {
                write!(out, "is an unknown field; did you mean {name}?")
            }
            Self::UnknownField { suggestion: None } => {
                write!(out, "is an unknown field")
            }
            Self::Custom(rule) => write!(out, "{rule}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, kind, rejected_value } = self;
        let message = match (kind, rejected_value) {
            (ViolationKind::Missing, Some(sent)) => {
                format!("{path} is required, but {sent} was sent.")
            }
            (ViolationKind::NotArray, Some(sent)) if !path.contains('[') => format!(
                "{path} {kind}: {path}[]=… for each entry, or a JSON list; {sent} was sent."
            ),
            (ViolationKind::UnknownField { suggestion: Some(_) }, _) => format!("{path} {kind}"),
            (_, Some(sent)) => format!("{path} {kind}; {sent} was sent."),
            (_, None) => format!("{path} {kind}."),
        };
        out.write_str(&escape_control(&message))
    }
}

/// Escapes control characters, which a terminal could interpret; a request or a seed may contain any text.
pub(crate) fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |letter: char| {
        if letter.is_control() { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    text.chars().map(escape).collect()
}

fn join_with_or(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

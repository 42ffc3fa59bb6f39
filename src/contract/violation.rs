//! Validation errors and their messages: the field, the violated rule and the rejected value.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// The most violations in one response.
pub(crate) const MAX_VIOLATIONS: usize = 20;
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

/// Violations up to a limit, and the number of those beyond it.
#[derive(Debug, Default)]
pub(crate) struct ViolationList {
    pub(crate) violations: Vec<Violation>,
    pub(crate) omitted: usize,
}

impl ViolationList {
    /// Adds a violation, or counts it if the list is full.
    pub(crate) fn push(&mut self, violation: impl FnOnce() -> Violation) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(violation());
        } else {
            self.omitted += 1;
        }
    }

    /// Adds another list as a whole.
    pub(crate) fn append(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.omitted += other.omitted;
    }

    /// Returns whether there are no violations.
    pub(crate) const fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }
}

impl From<Vec<Violation>> for ViolationList {
    fn from(violations: Vec<Violation>) -> Self {
        Self { violations, omitted: 0 }
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
                write!(out, "must have at least {}", count_characters(*min_chars))
            }
            Self::TooLong { max_chars } => {
                write!(out, "must have at most {}", count_characters(*max_chars))
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
                write!(out, "must have at least {}", count_entries(*min_items))
            }
            Self::TooManyItems { max_items } => {
                write!(out, "must have at most {}", count_entries(*max_items))
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

fn count_characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

fn count_entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

fn join_with_or(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violation(path: &str, kind: ViolationKind, sent: Option<&Value>) -> Violation {
        Violation { path: path.to_owned(), kind, rejected_value: sent.map(quote_value) }
    }

    #[test]
    fn messages_name_the_field_the_rule_and_the_value() {
        let pattern = "^[a-z]+$".to_owned();
        let statuses = &["new", "open", "closed"];
        let cases = [
            (ViolationKind::NotText, "must be text"),
            (ViolationKind::ContainsNul, "must not contain a NUL character"),
            (ViolationKind::TooShort { min_chars: 1 }, "must have at least 1 character"),
            (ViolationKind::TooShort { min_chars: 2 }, "must have at least 2 characters"),
            (ViolationKind::TooLong { max_chars: 1 }, "must have at most 1 character"),
            (ViolationKind::TooLong { max_chars: 1000 }, "must have at most 1000 characters"),
            (ViolationKind::PatternMismatch { pattern: pattern.clone() }, "must match ^[a-z]+$"),
            (
                ViolationKind::InvalidInteger { min: 1, max: 9 },
                "must be a whole number from 1 to 9, in digits without sign, fraction or leading zero",
            ),
            (ViolationKind::NotInIntegerEnum(&[400]), "must be 400"),
            (ViolationKind::NotInIntegerEnum(&[400, 404]), "must be 400 or 404"),
            (
                ViolationKind::NotInEnum { values: statuses, documented_as: "" },
                "must be new, open or closed",
            ),
            (
                ViolationKind::NotInEnum { values: statuses, documented_as: "enum" },
                "must be new, open or closed (documented as enum)",
            ),
            (ViolationKind::NotBoolean, "must be true, false, 1 or 0"),
            (
                ViolationKind::InvalidDateTime,
                "must be a valid date in the format YYYY-MM-DD HH:MM:SS",
            ),
            (ViolationKind::SparseIndices, "must have the indices 0, 1, 2 … without a gap"),
            (ViolationKind::TooFewItems { min_items: 1 }, "must have at least 1 entry"),
            (ViolationKind::TooFewItems { min_items: 2 }, "must have at least 2 entries"),
            (ViolationKind::TooManyItems { max_items: 1 }, "must have at most 1 entry"),
            (ViolationKind::TooManyItems { max_items: 8000 }, "must have at most 8000 entries"),
            (ViolationKind::Duplicate, "is a duplicate"),
            (ViolationKind::NotObject, "must be an object with fields"),
            (ViolationKind::NotScalar, "must be a text or a whole number"),
            (ViolationKind::InvalidKey { pattern }, "must have a name that matches ^[a-z]+$"),
            (ViolationKind::UnknownField { suggestion: None }, "is an unknown field"),
            (ViolationKind::Custom("must be even".to_owned()), "must be even"),
        ];
        for (kind, rule) in cases {
            let with_value = violation("a[0]", kind.clone(), Some(&json!("x")));
            assert_eq!(with_value.to_string(), format!("a[0] {rule}; \"x\" was sent."));
            assert_eq!(violation("a", kind, None).to_string(), format!("a {rule}."));
        }
    }

    #[test]
    fn messages_of_missing_values_lists_and_suggestions_have_their_own_form() {
        let list_rule = "must be a list";
        let unknown = |suggestion| ViolationKind::UnknownField { suggestion };
        let cases = [
            (violation("a", ViolationKind::Missing, None), "a is required.".to_owned()),
            (
                violation("a", ViolationKind::Missing, Some(&json!(""))),
                "a is required, but \"\" was sent.".to_owned(),
            ),
            (violation("a", ViolationKind::NotArray, None), format!("a {list_rule}.")),
            (
                violation("a", ViolationKind::NotArray, Some(&json!(7))),
                format!("a {list_rule}: a[]=… for each entry, or a JSON list; 7 was sent."),
            ),
            (
                violation("a[b]", ViolationKind::NotArray, Some(&json!(7))),
                format!("a[b] {list_rule}; 7 was sent."),
            ),
            (
                violation("titel", unknown(Some("title")), None),
                "titel is an unknown field; did you mean title?".to_owned(),
            ),
            (
                violation("titel", unknown(Some("title")), Some(&json!(7))),
                "titel is an unknown field; did you mean title?".to_owned(),
            ),
        ];
        for (violation, expected) in cases {
            assert_eq!(violation.to_string(), expected);
        }
    }

    #[test]
    fn only_an_unknown_field_can_have_a_suggestion() {
        let has_suggestion = |kind| violation("a", kind, None).has_suggestion();
        assert!(has_suggestion(ViolationKind::UnknownField { suggestion: Some("b") }));
        assert!(!has_suggestion(ViolationKind::UnknownField { suggestion: None }));
        assert!(!has_suggestion(ViolationKind::Missing));
    }

    #[test]
    fn custom_violation_quotes_the_value() {
        let custom = Violation::custom("a", "must be even", &json!(7));
        assert_eq!(
            custom,
            violation("a", ViolationKind::Custom("must be even".to_owned()), Some(&json!(7)))
        );
        assert_eq!(custom.to_string(), "a must be even; 7 was sent.");
    }

    #[test]
    fn quoted_value_is_short_and_shows_no_members() {
        let letters = "é".repeat(80);
        let cases = [
            (json!(null), "null".to_owned()),
            (json!(true), "true".to_owned()),
            (json!(-7.5), "-7.5".to_owned()),
            (json!(""), "\"\"".to_owned()),
            (json!("a\"b\n"), "\"a\\\"b\\n\"".to_owned()),
            (json!([]), "an empty list".to_owned()),
            (json!(["secret"]), "a list".to_owned()),
            (json!({}), "an object".to_owned()),
            (json!({ "a": "secret" }), "an object".to_owned()),
            (json!(letters), format!("\"{letters}\"")),
            (json!(format!("{letters}x")), format!("\"{letters}\"… (81 characters)")),
        ];
        for (value, expected) in cases {
            assert_eq!(quote_value(&value), expected);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape_control("é \u{1b}[31m\n"), "é \\u{1b}[31m\\u{a}");
        assert!(matches!(escape_control("é [31m"), Cow::Borrowed("é [31m")));
        let unknown = violation("a\u{7}", ViolationKind::UnknownField { suggestion: None }, None);
        assert_eq!(unknown.to_string(), "a\\u{7} is an unknown field.");
    }
}

//! What is wrong with a value, and how that is said: the field, the rule, and what was sent.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// How much of a sent value an error repeats, in characters.
const LONGEST_QUOTE: usize = 80;

/// A rule that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Missing,
    NotText,
    HoldsNul,
    TooShort {
        at_least: usize,
    },
    TooLong {
        at_most: usize,
    },
    NoMatch {
        pattern: String,
    },
    NotNumber {
        min: u64,
        max: u64,
    },
    NotNumberIn(&'static [u64]),
    NotOneOf {
        names: &'static [&'static str],
        written: &'static str,
    },
    NotFlag,
    NotDate,
    NotList,
    Hole,
    TooFew {
        at_least: usize,
    },
    TooMany {
        at_most: usize,
    },
    Twice,
    NotRow,
    NotScalar,
    BadName {
        pattern: String,
    },
    /// No field has this name; the text suggests one that is near.
    Unknown {
        nearest: Option<&'static str>,
    },
    /// A rule that no table can express, in its own words.
    Other(String),
}

/// A broken rule, where, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The way to the value, as the field's name and brackets: `actions[0][value]`.
    pub(crate) path: String,
    pub(crate) problem: Problem,
    /// What was sent, as [`quoted`]; nothing where nothing was.
    pub(crate) sent: Option<String>,
}

impl Violation {
    /// A violation of a rule that stands in no table.
    pub(crate) fn other(path: impl Into<String>, rule: impl Into<String>, sent: &Value) -> Self {
        Self { path: path.into(), problem: Problem::Other(rule.into()), sent: Some(quoted(sent)) }
    }
}

impl Violation {
    /// Whether it names a field that was probably meant.
    pub(crate) fn suggests(&self) -> bool {
        matches!(self.problem, Problem::Unknown { nearest: Some(_) })
    }
}

/// A plain value as JSON, cut to a length that fits a sentence; of anything else only what it is, since a key
/// may be inside.
pub(crate) fn quoted(value: &Value) -> String {
    match value {
        Value::Array(entries) if entries.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "something with fields of its own".to_owned(),
        Value::String(text) if text.chars().count() > LONGEST_QUOTE => {
            let head: String = text.chars().take(LONGEST_QUOTE).collect();
            format!("{}… ({} characters)", Value::String(head), text.chars().count())
        }
        plain => plain.to_string(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(out, "is required"),
            Self::NotText => write!(out, "must be text"),
            Self::HoldsNul => write!(out, "must not hold a NUL character"),
            Self::TooShort { at_least } => write!(out, "must have at least {at_least} characters"),
            Self::TooLong { at_most } => write!(out, "must have at most {at_most} characters"),
            Self::NoMatch { pattern } => write!(out, "must match {pattern}"),
            Self::NotNumber { min, max } => write!(
                out,
                "must be a whole number from {min} to {max}, in digits without sign, fraction or leading zero"
            ),
            Self::NotNumberIn(numbers) => write!(out, "must be {}", alternatives(numbers)),
            Self::NotOneOf { names, written: "" } => {
                write!(out, "must be {}", alternatives(names))
            }
            Self::NotOneOf { names, written } => {
                write!(out, "must be {} (documented as {written})", alternatives(names))
            }
            Self::NotFlag => write!(out, "must be true, false, 1 or 0"),
            Self::NotDate => write!(out, "must be a date that exists, as YYYY-MM-DD HH:MM:SS"),
            Self::NotList => {
                write!(out, "must be a list")
            }
            Self::Hole => write!(out, "must have the indices 0, 1, 2 … without a hole"),
            Self::TooFew { at_least } => write!(out, "must have at least {at_least} entries"),
            Self::TooMany { at_most } => write!(out, "must have at most {at_most} entries"),
            Self::Twice => write!(out, "is given twice"),
            Self::NotRow => write!(out, "must have fields of its own"),
            Self::NotScalar => write!(out, "must be a text or a whole number"),
            Self::BadName { pattern } => write!(out, "must have a name that matches {pattern}"),
            Self::Unknown { nearest: Some(name) } => {
                write!(out, "is not a field that exists here; did you mean {name}?")
            }
            Self::Unknown { nearest: None } => write!(out, "is not a field that exists here"),
            Self::Other(rule) => write!(out, "{rule}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem, sent } = self;
        let said = match (problem, sent) {
            (Problem::Missing, Some(sent)) => format!("{path} is required, but {sent} was sent."),
            (Problem::NotList, Some(sent)) if !path.contains('[') => format!(
                "{path} {problem}: {path}[]=… for each entry, or a JSON list; {sent} was sent."
            ),
            (Problem::Unknown { nearest: Some(_) }, _) => format!("{path} {problem}"),
            (_, Some(sent)) => format!("{path} {problem}; {sent} was sent."),
            (_, None) => format!("{path} {problem}."),
        };
        out.write_str(&visible(&said))
    }
}

/// A text without letters that a terminal takes for orders; what a request or a seed holds may be anything.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let letter = |letter: char| {
        if letter.is_control() { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    text.chars().map(letter).collect()
}

fn alternatives(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

//! What requests are asked for: in a body, or in a query as `operation=…&field.NAME=VALUE`.

use std::sync::LazyLock;

use axum::http::Uri;
use regex::Regex;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::wire::{self, StatusWanted};
use crate::http::decode::pairs;
use crate::http::{Endpoint, key};
use crate::journal::{
    Condition, Expression, FieldRule, Pattern, StatusRule, WarningKind, WarningRule,
};
use crate::rules::{nearest, quoted};
use crate::state::Shared;
use crate::tickets::ENDPOINTS;

/// The longest regular expression, in characters (chosen).
const LONGEST_REGEX: usize = 1000;
/// The most regular expressions of one pattern (chosen: each takes up to 0.3 seconds for a request).
const MOST_REGEXES: usize = 10;
/// The most fields of one pattern (chosen).
const MOST_FIELDS: usize = 100;
/// The way to a field: its name, and what is in it in brackets.
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[^\[\]]{1,1000}(\[[^\[\]]{1,100}\]){0,8}$").expect("a regex"));
/// What stands before the name of a field in a query.
const FIELD: &str = "field.";
/// What a query may ask for, beside fields.
pub(super) const NAMES: &[&str] =
    &["operation", "method", "status", "key", "changed", "fault", "warning"];

/// Reads what a body asks for.
pub(super) fn pattern(sent: wire::Pattern, state: &Shared) -> Result<Pattern, Problem> {
    if sent.key.as_deref().is_some_and(|key| state.accounts.find_key(key).is_some()) {
        // Not repeated, since it is the secret itself.
        let rule = "key must be the name of a key, such as dev; the text of one was sent.";
        return Err(Problem::invalid(rule));
    }
    if sent.fields.len() > MOST_FIELDS {
        return Err(Problem::invalid(format!("fields must have at most {MOST_FIELDS} of them.")));
    }
    let operation = sent.operation.as_deref().map(endpoint).transpose()?;
    let pattern = Pattern {
        operation: operation.map(|endpoint| endpoint.operation),
        method: sent.method.as_deref().map(method).transpose()?,
        status: sent.status.map(status).transpose()?,
        key: sent.key,
        changed: sent.changed,
        fault: sent.fault,
        warning: sent.warning.as_deref().map(warning).transpose()?,
        fields: fields(sent.fields)?,
    };
    if pattern.expressions().count() > MOST_REGEXES {
        return Err(Problem::invalid(format!(
            "fields must have at most {MOST_REGEXES} regular expressions (matches)."
        )));
    }
    Ok(pattern)
}

/// The operation with this name, with or without its resource.
pub(super) fn endpoint(name: &str) -> Result<&'static Endpoint, Problem> {
    let short = |endpoint: &Endpoint| endpoint.operation.split('.').nth(1) == Some(name);
    let found = ENDPOINTS.iter().find(|one| one.operation == name || short(one));
    found.ok_or_else(|| {
        let names: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.operation).collect();
        let shorts = names.iter().filter_map(|name| name.split('.').nth(1));
        let meant = meant(name, names.iter().copied().chain(shorts));
        let (names, sent) = (names.join(", "), quoted(&name.into()));
        Problem::invalid(format!("operation must be one of {names}; {sent} was sent.{meant}"))
    })
}

/// The end of a message: what was probably meant, where something was.
pub(super) fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(name, names).map(|name| format!(" Did you mean {name}?")).unwrap_or_default()
}

fn method(name: &str) -> Result<String, Problem> {
    let sent = quoted(&name.into());
    let name = name.to_uppercase();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()) && name.len() <= 20 {
        return Ok(name);
    }
    Err(Problem::invalid(format!("method must be a method such as POST; {sent} was sent.")))
}

fn status(wanted: StatusWanted) -> Result<StatusRule, Problem> {
    let refuse = |sent: Value| {
        let sent = quoted(&sent);
        Problem::invalid(format!(
            "status must be a status such as 400, a class such as 4xx, or none; {sent} was sent."
        ))
    };
    match wanted {
        StatusWanted::Number(number @ 100..=599) => Ok(StatusRule::Exactly(number)),
        StatusWanted::Number(number) => Err(refuse(number.into())),
        StatusWanted::Word(word) if word == "none" => Ok(StatusRule::Unanswered),
        StatusWanted::Word(word) => {
            let class = word.strip_suffix("xx").and_then(|class| class.parse().ok());
            let class = class.filter(|class| (1..=5).contains(class)).map(StatusRule::Class);
            let number = word.parse().ok().filter(|number| (100..=599).contains(number));
            class.or(number.map(StatusRule::Exactly)).ok_or_else(|| refuse(word.into()))
        }
    }
}

fn warning(name: &str) -> Result<WarningRule, Problem> {
    match name {
        "any" => Ok(WarningRule::Any),
        "none" => Ok(WarningRule::None),
        name => warning_kind("warning", name, "any, none or ").map(WarningRule::Of),
    }
}

/// The kind of warning with this name.
pub(super) fn warning_kind(field: &str, name: &str, or: &str) -> Result<WarningKind, Problem> {
    WarningKind::named(name).ok_or_else(|| {
        let (names, sent) = (WarningKind::names().join(", "), quoted(&name.into()));
        Problem::invalid(format!("{field} must be {or}one of {names}; {sent} was sent."))
    })
}

fn fields(sent: Map<String, Value>) -> Result<Vec<FieldRule>, Problem> {
    sent.into_iter()
        .map(|(path, wanted)| {
            if !PATH.is_match(&path) {
                let sent = quoted(&path.into());
                return Err(Problem::invalid(format!(
                    "fields: {sent} is no name of a field; one is title, or actions[0][value]."
                )));
            }
            Ok(FieldRule { condition: condition(&path, wanted)?, path })
        })
        .collect()
}

fn condition(path: &str, wanted: Value) -> Result<Condition, Problem> {
    let refuse = |what: &str| Problem::invalid(format!("fields: {path} {what}."));
    let Value::Object(conditions) = wanted else {
        return match wanted {
            Value::Null => {
                Err(refuse("must not be null; {\"absent\": true} asks that it was not sent"))
            }
            wanted => Ok(Condition::Equals(wanted)),
        };
    };
    let mut conditions = conditions.into_iter();
    let (Some((name, value)), None) = (conditions.next(), conditions.next()) else {
        return Err(refuse("must have one of equals, matches, present and absent"));
    };
    match (name.as_str(), value) {
        ("equals", Value::Null) => Err(refuse("must not equal null")),
        ("equals", value) => Ok(Condition::Equals(value)),
        ("matches", Value::String(text)) => regex(path, &text).map(Condition::Matches),
        ("matches", _) => Err(refuse("matches a regular expression, which is a text")),
        ("present", Value::Bool(true)) | ("absent", Value::Bool(false)) => Ok(Condition::Present),
        ("absent", Value::Bool(true)) | ("present", Value::Bool(false)) => Ok(Condition::Absent),
        ("present" | "absent", _) => Err(refuse("is present or absent with true or false")),
        (name, _) => Err(refuse(&format!(
            "must be a value, or have one of equals, matches, present and absent, not {}; to compare with an object, use equals",
            quoted(&name.into())
        ))),
    }
}

/// A regular expression, which takes a time in proportion to the text.
fn regex(path: &str, text: &str) -> Result<Expression, Problem> {
    let refuse =
        |what: String| Problem::invalid(format!("fields: {path}: matches must be {what}."));
    if text.chars().count() > LONGEST_REGEX {
        return Err(refuse(format!("a regular expression of at most {LONGEST_REGEX} characters")));
    }
    Expression::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => refuse(
            "a smaller regular expression: this one is too large when it is compiled".to_owned(),
        ),
        error => {
            let last = error.to_string().lines().last().unwrap_or_default().to_owned();
            refuse(format!(
                "a regular expression, but this one is broken: {}",
                last.trim_start_matches("error: ")
            ))
        }
    })
}

/// What a query asks for: its pattern, and the other names that it may have.
pub(super) struct Query {
    pub(super) pattern: wire::Pattern,
    others: Vec<(String, String)>,
}

impl Query {
    /// Reads a query. It may have these names beside those of a pattern.
    pub(super) fn read(uri: &Uri, others: &[&str]) -> Result<Self, Problem> {
        let mut sent = Map::new();
        let mut fields = Map::new();
        let mut found = Vec::new();
        for pair in pairs(uri.query().unwrap_or_default().as_bytes()) {
            let (name, value) = pair.map_err(|error| Problem::invalid(format!("{error}.")))?;
            // The key, by which `self` is known.
            if name == key::NAME {
                continue;
            }
            let is_twice =
                sent.contains_key(&name) || found.iter().any(|(other, _)| *other == name);
            if is_twice {
                return Err(Problem::invalid(format!("{name} was sent twice.")));
            }
            if let Some(field) = name.strip_prefix(FIELD) {
                fields.insert(field.to_owned(), value.into());
            } else if NAMES.contains(&name.as_str()) {
                sent.insert(name.clone(), typed(&name, value)?);
            } else if others.contains(&name.as_str()) {
                found.push((name, value));
            } else {
                return Err(unknown(&name, others));
            }
        }
        sent.insert("fields".to_owned(), fields.into());
        let pattern = serde_json::from_value(sent.into())
            .map_err(|error| Problem::invalid(format!("{error}.")))?;
        Ok(Self { pattern, others: found })
    }

    /// One of the other names, if it was sent.
    pub(super) fn other(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A number, both bounds included.
    pub(super) fn number(&self, name: &str, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.other(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| {
            let sent = quoted(&text.into());
            Problem::invalid(format!("{name} must be a number from 1 to {most}; {sent} was sent."))
        })
    }
}

fn typed(name: &str, value: String) -> Result<Value, Problem> {
    match (name, value.as_str()) {
        ("changed" | "fault", "true") => Ok(true.into()),
        ("changed" | "fault", "false") => Ok(false.into()),
        ("changed" | "fault", _) => {
            let sent = quoted(&value.into());
            Err(Problem::invalid(format!("{name} must be true or false; {sent} was sent.")))
        }
        _ => Ok(value.into()),
    }
}

fn unknown(name: &str, others: &[&str]) -> Problem {
    let known: Vec<&str> = NAMES.iter().chain(others).copied().collect();
    let meant = meant(name, known.iter().copied());
    let (known, sent) = (known.join(", "), quoted(&name.into()));
    Problem::invalid(format!(
        "There is no filter {sent}; there are {known} and field.NAME for a field.{meant}"
    ))
}

//! Validates and compiles request patterns.

use std::sync::LazyLock;

use axum::http::HeaderName;
use omnidesk_mock_client::types::{self, StatusFilter};
use regex::Regex;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::api::state::SharedState;
use crate::contract::{Operation, quote_value, suggest};
use crate::controllers::all_operations;
use crate::journal::{
    BoundedRegex, FieldMatcher, HeaderMatcher, RequestPattern, StatusMatcher, ValueMatcher,
    WarningKind, WarningMatcher,
};

/// The maximum regex length, in characters (arbitrary).
const MAX_REGEX_CHARS: usize = 1000;
/// The maximum number of regular expressions in a pattern: each may take up to 0.3 seconds for a request.
const MAX_REGEXES: usize = 10;
/// The maximum number of fields, and of headers (arbitrary).
const MAX_FIELDS: usize = 100;
/// The path of a field: its name and indexes or keys in brackets.
static FIELD_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[^\[\]]{1,1000}(\[[^\[\]]{1,100}\]){0,8}$").expect("a valid regex")
});

/// Validates and compiles a pattern.
pub(crate) fn parse_pattern(
    spec: types::RequestPattern,
    state: &SharedState,
) -> Result<RequestPattern, Problem> {
    if spec.key.as_deref().is_some_and(|key| state.accounts.find_key(key).is_some()) {
        // Not echoed: it is the secret itself.
        let detail = "key must be the name of an API key, such as dev; a secret was sent.";
        return Err(Problem::invalid(detail));
    }
    for (name, conditions) in [("fields", &spec.fields), ("headers", &spec.headers)] {
        if conditions.len() > MAX_FIELDS {
            return Err(Problem::invalid(format!(
                "{name} must have at most {MAX_FIELDS} entries."
            )));
        }
    }
    let operation = spec.operation.as_deref().map(find_operation).transpose()?;
    let pattern = RequestPattern {
        operation: operation.map(|operation| operation.name),
        method: spec.method.as_deref().map(parse_method).transpose()?,
        status: spec.status.map(parse_status).transpose()?,
        key_name: spec.key,
        has_changes: spec.changed,
        has_fault: spec.fault,
        warning: spec.warning.as_deref().map(parse_warning).transpose()?,
        path: spec.path.map(|condition| parse_condition("path", condition)).transpose()?,
        headers: parse_headers(spec.headers, state)?,
        fields: parse_fields(spec.fields)?,
    };
    if pattern.regexes().count() > MAX_REGEXES {
        return Err(Problem::invalid(format!(
            "fields, headers and path must have at most {MAX_REGEXES} regular expressions (matches)."
        )));
    }
    Ok(pattern)
}

/// Finds an operation by its name, with or without the resource.
pub(super) fn find_operation(name: &str) -> Result<&'static Operation, Problem> {
    let has_short_name = |operation: &&Operation| operation.name.split('.').nth(1) == Some(name);
    if let Some(operation) = all_operations().find(|operation| operation.name == name) {
        return Ok(operation);
    }
    let candidates: Vec<&Operation> = all_operations().filter(has_short_name).collect();
    if candidates.len() > 1 {
        let names: Vec<&str> = candidates.iter().map(|operation| operation.name).collect();
        let (names, sent) = (names.join(", "), quote_value(&name.into()));
        return Err(Problem::invalid(format!(
            "operation is ambiguous, it can be {names}; {sent} was sent."
        )));
    }
    candidates.first().copied().ok_or_else(|| {
        let names: Vec<&str> = all_operations().map(|operation| operation.name).collect();
        let short_names = names.iter().filter_map(|name| name.split('.').nth(1));
        let hint = did_you_mean(name, names.iter().copied().chain(short_names));
        let (names, sent) = (names.join(", "), quote_value(&name.into()));
        Problem::invalid(format!("operation must be one of {names}; {sent} was sent.{hint}"))
    })
}

/// Returns the end of a message: the closest known name, if one is similar.
pub(super) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    suggest(name, names).map(|name| format!(" Did you mean {name}?")).unwrap_or_default()
}

fn parse_method(name: &str) -> Result<String, Problem> {
    let sent = quote_value(&name.into());
    let name = name.to_uppercase();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()) && name.len() <= 20 {
        return Ok(name);
    }
    Err(Problem::invalid(format!("method must be an HTTP method such as POST; {sent} was sent.")))
}

fn parse_status(filter: StatusFilter) -> Result<StatusMatcher, Problem> {
    let invalid = |sent: Value| {
        let sent = quote_value(&sent);
        Problem::invalid(format!(
            "status must be a status such as 400, a class such as 4xx, or none; {sent} was sent."
        ))
    };
    match filter {
        StatusFilter::Code(number @ 100..=599) => Ok(StatusMatcher::Exactly(number)),
        StatusFilter::Code(number) => Err(invalid(number.into())),
        StatusFilter::Class(name) if name == "none" => Ok(StatusMatcher::NoResponse),
        StatusFilter::Class(name) => {
            let class = name.strip_suffix("xx").and_then(|class| class.parse().ok());
            let class = class.filter(|class| (1..=5).contains(class)).map(StatusMatcher::Class);
            let number = name.parse().ok().filter(|number| (100..=599).contains(number));
            class.or(number.map(StatusMatcher::Exactly)).ok_or_else(|| invalid(name.into()))
        }
    }
}

fn parse_warning(name: &str) -> Result<WarningMatcher, Problem> {
    match name {
        "any" => Ok(WarningMatcher::Any),
        "none" => Ok(WarningMatcher::None),
        name => parse_warning_kind("warning", name, "any, none or ").map(WarningMatcher::Kind),
    }
}

/// Returns the kind of warning with this name.
pub(super) fn parse_warning_kind(
    field: &str,
    name: &str,
    or: &str,
) -> Result<WarningKind, Problem> {
    WarningKind::from_name(name).ok_or_else(|| {
        let (names, sent) = (WarningKind::names().join(", "), quote_value(&name.into()));
        Problem::invalid(format!("{field} must be {or}one of {names}; {sent} was sent."))
    })
}

fn parse_fields(fields: Map<String, Value>) -> Result<Vec<FieldMatcher>, Problem> {
    fields
        .into_iter()
        .map(|(path, condition)| {
            if !FIELD_PATH.is_match(&path) {
                let sent = quote_value(&path.into());
                return Err(Problem::invalid(format!(
                    "fields: {sent} is not a field name; send a name such as title or actions[0][value]."
                )));
            }
            let matcher = parse_condition(&format!("fields: {path}"), condition)?;
            Ok(FieldMatcher { path, matcher })
        })
        .collect()
}

fn parse_headers(
    headers: Map<String, Value>,
    state: &SharedState,
) -> Result<Vec<HeaderMatcher>, Problem> {
    headers
        .into_iter()
        .map(|(name, condition)| {
            let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
                let sent = quote_value(&name.into());
                return Err(Problem::invalid(format!(
                    "headers: {sent} is not a header name; send a name such as user-agent."
                )));
            };
            let is_key = |value: &Value| {
                value.as_str().is_some_and(|text| state.accounts.find_key(text).is_some())
            };
            if is_key(&condition) {
                // Not echoed: it is the secret itself.
                return Err(Problem::invalid(format!(
                    "headers: {known} must not be an API key: the journal redacts keys. Use key with the name of the key."
                )));
            }
            let matcher = parse_condition(&format!("headers: {known}"), condition)?;
            Ok(HeaderMatcher { name: known.as_str().to_owned(), matcher })
        })
        .collect()
}

fn parse_condition(subject: &str, condition: Value) -> Result<ValueMatcher, Problem> {
    let invalid = |what: &str| Problem::invalid(format!("{subject} {what}."));
    let Value::Object(members) = condition else {
        return match condition {
            Value::Null => Err(invalid(
                "must not be null; to match requests without it, send {\"absent\": true}",
            )),
            value => Ok(ValueMatcher::Equals(value)),
        };
    };
    let mut members = members.into_iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err(invalid("must have exactly one of equals, matches, present and absent"));
    };
    match (name.as_str(), value) {
        ("equals", Value::Null) => Err(invalid(
            "must not have null in equals; to match requests without it, send {\"absent\": true}",
        )),
        ("equals", value) => Ok(ValueMatcher::Equals(value)),
        ("matches", Value::String(text)) => parse_regex(subject, &text).map(ValueMatcher::Matches),
        ("matches", _) => Err(invalid("must have a regular expression, a string, in matches")),
        ("present", Value::Bool(true)) | ("absent", Value::Bool(false)) => {
            Ok(ValueMatcher::Present)
        }
        ("absent", Value::Bool(true)) | ("present", Value::Bool(false)) => Ok(ValueMatcher::Absent),
        ("present" | "absent", _) => Err(invalid("must have true or false in present or absent")),
        (name, _) => Err(invalid(&format!(
            "must be a value, or an object with one of equals, matches, present and absent, not {}; to compare with an object, use equals",
            quote_value(&name.into())
        ))),
    }
}

/// Compiles a regular expression, which matches in linear time.
fn parse_regex(subject: &str, text: &str) -> Result<BoundedRegex, Problem> {
    let invalid = |what: String| Problem::invalid(format!("{subject}: matches must be {what}."));
    if text.chars().count() > MAX_REGEX_CHARS {
        return Err(invalid(format!(
            "a regular expression of at most {MAX_REGEX_CHARS} characters"
        )));
    }
    BoundedRegex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            invalid("a smaller regular expression; this one is too large when compiled".to_owned())
        }
        error => {
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            invalid(format!("a valid regular expression: {}", reason.trim_start_matches("error: ")))
        }
    })
}

//! Compares a response with a step's expectation, and lists every difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::request::Response;
use crate::variables::to_form_value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    status: u16,
    /// Compared as sets of comma-separated words.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The expected members of the body; it may have more.
    body: Option<Value>,
    /// JSON pointer to the exact set of member names.
    #[serde(default)]
    members: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    message_contains: Vec<Value>,
    /// Substrings of the raw body.
    #[serde(default)]
    text_contains: Vec<String>,
    /// The list and its tickets must be unchanged; implied by every error status.
    #[serde(default)]
    unchanged: bool,
}

impl Expectation {
    pub(crate) fn expects_no_change(&self) -> bool {
        self.unchanged || self.expects_error()
    }

    fn expects_error(&self) -> bool {
        self.status >= 400
    }

    /// Returns one line for each difference; empty if the response is as expected.
    pub(crate) fn find_differences(&self, response: &Response) -> Vec<String> {
        let mut differences = Vec::new();
        let body: Value = serde_json::from_str(&response.text).unwrap_or_default();
        compare(&json!(self.status), Some(&json!(response.status)), "status", &mut differences);
        self.compare_headers(response, &mut differences);
        if self.expects_error() {
            check_error_envelope(&body, &mut differences);
        }
        if let Some(expected) = &self.body {
            compare(expected, Some(&body), "", &mut differences);
        }
        for (pointer, members) in &self.members {
            compare_members(members, body.pointer(pointer), pointer, &mut differences);
        }
        let message = body["message"].as_str().unwrap_or_default();
        for piece in self.message_contains.iter().map(to_form_value) {
            check_contains(message, &piece, "message", &mut differences);
        }
        for piece in &self.text_contains {
            check_contains(&response.text, piece, "body", &mut differences);
        }
        differences
    }

    fn compare_headers(&self, response: &Response, differences: &mut Vec<String>) {
        for (name, expected) in &self.headers {
            let found = response.headers.get(name).and_then(|value| value.to_str().ok());
            if found.map(parse_header_list) != Some(parse_header_list(expected)) {
                differences.push(format!("the header {name} is {found:?}, not {expected:?}"));
            }
        }
    }
}

fn parse_header_list(header: &str) -> BTreeSet<&str> {
    header.split(',').map(str::trim).collect()
}

/// Checks for `{"status":"error","message":"…"}` without further members, as in every error response.
fn check_error_envelope(body: &Value, differences: &mut Vec<String>) {
    compare(&json!({ "status": "error", "message": "<text>" }), Some(body), "", differences);
    if body.as_object().is_some_and(|members| members.len() > 2) {
        differences.push("the error envelope has more members than status and message".to_owned());
    }
}

fn compare(expected: &Value, found: Option<&Value>, at: &str, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(members), Some(Value::Object(others))) => {
            for (name, member) in members {
                compare(member, others.get(name), &format!("{at}/{name}"), differences);
            }
        }
        (Value::Array(items), Some(Value::Array(others))) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                compare(item, Some(other), &format!("{at}/{index}"), differences);
            }
        }
        _ if matches(expected, found) => {}
        (_, None) => differences.push(format!("{at} is missing, not {expected}")),
        (_, Some(found)) => differences.push(format!("{at} is {found}, not {expected}")),
    }
}

fn matches(expected: &Value, found: Option<&Value>) -> bool {
    let text = found.and_then(Value::as_str);
    match expected.as_str() {
        Some("<absent>") => found.is_none(),
        Some("<integer>") => found.is_some_and(Value::is_u64),
        Some("<text>") => text.is_some_and(|text| !text.is_empty()),
        Some("<date>") => text.is_some_and(is_date),
        _ => found == Some(expected),
    }
}

/// `YYYY-MM-DD HH:MM:SS`
fn is_date(text: &str) -> bool {
    let shape = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c });
    shape.eq("9999-99-99 99:99:99".chars())
}

fn compare_members(
    expected: &BTreeSet<String>,
    found: Option<&Value>,
    at: &str,
    differences: &mut Vec<String>,
) {
    let members = found.and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let found: BTreeSet<_> = members.cloned().collect();
    for name in expected.difference(&found) {
        differences.push(format!("{at}/{name} is missing"));
    }
    for name in found.difference(expected) {
        differences.push(format!("{at}/{name} is unexpected"));
    }
}

fn check_contains(text: &str, piece: &str, what: &str, differences: &mut Vec<String>) {
    if !text.contains(piece) {
        differences.push(format!("the {what} does not contain {piece:?}"));
    }
}

//! Compares an answer with what a step expects, and says every difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::request::Response;
use crate::variables::to_form_value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    status: u16,
    /// Compared as sets of words with commas between them.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What the body must hold; more members may stand in it.
    body: Option<Value>,
    /// JSON pointer to the exact set of members there.
    #[serde(default)]
    members: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    message_contains: Vec<Value>,
    /// Pieces of the body as it was sent.
    #[serde(default)]
    text_contains: Vec<String>,
    /// The list and its tickets read the same before and after; true for every refusal.
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

    /// What is wrong with the answer, a line each; nothing if it is as expected.
    pub(crate) fn find_differences(&self, answer: &Response) -> Vec<String> {
        let mut wrong = Vec::new();
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        compare(&json!(self.status), Some(&json!(answer.status)), "status", &mut wrong);
        self.compare_headers(answer, &mut wrong);
        if self.expects_error() {
            check_error_envelope(&body, &mut wrong);
        }
        if let Some(expected) = &self.body {
            compare(expected, Some(&body), "", &mut wrong);
        }
        for (pointer, members) in &self.members {
            compare_members(members, body.pointer(pointer), pointer, &mut wrong);
        }
        let message = body["message"].as_str().unwrap_or_default();
        for piece in self.message_contains.iter().map(to_form_value) {
            check_contains(message, &piece, "message", &mut wrong);
        }
        for piece in &self.text_contains {
            check_contains(&answer.text, piece, "body", &mut wrong);
        }
        wrong
    }

    fn compare_headers(&self, answer: &Response, wrong: &mut Vec<String>) {
        for (name, expected) in &self.headers {
            let found = answer.headers.get(name).and_then(|value| value.to_str().ok());
            if found.map(parse_header_list) != Some(parse_header_list(expected)) {
                wrong.push(format!("the header {name} is {found:?}, not {expected:?}"));
            }
        }
    }
}

fn parse_header_list(header: &str) -> BTreeSet<&str> {
    header.split(',').map(str::trim).collect()
}

/// `{"status":"error","message":"…"}` and nothing else, however a request was refused.
fn check_error_envelope(body: &Value, wrong: &mut Vec<String>) {
    compare(&json!({ "status": "error", "message": "<text>" }), Some(body), "", wrong);
    if body.as_object().is_some_and(|members| members.len() > 2) {
        wrong.push("the error envelope holds more than a status and a message".to_owned());
    }
}

fn compare(expected: &Value, found: Option<&Value>, at: &str, wrong: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(members), Some(Value::Object(others))) => {
            for (name, member) in members {
                compare(member, others.get(name), &format!("{at}/{name}"), wrong);
            }
        }
        (Value::Array(items), Some(Value::Array(others))) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                compare(item, Some(other), &format!("{at}/{index}"), wrong);
            }
        }
        _ if matches(expected, found) => {}
        (_, None) => wrong.push(format!("{at} is missing, not {expected}")),
        (_, Some(found)) => wrong.push(format!("{at} is {found}, not {expected}")),
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
    wrong: &mut Vec<String>,
) {
    let members = found.and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let found: BTreeSet<_> = members.cloned().collect();
    for name in expected.difference(&found) {
        wrong.push(format!("{at}/{name} is missing"));
    }
    for name in found.difference(expected) {
        wrong.push(format!("{at}/{name} should not be there"));
    }
}

fn check_contains(text: &str, piece: &str, what: &str, wrong: &mut Vec<String>) {
    if !text.contains(piece) {
        wrong.push(format!("the {what} does not contain {piece:?}"));
    }
}

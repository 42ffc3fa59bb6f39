//! Keeps the keys that a request carries out of the journal, and out of what is said of its mistakes.
//!
//! The rule is that of `journal::redact_text`, for each value, each name and each segment of the path by itself. What
//! the contract names (a field, a word of the path) says nothing of a key that happens to be the same.

use std::borrow::Cow;

use axum::http::{Method, Uri};
use serde_json::{Map, Value};

use super::decode::{DecodeError, pairs};
use super::{Endpoint, Error};
use crate::journal::{HIDDEN, is_labelled, redact_text, redact_words};
use crate::rules::{Problem, Violation, quoted};

/// The longest method that is shown, in characters (chosen): no registered one has half as many.
const LONGEST_METHOD: usize = 40;
/// The shortest beginning of a key that is hidden where a message has cut the rest off, in bytes.
const SHORTEST_PART: usize = 4;

/// The texts of the keys that were sent, which nothing may repeat.
#[derive(Debug, Default)]
pub(super) struct Secrets<'k> {
    pub(super) first: Cow<'k, str>,
    pub(super) others: Vec<String>,
}

/// Whether a name belongs to the contract.
type Known<'a> = &'a dyn Fn(&str) -> bool;

impl Secrets<'_> {
    fn keys(&self) -> impl Iterator<Item = &str> {
        let others = self.others.iter().map(String::as_str);
        std::iter::once(&*self.first).chain(others).filter(|key| !key.is_empty())
    }

    /// Whether a text is one of them.
    fn are(&self, text: &str) -> bool {
        self.keys().any(|key| key == text)
    }

    /// Whether a text may hold one; quick, and never wrong when it says no.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        text.contains('%') || self.keys().any(|key| text.contains(key))
    }

    fn may_be_numbers(&self) -> bool {
        let is_number =
            |key: &str| key.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-');
        self.keys().any(is_number)
    }

    /// A text without them.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let redacted = self.may_be_in(text).then(|| redact_text(text, &|word| self.are(word)));
        redacted.flatten().map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A method as the journal and messages have it.
    pub(super) fn redact_method(&self, method: &Method) -> Cow<'static, str> {
        let known = ["GET", "POST", "PUT", "DELETE", "HEAD"];
        if let Some(known) = known.into_iter().find(|known| *known == method.as_str()) {
            return known.into();
        }
        let method = self.redact(method.as_str());
        match method.char_indices().nth(LONGEST_METHOD) {
            Some((end, _)) => format!("{}…", &method[..end]).into(),
            None => method.into_owned().into(),
        }
    }

    /// A path without them; `route` is the path of the contract, where the path is one.
    pub(super) fn redact_path<'a>(&self, path: &'a str, route: Option<&str>) -> Cow<'a, str> {
        if !self.may_be_in(path) {
            return path.into();
        }
        let mut route = route.unwrap_or_default().split('/');
        let segments = path.split('/').map(|segment| match route.next() {
            Some(word) if word.eq_ignore_ascii_case(segment) => segment.into(),
            _ => self.redact(segment),
        });
        let segments: Vec<Cow<'_, str>> = segments.collect();
        segments.join("/").into()
    }

    /// Takes them out of fields: a field that is called `apiKey`, and every value and name that is one.
    pub(super) fn redact_fields(&self, fields: &mut Map<String, Value>, is_known: Known<'_>) {
        if fields.keys().any(|name| self.may_be_in(name) && !is_known(name)) {
            let name = |name: String| {
                if is_known(&name) { name } else { self.redact_field(&name, is_known) }
            };
            let named = std::mem::take(fields).into_iter();
            *fields = named.map(|(sent, value)| (name(sent), value)).collect();
        }
        for (name, value) in fields {
            if is_key_name(name) {
                *value = HIDDEN.into();
            } else {
                self.redact_value(value, is_known);
            }
        }
    }

    fn redact_value(&self, value: &mut Value, is_known: Known<'_>) {
        match value {
            Value::Array(entries) => {
                for entry in entries {
                    self.redact_value(entry, is_known);
                }
            }
            Value::Object(fields) => self.redact_fields(fields, is_known),
            plain => self.redact_plain(plain),
        }
    }

    /// The same for one value that holds no others.
    pub(super) fn redact_plain(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Number(number) if self.may_be_numbers() && self.are(&number.to_string()) => {
                *value = HIDDEN.into();
            }
            Value::Bool(flag) if self.are(if *flag { "true" } else { "false" }) => {
                *value = HIDDEN.into();
            }
            _ => {}
        }
    }

    /// Whether a request sends one of them besides: as a segment of its path, or as a value or a name of its query.
    pub(super) fn are_sent_again(&self, uri: &Uri) -> bool {
        let query = uri.query().unwrap_or_default();
        self.may_be_in(uri.path()) || (self.may_be_in(query) && self.are_in_query(query))
    }

    fn are_in_query(&self, query: &str) -> bool {
        let holds = |text: &str| matches!(self.redact(text), Cow::Owned(_));
        // One that is broken is nowhere kept.
        let mut pairs = pairs(query.as_bytes()).filter_map(Result::ok);
        pairs.any(|(name, value)| {
            holds(&value) || self.may_be_in(&name) && self.redact_field(&name, &|_| false) != name
        })
    }

    /// Takes them out of what is wrong with a value.
    pub(super) fn redact_violation(&self, violation: &mut Violation, is_known: Known<'_>) {
        violation.path = self.redact_field(&violation.path, is_known);
        if let Some(sent) = &mut violation.sent {
            *sent = self.redact_quote(sent);
        }
        if let Problem::Other(rule) = &mut violation.problem {
            // What a rule repeats of a value stands in quotes, or is a number.
            let is_number = |word: &str| self.are(word) && word.parse::<i64>().is_ok();
            if let Some(redacted) = redact_words(rule, &is_number, |_| true) {
                *rule = redacted;
            }
            *rule = self.redact_literals(rule);
        }
    }

    /// A name, or the way to a field, `actions[0][value]`, without them: its parts are looked at one by one.
    fn redact_field(&self, path: &str, is_known: Known<'_>) -> String {
        if is_known(path) || !self.may_be_in(path) {
            return path.to_owned();
        }
        if self.are(path) {
            return HIDDEN.to_owned();
        }
        let redact = |name: &str| match self.redact(name) {
            _ if is_known(name) => name.to_owned(),
            Cow::Owned(redacted) => redacted,
            Cow::Borrowed(name) => {
                let parts = name.split('.').map(|part| match self.redact(part) {
                    Cow::Owned(redacted) if !is_known(part) => redacted.into(),
                    _ => Cow::Borrowed(part),
                });
                parts.collect::<Vec<_>>().join(".")
            }
        };
        let part = |part: &str| {
            let name = part.trim_end_matches(['[', ']']);
            format!("{}{}", redact(name), &part[name.len()..])
        };
        let parts: String = path.split_inclusive(['[', ']']).map(part).collect();
        self.redact(&parts).into_owned()
    }

    /// What a message repeats, as [`quoted`], without them.
    fn redact_quote(&self, sent: &str) -> String {
        if self.keys().any(|key| sent == key || *sent == quoted(&key.into())) {
            return HIDDEN.to_owned();
        }
        self.redact(&self.redact_literals(sent)).into_owned()
    }

    /// A sentence whose JSON texts are without them. They are unescaped first: an escape hides where a word begins.
    fn redact_literals(&self, sentence: &str) -> String {
        let (mut redacted, mut rest) = (String::new(), sentence);
        while let Some(at) = rest.find('"') {
            redacted.push_str(&rest[..at]);
            rest = &rest[at..];
            let mut literals = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let Some(Ok(text)) = literals.next() else {
                redacted.push('"');
                rest = &rest[1..];
                continue;
            };
            let end = literals.byte_offset();
            let is_cut = rest[end..].starts_with("… (");
            let shown = match self.redact(&text) {
                shown if is_cut => self.redact_end(&shown).map_or(shown, Cow::Owned),
                shown => shown,
            };
            match shown {
                Cow::Borrowed(_) => redacted.push_str(&rest[..end]),
                Cow::Owned(shown) if shown == HIDDEN => redacted.push_str(HIDDEN),
                Cow::Owned(shown) => redacted.push_str(&Value::String(shown).to_string()),
            }
            rest = &rest[end..];
        }
        redacted + rest
    }

    /// A text that was cut, without the beginning of a key at its end; None where there is none.
    fn redact_end(&self, head: &str) -> Option<String> {
        let is_between = |letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter);
        let start = head
            .char_indices()
            .rfind(|(_, letter)| is_between(*letter))
            .map_or(0, |(at, letter)| at + letter.len_utf8());
        let (before, part) = head.split_at(start);
        let is_part = |key: &str| part.len() >= SHORTEST_PART && key.starts_with(part);
        let is_alone =
            before.chars().all(|letter| letter.is_whitespace() || "\"'`".contains(letter));
        (self.keys().any(is_part) && (is_alone || is_labelled(before)))
            .then(|| format!("{before}{HIDDEN}"))
    }
}

/// Whether a field is called as that of a key, in any spelling.
fn is_key_name(name: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic);
    letters.map(|letter| letter.to_ascii_lowercase()).eq(*b"apikey")
}

impl Error {
    /// The same without the keys that were sent. Paths and methods are redacted before they get here.
    pub(super) fn redact(&mut self, secrets: &Secrets<'_>, is_known: Known<'_>) {
        let redact = |text: &mut String| *text = secrets.redact_cut(text);
        match self {
            Self::ContentType(Some(text)) | Self::ContentEncoding(text) => redact(text),
            Self::Unreadable(
                DecodeError::NotUtf8(name)
                | DecodeError::File(name)
                | DecodeError::TooDeep { field: name, .. },
            ) => *name = secrets.redact_field(&secrets.redact_cut(name), is_known),
            Self::Invalid(violations) => {
                for violation in violations {
                    secrets.redact_violation(violation, is_known);
                }
            }
            Self::UnknownTickets(ids) => {
                let is_one = |id: &&mut String| secrets.are(id);
                ids.iter_mut().filter(is_one).for_each(|id| HIDDEN.clone_into(id));
            }
            _ => {}
        }
    }
}

impl Secrets<'_> {
    /// The same for a text that may have been cut to its first 64 characters.
    fn redact_cut(&self, text: &str) -> String {
        let is_cut = |key: &str| {
            key.len() > text.len() && text.chars().count() == 64 && key.starts_with(text)
        };
        if self.keys().any(is_cut) { HIDDEN.to_owned() } else { self.redact(text).into_owned() }
    }
}

impl Endpoint {
    /// Whether a field of the operation, or one inside of it, has this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.all_fields().any(|field| field.has(name))
    }
}

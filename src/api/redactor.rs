//! Redacts the keys of a request in its journal entry and its error messages.
//!
//! The rule is that of `journal::redact_text`, for each value, name and path segment by itself. Names in the contract
//! (a field, a word of the path) stay, because they reveal nothing of a key that equals them.

use std::borrow::Cow;

use axum::http::{Method, Uri};
use serde_json::{Map, Value};

use super::decode::{DecodeError, MAX_FIELD_NAME_CHARS, parse_pairs};
use super::error::ApiError;
use crate::contract::{TRUNCATION_MARK, Violation, ViolationKind, quote_value};
use crate::journal::{REDACTED, ends_with_key_label, redact_text, redact_words};

/// The longest method in a message, in characters (arbitrary): registered methods have less than half of it.
const MAX_METHOD_CHARS: usize = 40;
/// The shortest key prefix that is redacted at the end of a truncated text, in bytes.
const MIN_KEY_PREFIX_BYTES: usize = 4;

/// Redacts the texts of the keys that were sent.
#[derive(Debug, Default)]
pub(super) struct Redactor<'k> {
    pub(super) key: Cow<'k, str>,
    pub(super) other_keys: Vec<String>,
}

/// Whether a name is in the contract.
type NamePredicate<'a> = &'a dyn Fn(&str) -> bool;

impl Redactor<'_> {
    fn keys(&self) -> impl Iterator<Item = &str> {
        let others = self.other_keys.iter().map(String::as_str);
        std::iter::once(&*self.key).chain(others).filter(|key| !key.is_empty())
    }

    fn is_key(&self, text: &str) -> bool {
        self.keys().any(|key| key == text)
    }

    /// Checks a text quickly, with false positives but no false negatives.
    pub(super) fn may_contain_key(&self, text: &str) -> bool {
        text.contains('%') || self.keys().any(|key| text.contains(key))
    }

    fn has_numeric_key(&self) -> bool {
        let is_number =
            |key: &str| key.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-');
        self.keys().any(is_number)
    }

    /// Redacts a text.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let redacted =
            self.may_contain_key(text).then(|| redact_text(text, &|word| self.is_key(word)));
        redacted.flatten().map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Redacts and truncates a method.
    pub(super) fn redact_method(&self, method: &Method) -> Cow<'static, str> {
        let standard_methods = ["GET", "POST", "PUT", "DELETE", "HEAD"];
        if let Some(known) = standard_methods.into_iter().find(|known| *known == method.as_str()) {
            return known.into();
        }
        let method = self.redact(method.as_str());
        match method.char_indices().nth(MAX_METHOD_CHARS) {
            Some((end, _)) => format!("{}…", &method[..end]).into(),
            None => method.into_owned().into(),
        }
    }

    /// Redacts a path; `route` is the path in the contract, if it is there.
    pub(super) fn redact_path<'a>(&self, path: &'a str, route: Option<&str>) -> Cow<'a, str> {
        if !self.may_contain_key(path) {
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

    /// Redacts fields: the value of `apiKey`, and every value and name that is a key.
    pub(super) fn redact_fields(
        &self,
        fields: &mut Map<String, Value>,
        is_contract_name: NamePredicate<'_>,
    ) {
        if fields.keys().any(|name| self.may_contain_key(name) && !is_contract_name(name)) {
            let redact_name = |name: String| {
                if is_contract_name(&name) {
                    name
                } else {
                    self.redact_field_path(&name, is_contract_name)
                }
            };
            let pairs = std::mem::take(fields).into_iter();
            *fields = pairs.map(|(name, value)| (redact_name(name), value)).collect();
        }
        for (name, value) in fields {
            if is_api_key_field(name) {
                *value = REDACTED.into();
            } else {
                self.redact_value(value, is_contract_name);
            }
        }
    }

    fn redact_value(&self, value: &mut Value, is_contract_name: NamePredicate<'_>) {
        match value {
            Value::Array(entries) => {
                for entry in entries {
                    self.redact_value(entry, is_contract_name);
                }
            }
            Value::Object(fields) => self.redact_fields(fields, is_contract_name),
            scalar => self.redact_scalar(scalar),
        }
    }

    /// Redacts a value without children.
    pub(super) fn redact_scalar(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            Value::Number(number) if self.has_numeric_key() && self.is_key(&number.to_string()) => {
                *value = REDACTED.into();
            }
            Value::Bool(flag) if self.is_key(if *flag { "true" } else { "false" }) => {
                *value = REDACTED.into();
            }
            _ => {}
        }
    }

    /// Returns whether a key is also in the URI: in its path, or as a value or a name in its query.
    pub(super) fn uri_contains_key(&self, uri: &Uri) -> bool {
        let query = uri.query().unwrap_or_default();
        self.may_contain_key(uri.path())
            || (self.may_contain_key(query) && self.query_contains_key(query))
    }

    fn query_contains_key(&self, query: &str) -> bool {
        let contains_key = |text: &str| matches!(self.redact(text), Cow::Owned(_));
        // Malformed pairs are never stored.
        let mut pairs = parse_pairs(query.as_bytes()).filter_map(Result::ok);
        pairs.any(|(name, value)| {
            contains_key(&value)
                || self.may_contain_key(&name) && self.redact_field_path(&name, &|_| false) != name
        })
    }

    /// Redacts a validation error.
    pub(super) fn redact_violation(
        &self,
        violation: &mut Violation,
        is_contract_name: NamePredicate<'_>,
    ) {
        violation.path = self.redact_field_path(&violation.path, is_contract_name);
        if let Some(quoted) = &mut violation.rejected_value {
            *quoted = self.redact_quoted(quoted);
        }
        if let ViolationKind::Custom(rule) = &mut violation.kind {
            // A rule quotes a value as a JSON string or a number.
            let is_numeric_key = |word: &str| self.is_key(word) && word.parse::<i64>().is_ok();
            if let Some(redacted) = redact_words(rule, &is_numeric_key, |_| true) {
                *rule = redacted;
            }
            *rule = self.redact_string_literals(rule);
        }
    }

    /// Redacts each part of a name or of a field path, such as `actions[0][value]`.
    fn redact_field_path(&self, path: &str, is_contract_name: NamePredicate<'_>) -> String {
        if is_contract_name(path) || !self.may_contain_key(path) {
            return path.to_owned();
        }
        if self.is_key(path) {
            return REDACTED.to_owned();
        }
        let redact = |name: &str| match self.redact(name) {
            _ if is_contract_name(name) => name.to_owned(),
            Cow::Owned(redacted) => redacted,
            Cow::Borrowed(name) => {
                let parts = name.split('.').map(|part| match self.redact(part) {
                    Cow::Owned(redacted) if !is_contract_name(part) => redacted.into(),
                    _ => Cow::Borrowed(part),
                });
                parts.collect::<Vec<_>>().join(".")
            }
        };
        let redact_part = |part: &str| {
            let name = part.trim_end_matches(['[', ']']);
            format!("{}{}", redact(name), &part[name.len()..])
        };
        let parts: String = path.split_inclusive(['[', ']']).map(redact_part).collect();
        self.redact(&parts).into_owned()
    }

    /// Redacts the output of [`quote_value`].
    fn redact_quoted(&self, quoted: &str) -> String {
        if self.keys().any(|key| quoted == key || *quoted == quote_value(&key.into())) {
            return REDACTED.to_owned();
        }
        self.redact(&self.redact_string_literals(quoted)).into_owned()
    }

    /// Redacts the JSON strings in a sentence. Unescapes them first: an escape hides where a word begins.
    fn redact_string_literals(&self, sentence: &str) -> String {
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
            let is_truncated = rest[end..].starts_with(TRUNCATION_MARK);
            let literal = match self.redact(&text) {
                literal if is_truncated => {
                    self.redact_truncated_end(&literal).map_or(literal, Cow::Owned)
                }
                literal => literal,
            };
            match literal {
                Cow::Borrowed(_) => redacted.push_str(&rest[..end]),
                Cow::Owned(literal) if literal == REDACTED => redacted.push_str(REDACTED),
                Cow::Owned(literal) => redacted.push_str(&Value::String(literal).to_string()),
            }
            rest = &rest[end..];
        }
        redacted + rest
    }

    /// Redacts a key prefix at the end of a truncated text; returns None without such a prefix.
    fn redact_truncated_end(&self, head: &str) -> Option<String> {
        let is_delimiter = |letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter);
        let start = head
            .char_indices()
            .rfind(|(_, letter)| is_delimiter(*letter))
            .map_or(0, |(at, letter)| at + letter.len_utf8());
        let (before, part) = head.split_at(start);
        let is_key_prefix = |key: &str| part.len() >= MIN_KEY_PREFIX_BYTES && key.starts_with(part);
        let is_alone =
            before.chars().all(|letter| letter.is_whitespace() || "\"'`".contains(letter));
        (self.keys().any(is_key_prefix) && (is_alone || ends_with_key_label(before)))
            .then(|| format!("{before}{REDACTED}"))
    }
}

/// Matches the field name `apiKey` in any spelling.
fn is_api_key_field(name: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic);
    letters.map(|letter| letter.to_ascii_lowercase()).eq(*b"apikey")
}

/// Redacts the keys in an error. Paths and methods are redacted before they get into one.
pub(super) fn redact_error(
    error: &mut ApiError,
    redactor: &Redactor<'_>,
    is_contract_name: NamePredicate<'_>,
) {
    let redact = |text: &mut String| *text = redactor.redact_truncated(text);
    match error {
        ApiError::UnsupportedMediaType(Some(text)) | ApiError::UnsupportedContentEncoding(text) => {
            redact(text);
        }
        ApiError::Decode(
            DecodeError::InvalidUtf8(name)
            | DecodeError::UnexpectedFile(name)
            | DecodeError::TooDeep { field: name, .. },
        ) => {
            *name = redactor.redact_field_path(&redactor.redact_truncated(name), is_contract_name);
        }
        ApiError::Invalid(violations) => {
            for violation in violations {
                redactor.redact_violation(violation, is_contract_name);
            }
        }
        ApiError::UnknownRows { ids, .. } => {
            let is_key = |id: &&mut String| redactor.is_key(id);
            ids.iter_mut().filter(is_key).for_each(|id| REDACTED.clone_into(id));
        }
        _ => {}
    }
}

impl Redactor<'_> {
    /// Redacts a text that may be truncated to its first [`MAX_FIELD_NAME_CHARS`] characters.
    fn redact_truncated(&self, text: &str) -> String {
        let is_truncated_key = |key: &str| {
            key.len() > text.len()
                && text.chars().count() == MAX_FIELD_NAME_CHARS
                && key.starts_with(text)
        };
        if self.keys().any(is_truncated_key) {
            REDACTED.to_owned()
        } else {
            self.redact(text).into_owned()
        }
    }
}

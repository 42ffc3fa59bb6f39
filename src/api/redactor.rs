//! Redacts the keys of a request in its journal entry and its error messages.
//!
//! The rule is that of `journal::redact_text`, for each value, name and path segment by itself. Names in the contract
//! (a field, a word of the path) stay, because they reveal nothing of a key that equals them.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, Method, Uri};
use percent_encoding::percent_decode;
use regex::Regex;
use serde_json::{Map, Value};

use super::decode::{DecodeError, MAX_FIELD_NAME_CHARS, RepeatedField, parse_pairs};
use super::error::ApiError;
use crate::contract::{TRUNCATION_MARK, Violation, ViolationKind, quote_value};
use crate::journal::{REDACTED, RecordedHeaders, ends_with_key_label, redact_text, redact_words};

/// The longest method in a message, in characters (arbitrary): registered methods have less than half of it.
const MAX_METHOD_CHARS: usize = 40;
/// How much of a body that could not be decoded is recorded, in bytes (arbitrary).
const MAX_BODY_START_BYTES: usize = 256;
/// How many bytes of a body one byte of a key can take: `%25xx`.
const MAX_KEY_EXPANSION: usize = 6;
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

    /// Returns the headers for the journal. The values of headers with a credential are redacted as a whole, and where
    /// they occur in another header.
    pub(super) fn redact_headers(&self, headers: &HeaderMap) -> RecordedHeaders {
        let mut recorded = RecordedHeaders::default();
        let credentials = self.other_credentials(headers);
        for (name, value) in headers {
            if is_plain(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let redacted = self.redact_header_value(&value, &credentials);
                recorded.push(name.as_str(), redacted.as_deref().unwrap_or(&value));
                continue;
            }
            // Header names have no case.
            let has_key = self.keys().any(|key| contains_ignoring_case(name.as_str(), key));
            let shown_name = if has_key { REDACTED } else { name.as_str() };
            if is_credential(name) {
                recorded.push(shown_name, REDACTED);
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            match self.redact_header_value(&value, &credentials) {
                Some(redacted) => recorded.push(shown_name, &redact_after_label(&redacted)),
                None => recorded.push(shown_name, &redact_after_label(&value)),
            }
        }
        recorded
    }

    /// Redacts the value of a header; None if it has no secret. A header is not prose, so a key is redacted wherever it
    /// is a word of its own, such as a segment of a path.
    fn redact_header_value(&self, value: &str, credentials: &[String]) -> Option<String> {
        if !self.may_contain_key(value) && !credentials.iter().any(|other| value.contains(&**other))
        {
            return None;
        }
        let is_secret =
            |word: &str| self.is_key(word) || credentials.iter().any(|other| other == word);
        let redacted = redact_text(value, &is_secret);
        let words = redact_words(redacted.as_deref().unwrap_or(value), &is_secret, |_| true);
        words.or(redacted)
    }

    /// Returns the words of all headers with a credential, except the known keys.
    fn other_credentials(&self, headers: &HeaderMap) -> Vec<String> {
        let is_delimiter = |letter: char| letter.is_whitespace() || ";,=\"'".contains(letter);
        let mut credentials = Vec::new();
        for (name, value) in headers {
            if value.as_bytes() == self.key.as_bytes() || !is_credential(name) {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            let words = value.split(is_delimiter).filter(|word| word.len() >= MIN_KEY_PREFIX_BYTES);
            credentials.extend(words.filter(|word| !self.is_key(word)).map(str::to_owned));
        }
        credentials
    }

    /// Returns the beginning of a body that could not be decoded, None if it is empty. It has no structure that says
    /// where a key begins, so every occurrence of a key is redacted, and everything after a label such as `apiKey=`.
    pub(super) fn redact_body_start(&self, body: &[u8]) -> Option<String> {
        if body.is_empty() {
            return None;
        }
        let longest_key = self.keys().map(str::len).max().unwrap_or_default();
        // A key may be percent-encoded, or in UTF-16 with a zero byte beside each letter.
        let start = &body[..body.len().min(MAX_BODY_START_BYTES + longest_key * MAX_KEY_EXPANSION)];
        let mut text = String::from_utf8_lossy(start).into_owned();
        for key in self.keys() {
            text = text.replace(key, REDACTED);
        }
        let mut text = redact_after_label(&text).into_owned();
        // What is left may hide a key or a label.
        let plain = percent_decode(text.as_bytes()).decode_utf8_lossy().replace('\0', "");
        let has_hidden_label = KEY_LABEL.is_match(&plain) && !KEY_LABEL.is_match(&text);
        if has_hidden_label || self.keys().any(|key| plain.contains(key)) {
            return Some(REDACTED.to_owned());
        }
        text.truncate(text.floor_char_boundary(MAX_BODY_START_BYTES));
        Some(text)
    }

    /// Redacts a field that was sent more than once.
    pub(super) fn redact_repeated_field(
        &self,
        field: &mut RepeatedField,
        is_contract_name: NamePredicate<'_>,
    ) {
        field.path = self.redact_field_path(&field.path, is_contract_name);
        for quoted in &mut field.values {
            *quoted = self.redact_quoted(quoted);
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

/// Searches an ASCII text regardless of case.
fn contains_ignoring_case(text: &str, wanted: &str) -> bool {
    let mut parts = text.as_bytes().windows(wanted.len().max(1));
    parts.any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Returns whether it is a header of almost every request whose value has no place for a credential.
fn is_plain(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host"
            | "accept"
            | "content-type"
            | "content-length"
            | "accept-encoding"
            | "connection"
            | "date"
    )
}

/// Returns whether the value of such a header is usually a secret.
fn is_credential(name: &HeaderName) -> bool {
    const PARTS: [&str; 15] = [
        "auth",
        "cookie",
        "apikey",
        "token",
        "secret",
        "passw",
        "passphrase",
        "pwd",
        "credential",
        "jwt",
        "bearer",
        "session",
        "signature",
        "dpop",
        "otp",
    ];
    if is_plain(name) {
        return false;
    }
    // A challenge says how to authenticate.
    if name.as_str().ends_with("-authenticate") {
        return false;
    }
    // Keys that are no secrets.
    let is_public_key =
        name.as_str().contains("idempotency") || name.as_str().starts_with("sec-websocket");
    PARTS.iter().any(|part| name.as_str().contains(part))
        || name.as_str().ends_with("key") && !is_public_key
}

/// The label of a credential in a text without structure.
static KEY_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?:(?:api[-_ ]?key|token|secret|password|authorization)["'\[\]\s]*[=:\n]|(?:bearer|basic|apikey)\s)"#,
    )
    .expect("a valid regex")
});

/// Returns whether a text contains the label of a credential.
pub(super) fn contains_label(text: &str) -> bool {
    KEY_LABEL.is_match(text)
}

/// Redacts everything after the label of a credential, which may be of another account.
pub(super) fn redact_after_label(text: &str) -> Cow<'_, str> {
    match KEY_LABEL.find(text) {
        Some(label) if text[label.end()..] != *REDACTED => {
            format!("{}{REDACTED}", &text[..label.end()]).into()
        }
        _ => text.into(),
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
    // The parts of a header are separate words.
    let redact = |text: &mut String| {
        let whole = redactor.redact_truncated(text);
        *text = redactor.redact_header_value(&whole, &[]).unwrap_or(whole);
    };
    match error {
        ApiError::UnsupportedMediaType(Some(text)) | ApiError::UnsupportedContentEncoding(text) => {
            redact(text);
        }
        ApiError::Decode(
            DecodeError::PartEncoding { name, encoding: text, .. }
            | DecodeError::PartCharset { name, charset: text },
        ) => {
            *name = redactor.redact_field_path(&redactor.redact_truncated(name), is_contract_name);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::openapi::NotFoundResponse;

    const KEY: &str = "canary-key_01";

    fn redactor(key: &str) -> Redactor<'_> {
        Redactor { key: key.into(), other_keys: Vec::new() }
    }

    fn no_contract_name(_: &str) -> bool {
        false
    }

    fn redact_fields(key: &str, mut fields: Value, contract_names: &[&str]) -> Value {
        let map = fields.as_object_mut().expect("fields are an object");
        redactor(key).redact_fields(map, &|name| contract_names.contains(&name));
        fields
    }

    #[test]
    fn every_sent_key_is_redacted() {
        let redactor = Redactor {
            key: KEY.into(),
            other_keys: vec![String::new(), "other-key_02".to_owned()],
        };
        let cases = [
            (KEY, REDACTED),
            ("other-key_02", REDACTED),
            ("%63anary-key_01", REDACTED),
            ("apiKey=other-key_02&a=b", "apiKey=(redacted)&a=b"),
            ("", ""),
            ("a canary-key_01 b", "a canary-key_01 b"),
            ("100%", "100%"),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.redact(text), expected, "{text}");
        }
        let nothing = Redactor::default();
        assert_eq!(nothing.redact(""), "", "an empty key is no key");
        assert!(!nothing.may_contain_key("a"));
    }

    #[test]
    fn method_is_redacted_and_truncated() {
        let (longest, longer) = ("A".repeat(40), "A".repeat(41));
        let cases = [
            ("GET", "GET".to_owned()),
            ("HEAD", "HEAD".to_owned()),
            ("PURGE", "PURGE".to_owned()),
            (KEY, REDACTED.to_owned()),
            (&*longest, longest.clone()),
            (&*longer, format!("{longest}…")),
        ];
        for (method, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(redactor(KEY).redact_method(&method), expected);
        }
        assert_eq!(redactor("DELETE").redact_method(&Method::DELETE), "DELETE");
    }

    #[test]
    fn path_keeps_the_words_of_its_route() {
        let route = Some("/api/v2/ticket/{ticketID}");
        let cases = [
            ("ticket", "/api/v2/ticket/7", route, "/api/v2/ticket/7"),
            ("ticket", "/api/v2/ticket/ticket", route, "/api/v2/ticket/(redacted)"),
            ("TICKET", "/api/v2/TICKET/7", route, "/api/v2/TICKET/7"),
            ("ticket", "/api/v2/ticket/7", None, "/api/v2/(redacted)/7"),
            ("ticket", "/ticket/v2/ticket", route, "/(redacted)/v2/ticket"),
            ("ticket", "/api/v2/ticket/7/ticket", route, "/api/v2/ticket/7/(redacted)"),
            ("ticket", "/api/v2/tickets/%74icket", None, "/api/v2/tickets/(redacted)"),
            (KEY, "/api/v2/ticket/7;k=canary-key_01", route, "/api/v2/ticket/7;k=(redacted)"),
        ];
        for (key, path, route, expected) in cases {
            assert_eq!(redactor(key).redact_path(path, route), expected, "{key} in {path}");
        }
    }

    #[test]
    fn key_is_redacted_in_values_and_names_at_any_depth() {
        let fields = json!({
            "title": KEY, "canary-key_01": [KEY, 1], "text": "a canary-key_01 b",
            "list": [{ "x[canary-key_01]": { "y": "Bearer canary-key_01" } }, null, true],
        });
        let expected = json!({
            "title": REDACTED, "(redacted)": [REDACTED, 1], "text": "a canary-key_01 b",
            "list": [{ "x[(redacted)]": { "y": "Bearer (redacted)" } }, null, true],
        });
        assert_eq!(redact_fields(KEY, fields, &[]), expected);
    }

    #[test]
    fn field_of_the_key_is_redacted_whatever_its_value() {
        let fields = json!({
            "apiKey": "x", "api-key": 7, "API_KEY[]": ["x"], "apikey2": null, "x-api-key": "x", "key": "x",
        });
        let expected = json!({
            "apiKey": REDACTED, "api-key": REDACTED, "API_KEY[]": REDACTED, "apikey2": REDACTED,
            "x-api-key": "x", "key": "x",
        });
        assert_eq!(redact_fields(KEY, fields, &[]), expected);
    }

    #[test]
    fn contract_names_stay_but_their_values_do_not() {
        let fields = json!({ "title": "title", "a[title]": 1, "other": { "title": "a title" } });
        let expected = json!({ "title": REDACTED, "a[title]": 1, "other": { "title": "a title" } });
        assert_eq!(redact_fields("title", fields.clone(), &["title"]), expected);
        let expected = json!({ "(redacted)": REDACTED, "a[(redacted)]": 1, "other": { "(redacted)": "a title" } });
        assert_eq!(redact_fields("title", fields, &[]), expected);
    }

    #[test]
    fn numbers_and_booleans_equal_to_the_key_are_redacted() {
        let cases = [
            ("12345", json!(12345), json!(REDACTED)),
            ("12345", json!(123_456), json!(123_456)),
            ("12345", json!(12345.5), json!(12345.5)),
            ("-123", json!(-123), json!(REDACTED)),
            ("true", json!(true), json!(REDACTED)),
            ("true", json!(false), json!(false)),
            ("false", json!(false), json!(REDACTED)),
            ("null", json!(null), json!(null)),
            (KEY, json!(12345), json!(12345)),
        ];
        for (key, value, expected) in cases {
            let mut redacted = value.clone();
            redactor(key).redact_scalar(&mut redacted);
            assert_eq!(redacted, expected, "{key} in {value}");
        }
    }

    #[test]
    fn key_is_found_in_path_and_query() {
        let cases = [
            ("/a?b=c", false),
            ("/canary-key_01", true),
            ("/a/canary-key_01?b=c", true),
            ("/a?b=canary-key_01", true),
            ("/a?b=%63anary-key_01", true),
            ("/a?canary-key_01=b", true),
            ("/a?b%5Bcanary-key_01%5D=c", true),
            ("/a?b=c&d=apiKey%3Dcanary-key_01", true),
            ("/a?b=xcanary-key_01x", false),
            ("/a?b%20=c", false),
            ("/a?xcanary-key_01x=b", false),
            ("/a?b=%zzcanary-key_01", false),
            ("/a", false),
        ];
        for (uri, expected) in cases {
            let uri: Uri = uri.parse().expect("a URI");
            assert_eq!(redactor(KEY).uri_contains_key(&uri), expected, "{uri}");
        }
    }

    #[test]
    fn field_path_is_redacted_part_by_part() {
        let cases = [
            ("{}", "(redacted)"),
            ("a[{}]", "a[(redacted)]"),
            ("{}[]", "(redacted)[]"),
            ("actions[{}][value]", "actions[(redacted)][value]"),
            ("field.{}", "field.(redacted)"),
            ("{}.field", "(redacted).field"),
            ("a[b.{}]", "a[b.(redacted)]"),
            ("a[b][{}", "a[b][(redacted)"),
            ("apiKey] {} b", "apiKey] (redacted) b"),
            ("x{}x", "x{}x"),
            ("a[x{}]", "a[x{}]"),
        ];
        for (path, expected) in cases {
            let (path, expected) = (path.replace("{}", KEY), expected.replace("{}", KEY));
            assert_eq!(redactor(KEY).redact_field_path(&path, &no_contract_name), expected);
        }
        let is_contract_name = |name: &str| name == "title";
        for path in ["title", "a[title]", "a[title.title]", "title[0]"] {
            assert_eq!(redactor("title").redact_field_path(path, &is_contract_name), path);
        }
    }

    fn redact_violation(
        key: &str,
        kind: ViolationKind,
        rejected_value: Option<String>,
    ) -> Violation {
        let mut violation = Violation { path: "a".to_owned(), kind, rejected_value };
        redactor(key).redact_violation(&mut violation, &no_contract_name);
        violation
    }

    #[test]
    fn rejected_value_is_redacted() {
        let long_key = "canary-".repeat(18);
        let quoted_long = |text: &str| quote_value(&text.into());
        let labelled = format!("apiKey={long_key}");
        let cases = [
            (KEY, quote_value(&KEY.into()), REDACTED.to_owned()),
            ("12345", quote_value(&json!(12345)), REDACTED.to_owned()),
            ("12345", quote_value(&json!(12345.5)), "12345.5".to_owned()),
            (KEY, quoted_long("a canary-key_01 b"), "\"a canary-key_01 b\"".to_owned()),
            (KEY, quoted_long("x=canary-key_01\n"), "\"x=(redacted)\\n\"".to_owned()),
            (KEY, quoted_long("Bearer\tcanary-key_01"), "\"Bearer\\t(redacted)\"".to_owned()),
            (KEY, quoted_long("\tcanary-key_01"), REDACTED.to_owned()),
            (
                KEY,
                quoted_long("\u{1}\"apiKey\":\"canary-key_01\""),
                "\"\\u0001\\\"apiKey\\\":\\\"(redacted)\\\"\"".to_owned(),
            ),
            (&*long_key, quoted_long(&long_key), REDACTED.to_owned()),
            (
                &*long_key,
                quoted_long(&labelled),
                "\"apiKey=(redacted)\"… (133 characters)".to_owned(),
            ),
        ];
        for (key, quoted, expected) in cases {
            let redacted = redact_violation(key, ViolationKind::NotText, Some(quoted.clone()));
            assert_eq!(redacted.rejected_value, Some(expected), "{quoted}");
        }
        assert_eq!(redact_violation(KEY, ViolationKind::NotText, None).rejected_value, None);
    }

    #[test]
    fn key_prefix_at_a_truncated_end_is_redacted_from_four_letters_on() {
        // A quoted value has 80 characters.
        let quote =
            |before: &str| quote_value(&format!("{before}{}", "canary-key_01".repeat(9)).into());
        let key = "canary-key_01".repeat(9);
        let redact = |before: &str| {
            let redacted = redact_violation(&key, ViolationKind::NotText, Some(quote(before)));
            redacted.rejected_value.expect("a quoted value")
        };
        let spaces = " ".repeat(76);
        assert_eq!(redact(&spaces), format!("\"{spaces}(redacted)\"… (193 characters)"));
        let too_short = " ".repeat(77);
        assert_eq!(redact(&too_short), quote(&too_short));
        let label = format!("{}\u{a0}apiKey: ", "x".repeat(60));
        assert_eq!(redact(&label), format!("\"{label}(redacted)\"… (186 characters)"));
        let word = "x".repeat(60) + " ";
        assert_eq!(redact(&word), quote(&word), "after a word, it may be a longer word");
    }

    #[test]
    fn custom_rule_is_redacted_only_where_it_quotes_a_value() {
        let cases = [
            (KEY, "accepts \"canary-key_01\" (undocumented)", "accepts (redacted) (undocumented)"),
            (
                KEY,
                "accepts \"apiKey=canary-key_01\" and \"x",
                "accepts \"apiKey=(redacted)\" and \"x",
            ),
            (
                "12345",
                "must contain each id once, but contains 12345 twice",
                "must contain each id once, but contains (redacted) twice",
            ),
            ("must", "must contain \"x\"", "must contain \"x\""),
            (KEY, "contains \"a canary-key_01 b\"", "contains \"a canary-key_01 b\""),
        ];
        for (key, rule, expected) in cases {
            let redacted = redact_violation(key, ViolationKind::Custom(rule.to_owned()), None);
            assert_eq!(redacted.kind, ViolationKind::Custom(expected.to_owned()));
        }
        let mut violation = Violation::custom("a[canary-key_01]", "must be even", &KEY.into());
        redactor(KEY).redact_violation(&mut violation, &no_contract_name);
        assert_eq!(violation.to_string(), "a[(redacted)] must be even; (redacted) was sent.");
    }

    #[test]
    fn errors_are_redacted_also_if_they_truncate_the_key() {
        static NOT_FOUND: NotFoundResponse =
            NotFoundResponse { id_field: "id", status: |_| 404, description: KEY };
        let key = "canary-".repeat(18);
        let redact = |mut error: ApiError| {
            redact_error(&mut error, &redactor(&key), &no_contract_name);
            format!("{error:?}")
        };
        let start = |length: usize| key[..length].to_owned();
        let cases = [
            ApiError::UnsupportedMediaType(Some(key.clone())),
            ApiError::UnsupportedContentEncoding(key.clone()),
            ApiError::Decode(DecodeError::InvalidUtf8(start(MAX_FIELD_NAME_CHARS))),
            ApiError::Decode(DecodeError::UnexpectedFile(format!("a[{key}]"))),
            ApiError::Decode(DecodeError::TooDeep {
                field: start(MAX_FIELD_NAME_CHARS),
                max_depth: 8,
            }),
            ApiError::Invalid(vec![Violation::custom("a", "must be even", &key.as_str().into())]),
            ApiError::UnknownRows { resource: "ticket", ids: vec!["7".to_owned(), key.clone()] },
        ];
        for error in cases {
            let redacted = redact(error);
            assert!(redacted.contains(REDACTED) && !redacted.contains("canary"), "{redacted}");
        }
        let unchanged = [
            ApiError::Decode(DecodeError::InvalidUtf8(start(MAX_FIELD_NAME_CHARS - 1))),
            ApiError::Decode(DecodeError::InvalidUtf8("x".repeat(MAX_FIELD_NAME_CHARS))),
            ApiError::UnknownRows { resource: "ticket", ids: vec!["7".to_owned()] },
            ApiError::UnknownRow(&NOT_FOUND),
            ApiError::UnsupportedMediaType(None),
        ];
        for error in unchanged {
            let before = format!("{error:?}");
            assert_eq!(redact(error), before);
        }
        let same_length = start(MAX_FIELD_NAME_CHARS);
        let mut error = ApiError::Decode(DecodeError::InvalidUtf8(same_length.clone()));
        redact_error(&mut error, &redactor(&same_length), &no_contract_name);
        assert!(
            matches!(error, ApiError::Decode(DecodeError::InvalidUtf8(name)) if name == REDACTED)
        );
    }
}

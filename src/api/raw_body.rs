//! Shows the raw body of a recorded request. The journal has no key, only its hash and length, so every part of the body
//! that could be the key is hashed.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::redactor::{contains_label, redact_after_label};
use crate::accounts::SecretHash;
use crate::journal::{Entry, KeyFingerprint, REDACTED};

/// Returns the raw body of a request, without keys; None if it has none, or if it was too long for the journal.
pub(crate) fn redacted_raw_body(entry: &Entry) -> Option<String> {
    let body = &*entry.input.raw_body;
    if body.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let text = redact_key(&text, entry.key_fingerprint);
    let text = redact_after_label(&text).into_owned();
    // What is left may hide a key or a label.
    let plain = percent_decode(text.as_bytes()).decode_utf8_lossy().replace('\0', "");
    let hides_label = contains_label(&plain) && !contains_label(&text);
    let hides_key = matches!(redact_key(&plain, entry.key_fingerprint), Cow::Owned(_));
    // The decoded fields were redacted by the key itself, in every encoding.
    let fields = &entry.input.fields.body;
    let has_redacted_field =
        serde_json::to_string(fields).is_ok_and(|json| json.contains(REDACTED));
    let hides_field = has_redacted_field && !text.contains(REDACTED);
    Some(if hides_label || hides_key || hides_field { REDACTED.to_owned() } else { text })
}

/// Redacts each part of a text that is the key.
fn redact_key(text: &str, fingerprint: Option<KeyFingerprint>) -> Cow<'_, str> {
    let Some(KeyFingerprint { hash, length }) = fingerprint.filter(|key| key.length > 0) else {
        return text.into();
    };
    let is_key = |part: &str| SecretHash::from_secret(part).as_bytes() == &hash;
    let is_key_character = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    for word in text.split(|letter| !is_key_character(letter)) {
        let mut starts = 0..(word.len() + 1).saturating_sub(length);
        if let Some(start) = starts.find(|start| is_key(&word[*start..start + length])) {
            return text.replace(&word[start..start + length], REDACTED).into();
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::journal::{InputFields, RecordedInput};

    const KEY: &str = "secret-key_1";

    fn shown(body: &str, field: &str) -> Option<String> {
        let now = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let mut entry = Entry::new(now, "POST".into(), "/api/v2/ticket");
        let hash = *SecretHash::from_secret(KEY).as_bytes();
        entry.key_fingerprint = Some(KeyFingerprint { hash, length: KEY.len() });
        let fields = [("title".to_owned(), json!(field))].into_iter().collect();
        let fields = InputFields { body: fields, ..InputFields::default() };
        let input = RecordedInput::new(fields, Vec::new()).with_raw_body(body.as_bytes());
        entry.input = Arc::new(input);
        redacted_raw_body(&entry)
    }

    #[test]
    fn body_without_a_key_is_shown_as_it_was_sent() {
        for body in
            ["title=a+b%21&x[]=1", "{\"title\": \"ü\"}", "--B\r\nContent-Disposition: x\r\n\r\n1"]
        {
            assert_eq!(shown(body, "a").as_deref(), Some(body));
        }
        assert_eq!(shown("", "a"), None);
        assert_eq!(shown(&"x".repeat(5000), "a"), None);
    }

    #[test]
    fn key_is_redacted_wherever_it_is() {
        for (body, expected) in [
            (format!("title={KEY}"), "title=(redacted)"),
            (format!("a=xx{KEY}yy&b={KEY}"), "a=xx(redacted)yy&b=(redacted)"),
            (format!("{{\"a\":\"{KEY}\"}}"), "{\"a\":\"(redacted)\"}"),
            ("title=secret%2Dkey_1".to_owned(), "(redacted)"),
            ("a=1&apiKey=other-key-2&b=2".to_owned(), "a=1&apiKey=(redacted)"),
            ("a=1&%61piKey=other-key-2".to_owned(), "(redacted)"),
        ] {
            assert_eq!(shown(&body, "a").as_deref(), Some(expected), "{body}");
        }
        // In an encoding that only the decoder knows.
        let escaped = "{\"title\":\"secret\\u002dkey_1\"}";
        assert_eq!(shown(escaped, REDACTED).as_deref(), Some(REDACTED));
    }
}

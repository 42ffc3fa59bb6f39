//! Redacts API keys in displayed text. A whole key is redacted; a longer word that contains it is not.
//!
//! A text is redacted if it equals a key, ignoring quotes and white space around it, plain or percent-encoded. So is an
//! entry of a list. In a longer text, a key is redacted only after a label: after `=`, right after `:`, and after
//! `apiKey` or `Bearer`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The placeholder for a redacted key.
pub(crate) const REDACTED: &str = "(redacted)";

/// The characters that end a word.
const WORD_DELIMITERS: &[char] = &[
    '"', '\'', '`', '&', ';', ',', '<', '>', '(', ')', '{', '}', '[', ']', '=', ':', '/', '?', '#',
    '+', '\\', '!', '…',
];
/// The labels of a key, in lower case.
const KEY_LABELS: &[&str] = &["apikey", "api-key", "api_key", "api key", "bearer"];
/// Limit for repeated percent-decoding.
const MAX_DECODE_LAYERS: usize = 3;

/// Redacts a text; None if it has no key.
pub(crate) fn redact_text(text: &str, is_key: &dyn Fn(&str) -> bool) -> Option<String> {
    redact_layer(text, is_key, MAX_DECODE_LAYERS)
}

/// Redacts each scalar of a JSON value, but not the field names.
pub(crate) fn redact_json(value: &mut Value, is_key: &dyn Fn(&str) -> bool) {
    match value {
        Value::String(text) => {
            if let Some(redacted) = redact_text(text, is_key) {
                *text = redacted;
            }
        }
        Value::Number(_) | Value::Bool(_) if is_key(&value.to_string()) => *value = REDACTED.into(),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact_json(entry, is_key)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact_json(field, is_key)),
        _ => {}
    }
}

fn redact_layer(
    text: &str,
    is_key: &dyn Fn(&str) -> bool,
    remaining_layers: usize,
) -> Option<String> {
    if is_key(text) || is_key(text.trim_matches(is_quote_or_space)) {
        return Some(REDACTED.to_owned());
    }
    let list = redact_list(text, is_key);
    let redacted =
        redact_words(list.as_deref().unwrap_or(text), is_key, ends_with_key_label).or(list);
    let current = redacted.as_deref().unwrap_or(text);
    if remaining_layers == 0 || !current.contains('%') {
        return redacted;
    }
    // Returns the decoded text only if it was redacted.
    let decoded = match percent_decode_str(current).decode_utf8() {
        Ok(Cow::Owned(decoded)) => redact_layer(&decoded, is_key, remaining_layers - 1),
        _ => None,
    };
    decoded.or(redacted)
}

fn is_quote_or_space(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\'' | '`')
}

/// Redacts list entries that are keys, `1;KEY`; None if there are none. If the text has white space or the separator
/// is a slash, all entries must be keys: it may be a sentence, or `unit/test`.
fn redact_list(text: &str, is_key: &dyn Fn(&str) -> bool) -> Option<String> {
    const SEPARATORS: &[char] = &[',', ';', '/'];
    if !text.contains(SEPARATORS) {
        return None;
    }
    let is_key_entry = |entry: &str| is_key(entry.trim_matches(is_quote_or_space));
    let is_entry = |entry: &&str| !entry.trim_matches(is_quote_or_space).is_empty();
    let is_compact = !text.contains(char::is_whitespace);
    let separators = if text.split(SEPARATORS).filter(is_entry).all(is_key_entry) {
        SEPARATORS
    } else if is_compact && text.split([',', ';']).any(is_key_entry) {
        &SEPARATORS[..2]
    } else {
        return None;
    };
    let redact_entry = |part: &str| {
        let entry = part.trim_end_matches(separators);
        let redacted = if is_key_entry(entry) { REDACTED } else { entry };
        format!("{redacted}{}", &part[entry.len()..])
    };
    let redacted: String = text.split_inclusive(separators).map(redact_entry).collect();
    (redacted != text).then_some(redacted)
}

/// Redacts each word that is a key and whose preceding text satisfies `is_key_context`; None without such a word.
pub(crate) fn redact_words(
    text: &str,
    is_key: &dyn Fn(&str) -> bool,
    is_key_context: impl Fn(&str) -> bool,
) -> Option<String> {
    let is_delimiter = |letter: char| letter.is_whitespace() || WORD_DELIMITERS.contains(&letter);
    let (mut redacted, mut copied_to, mut next_start) = (String::new(), 0, 0);
    for part in text.split(is_delimiter) {
        let (word_start, without_period) = (next_start, part.trim_end_matches('.'));
        next_start +=
            part.len() + text[next_start + part.len()..].chars().next().map_or(0, char::len_utf8);
        let before_period = part.split('.').next().unwrap_or_default();
        let words = [part, without_period, before_period];
        if let Some(word) = words.into_iter().find(|word| !word.is_empty() && is_key(word))
            && is_key_context(&text[..word_start])
        {
            redacted.push_str(&text[copied_to..word_start]);
            redacted.push_str(REDACTED);
            copied_to = word_start + word.len();
        }
    }
    (copied_to > 0).then(|| redacted + &text[copied_to..])
}

/// Returns whether the text before a word ends with a label.
pub(crate) fn ends_with_key_label(before: &str) -> bool {
    let is_quote = |letter: char| matches!(letter, '"' | '\'' | '`' | '\\' | '[');
    if before.trim_end_matches(is_quote).ends_with(['=', ':']) {
        return true;
    }
    // A sentence may continue after a colon and a space: `Re: test`.
    let is_blank = |letter: char| is_quote(letter) || letter.is_whitespace() || letter == '+';
    if before.trim_end_matches(is_blank).ends_with('=') {
        return true;
    }
    let is_gap = |letter: char| {
        is_quote(letter) || letter.is_whitespace() || matches!(letter, ']' | '=' | ':' | '+')
    };
    let label = before.trim_end_matches(is_gap).as_bytes();
    label.len() < before.len()
        && KEY_LABELS.iter().any(|name| {
            let start = label.len().checked_sub(name.len());
            start.is_some_and(|start| label[start..].eq_ignore_ascii_case(name.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redact_key(text: &str, key: &str) -> String {
        redact_text(text, &|word| word == key).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn keys_are_redacted() {
        for (text, expected) in [
            ("test", "(redacted)"),
            (" test\n", "(redacted)"),
            ("\"test\"", "(redacted)"),
            ("%74est", "(redacted)"),
            ("%2574est", "(redacted)"),
            ("apiKey=test", "apiKey=(redacted)"),
            ("apiKey[]=test&a=b", "apiKey[]=(redacted)&a=b"),
            ("apiKey%3Dtest", "apiKey=(redacted)"),
            ("test,test", "(redacted),(redacted)"),
            ("test;", "(redacted);"),
            ("test/test", "(redacted)/(redacted)"),
            ("1;test", "1;(redacted)"),
            ("1,\"test\",a=test", "1,(redacted),a=(redacted)"),
            ("x= test", "x= (redacted)"),
            ("x=\u{a0}test", "x=\u{a0}(redacted)"),
            ("Bearer test", "Bearer (redacted)"),
            ("bearer%20test", "bearer (redacted)"),
            ("a=Bearer+test.", "a=Bearer+(redacted)."),
            ("curl -H 'apiKey: test' http://a/", "curl -H 'apiKey: (redacted)' http://a/"),
            ("{\"apiKey\": \"test\"}", "{\"apiKey\": \"(redacted)\"}"),
            ("{\"a\":\"test\"}", "{\"a\":\"(redacted)\"}"),
            ("http://a/?k=test#x", "http://a/?k=(redacted)#x"),
            (
                "Authorization: apikey test, apikey test",
                "Authorization: apikey (redacted), apikey (redacted)",
            ),
            ("é=test", "é=(redacted)"),
        ] {
            assert_eq!(redact_key(text, "test"), expected, "{text}");
        }
    }

    #[test]
    fn text_that_only_contains_the_letters_is_unchanged() {
        for text in [
            "",
            "test printer",
            "a test",
            "Re: test",
            "latest",
            "testing",
            "apiKey=testing",
            "apiKey=latest",
            "TEST",
            "unit/test",
            "a, test, b",
            "1;testing",
            ",;/",
            "100% test",
            "a%20test",
            "apiKey",
            "the apiKey of a test",
        ] {
            assert_eq!(redact_key(text, "test"), text);
        }
    }

    #[test]
    fn numbers_equal_to_the_key_are_redacted() {
        let mut value =
            json!({ "a": 12345, "b": [123, 123_456, "12345", { "12345": 12345 }], "c": true });
        redact_json(&mut value, &|word| word == "12345");
        assert_eq!(
            value,
            json!({ "a": REDACTED, "b": [123, 123_456, REDACTED, { "12345": REDACTED }], "c": true })
        );
    }

    #[test]
    fn scalars_equal_to_the_key_are_redacted_and_names_are_not() {
        let mut value = json!({ "true": [true, false, null, { "a": "true" }], "b": "x=true" });
        redact_json(&mut value, &|word| word == "true");
        let expected = json!({
            "true": [REDACTED, false, null, { "a": REDACTED }], "b": "x=(redacted)",
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn key_is_found_in_up_to_three_layers_of_percent_encoding() {
        assert_eq!(redact_key("%252574est", "test"), REDACTED);
        let four_layers = "%25252574est";
        assert_eq!(redact_key(four_layers, "test"), four_layers);
    }

    #[test]
    fn other_percent_encoded_parts_stay_encoded() {
        for (text, expected) in [
            ("apiKey=test&a=%41", "apiKey=(redacted)&a=%41"),
            ("apiKey=test&a=%ff", "apiKey=(redacted)&a=%ff"),
            ("a=%41", "a=%41"),
        ] {
            assert_eq!(redact_key(text, "test"), expected, "{text}");
        }
    }

    #[test]
    fn word_is_redacted_only_in_the_context_of_a_key() {
        let is_key = |word: &str| word == "test";
        let redact = |text: &str, context: &str| {
            redact_words(text, &is_key, |before| before.ends_with(context))
        };
        assert_eq!(redact("a test, test.", ""), Some("a (redacted), (redacted).".to_owned()));
        assert_eq!(redact("a test, test.", ", "), Some("a test, (redacted).".to_owned()));
        assert_eq!(redact("test.com é/test", ""), Some("(redacted).com é/(redacted)".to_owned()));
        assert_eq!(redact("a test", "x"), None);
        assert_eq!(redact("latest", ""), None);
    }

    #[test]
    fn label_of_a_key_precedes_it_directly() {
        for (before, expected) in [
            ("a=", true),
            ("a= ", true),
            ("a=+", true),
            ("a:", true),
            ("a:\"", true),
            ("a: ", false),
            ("apiKey: ", true),
            ("API-KEY [", true),
            ("api_key\t", true),
            ("api key ", true),
            ("Bearer+", true),
            ("apiKey", false),
            ("apiKeys ", false),
            ("key ", false),
            ("", false),
            (" ", false),
        ] {
            assert_eq!(ends_with_key_label(before), expected, "{before:?}");
        }
    }

    proptest! {
        #[test]
        fn labelled_key_is_always_redacted(
            key in "[A-Za-z0-9_-]{4,20}",
            before in "[a-z %=&é]{0,12}",
            label in "(apiKey=|api-key: |Bearer |\"apiKey\":\"|apikey +|x=|x= |x=\u{a0})",
            after in "([ &\"'.][a-z ]{0,8})?",
        ) {
            let text = format!("{before}{label}{key}{after}");
            let redacted = redact_key(&text, &key);
            prop_assert!(redacted.contains(&format!("{label}{REDACTED}")), "{text} became {redacted}");
        }

        #[test]
        fn text_without_the_key_is_unchanged(
            key in "[A-Za-z0-9_-]{4,8}",
            text in "(\\PC|[a-z%=: ]){0,40}",
        ) {
            prop_assume!(!text.contains(&key) && !text.contains('%'));
            prop_assert_eq!(redact_key(&text, &key), text);
        }

        #[test]
        fn longer_word_is_unchanged(
            key in "[A-Za-z0-9_-]{4,8}",
            before in "[A-Za-z0-9_-]{0,3}",
            after in "[A-Za-z0-9_-]{0,3}",
            label in "(apiKey=|Bearer |)",
        ) {
            let word = format!("{before}{key}{after}");
            prop_assume!(word != key);
            let text = format!("{label}{word}");
            prop_assert_eq!(redact_key(&text, &key), text);
        }
    }
}

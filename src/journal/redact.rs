//! Takes the texts of keys out of what is shown. What *is* a key is hidden; a word that has its letters is not.
//!
//! A text is a key when it is one as a whole, but for quotes and white space around it, plain or percent-encoded, and so
//! is an entry of a list. Inside a longer text a key is one where the text says so: after `=`, right after `:`, and
//! after `apiKey` or `Bearer`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What stands in place of the text of a key.
pub(crate) const HIDDEN: &str = "(hidden)";

/// What ends a word that may be a key.
const BETWEEN: &[char] = &[
    '"', '\'', '`', '&', ';', ',', '<', '>', '(', ')', '{', '}', '[', ']', '=', ':', '/', '?', '#',
    '+', '\\', '!', '…',
];
/// The words after which a key comes, in lower case.
const LABELS: &[&str] = &["apikey", "api-key", "api_key", "api key", "bearer"];
/// How often a text is decoded that is encoded more than once.
const MOST_LAYERS: usize = 3;

/// A text without keys; None where it has none.
pub(crate) fn redact_text(text: &str, is_key: &dyn Fn(&str) -> bool) -> Option<String> {
    redact_layer(text, is_key, MOST_LAYERS)
}

/// A JSON value without keys: every plain value is looked at, names are not.
pub(crate) fn redact_json(value: &mut Value, is_key: &dyn Fn(&str) -> bool) {
    match value {
        Value::String(text) => {
            if let Some(redacted) = redact_text(text, is_key) {
                *text = redacted;
            }
        }
        Value::Number(_) | Value::Bool(_) if is_key(&value.to_string()) => *value = HIDDEN.into(),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact_json(entry, is_key)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact_json(field, is_key)),
        _ => {}
    }
}

fn redact_layer(text: &str, is_key: &dyn Fn(&str) -> bool, layers: usize) -> Option<String> {
    if is_key(text) || is_key(text.trim_matches(is_around)) {
        return Some(HIDDEN.to_owned());
    }
    let list = redact_list(text, is_key);
    let redacted = redact_words(list.as_deref().unwrap_or(text), is_key, is_labelled).or(list);
    let shown = redacted.as_deref().unwrap_or(text);
    if layers == 0 || !shown.contains('%') {
        return redacted;
    }
    // Shown decoded only where something in it is hidden.
    let decoded = match percent_decode_str(shown).decode_utf8() {
        Ok(Cow::Owned(decoded)) => redact_layer(&decoded, is_key, layers - 1),
        _ => None,
    };
    decoded.or(redacted)
}

fn is_around(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\'' | '`')
}

/// A list without its entries that are keys, `1;KEY`; None where there is none. With white space in it a text is a
/// list only where all its entries are keys, and so with slashes: it may be a sentence, or `unit/test`.
fn redact_list(text: &str, is_key: &dyn Fn(&str) -> bool) -> Option<String> {
    const SEPARATORS: &[char] = &[',', ';', '/'];
    if !text.contains(SEPARATORS) {
        return None;
    }
    let is_one = |entry: &str| is_key(entry.trim_matches(is_around));
    let is_entry = |entry: &&str| !entry.trim_matches(is_around).is_empty();
    let is_compact = !text.contains(char::is_whitespace);
    let separators = if text.split(SEPARATORS).filter(is_entry).all(is_one) {
        SEPARATORS
    } else if is_compact && text.split([',', ';']).any(is_one) {
        &SEPARATORS[..2]
    } else {
        return None;
    };
    let hide = |part: &str| {
        let entry = part.trim_end_matches(separators);
        let shown = if is_one(entry) { HIDDEN } else { entry };
        format!("{shown}{}", &part[entry.len()..])
    };
    let redacted: String = text.split_inclusive(separators).map(hide).collect();
    (redacted != text).then_some(redacted)
}

/// A text without the words that are keys, where what stands before one says that it may be; None where there is none.
pub(crate) fn redact_words(
    text: &str,
    is_key: &dyn Fn(&str) -> bool,
    is_said: impl Fn(&str) -> bool,
) -> Option<String> {
    let is_between = |letter: char| letter.is_whitespace() || BETWEEN.contains(&letter);
    let (mut redacted, mut done, mut start) = (String::new(), 0, 0);
    for part in text.split(is_between) {
        let (at, sentence) = (start, part.trim_end_matches('.'));
        start += part.len() + text[start + part.len()..].chars().next().map_or(0, char::len_utf8);
        let first = part.split('.').next().unwrap_or_default();
        let words = [part, sentence, first].into_iter();
        if let Some(word) = words.into_iter().find(|word| !word.is_empty() && is_key(word))
            && is_said(&text[..at])
        {
            redacted.push_str(&text[done..at]);
            redacted.push_str(HIDDEN);
            done = at + word.len();
        }
    }
    (done > 0).then(|| redacted + &text[done..])
}

/// Whether what stands before a word says that it is a key.
pub(crate) fn is_labelled(before: &str) -> bool {
    let is_quote = |letter: char| matches!(letter, '"' | '\'' | '`' | '\\' | '[');
    if before.trim_end_matches(is_quote).ends_with(['=', ':']) {
        return true;
    }
    // After a colon and a blank, a sentence goes on: `Re: test`.
    let is_blank = |letter: char| is_quote(letter) || letter.is_whitespace() || letter == '+';
    if before.trim_end_matches(is_blank).ends_with('=') {
        return true;
    }
    let is_gap = |letter: char| {
        is_quote(letter) || letter.is_whitespace() || matches!(letter, ']' | '=' | ':' | '+')
    };
    let label = before.trim_end_matches(is_gap).as_bytes();
    label.len() < before.len()
        && LABELS.iter().any(|name| {
            let start = label.len().checked_sub(name.len());
            start.is_some_and(|start| label[start..].eq_ignore_ascii_case(name.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redacted(text: &str, key: &str) -> String {
        redact_text(text, &|word| word == key).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn what_is_a_key_is_hidden() {
        for (text, expected) in [
            ("test", "(hidden)"),
            (" test\n", "(hidden)"),
            ("\"test\"", "(hidden)"),
            ("%74est", "(hidden)"),
            ("%2574est", "(hidden)"),
            ("apiKey=test", "apiKey=(hidden)"),
            ("apiKey[]=test&a=b", "apiKey[]=(hidden)&a=b"),
            ("apiKey%3Dtest", "apiKey=(hidden)"),
            ("test,test", "(hidden),(hidden)"),
            ("test;", "(hidden);"),
            ("test/test", "(hidden)/(hidden)"),
            ("1;test", "1;(hidden)"),
            ("1,\"test\",a=test", "1,(hidden),a=(hidden)"),
            ("x= test", "x= (hidden)"),
            ("x=\u{a0}test", "x=\u{a0}(hidden)"),
            ("Bearer test", "Bearer (hidden)"),
            ("bearer%20test", "bearer (hidden)"),
            ("a=Bearer+test.", "a=Bearer+(hidden)."),
            ("curl -H 'apiKey: test' http://a/", "curl -H 'apiKey: (hidden)' http://a/"),
            ("{\"apiKey\": \"test\"}", "{\"apiKey\": \"(hidden)\"}"),
            ("{\"a\":\"test\"}", "{\"a\":\"(hidden)\"}"),
            ("http://a/?k=test#x", "http://a/?k=(hidden)#x"),
            (
                "Authorization: apikey test, apikey test",
                "Authorization: apikey (hidden), apikey (hidden)",
            ),
            ("é=test", "é=(hidden)"),
        ] {
            assert_eq!(redacted(text, "test"), expected, "{text}");
        }
    }

    #[test]
    fn what_has_its_letters_alone_is_not() {
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
            assert_eq!(redacted(text, "test"), text);
        }
    }

    #[test]
    fn numbers_and_flags_are_texts_as_well() {
        let mut value =
            json!({ "a": 12345, "b": [123, 123_456, "12345", { "12345": 12345 }], "c": true });
        redact_json(&mut value, &|word| word == "12345");
        assert_eq!(
            value,
            json!({ "a": HIDDEN, "b": [123, 123_456, HIDDEN, { "12345": HIDDEN }], "c": true })
        );
    }

    proptest! {
        #[test]
        fn a_labelled_key_is_never_shown(
            key in "[A-Za-z0-9_-]{4,20}",
            before in "[a-z %=&é]{0,12}",
            label in "(apiKey=|api-key: |Bearer |\"apiKey\":\"|apikey +|x=|x= |x=\u{a0})",
            after in "([ &\"'.][a-z ]{0,8})?",
        ) {
            let text = format!("{before}{label}{key}{after}");
            let shown = redacted(&text, &key);
            prop_assert!(shown.contains(&format!("{label}{HIDDEN}")), "{text} is {shown}");
        }

        #[test]
        fn a_text_without_it_is_unchanged(
            key in "[A-Za-z0-9_-]{4,8}",
            text in "(\\PC|[a-z%=: ]){0,40}",
        ) {
            prop_assume!(!text.contains(&key) && !text.contains('%'));
            prop_assert_eq!(redacted(&text, &key), text);
        }

        #[test]
        fn a_longer_word_is_unchanged(
            key in "[A-Za-z0-9_-]{4,8}",
            before in "[A-Za-z0-9_-]{0,3}",
            after in "[A-Za-z0-9_-]{0,3}",
            label in "(apiKey=|Bearer |)",
        ) {
            let word = format!("{before}{key}{after}");
            prop_assume!(word != key);
            let text = format!("{label}{word}");
            prop_assert_eq!(redacted(&text, &key), text);
        }
    }
}

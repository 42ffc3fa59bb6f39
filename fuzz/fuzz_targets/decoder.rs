//! Fuzzes the decoder of queries and bodies: it enforces its limits, and equal input in different encodings decodes to
//! equal values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use omnidesk_mock::fuzzing::{MAX_DEPTH, MAX_VALUES, decode_body, decode_query};
use serde_json::{Map, Value};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=B7";
const JSON: &str = "application/json";

fuzz_target!(|bytes: &[u8]| {
    let form = decode(URLENCODED, bytes);
    let json = decode(JSON, bytes);
    assert_within_limits(&form);
    assert_within_limits(&json);
    assert_within_limits(&decode(MULTIPART, bytes));
    assert_json_matches_serde(&json, bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let query = decode_query(text);
    assert_within_limits(&query);
    if !text.trim_start().starts_with('{') {
        assert_eq!(query, form, "the query and the form differ");
    }
    // An arbitrary content type, with an arbitrary boundary.
    if let Some((content_type, rest)) = text.split_once('\n') {
        decode_body(content_type, rest.as_bytes()).iter().for_each(assert_within_limits);
    }
    if let Ok(tree) = query {
        assert_same_in_other_encodings(bytes, &tree);
        assert_round_trips(&tree);
    }
});

fn decode(content_type: &str, bytes: &[u8]) -> Result<Value, String> {
    decode_body(content_type, bytes).expect("the content type is supported")
}

fn assert_within_limits(decoded: &Result<Value, String>) {
    match decoded {
        Ok(tree) => {
            assert!(depth(tree) <= MAX_DEPTH, "nested too deep: {tree}");
            assert!(count_leaves(tree) <= MAX_VALUES, "too many values: {tree}");
        }
        Err(message) => assert!(!message.is_empty() && message.len() < 1000, "{message}"),
    }
}

/// Returns the number of levels below the top.
fn depth(value: &Value) -> usize {
    let add_level = |deepest: Option<usize>| deepest.map_or(0, |levels| levels + 1);
    match value {
        Value::Array(entries) => add_level(entries.iter().map(depth).max()),
        Value::Object(fields) => add_level(fields.values().map(depth).max()),
        _ => 0,
    }
}

fn count_leaves(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(count_leaves).sum(),
        Value::Object(fields) => fields.values().map(count_leaves).sum(),
        _ => 1,
    }
}

/// Counts the values, including the value itself.
fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(entries) => entries.iter().map(count_values).sum(),
        Value::Object(fields) => fields.values().map(count_values).sum(),
        _ => 0,
    }
}

/// Asserts that JSON decodes as with serde_json, except for the limits.
fn assert_json_matches_serde(decoded: &Result<Value, String>, bytes: &[u8]) {
    match (decoded, serde_json::from_slice::<Value>(bytes)) {
        (Ok(tree), Ok(same)) => assert_eq!(*tree, same),
        (Ok(tree), Err(error)) => assert!(bytes.is_empty(), "{tree} is not JSON: {error}"),
        (Err(message), Ok(tree)) => {
            let fits =
                tree.is_object() && depth(&tree) <= MAX_DEPTH && count_values(&tree) <= MAX_VALUES;
            // The decoder also counts the first value of a duplicate name.
            let is_limit = message.starts_with("More than") || message.contains("nested deeper");
            assert!(!fits || is_limit, "rejected: {message}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// Asserts that the same pairs decode equally when they are encoded again, encoded as multipart, and repeated.
fn assert_same_in_other_encodings(bytes: &[u8], tree: &Value) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    let encoded = serializer.extend_pairs(&pairs).finish();
    assert_eq!(decode_query(&encoded).as_ref(), Ok(tree), "{encoded}");

    let is_plain = |name: &str| !name.chars().any(|c| c.is_control() || c == '"' || c == '\\');
    let fits = |(name, value): &(String, String)| is_plain(name) && !value.contains("--B7");
    if !pairs.is_empty() && pairs.iter().all(fits) {
        let parts = decode(MULTIPART, multipart(&pairs).as_bytes());
        assert_eq!(parts.as_ref(), Ok(tree), "{pairs:?}");
    }

    // Without `[]` the last of two equal names is used, so repeated pairs have no effect.
    if pairs.len() * 2 <= MAX_VALUES && !pairs.iter().any(|(name, _)| name.contains("[]")) {
        assert_eq!(decode_query(&format!("{encoded}&{encoded}")).as_ref(), Ok(tree), "{encoded}");
    }
}

fn multipart(pairs: &[(String, String)]) -> String {
    let part = |(name, value): &(String, String)| {
        format!("--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + "--B7--\r\n"
}

/// Asserts that a decoded form round-trips as JSON, and as a form with PHP brackets.
fn assert_round_trips(tree: &Value) {
    if count_values(tree) <= MAX_VALUES {
        assert_eq!(decode(JSON, tree.to_string().as_bytes()).as_ref(), Ok(tree));
    }
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in tree.as_object().unwrap_or(&Map::new()) {
        flatten(name, value, &mut |name, text| {
            pairs.append_pair(name, text);
        });
    }
    let encoded = pairs.finish();
    assert_eq!(decode_query(&encoded).as_ref(), Ok(tree), "{encoded}");
}

fn flatten(name: &str, value: &Value, add: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                flatten(&format!("{name}[{index}]"), entry, add);
            }
        }
        Value::Object(fields) => {
            for (field, entry) in fields {
                flatten(&format!("{name}[{field}]"), entry, add);
            }
        }
        other => add(name, other.as_str().expect("a form has only strings")),
    }
}

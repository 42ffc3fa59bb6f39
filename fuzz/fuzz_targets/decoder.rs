//! The decoder of queries and bodies: it keeps its bounds, and says the same of the same in every encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use omnidesk_mock::fuzzing::{MAX_DEPTH, MAX_VALUES, decode_body, decode_query};
use serde_json::{Map, Value};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=B7";
const JSON: &str = "application/json";

fuzz_target!(|bytes: &[u8]| {
    let form = decoded(URLENCODED, bytes);
    let json = decoded(JSON, bytes);
    bounded(&form);
    bounded(&json);
    bounded(&decoded(MULTIPART, bytes));
    json_is_json(&json, bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let asked = decode_query(text);
    bounded(&asked);
    if !text.trim_start().starts_with('{') {
        assert_eq!(asked, form, "a query and a form are read alike");
    }
    // A content type of any form, with a boundary of any form.
    if let Some((content_type, rest)) = text.split_once('\n') {
        decode_body(content_type, rest.as_bytes()).iter().for_each(bounded);
    }
    if let Ok(tree) = asked {
        said_otherwise(bytes, &tree);
        comes_back(&tree);
    }
});

fn decoded(content_type: &str, bytes: &[u8]) -> Result<Value, String> {
    decode_body(content_type, bytes).expect("it is understood")
}

fn bounded(read: &Result<Value, String>) {
    match read {
        Ok(tree) => {
            assert!(depth(tree) <= MAX_DEPTH, "deeper than it may be: {tree}");
            assert!(leaves(tree) <= MAX_VALUES, "more than there may be: {tree}");
        }
        Err(message) => assert!(!message.is_empty() && message.len() < 1000, "{message}"),
    }
}

/// The levels below the top.
fn depth(value: &Value) -> usize {
    let below = |below: Option<usize>| below.map_or(0, |levels| levels + 1);
    match value {
        Value::Array(entries) => below(entries.iter().map(depth).max()),
        Value::Object(fields) => below(fields.values().map(depth).max()),
        _ => 0,
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(leaves).sum(),
        Value::Object(fields) => fields.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Every value in it, itself among them.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(entries) => entries.iter().map(values).sum(),
        Value::Object(fields) => fields.values().map(values).sum(),
        _ => 0,
    }
}

/// What is taken is what any reader of JSON takes, but for the bounds.
fn json_is_json(read: &Result<Value, String>, bytes: &[u8]) {
    match (read, serde_json::from_slice::<Value>(bytes)) {
        (Ok(tree), Ok(same)) => assert_eq!(*tree, same),
        (Ok(tree), Err(error)) => assert!(bytes.is_empty(), "{tree} is no JSON: {error}"),
        (Err(message), Ok(tree)) => {
            let fits = tree.is_object() && depth(&tree) <= MAX_DEPTH && values(&tree) <= MAX_VALUES;
            // Of a name that comes twice the first value counts, too.
            let is_bound = message.starts_with("More than") || message.contains("nested deeper");
            assert!(!fits || is_bound, "refused: {message}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// The same pairs in another form's words, in another encoding, and twice.
fn said_otherwise(bytes: &[u8], tree: &Value) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    let mut again = form_urlencoded::Serializer::new(String::new());
    let again = again.extend_pairs(&pairs).finish();
    assert_eq!(decode_query(&again).as_ref(), Ok(tree), "{again}");

    let is_plain = |name: &str| !name.chars().any(|c| c.is_control() || c == '"' || c == '\\');
    let fits = |(name, value): &(String, String)| is_plain(name) && !value.contains("--B7");
    if !pairs.is_empty() && pairs.iter().all(fits) {
        let parts = decoded(MULTIPART, multipart(&pairs).as_bytes());
        assert_eq!(parts.as_ref(), Ok(tree), "{pairs:?}");
    }

    // Where no pair takes the next free index, the last of two counts, so twice is once.
    if pairs.len() * 2 <= MAX_VALUES && !pairs.iter().any(|(name, _)| name.contains("[]")) {
        assert_eq!(decode_query(&format!("{again}&{again}")).as_ref(), Ok(tree), "{again}");
    }
}

fn multipart(pairs: &[(String, String)]) -> String {
    let part = |(name, value): &(String, String)| {
        format!("--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    pairs.iter().map(part).collect::<String>() + "--B7--\r\n"
}

/// The tree of a form, sent as JSON and as the form that PHP would make of it.
fn comes_back(tree: &Value) {
    if values(tree) <= MAX_VALUES {
        assert_eq!(decoded(JSON, tree.to_string().as_bytes()).as_ref(), Ok(tree));
    }
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in tree.as_object().unwrap_or(&Map::new()) {
        flatten(name, value, &mut |name, text| {
            pairs.append_pair(name, text);
        });
    }
    let again = pairs.finish();
    assert_eq!(decode_query(&again).as_ref(), Ok(tree), "{again}");
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
        other => add(name, other.as_str().expect("a form has texts alone")),
    }
}

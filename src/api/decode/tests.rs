//! Property tests of the decoder: all encodings round-trip, and no input makes it panic.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::brackets::TreeBuilder;
use super::{DecodeError, parse_body};
use crate::api::limits::InputLimits;
use crate::contract::MediaType;

const LIMITS: InputLimits = InputLimits { max_values: 8192, max_depth: 8 };

fn parse_query(text: &str) -> Result<Map<String, Value>, DecodeError> {
    super::parse_query(text, LIMITS)
}

/// Generates a tree that a form can encode: no empty list or object, no object that looks like a list.
fn field_tree() -> impl Strategy<Value = Map<String, Value>> {
    let text = "\\PC{0,12}".prop_map(Value::String);
    let value = text.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-zA-Z_ é€]{1,6}", inner, 1..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-zA-Z_][a-zA-Z_ é€&=+%]{0,6}", value, 0..4)
        .prop_map(|fields| fields.into_iter().collect())
}

/// Appends pairs as PHP's `http_build_query` does.
fn append_pairs(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Array(entries) => {
            entries
                .iter()
                .enumerate()
                .for_each(|(index, entry)| append_pairs(&format!("{name}[{index}]"), entry, out));
        }
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(field, entry)| append_pairs(&format!("{name}[{field}]"), entry, out));
        }
        other => out.push((name.to_owned(), other.as_str().unwrap_or_default().to_owned())),
    }
}

fn flatten_to_pairs(tree: &Map<String, Value>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    tree.iter().for_each(|(name, value)| append_pairs(name, value, &mut out));
    out
}

fn encode_urlencoded(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn encode_multipart(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let _ = write!(
            text,
            "--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    text + "--B7--\r\n"
}

fn decode(
    media_type: MediaType,
    content_type: &str,
    bytes: impl Into<Vec<u8>>,
) -> Result<Map<String, Value>, DecodeError> {
    parse_body(media_type, content_type, &bytes.into(), LIMITS)
}

/// Parses with another multipart parser.
fn parse_with_multer(bytes: Vec<u8>) -> Result<Vec<(String, String)>, Option<multer::Error>> {
    let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let mut parts = multer::Multipart::new(body, "B7");
    let parse_all = async {
        let mut pairs = Vec::new();
        while let Some(part) = parts.next_field().await? {
            let name = part.name().ok_or(None)?.to_owned();
            let text = String::from_utf8(part.bytes().await?.into()).map_err(|_| None)?;
            pairs.push((name, text));
        }
        Ok(pairs)
    };
    futures_util::FutureExt::now_or_never(parse_all).expect("the body is in memory")
}

/// Generates almost valid bodies. They begin with the boundary, because multer also accepts it inside a line.
fn almost_multipart() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("--B7\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"),
        2 => Just("--B7"),
        2 => Just("\r\n"),
        1 => Just("Content-Type: text/plain"),
        1 => Just("--"),
        1 => Just("\r\n\r\n"),
        1 => Just("y"),
        1 => Just("é\r"),
    ];
    prop::collection::vec(piece, 0..8)
        .prop_map(|pieces| format!("--B7{}--B7--\r\n", pieces.concat()))
}

proptest! {
    #[test]
    fn encoded_trees_round_trip(tree in field_tree()) {
        let pairs = flatten_to_pairs(&tree);
        let query_fields = parse_query(&encode_urlencoded(&pairs));
        prop_assert_eq!(query_fields.as_ref(), Ok(&tree));
        let form = decode(MediaType::Urlencoded, "", encode_urlencoded(&pairs));
        prop_assert_eq!(form.as_ref(), Ok(&tree));
        let parts = decode(MediaType::Multipart, "multipart/form-data; boundary=B7", encode_multipart(&pairs));
        prop_assert_eq!(parts.as_ref(), Ok(&tree));
        let json = decode(MediaType::Json, "", Value::Object(tree.clone()).to_string());
        prop_assert_eq!(json.as_ref(), Ok(&tree));
    }

    #[test]
    fn multipart_parser_agrees_with_multer(text in almost_multipart()) {
        let ours = decode(MediaType::Multipart, "multipart/form-data; boundary=B7", text.clone());
        if let (Ok(ours), Ok(pairs)) = (ours, parse_with_multer(text.into_bytes())) {
            let mut tree = TreeBuilder::new(LIMITS);
            for (name, text) in pairs {
                tree.add(&name, text).expect("within the limits");
            }
            prop_assert_eq!(ours, tree.finish());
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for media_type in MediaType::ALL {
            let _ = decode(media_type, "multipart/form-data; boundary=B7", bytes.clone());
        }
    }

    #[test]
    fn arbitrary_forms_do_not_panic(text in "[ab\\[\\]=&%+0-9]{0,60}") {
        let _ = parse_query(&text);
        let parts = format!("--B7\r\nContent-Disposition: form-data; name=\"{text}\"\r\n\r\n{text}\r\n--B7");
        let _ = decode(MediaType::Multipart, "multipart/form-data; boundary=B7", parts);
    }
}

#[test]
fn brackets_follow_php() {
    let cases = [
        ("a=1", json!({ "a": "1" })),
        ("a=1&a=2", json!({ "a": "2" })),
        ("a[]=1&a[]=2", json!({ "a": ["1", "2"] })),
        ("a%5B%5D=1&a%5b%5d=2", json!({ "a": ["1", "2"] })),
        ("a[0]=1&a[1]=2", json!({ "a": ["1", "2"] })),
        ("a[1]=2&a[0]=1", json!({ "a": ["1", "2"] })),
        ("a[0]=1&a[2]=3", json!({ "a": { "0": "1", "2": "3" } })),
        ("a[5]=1&a[]=2", json!({ "a": { "5": "1", "6": "2" } })),
        ("a[00]=1", json!({ "a": { "00": "1" } })),
        ("a[0][b]=x&a[0][c]=y", json!({ "a": [{ "b": "x", "c": "y" }] })),
        ("a[][b]=x&a[][c]=y", json!({ "a": [{ "b": "x" }, { "c": "y" }] })),
        ("a[b][c][]=1", json!({ "a": { "b": { "c": ["1"] } } })),
        ("a=1&a[]=2", json!({ "a": ["2"] })),
        ("a[]=1&a=2", json!({ "a": "2" })),
        ("a[=1&b]=2&[]=3", json!({ "a[": "1", "b]": "2", "[]": "3" })),
        ("a[b]c=1", json!({ "a[b]c": "1" })),
        ("a", json!({ "a": "" })),
        ("a=b=c", json!({ "a": "b=c" })),
        ("&&a=1&", json!({ "a": "1" })),
        ("a=%2B+%C3%A9", json!({ "a": "+ é" })),
        ("", json!({})),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_query(text).map(Value::Object), Ok(expected), "{text}");
    }
}

#[test]
fn malformed_input_is_rejected() {
    for text in ["a=%", "a=%4", "a=%zz", "%=1"] {
        assert!(matches!(parse_query(text), Err(DecodeError::PercentEncoding(_))), "{text}");
    }
    assert!(matches!(parse_query("a=%ff"), Err(DecodeError::InvalidUtf8(name)) if name == "a"));
    let deep = format!("a{}=1", "[x]".repeat(1000));
    assert!(
        matches!(parse_query(&deep), Err(DecodeError::TooDeep { field, max_depth: 8 }) if field == "a")
    );
    let many = "a[]=1&".repeat(9000);
    assert_eq!(parse_query(&many), Err(DecodeError::TooManyValues(8192)));
}

#[test]
fn multipart_is_split_at_its_boundary() {
    let head = "Content-Disposition: form-data; name=";
    let cases = [
        (format!("--B7\r\n{head}\"a\"\r\n\r\n1\r\n--B7--"), json!({ "a": "1" })),
        (format!("before\r\n--B7 \t\r\n{head}a\r\n\r\n1\r\n--B7--after"), json!({ "a": "1" })),
        (format!("--B7\r\nX: y\r\n{head}\"a\"\r\n\r\n\r\n--B7--"), json!({ "a": "" })),
        (format!("--B7\r\n{head}\"a\"\r\n\r\n\r\n--B\r\n--B7--"), json!({ "a": "\r\n--B" })),
        (format!("--B7\r\n{head}\"a\\\"b\\c\"\r\n\r\n1\r\n--B7--"), json!({ "a\"b\\c": "1" })),
        (format!("--B7\r\n{head}\"a;b=c\"; x\r\n\r\n1\r\n--B7--"), json!({ "a;b=c": "1" })),
        ("--B7--".to_owned(), json!({})),
    ];
    for (text, expected) in cases {
        let decoded = decode(
            MediaType::Multipart,
            "multipart/form-data; charset=utf-8; Boundary=\"B7\"",
            text.clone(),
        );
        assert_eq!(decoded.map(Value::Object), Ok(expected), "{text}");
    }
}

#[test]
fn max_index_has_no_successor() {
    let mut tree = TreeBuilder::new(LIMITS);
    for name in ["a[18446744073709551615]", "a[]", "a[]"] {
        tree.add(name, "1".to_owned()).expect("within the limits");
    }
    assert_eq!(Value::Object(tree.finish()), json!({ "a": { "18446744073709551615": "1" } }));
}

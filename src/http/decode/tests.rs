//! Properties of the decoder: what is encoded comes back, in all encodings, and nothing makes it panic.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{DecodeError, Encoding, Tree, body};
use crate::limits::Shape;

const SHAPE: Shape = Shape { values: 8192, depth: 8 };

fn query(text: &str) -> Result<Map<String, Value>, DecodeError> {
    super::query(text, SHAPE)
}

/// A tree of texts as a form can hold it: no list or object is empty, and no object looks like a list.
fn tree() -> impl Strategy<Value = Map<String, Value>> {
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

/// The pairs that PHP's `http_build_query` would send.
fn pairs(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Array(entries) => {
            entries
                .iter()
                .enumerate()
                .for_each(|(index, entry)| pairs(&format!("{name}[{index}]"), entry, out));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(field, entry)| pairs(&format!("{name}[{field}]"), entry, out));
        }
        other => out.push((name.to_owned(), other.as_str().unwrap_or_default().to_owned())),
    }
}

fn all_pairs(tree: &Map<String, Value>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    tree.iter().for_each(|(name, value)| pairs(name, value, &mut out));
    out
}

fn urlencoded(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn multipart(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let _ = write!(
            text,
            "--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    text + "--B7--\r\n"
}

fn decoded(
    encoding: Encoding,
    content_type: &str,
    bytes: impl Into<Vec<u8>>,
) -> Result<Map<String, Value>, DecodeError> {
    body(encoding, content_type, &bytes.into(), SHAPE)
}

/// What another reader of multipart makes of a body.
fn by_multer(bytes: Vec<u8>) -> Result<Vec<(String, String)>, Option<multer::Error>> {
    let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let mut parts = multer::Multipart::new(body, "B7");
    let read = async {
        let mut pairs = Vec::new();
        while let Some(part) = parts.next_field().await? {
            let name = part.name().ok_or(None)?.to_owned();
            let text = String::from_utf8(part.bytes().await?.into()).map_err(|_| None)?;
            pairs.push((name, text));
        }
        Ok(pairs)
    };
    futures_util::FutureExt::now_or_never(read).expect("the whole body is there")
}

/// Bodies that nearly are multipart. They begin with the boundary: where it stands within a line multer takes it, too.
fn nearly_multipart() -> impl Strategy<Value = String> {
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
    fn what_is_encoded_comes_back(tree in tree()) {
        let pairs = all_pairs(&tree);
        let asked = query(&urlencoded(&pairs));
        prop_assert_eq!(asked.as_ref(), Ok(&tree));
        let form = decoded(Encoding::Urlencoded, "", urlencoded(&pairs));
        prop_assert_eq!(form.as_ref(), Ok(&tree));
        let parts = decoded(Encoding::Multipart, "multipart/form-data; boundary=B7", multipart(&pairs));
        prop_assert_eq!(parts.as_ref(), Ok(&tree));
        let json = decoded(Encoding::Json, "", Value::Object(tree.clone()).to_string());
        prop_assert_eq!(json.as_ref(), Ok(&tree));
    }

    #[test]
    fn two_readers_of_multipart_do_not_differ(text in nearly_multipart()) {
        let ours = decoded(Encoding::Multipart, "multipart/form-data; boundary=B7", text.clone());
        if let (Ok(ours), Ok(pairs)) = (ours, by_multer(text.into_bytes())) {
            let mut tree = Tree::within(SHAPE);
            for (name, text) in pairs {
                tree.add(&name, text).expect("few and shallow");
            }
            prop_assert_eq!(ours, tree.finish());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for encoding in Encoding::ALL {
            let _ = decoded(encoding, "multipart/form-data; boundary=B7", bytes.clone());
        }
    }

    #[test]
    fn no_form_makes_it_panic(text in "[ab\\[\\]=&%+0-9]{0,60}") {
        let _ = query(&text);
        let parts = format!("--B7\r\nContent-Disposition: form-data; name=\"{text}\"\r\n\r\n{text}\r\n--B7");
        let _ = decoded(Encoding::Multipart, "multipart/form-data; boundary=B7", parts);
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
        assert_eq!(query(text).map(Value::Object), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_broken_is_refused() {
    for text in ["a=%", "a=%4", "a=%zz", "%=1"] {
        assert!(matches!(query(text), Err(DecodeError::Percent(_))), "{text}");
    }
    assert!(matches!(query("a=%ff"), Err(DecodeError::NotUtf8(name)) if name == "a"));
    let deep = format!("a{}=1", "[x]".repeat(1000));
    assert!(matches!(query(&deep), Err(DecodeError::TooDeep { field, most: 8 }) if field == "a"));
    let many = "a[]=1&".repeat(9000);
    assert_eq!(query(&many), Err(DecodeError::TooMany(8192)));
}

#[test]
fn a_multipart_body_is_cut_where_its_boundary_stands() {
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
        let read = decoded(
            Encoding::Multipart,
            "multipart/form-data; charset=utf-8; Boundary=\"B7\"",
            text.clone(),
        );
        assert_eq!(read.map(Value::Object), Ok(expected), "{text}");
    }
}

#[test]
fn the_largest_index_has_no_next() {
    let mut tree = Tree::within(SHAPE);
    for name in ["a[18446744073709551615]", "a[]", "a[]"] {
        tree.add(name, "1".to_owned()).expect("few and shallow");
    }
    assert_eq!(Value::Object(tree.finish()), json!({ "a": { "18446744073709551615": "1" } }));
}

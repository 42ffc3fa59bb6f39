//! Property tests of the decoder: all encodings round-trip, and no input makes it panic.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::brackets::TreeBuilder;
use super::{DecodeError, Decoded, parse_body};
use crate::api::limits::InputLimits;
use crate::contract::MediaType;

const LIMITS: InputLimits = InputLimits { max_values: 8192, max_depth: 8 };

fn parse_query(text: &str) -> Result<Map<String, Value>, DecodeError> {
    super::parse_query(text, LIMITS).map(|decoded| decoded.fields)
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
    parse_body(media_type, content_type, &bytes.into(), LIMITS).map(|decoded| decoded.fields)
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
            prop_assert_eq!(ours, tree.finish().fields);
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
    assert_eq!(
        Value::Object(tree.finish().fields),
        json!({ "a": { "18446744073709551615": "1" } })
    );
}

const SMALL_LIMITS: InputLimits = InputLimits { max_values: 3, max_depth: 2 };

/// Returns the names and values as a query, a form, a multipart body and, without brackets, a JSON body.
fn decode_within(limits: InputLimits, pairs: &[(&str, &str)]) -> Vec<Result<Value, DecodeError>> {
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let form = encode_urlencoded(&pairs);
    let parse = |media_type, content_type, body: &str| {
        parse_body(media_type, content_type, body.as_bytes(), limits)
    };
    let mut decoded = vec![
        super::parse_query(&form, limits),
        parse(MediaType::Urlencoded, "", &form),
        parse(MediaType::Multipart, "multipart/form-data; boundary=B7", &encode_multipart(&pairs)),
    ];
    if pairs.iter().all(|(name, _)| !name.contains('[')) {
        let fields: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
        decoded.push(parse(MediaType::Json, "", &Value::Object(fields).to_string()));
    }
    decoded
        .into_iter()
        .map(|decoded| decoded.map(|decoded| Value::Object(decoded.fields)))
        .collect()
}

#[test]
fn every_encoding_has_the_same_limits() {
    let accepted = json!({ "a": "1", "b": "2", "c": "3" });
    for decoded in decode_within(SMALL_LIMITS, &[("a", "1"), ("b", "2"), ("c", "3")]) {
        assert_eq!(decoded, Ok(accepted.clone()));
    }
    for decoded in decode_within(SMALL_LIMITS, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]) {
        assert_eq!(decoded, Err(DecodeError::TooManyValues(3)));
    }
    for decoded in decode_within(SMALL_LIMITS, &[("a[x]", "1"), ("a[y]", "2"), ("a[y]", "3")]) {
        assert_eq!(decoded, Ok(json!({ "a": { "x": "1", "y": "3" } })));
    }
    for decoded in decode_within(SMALL_LIMITS, &[("a", "1"), ("b[x][y]", "2")]) {
        assert_eq!(decoded, Err(DecodeError::TooDeep { field: "b".to_owned(), max_depth: 2 }));
    }
    let long = "é".repeat(65);
    for decoded in decode_within(SMALL_LIMITS, &[(&format!("{long}[x][y]"), "1")]) {
        let field = "é".repeat(64);
        assert_eq!(decoded, Err(DecodeError::TooDeep { field, max_depth: 2 }));
    }
}

#[test]
fn json_counts_every_value_and_names_the_outermost_field() {
    let decode = |text: &str| {
        parse_body(MediaType::Json, "", text.as_bytes(), SMALL_LIMITS)
            .map(|decoded| Value::Object(decoded.fields))
    };
    let too_deep = |field: &str| DecodeError::TooDeep { field: field.to_owned(), max_depth: 2 };
    assert_eq!(decode("{\"a\":[1,2]}"), Ok(json!({ "a": [1, 2] })));
    assert_eq!(decode("{\"a\":{\"b\":{}}}"), Ok(json!({ "a": { "b": {} } })));
    assert_eq!(decode("{\"a\":{\"b\":{\"c\":1}}}"), Err(too_deep("a")));
    assert_eq!(decode("{\"a\":{\"b\":1},\"c\":null}"), Ok(json!({ "a": { "b": 1 }, "c": null })));
    assert_eq!(decode("{\"a\":[1,2,3]}"), Err(DecodeError::TooManyValues(3)));
    assert_eq!(decode("{\"a\":1,\"a\":2,\"a\":3,\"a\":4}"), Err(DecodeError::TooManyValues(3)));
    assert_eq!(decode("{\"a\":1,\"b\":[[]]}"), Ok(json!({ "a": 1, "b": [[]] })));
    assert_eq!(decode("{\"a\":1,\"b\":[[0]]}"), Err(too_deep("b")));
    assert_eq!(decode("[[[0]]]"), Err(too_deep("")));
}

#[test]
fn json_values_keep_their_type_and_the_last_one_of_a_name() {
    let text = r#"{"b":true,"i":-7,"u":18446744073709551615,"f":7.0,"n":null,"s":"\u00e9\n","l":[],"o":{},"i":8}"#;
    let expected = json!({
        "b": true, "i": 8, "u": u64::MAX, "f": 7.0, "n": null, "s": "é\n", "l": [], "o": {},
    });
    assert_eq!(decode(MediaType::Json, "", text).map(Value::Object), Ok(expected));
}

#[test]
fn json_body_is_one_object() {
    let message = |body: &[u8]| decode(MediaType::Json, "", body).expect_err("invalid").to_string();
    for (body, found) in [
        ("null", "null"),
        ("true", "true or false"),
        ("7", "a number"),
        ("\"a\"", "a text"),
        (" [1]", "a list"),
    ] {
        let expected =
            format!("The JSON body must be an object with the fields, but it is {found}");
        assert_eq!(message(body.as_bytes()), expected);
    }
    for body in ["{", "{}{}", "{\"a\":1,}", "{\"a\":1e999}", "{\"a\":\"\\ud800\"}", "a=1"] {
        assert!(message(body.as_bytes()).starts_with("The body is not valid JSON: "), "{body}");
    }
    assert_eq!(message(b"{\"a\":\"\xff\"}"), "The body is not valid UTF-8");
}

#[test]
fn empty_body_has_no_fields() {
    for media_type in MediaType::ALL {
        let fields = decode(media_type, "multipart/form-data; boundary=B7", "");
        assert_eq!(fields, Ok(Map::new()), "{media_type:?}");
    }
}

#[test]
fn json_sent_as_a_form_is_recognized() {
    for body in ["{}", " {\"a\":1}", "\r\n{\"a\":[1]}\n"] {
        assert_eq!(
            decode(MediaType::Urlencoded, "", body),
            Err(DecodeError::JsonSentAsForm),
            "{body:?}"
        );
    }
    for (body, expected) in [
        ("{a=1", json!({ "{a": "1" })),
        ("[1]", json!({ "[1]": "" })),
        ("a={}", json!({ "a": "{}" })),
        ("{\"a\":1", json!({ "{\"a\":1": "" })),
    ] {
        assert_eq!(
            decode(MediaType::Urlencoded, "", body).map(Value::Object),
            Ok(expected),
            "{body}"
        );
    }
}

#[test]
fn urlencoded_errors_quote_the_escape_or_name_the_field() {
    let cases = [
        (
            "a=%",
            "Invalid percent-encoding at \"%\": a % must be followed by two hexadecimal digits",
        ),
        (
            "a=1%4",
            "Invalid percent-encoding at \"%4\": a % must be followed by two hexadecimal digits",
        ),
        (
            "a=%41%zz&b",
            "Invalid percent-encoding at \"%zz\": a % must be followed by two hexadecimal digits",
        ),
        (
            "%4g=1",
            "Invalid percent-encoding at \"%4g\": a % must be followed by two hexadecimal digits",
        ),
        ("a%20b=%ff", "a b is not valid UTF-8"),
        ("%ff=1", "The name of a field is not valid UTF-8"),
    ];
    for (query, expected) in cases {
        assert_eq!(
            parse_query(query).map_err(|error| error.to_string()),
            Err(expected.to_owned()),
            "{query}"
        );
    }
    let long = "é".repeat(65);
    let name = "é".repeat(64);
    assert_eq!(parse_query(&format!("{long}=%ff")), Err(DecodeError::InvalidUtf8(name)));
}

#[test]
fn boundary_has_1_to_70_bytes() {
    let body_of = |boundary: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--{boundary}--")
    };
    let content_type = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
    for boundary in ["b".to_owned(), "b".repeat(70)] {
        let fields = decode(MediaType::Multipart, &content_type(&boundary), body_of(&boundary));
        assert_eq!(fields.map(Value::Object), Ok(json!({ "a": "1" })), "{boundary}");
    }
    let longer = "b".repeat(71);
    for content_type in [
        &*content_type(""),
        &*content_type(&longer),
        "multipart/form-data",
        "multipart/form-data; x=boundary",
        "multipart/form-data; boundary=\"B7",
    ] {
        assert_eq!(
            decode(MediaType::Multipart, content_type, body_of(&longer)),
            Err(DecodeError::InvalidMultipart("its Content-Type has no valid boundary".to_owned())),
            "{content_type}"
        );
    }
}

#[test]
fn malformed_multipart_is_rejected_with_its_reason() {
    const HEAD: &str = "Content-Disposition: form-data; name=a";
    let truncated = "it is truncated; the closing boundary is missing";
    let missing_name = "a part has no name";
    let cases = [
        ("x".to_owned(), "it does not contain its boundary"),
        ("x--B7--".to_owned(), "it does not contain its boundary"),
        ("--B7".to_owned(), truncated),
        ("--B7-".to_owned(), truncated),
        ("--B7 \r".to_owned(), truncated),
        ("--B7 x\r\n".to_owned(), "the line of a boundary has other text after it"),
        ("--B7\n\n".to_owned(), "its lines end with LF; they must end with CRLF"),
        (format!("--B7\r\n{HEAD}\r\n\r\n1"), truncated),
        (format!("--B7\r\n{HEAD}\r\n\r\n1\r\n--B"), truncated),
        (format!("--B7\r\n{HEAD}\r\n\r\n1\r\n--B7"), truncated),
        (format!("--B7\r\n{HEAD}\r\n--B7--"), "the headers of a part have no end"),
        ("--B7\r\n\r\n1\r\n--B7--".to_owned(), missing_name),
        ("--B7\r\nX: y\r\n\r\n1\r\n--B7--".to_owned(), missing_name),
        ("--B7\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B7--".to_owned(), missing_name),
        (
            "--B7\r\nContent-Disposition: form-data; filename=a\r\n\r\n1\r\n--B7--".to_owned(),
            missing_name,
        ),
        (
            "--B7\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--B7--".to_owned(),
            missing_name,
        ),
    ];
    for (body, reason) in cases {
        let decoded =
            decode(MediaType::Multipart, "multipart/form-data; boundary=B7", body.clone());
        assert_eq!(decoded, Err(DecodeError::InvalidMultipart(reason.to_owned())), "{body:?}");
    }
}

#[test]
fn multipart_parts_are_text_in_utf8() {
    let decode = |head: &[u8], content: &[u8]| {
        let body = [b"--B7\r\n", head, b"\r\n\r\n", content, b"\r\n--B7--"].concat();
        decode(MediaType::Multipart, "multipart/form-data; boundary=B7", body)
    };
    let disposition = b"Content-Disposition: form-data; name=a";
    assert_eq!(decode(disposition, b"\xff"), Err(DecodeError::InvalidUtf8("a".to_owned())));
    assert_eq!(
        decode(b"X: \xff", b"1"),
        Err(DecodeError::InvalidMultipart("the headers of a part are not valid UTF-8".to_owned()))
    );
    for file in [
        "filename=\"b.txt\"",
        "FileName=b.txt",
        "filename=\"\"",
        "filename*=utf-8''b.txt",
        "filename*0=b; filename*1=.txt",
        "FILENAME*0*=utf-8''b",
    ] {
        let head = format!("Content-Disposition: form-data; name=a; {file}");
        let error = decode(head.as_bytes(), b"1").expect_err("a file");
        assert_eq!(error, DecodeError::UnexpectedFile("a".to_owned()));
        assert_eq!(error.to_string(), "a must be text, but a file was sent");
    }
}

#[test]
fn part_name_follows_the_rules_of_header_parameters() {
    let cases = [
        ("Content-Disposition: form-data; name=\"a b\"", "a b"),
        ("content-disposition:form-data;NAME=a", "a"),
        ("X: y\r\nContent-Disposition: form-data; name=a", "a"),
        ("Content-Disposition: form-data; x; name = a ", "a"),
        ("Content-Disposition: form-data; x=\"name=b; y\"; name=a", "a"),
        ("Content-Disposition: form-data; name=\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d"),
        ("Content-Disposition: form-data; name=\"\"", ""),
    ];
    for (head, name) in cases {
        let body = format!("--B7\r\n{head}\r\n\r\n1\r\n--B7--");
        let fields = decode(MediaType::Multipart, "multipart/form-data; boundary=B7", body);
        assert_eq!(fields.map(Value::Object), Ok(json!({ name: "1" })), "{head}");
    }
}

#[test]
fn ambiguous_part_headers_are_rejected() {
    let disposition = "Content-Disposition: form-data; name=a";
    for (head, reason) in [
        (&*format!("{disposition}; name=b"), "a part has more than one name"),
        (&*format!("{disposition}; NAME=a"), "a part has more than one name"),
        (
            &*format!("{disposition}\r\n{disposition}"),
            "a part has the header content-disposition more than once",
        ),
        (
            &*format!("{disposition}\r\nContent-Type: text/plain\r\ncontent-type: text/html"),
            "a part has the header content-type more than once",
        ),
        (
            "Content-Disposition: form-data; name*=utf-8''a",
            "the name of a part is sent as name*, which",
        ),
        (&*format!("{disposition}; name*0=b"), "the name of a part is sent as name*, which"),
    ] {
        let error = decode_part(head, b"x").expect_err(head).to_string();
        assert!(error.contains(reason), "{head}: {error}");
    }
    for header in ["Content-Encoding", "Content-Transfer-Encoding"] {
        let error = decode_part(&format!("{disposition}\r\n{header}: gzip"), b"x");
        let error = error.expect_err(header).to_string();
        assert!(error.contains(&format!("has the {header} \"gzip\"")), "{error}");
    }
    for header in ["Content-Encoding: identity", "Content-Encoding:"] {
        assert!(decode_part(&format!("{disposition}\r\n{header}"), b"x").is_ok(), "{header}");
    }
}

#[test]
fn wide_encodings_are_named_in_every_format() {
    for media_type in [MediaType::Urlencoded, MediaType::Json, MediaType::Multipart] {
        for (body, encoding) in [
            (&b"a\0=\x001\0"[..], "UTF-16"),
            (b"\xFF\xFEa\0", "UTF-16"),
            (b"{\0\0\0}\0\0\0", "UTF-32"),
        ] {
            let error = decode(media_type, "multipart/form-data; boundary=B7", body);
            let expected = format!("The body is encoded in {encoding}; it must be UTF-8");
            assert_eq!(error.expect_err(encoding).to_string(), expected, "{media_type:?}");
        }
    }
}

#[test]
fn comments_in_part_headers_are_skipped() {
    let disposition = "Content-Disposition: form-data; name=\"a\"";
    for head in [
        "Content-Disposition: form-data (comment); name=\"a\"",
        "Content-Disposition: (comment) form-data; name=\"a\" (comment)",
        "Content-Disposition: form-data;(comment)name=\"a\"",
        "Content-Disposition: form-data; name(c)=(c)\"a\"(c)",
        "Content-Disposition: form-data; name=a (comment)",
        "Content-Disposition: form-data; name=a(comment)",
        "Content-Disposition: form-data (a; name=\"b\"; \"c\"); name=\"a\"",
        "Content-Disposition: form-data (a (nested (deep)) comment); name=\"a\"",
        "Content-Disposition: form-data (\\) \\( \\\\ \"); name=\"a\"",
        "Content-Disposition: form-data\r\n (folded\r\n comment); name=\"a\"",
        "Content-Disposition: form-data (filename=\"b\"); name=\"a\"",
        "Content-Disposition: form-data ()(); name=\"a\"",
        &format!("{disposition}\r\nContent-Transfer-Encoding: (c) 8bit (c)"),
        &format!("{disposition}\r\nContent-Type: text/plain (c); charset=utf-8 (c)"),
        &format!("{disposition}\r\nX-Other: (not closed"),
    ] {
        let fields = decode_part(head, b"x").map(Value::Object);
        assert_eq!(fields, Ok(json!({ "a": "x" })), "{head}");
    }
    for (head, name) in [
        ("Content-Disposition: form-data; name=\"a (b)\"", "a (b)"),
        ("Content-Disposition: form-data; name=\"a (b\" (c)", "a (b"),
        ("Content-Disposition: form-data; name=\"a)\"", "a)"),
        ("Content-Disposition: form-data; name=\"a\\\"(b)\" (c)", "a\"(b)"),
        ("Content-Disposition: form-data; name=\"a\\(b)\" (c)", "a\\(b)"),
        ("Content-Disposition: form-data; name=\"a\\\\\" (c)", "a\\"),
        ("Content-Disposition: form-data; name=a)", "a)"),
    ] {
        let fields = decode_part(head, b"x").map(Value::Object);
        assert_eq!(fields, Ok(json!({ name: "x" })), "{head}");
    }
    let open =
        DecodeError::InvalidMultipart("a comment in the headers of a part has no end".to_owned());
    for head in [
        "Content-Disposition: form-data (; name=a",
        "Content-Disposition: form-data; name=a (b (c)",
        "Content-Disposition: form-data (\\); name=a",
        &format!("{disposition}\r\nContent-Type: text/plain ("),
        &format!("{disposition}\r\nContent-Transfer-Encoding: 8bit ("),
    ] {
        assert_eq!(decode_part(head, b"x"), Err(open.clone()), "{head}");
    }
}

/// Decodes a body with one part.
fn decode_part(head: &str, content: &[u8]) -> Result<Map<String, Value>, DecodeError> {
    let body = [format!("--B7\r\n{head}\r\n\r\n").as_bytes(), content, b"\r\n--B7--\r\n"].concat();
    decode(MediaType::Multipart, "multipart/form-data; boundary=B7", body)
}

#[test]
fn part_headers_follow_mime() {
    let expected = Ok(json!({ "a": "x" }));
    for head in [
        "Content-Disposition: form-data; name=\"a\"",
        "content-disposition:form-data;name=a",
        "CONTENT-DISPOSITION : form-data ; name = \"a\"",
        "Content-Disposition: form-data;\r\n name=\"a\"",
        "Content-Disposition: form-data;\r\n\tname=\"a\"",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: 8BIT",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=\"UTF-8\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain;\r\n charset=us-ascii",
    ] {
        assert_eq!(decode_part(head, b"x").map(Value::Object), expected, "{head}");
    }
}

#[test]
fn part_is_decoded_by_its_charset_or_refused() {
    let head = |more: &str| format!("Content-Disposition: form-data; name=\"a\"\r\n{more}");
    for (charset, content, text) in [
        ("ISO-8859-1", &b"caf\xE9"[..], "caf\u{e9}"),
        ("latin1", b"caf\xE9", "caf\u{e9}"),
        ("\"iso-8859-1\"", b"\xFC", "\u{fc}"),
        ("utf-8", "\u{20ac}".as_bytes(), "\u{20ac}"),
    ] {
        let head = head(&format!("Content-Type: text/plain; charset={charset}"));
        assert_eq!(
            decode_part(&head, content).map(Value::Object),
            Ok(json!({ "a": text })),
            "{charset}"
        );
    }
    for (more, words) in [
        (
            "Content-Type: text/plain; charset=windows-1252",
            "charset \"windows-1252\"; send it in UTF-8",
        ),
        ("Content-Type: text/plain; charset=utf-16", "charset \"utf-16\""),
        ("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding \"base64\""),
        ("Content-Transfer-Encoding: Quoted-Printable", "without this header"),
    ] {
        let error = decode_part(&head(more), b"x").expect_err(more).to_string();
        assert!(error.contains(words), "{more}: {error}");
    }
    let file = "Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''x.txt";
    assert_eq!(decode_part(file, b"x"), Err(DecodeError::UnexpectedFile("a".to_owned())));
}

#[test]
fn line_ends_without_carriage_returns_are_named() {
    for body in [
        "--B7\nContent-Disposition: form-data; name=\"a\"\n\nx\n--B7--\n",
        "preamble\n--B7\nContent-Disposition: form-data; name=\"a\"\n\nx\n--B7--\n",
        "--B7\r\nContent-Disposition: form-data; name=\"a\"\n\nx\r\n--B7--\r\n",
    ] {
        let error = decode(MediaType::Multipart, "multipart/form-data; boundary=B7", body);
        let error = error.expect_err(body).to_string();
        assert!(error.contains("must end with CRLF"), "{body:?}: {error}");
    }
}

#[test]
fn fields_sent_more_than_once_are_recorded() {
    type Expected = &'static [(&'static str, usize, &'static str)];
    let cases: [(&str, Expected); 11] = [
        ("a=1&b=1", &[]),
        ("a[]=1&a[]=1", &[]),
        ("a[x]=1&a[y]=1", &[]),
        ("a=1&a=2", &[("a", 2, r#""1" and then "2""#)]),
        ("a=1&b=1&a=1&b=3", &[("a", 2, r#""1" and then "1""#), ("b", 2, r#""1" and then "3""#)]),
        ("a=1&a=2&a=3", &[("a", 3, r#""1" and then "2" and then "3""#)]),
        ("a=1&a=2&a=3&a=4", &[("a", 4, r#""1" and then "2" and then "3" and then "4""#)]),
        ("a[0][b]=1&a[0][b]=2&a[1][b]=3", &[("a[0][b]", 2, r#""1" and then "2""#)]),
        ("a=1&a[]=2", &[("a", 2, r#""1" and then ["2"]"#)]),
        ("a[b]=1&a[b][c]=2", &[("a[b]", 2, r#""1" and then {"c":"2"}"#)]),
        ("a[]=1&a=2", &[("a", 2, r#"["1"] and then "2""#)]),
    ];
    let record = |decoded: Decoded| -> Vec<(String, usize, String)> {
        let repeated = decoded.repeated.into_iter();
        repeated.map(|field| (field.path.clone(), field.count, field.quote_values())).collect()
    };
    for (form, expected) in cases {
        let pairs: Vec<(String, String)> = form
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let body = |media_type, text: &str| {
            parse_body(media_type, "multipart/form-data; boundary=B7", text.as_bytes(), LIMITS)
        };
        let expected: Vec<(String, usize, String)> = expected
            .iter()
            .map(|(path, count, values)| ((*path).to_owned(), *count, (*values).to_owned()))
            .collect();
        for decoded in [
            super::parse_query(form, LIMITS),
            body(MediaType::Urlencoded, form),
            body(MediaType::Multipart, &encode_multipart(&pairs)),
        ] {
            assert_eq!(record(decoded.expect("valid")), expected, "{form}");
        }
    }
    let json = r#"{"a":1,"b":[{"c":true},{"d":{"e":1,"e":[2]}}],"a":"x","a":null}"#;
    let decoded = parse_body(MediaType::Json, "", json.as_bytes(), LIMITS).expect("valid");
    let expected =
        [("b[1][d][e]", 2, "1 and then [2]"), ("a", 3, "1 and then \"x\" and then null")]
            .map(|(path, count, values)| (path.to_owned(), count, values.to_owned()));
    assert_eq!(record(decoded), expected);
}

#[test]
fn list_of_repeated_fields_is_bounded() {
    let form: Vec<String> = (0..50).map(|field| format!("f{field}=1&f{field}=2")).collect();
    let decoded = super::parse_query(&form.join("&"), LIMITS).expect("valid");
    assert_eq!(decoded.repeated.into_iter().count(), 20);
    let long = "é".repeat(200);
    let decoded = super::parse_query(&format!("a[{long}]=1&a[{long}]=2"), LIMITS).expect("valid");
    let field = decoded.repeated.into_iter().next().expect("the field is recorded");
    assert!(field.path.chars().count() < 70, "{}", field.path);
}

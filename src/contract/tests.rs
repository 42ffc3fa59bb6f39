//! Tests of validation: each rule with its bounds and messages, and its laws.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    Field, FieldType, Literal, MAX_SAFE_INTEGER, MAX_VIOLATIONS, UndocumentedValues,
    ValidationReport, Violation, apply_defaults, is_valid_datetime, optional, parse_decimal_u64,
    quote_value, required, validate, validate_request, validate_without_item_defaults,
};

static WORD_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[a-z]+$").expect("valid regex"));
static ID_LIST_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9, ]+$").expect("valid regex"));

static INNER_FIELDS: &[Field] = &[
    required("id", FieldType::INTEGER),
    optional("name", FieldType::TEXT).default_value(Literal::Text("none")),
    optional("note", FieldType::TEXT),
];
static OPTIONAL_FIELDS: &[Field] =
    &[optional("name", FieldType::TEXT).default_value(Literal::Text("none"))];

const INTEGER_RULE: &str = "in digits without sign, fraction or leading zero";

fn validate_json(fields: &[Field], input: &Value) -> ValidationReport {
    validate(fields, input.as_object().expect("the input is an object"))
}

fn messages(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

/// Validates the value of a required field `a`.
fn validate_value(data_type: FieldType, sent: &Value) -> Result<Value, String> {
    let ValidationReport { mut values, violations, unknown_fields, .. } =
        validate_json(&[required("a", data_type)], &json!({ "a": sent }));
    let messages = [messages(&violations), messages(&unknown_fields)].concat();
    if messages.is_empty() {
        Ok(values.remove("a").expect("a valid value is kept"))
    } else {
        Err(messages.join(" "))
    }
}

fn assert_accepted(data_type: FieldType, cases: impl IntoIterator<Item = (Value, Value)>) {
    for (sent, expected) in cases {
        assert_eq!(validate_value(data_type, &sent), Ok(expected), "{sent} as {data_type:?}");
    }
}

/// Asserts that the values are rejected by the rule; the message quotes them.
fn assert_rejected(data_type: FieldType, rule: &str, values: impl IntoIterator<Item = Value>) {
    for sent in values {
        let expected = format!("a {rule}; {} was sent.", quote_value(&sent));
        assert_eq!(validate_value(data_type, &sent), Err(expected), "{sent} as {data_type:?}");
    }
}

/// Pairs each value with itself: it is accepted unchanged.
fn unchanged<const N: usize>(values: [Value; N]) -> [(Value, Value); N] {
    values.map(|value| (value.clone(), value))
}

#[test]
fn text_length_is_counted_in_characters() {
    let text = FieldType::Text { min_chars: 2, max_chars: 4, pattern: None };
    assert_accepted(text, unchanged([json!("ab"), json!("abcd"), json!("éé"), json!("éééé")]));
    assert_rejected(text, "must have at least 2 characters", [json!("a"), json!("é")]);
    assert_rejected(text, "must have at most 4 characters", [json!("abcde"), json!("ééééé")]);
    let without_minimum = FieldType::Text { min_chars: 0, max_chars: 4, pattern: None };
    assert_accepted(without_minimum, unchanged([json!("a"), json!("éééé"), json!("abcd")]));
    assert_rejected(
        without_minimum,
        "must have at most 4 characters",
        [json!("ééééé"), json!("abcde")],
    );
}

#[test]
fn text_is_neither_a_number_nor_a_list() {
    let text = FieldType::Text { min_chars: 0, max_chars: 9, pattern: None };
    let others = [json!(7), json!(true), json!([]), json!(["a"]), json!({ "a": "b" })];
    assert_rejected(text, "must be text", others);
    assert_rejected(text, "must not contain a NUL character", [json!("a\0b"), json!("\0")]);
}

#[test]
fn text_matches_its_pattern() {
    let word = FieldType::Text { min_chars: 0, max_chars: 4, pattern: Some(&WORD_PATTERN) };
    assert_accepted(word, unchanged([json!("a"), json!("abcd")]));
    assert_rejected(word, "must match ^[a-z]+$", [json!("A"), json!("a1"), json!("a\n")]);
    assert_rejected(word, "must have at most 4 characters", [json!("ABCDE")]);
}

#[test]
fn integer_is_a_whole_number_within_its_bounds() {
    let integer = FieldType::Integer { min: 2, max: 5 };
    let accepted = [json!(2), json!("2"), json!(2.0)].map(|sent| (sent, json!(2)));
    assert_accepted(integer, accepted);
    assert_accepted(integer, [json!(5), json!("5"), json!(5.0)].map(|sent| (sent, json!(5))));
    let rule = format!("must be a whole number from 2 to 5, {INTEGER_RULE}");
    let outside = [json!(1), json!("1"), json!(1.0), json!(6), json!("6"), json!(6.0)];
    assert_rejected(integer, &rule, outside);
    let others = [json!(2.5), json!(-2), json!(-2.0), json!(true), json!([2]), json!({ "2": 2 })];
    assert_rejected(integer, &rule, others);
    let texts = ["+2", "-2", "02", "2.0", " 2", "2 ", "2e0", "x", "٢", "99999999999999999999"];
    assert_rejected(integer, &rule, texts.map(Value::from));
    assert_accepted(
        FieldType::INTEGER,
        [json!(0), json!("0"), json!(0.0), json!(-0.0)].map(|sent| (sent, json!(0))),
    );
}

#[test]
fn largest_integer_is_exact_in_json() {
    let largest = json!(MAX_SAFE_INTEGER);
    let accepted = [largest.clone(), json!("9007199254740991"), json!(9_007_199_254_740_991.0)];
    assert_accepted(FieldType::INTEGER, accepted.map(|sent| (sent, largest.clone())));
    let rule = format!("must be a whole number from 0 to 9007199254740991, {INTEGER_RULE}");
    let larger = [
        json!(MAX_SAFE_INTEGER + 1),
        json!("9007199254740992"),
        json!(9_007_199_254_740_992.0),
        json!(1e300),
        json!(u64::MAX),
    ];
    assert_rejected(FieldType::INTEGER, &rule, larger);
}

#[test]
fn value_of_an_enumeration_is_one_of_the_list() {
    let numbers = FieldType::IntegerEnum(&[400, 404]);
    assert_accepted(
        numbers,
        [json!(404), json!("404"), json!(404.0)].map(|sent| (sent, json!(404))),
    );
    assert_rejected(numbers, "must be 400 or 404", [json!(401), json!("4040"), json!("x")]);
    let words = FieldType::TextEnum { values: &["yes", "no", "1"], documented_as: "enum" };
    assert_accepted(words, unchanged([json!("yes"), json!("no"), json!("1")]));
    let others = [json!("YES"), json!("ye"), json!(1), json!(true), json!(["yes"])];
    assert_rejected(words, "must be yes, no or 1 (documented as enum)", others);
}

#[test]
fn boolean_is_true_false_one_or_zero() {
    let accepted = [json!(true), json!("true"), json!(1), json!("1")];
    assert_accepted(FieldType::Boolean, accepted.map(|sent| (sent, json!(true))));
    let accepted = [json!(false), json!("false"), json!(0), json!("0")];
    assert_accepted(FieldType::Boolean, accepted.map(|sent| (sent, json!(false))));
    let others =
        [json!("TRUE"), json!("yes"), json!(2), json!("2"), json!(-1), json!([]), json!([true])];
    assert_rejected(FieldType::Boolean, "must be true, false, 1 or 0", others);
}

#[test]
fn date_exists_and_has_the_documented_format() {
    let rule = "must be a valid date in the format YYYY-MM-DD HH:MM:SS";
    let dates = [
        "2026-03-01 12:00:00",
        "2028-02-29 00:00:00",
        "0000-01-01 00:00:00",
        "9999-12-31 23:59:59",
    ];
    assert_accepted(FieldType::DateTime, unchanged(dates.map(Value::from)));
    assert_accepted(FieldType::DateTimeOrUtc, unchanged(dates.map(Value::from)));
    let utc = ["2026-03-01 12:00:00Z"].map(Value::from);
    assert_accepted(FieldType::DateTimeOrUtc, unchanged(utc.clone()));
    assert_rejected(FieldType::DateTime, rule, utc);
    let others = [
        "2026-02-29 12:00:00",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00",
        "2026-03-01",
        "2026-3-1 12:00:00",
        "2026-03- 1 12:00:00",
        "-026-03-01 12:00:00",
        "+2026-03-01 12:00:00",
        "2026-03-01 24:00:00",
        "2026-03-01 12:00:60",
        "2026-03-01 12:00:00 ",
        " 2026-03-01 12:00:00",
        "2026-03-01 12:00:00ZZ",
        "2026-03-01 12:00:00z",
        "2026-03-01 12:00:00+00:00",
        "yesterday",
    ];
    for data_type in [FieldType::DateTime, FieldType::DateTimeOrUtc] {
        assert_rejected(data_type, rule, others.map(Value::from));
        assert_rejected(data_type, rule, [json!(20_260_301), json!(["2026-03-01 12:00:00"])]);
    }
}

#[test]
fn scalar_is_a_short_text_or_a_whole_number() {
    let longest = "é".repeat(1000);
    assert_accepted(FieldType::Scalar, unchanged([json!("x"), json!("7.5"), json!(longest)]));
    assert_accepted(FieldType::Scalar, [json!(7), json!(7.0)].map(|sent| (sent, json!("7"))));
    assert_rejected(FieldType::Scalar, "must have at most 1000 characters", [json!(longest + "x")]);
    assert_rejected(FieldType::Scalar, "must not contain a NUL character", [json!("\0")]);
    let others = [json!(7.5), json!(-1), json!(true), json!(["x"]), json!({ "x": 1 })];
    assert_rejected(FieldType::Scalar, "must be a text or a whole number", others);
}

#[test]
fn comma_separated_ids_become_a_list() {
    let ids = FieldType::CommaSeparatedIds { pattern: &ID_LIST_PATTERN, max_items: 3 };
    assert_accepted(
        ids,
        [
            (json!("7"), json!([7])),
            (json!("3,1, 2"), json!([3, 1, 2])),
            (json!(" 1 ,  2 "), json!([1, 2])),
            (json!("9007199254740991"), json!([MAX_SAFE_INTEGER])),
            (json!(format!("{}1", " ".repeat(199_999))), json!([1])),
        ],
    );
    assert_rejected(ids, "must have at most 3 entries", [json!("1,2,3,4")]);
    assert_rejected(
        ids,
        "must contain each id once, but contains 1 twice",
        [json!("1,2,1"), json!("1, 1")],
    );
    for (text, part) in [
        ("1,,2", ""),
        ("1,", ""),
        (",", ""),
        (" ", ""),
        ("0", "0"),
        ("1,01", "01"),
        ("1 2", "1 2"),
        ("9007199254740992", "9007199254740992"),
    ] {
        let rule = format!(
            "must contain whole numbers from 1, separated by commas, but contains \"{part}\""
        );
        assert_rejected(ids, &rule, [json!(text)]);
    }
    assert_rejected(ids, "must match ^[0-9, ]+$", [json!("1;2"), json!("-1")]);
    assert_rejected(ids, "must be text", [json!(7), json!([7])]);
    assert_rejected(
        ids,
        "must have at most 200000 characters",
        [json!(format!("{}1", " ".repeat(200_000)))],
    );
}

#[test]
fn list_has_an_allowed_length() {
    let list = |min_items, max_items| FieldType::Array {
        item_type: &FieldType::INTEGER,
        min_items,
        max_items,
        unique_items: false,
    };
    assert_accepted(list(0, 0), unchanged([json!([])]));
    assert_accepted(list(2, 3), unchanged([json!([1, 2]), json!([1, 2, 3]), json!([1, 1])]));
    assert_rejected(list(1, 3), "must have at least 1 entry", [json!([])]);
    assert_rejected(list(2, 3), "must have at least 2 entries", [json!([1])]);
    assert_rejected(list(2, 3), "must have at most 3 entries", [json!([1, 2, 3, 4])]);
    assert_rejected(
        list(0, 3),
        "must be a list: a[]=… for each entry, or a JSON list",
        [json!("1"), json!(1), json!({}), json!({ "x": 1 }), json!({ "0": 1, "x": 2 })],
    );
    let sparse = [json!({ "0": 1, "2": 2 }), json!({ "1": 1 })];
    assert_rejected(list(0, 3), "must have the indices 0, 1, 2 … without a gap", sparse);
}

#[test]
fn violations_of_entries_have_their_index() {
    let list = FieldType::Array {
        item_type: &FieldType::INTEGER,
        min_items: 0,
        max_items: 9,
        unique_items: true,
    };
    assert_accepted(list, [(json!(["1", 2.0, 3]), json!([1, 2, 3]))]);
    let rule = format!("must be a whole number from 0 to 9007199254740991, {INTEGER_RULE}");
    let cases = [
        (json!([1, "1"]), "a[1] is a duplicate; \"1\" was sent.".to_owned()),
        (
            json!([1, 2, 1, 2]),
            "a[2] is a duplicate; 1 was sent. a[3] is a duplicate; 2 was sent.".to_owned(),
        ),
        (
            json!(["x", 1, null]),
            format!("a[0] {rule}; \"x\" was sent. a[2] {rule}; null was sent."),
        ),
        // An invalid entry is no duplicate of another one.
        (json!(["x", "x"]), format!("a[0] {rule}; \"x\" was sent. a[1] {rule}; \"x\" was sent.")),
    ];
    for (sent, expected) in cases {
        assert_eq!(validate_value(list, &sent), Err(expected), "{sent}");
    }
}

#[test]
fn objects_are_validated_at_their_path() {
    static NESTED: &[Field] = &[required(
        "b",
        FieldType::Array {
            item_type: &FieldType::INTEGER,
            min_items: 0,
            max_items: 1,
            unique_items: false,
        },
    )];
    let objects = FieldType::ObjectArray { fields: || INNER_FIELDS, min_items: 1, max_items: 2 };
    let object = FieldType::Object { fields: || INNER_FIELDS };
    let valid = json!({ "id": "7", "note": "" });
    let expected = json!({ "id": 7, "name": "none" });
    assert_accepted(object, [(valid.clone(), expected.clone())]);
    assert_accepted(objects, [(json!([valid]), json!([expected]))]);
    let cases = [
        (object, json!("x"), "a must be an object with fields."),
        (object, json!([]), "a must be an object with fields."),
        (object, json!({}), "a[id] is required."),
        (object, json!({ "id": 1, "nme": 1 }), "a[nme] is an unknown field; did you mean name?"),
        (object, json!({ "id": 1, "name": 1 }), "a[name] must be text; 1 was sent."),
        (objects, json!([{ "id": 1 }, {}]), "a[1][id] is required."),
        (objects, json!(["x", { "id": 1 }]), "a[0] must be an object with fields."),
        (objects, json!([{ "id": 1, "other": 1 }]), "a[0][other] is an unknown field."),
        (objects, json!([]), "a must have at least 1 entry; an empty list was sent."),
    ];
    for (data_type, sent, expected) in cases {
        assert_eq!(validate_value(data_type, &sent), Err(expected.to_owned()), "{sent}");
    }
    let nested = FieldType::Object { fields: || NESTED };
    assert_eq!(
        validate_value(nested, &json!({ "b": 7 })),
        Err("a[b] must be a list; 7 was sent.".to_owned())
    );
}

#[test]
fn names_in_a_map_match_their_pattern() {
    let map = FieldType::Map { key_pattern: &WORD_PATTERN, fields: || OPTIONAL_FIELDS };
    let default = json!({ "name": "none" });
    assert_accepted(
        map,
        [
            (json!({}), json!({})),
            (
                json!({ "x": {}, "y": { "name": "z" } }),
                json!({ "x": default, "y": { "name": "z" } }),
            ),
            (json!({ "x": null }), json!({ "x": default })),
        ],
    );
    let cases = [
        (json!([]), "a must be an object with fields."),
        (json!("x"), "a must be an object with fields."),
        (json!({ "x": 1 }), "a[x] must be an object with fields."),
        (json!({ "X": {} }), "a[X] must have a name that matches ^[a-z]+$; \"X\" was sent."),
        (json!({ "x": { "name": 1 } }), "a[x][name] must be text; 1 was sent."),
    ];
    for (sent, expected) in cases {
        assert_eq!(validate_value(map, &sent), Err(expected.to_owned()), "{sent}");
    }
}

#[test]
fn empty_and_null_count_as_missing() {
    let fields = [
        required("must", FieldType::TEXT),
        optional("may", FieldType::TEXT),
        optional("number", FieldType::INTEGER).default_value(Literal::Number(15)),
        optional("word", FieldType::TEXT).default_value(Literal::Text("x")),
    ];
    let defaults = json!({ "number": 15, "word": "x" });
    let cases = [
        (json!({}), "must is required."),
        (
            json!({ "must": null, "may": null, "number": null, "word": null }),
            "must is required, but null was sent.",
        ),
        (
            json!({ "must": "", "may": "", "number": "", "word": "" }),
            "must is required, but \"\" was sent.",
        ),
    ];
    for (sent, expected) in cases {
        let report = validate_json(&fields, &sent);
        assert_eq!(messages(&report.violations), [expected]);
        assert_eq!(Value::Object(report.values), defaults, "{sent}");
    }
    let report = validate_json(&fields, &json!({ "must": " ", "number": 0 }));
    assert!(report.violations.is_empty());
    assert_eq!(Value::Object(report.values), json!({ "must": " ", "number": 0, "word": "x" }));
}

#[test]
fn all_violations_and_unknown_fields_are_collected_in_order() {
    let fields = [
        required("a", FieldType::INTEGER),
        required("b", FieldType::TEXT),
        required("c", FieldType::TEXT),
    ];
    let report = validate_json(&fields, &json!({ "z": 1, "C": "x", "b": 7 }));
    assert_eq!(
        messages(&report.violations),
        ["a is required.", "b must be text; 7 was sent.", "c is required."]
    );
    assert_eq!(
        messages(&report.unknown_fields),
        ["z is an unknown field.", "C is an unknown field; did you mean c?"]
    );
    assert_eq!(Value::Object(report.values), json!({}));
}

#[test]
fn each_list_of_violations_has_at_most_20() {
    const TYPE: FieldType = FieldType::TextEnum { values: &["x"], documented_as: "" };
    static ITEM: &[Field] = &[required("b", TYPE).undocumented_values(UndocumentedValues::All)];
    let list = |max_items| FieldType::ObjectArray { fields: || ITEM, min_items: 0, max_items };
    let report_of = |item: Value, count: usize| {
        validate_json(&[required("a", list(100))], &json!({ "a": vec![item; count] }))
    };
    for count in [19, 20, 21, 25] {
        let expected = count.min(MAX_VIOLATIONS);
        let invalid = report_of(json!({ "b": "y", "c": 1 }), count);
        assert_eq!((invalid.violations.len(), invalid.unknown_fields.len()), (expected, expected));
        assert_eq!(invalid.violations[expected - 1].path, format!("a[{}][b]", expected - 1));
        assert!(
            invalid.without_alternative.is_empty(),
            "a rejected value is not accepted, also beyond the limit"
        );
        let valid = report_of(json!({ "b": "x" }), count);
        assert_eq!((valid.violations.len(), valid.without_alternative.len()), (0, expected));
    }
}

#[test]
fn undocumented_input_is_noted_if_it_is_accepted() {
    let number = FieldType::Integer { min: 0, max: 9 };
    let fields = [
        optional("some", number).undocumented_values(UndocumentedValues::Listed(&["0"])),
        optional("all", number).undocumented_values(UndocumentedValues::All),
        optional("only", number)
            .undocumented_values(UndocumentedValues::WithoutAlternative(&["1"])),
        optional("none", number),
        optional("text", FieldType::TEXT).default_value(Literal::Text("")),
        optional("word", FieldType::TEXT).default_value(Literal::Text("x")),
    ];
    let cases = [
        (json!({}), vec![]),
        (json!({ "some": 0 }), vec!["some accepts 0 (undocumented)."]),
        (json!({ "some": "0" }), vec!["some accepts \"0\" (undocumented)."]),
        (json!({ "some": 1, "none": 0 }), vec![]),
        (json!({ "all": 5, "only": 1 }), vec![]),
        (json!({ "all": 10 }), vec![]),
        (json!({ "all": "x", "some": 0 }), vec!["some accepts 0 (undocumented)."]),
        (json!({ "some": "" }), vec!["some is empty and counts as missing (undocumented)."]),
        (json!({ "none": "" }), vec!["none is empty and counts as missing (undocumented)."]),
        (json!({ "word": "" }), vec!["word is empty and counts as missing (undocumented)."]),
        (json!({ "text": "" }), vec![]),
        (json!({ "none": null }), vec![]),
    ];
    for (sent, expected) in cases {
        assert_eq!(messages(&validate_json(&fields, &sent).undocumented), expected, "{sent}");
    }
    let without_alternative = [
        (json!({ "all": 5 }), vec!["all accepts 5 (undocumented)."]),
        (json!({ "only": 1 }), vec!["only accepts 1 (undocumented)."]),
        (json!({ "only": 2, "some": 0, "all": 10, "word": "" }), vec![]),
    ];
    for (sent, expected) in without_alternative {
        let report = validate_json(&fields, &sent);
        assert_eq!(messages(&report.without_alternative), expected, "{sent}");
    }
    let must = [required("a", FieldType::TEXT).undocumented_values(UndocumentedValues::All)];
    assert!(
        validate_json(&must, &json!({ "a": "" })).without_alternative.is_empty(),
        "an empty text is rejected"
    );
}

#[test]
fn rejected_value_of_a_secret_field_is_not_quoted() {
    static ITEM: &[Field] = &[required("b", FieldType::INTEGER)];
    let item = FieldType::ObjectArray { fields: || ITEM, min_items: 0, max_items: 9 };
    let fields = [
        required("first", FieldType::INTEGER),
        required("a", item).secret(),
        required("last", FieldType::INTEGER).secret(),
    ];
    let rule = format!("must be a whole number from 0 to 9007199254740991, {INTEGER_RULE}");
    let report = validate_json(&fields, &json!({ "first": "x", "a": "canary", "last": "canary" }));
    assert_eq!(
        messages(&report.violations),
        [
            format!("first {rule}; \"x\" was sent."),
            "a must be a list.".to_owned(),
            format!("last {rule}.")
        ]
    );
    // A nested field decides for itself.
    let report = validate_json(&fields, &json!({ "first": 1, "a": [{ "b": "x" }], "last": 1 }));
    assert_eq!(messages(&report.violations), [format!("a[0][b] {rule}; \"x\" was sent.")]);
}

#[test]
fn defaults_of_list_entries_can_be_added_later() {
    static NESTED: &[Field] = &[
        required("id", FieldType::INTEGER),
        optional("name", FieldType::TEXT).default_value(Literal::Text("none")),
        optional("child", FieldType::Object { fields: || OPTIONAL_FIELDS }),
        optional(
            "list",
            FieldType::ObjectArray { fields: || OPTIONAL_FIELDS, min_items: 0, max_items: 9 },
        ),
    ];
    let fields = [
        required("a", FieldType::ObjectArray { fields: || NESTED, min_items: 0, max_items: 9 }),
        optional("b", FieldType::Object { fields: || OPTIONAL_FIELDS }),
        optional("c", FieldType::INTEGER).default_value(Literal::Number(15)),
    ];
    let input = json!({ "a": [{ "id": 1, "name": "", "child": {}, "list": [{}] }, { "id": 2, "name": "x" }], "b": {} });
    let report = validate_without_item_defaults(&fields, input.as_object().expect("an object"));
    assert_eq!(messages(&report.violations), [""; 0]);
    assert_eq!(
        Value::Object(report.values),
        json!({ "a": [{ "id": 1, "child": {}, "list": [{}] }, { "id": 2, "name": "x" }], "b": { "name": "none" }, "c": 15 }),
    );
    let without = validate_without_item_defaults(
        &fields,
        json!({ "a": [{}] }).as_object().expect("an object"),
    );
    assert_eq!(messages(&without.violations), ["a[0][id] is required."]);
}

#[test]
fn applied_defaults_replace_nothing() {
    let row = |mut row: Value| {
        apply_defaults(INNER_FIELDS, &mut row);
        row
    };
    assert_eq!(
        row(json!({})),
        json!({ "name": "none" }),
        "null is no default, and a required field has none"
    );
    assert_eq!(row(json!({ "name": "x", "id": 1 })), json!({ "name": "x", "id": 1 }));
    assert_eq!(row(json!(["x"])), json!(["x"]));
}

/// Generates input for [`SAMPLE_FIELDS`] that is often valid.
fn any_input() -> impl Strategy<Value = Map<String, Value>> {
    let scalar = prop_oneof![
        4 => (0_u64..4).prop_map(Value::from),
        1 => (-1..3_i32).prop_map(|number| Value::from(f64::from(number))),
        4 => prop::sample::select(vec!["", "a", "b", "ab", "1", "true", "2026-03-01 12:00:00", "A"]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let value = scalar.prop_recursive(2, 8, 3, |inner| {
        let names = prop::sample::select(vec!["id", "name", "note", "a"]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names, inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    let names = prop::sample::select(vec![
        "text", "number", "flag", "date", "scalar", "list", "rows", "object", "map", "more",
    ]);
    prop::collection::btree_map(names.prop_map(str::to_owned), value, 0..4)
        .prop_map(|fields| fields.into_iter().collect())
}

static SAMPLE_FIELDS: &[Field] = &[
    optional("text", FieldType::Text { min_chars: 1, max_chars: 2, pattern: Some(&WORD_PATTERN) }),
    optional("number", FieldType::Integer { min: 1, max: 2 }).default_value(Literal::Number(2)),
    optional("flag", FieldType::Boolean),
    optional("date", FieldType::DateTime),
    optional("scalar", FieldType::Scalar),
    optional(
        "list",
        FieldType::Array {
            item_type: &FieldType::INTEGER,
            min_items: 1,
            max_items: 2,
            unique_items: true,
        },
    ),
    optional(
        "rows",
        FieldType::ObjectArray { fields: || INNER_FIELDS, min_items: 0, max_items: 2 },
    ),
    optional("object", FieldType::Object { fields: || INNER_FIELDS }),
    optional("map", FieldType::Map { key_pattern: &WORD_PATTERN, fields: || OPTIONAL_FIELDS }),
];

proptest! {
    #[test]
    fn validated_values_are_valid_and_unchanged(input in any_input()) {
        let report = validate(SAMPLE_FIELDS, &input);
        if report.violations.is_empty() && report.unknown_fields.is_empty() {
            let again = validate(SAMPLE_FIELDS, &report.values);
            prop_assert!(again.violations.is_empty(), "{:?}", again.violations);
            prop_assert_eq!(again.values, report.values);
        }
    }

    #[test]
    fn later_defaults_give_the_same_rows(input in any_input()) {
        let report = validate(SAMPLE_FIELDS, &input);
        let mut deferred = validate_without_item_defaults(SAMPLE_FIELDS, &input);
        prop_assert_eq!(&deferred.violations, &report.violations);
        // The values of an invalid input are not used.
        if report.violations.is_empty() {
            let rows = deferred.values.get_mut("rows").and_then(Value::as_array_mut);
            rows.into_iter().flatten().for_each(|row| apply_defaults(INNER_FIELDS, row));
            // The order of fields in a row differs; equality ignores it.
            prop_assert_eq!(Value::Object(deferred.values), Value::Object(report.values));
        }
    }

    #[test]
    fn decimal_number_has_one_spelling(number in any::<u64>(), text in "[+-]?[0-9]{0,3}[. x]?") {
        prop_assert_eq!(parse_decimal_u64(&number.to_string()), Some(number));
        let parsed = parse_decimal_u64(&text);
        prop_assert_eq!(parsed.is_some(), text.parse::<u64>().is_ok_and(|number| number.to_string() == text));
        prop_assert!(parsed.is_none_or(|number| number.to_string() == text));
    }

    #[test]
    fn date_is_valid_exactly_if_the_calendar_has_it(
        year in 0_u32..10_000, month in 0_u32..14, day in 0_u32..33,
        hour in 0_u32..26, minute in 0_u32..62, second in 0_u32..62,
    ) {
        let is_leap_year = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => if is_leap_year { 29 } else { 28 },
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let exists = (1..=12).contains(&month) && (1..=days).contains(&day)
            && hour < 24 && minute < 60 && second < 60;
        let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
        prop_assert_eq!(is_valid_datetime(&text), exists, "{}", text);
    }
}

#[test]
fn request_takes_an_object_with_numeric_keys_for_a_list() {
    static ITEM: &[Field] = &[required("b", FieldType::INTEGER)];
    const ITEMS: FieldType = FieldType::INTEGER;
    let fields = [
        optional(
            "list",
            FieldType::Array { item_type: &ITEMS, min_items: 2, max_items: 3, unique_items: true },
        ),
        optional("objects", FieldType::ObjectArray { fields: || ITEM, min_items: 1, max_items: 3 }),
    ];
    let check = |input: Value| validate_request(&fields, input.as_object().expect("an object"));
    let note =
        "has other indices than 0, 1, 2 …, and counts as a list in their order (undocumented).";
    let accepted = [
        (json!({ "list": { "10": 1, "9": "2" } }), json!({ "list": [2, 1] }), "list"),
        (json!({ "list": { "0": 1, "2": 2, "7": 3 } }), json!({ "list": [1, 2, 3] }), "list"),
        (json!({ "objects": { "5": { "b": 1 } } }), json!({ "objects": [{ "b": 1 }] }), "objects"),
    ];
    for (sent, expected, field) in accepted {
        let report = check(sent.clone());
        assert_eq!(messages(&report.violations), [""; 0], "{sent}");
        assert_eq!(Value::Object(report.values), expected, "{sent}");
        assert_eq!(messages(&report.undocumented), [format!("{field} {note}")], "{sent}");
        let rejected = validate(&fields, sent.as_object().expect("an object"));
        assert_eq!(rejected.violations.len(), 1, "seeds and settings have lists: {sent}");
    }
    let rejected = [
        (json!({ "list": { "1": 1 } }), "list must have at least 2 entries; an object was sent."),
        (
            json!({ "list": { "1": 1, "2": 2, "3": 3, "4": 4 } }),
            "list must have at most 3 entries; an object was sent.",
        ),
        (json!({ "list": { "3": 7, "5": 7 } }), "list[5] is a duplicate; 7 was sent."),
        (
            json!({ "objects": { "4": { "b": "x" } } }),
            "objects[4][b] must be a whole number from 0 to 9007199254740991, in digits without sign, fraction or leading zero; \"x\" was sent.",
        ),
        (
            json!({ "list": { "01": 1, "2": 2 } }),
            "list must be a list: list[]=… for each entry, or a JSON list; an object was sent.",
        ),
        (
            json!({ "list": { "-1": 1, "2": 2 } }),
            "list must be a list: list[]=… for each entry, or a JSON list; an object was sent.",
        ),
        (
            json!({ "list": {} }),
            "list must be a list: list[]=… for each entry, or a JSON list; an object was sent.",
        ),
    ];
    for (sent, expected) in rejected {
        assert_eq!(messages(&check(sent.clone()).violations), [expected], "{sent}");
    }
}

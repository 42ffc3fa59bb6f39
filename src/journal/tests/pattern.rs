//! Which requests a pattern matches, and how it describes itself and the differences of a request.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{
    AppliedFault, BoundedRegex, ChangeKind, Difference, Entry, EvaluationDeadline, EvaluationError,
    FieldMatcher, HeaderMatcher, RequestPattern, RowChange, StatusMatcher, ValueMatcher, Warning,
    WarningKind, WarningMatcher,
};
use super::{entry, equals, field, object, operation, recorded_input, with_fields};

fn with_field_matchers(fields: impl IntoIterator<Item = FieldMatcher>) -> RequestPattern {
    RequestPattern { fields: fields.into_iter().collect(), ..RequestPattern::default() }
}

fn regex(text: &str) -> ValueMatcher {
    ValueMatcher::Matches(BoundedRegex::new(text).expect("a valid regex"))
}

fn hour() -> EvaluationDeadline {
    EvaluationDeadline::new(Duration::from_hours(1))
}

/// Returns whether the pattern matches, by each way to find out.
fn matches(pattern: &RequestPattern, entry: &Entry) -> bool {
    let is_match = pattern.matches(entry);
    assert_eq!(pattern.try_matches(1, entry, &hour()), Ok(is_match), "{pattern}");
    assert_eq!(pattern.differences(entry).is_empty(), is_match, "{pattern}");
    is_match
}

/// Returns an update of ticket 7 with the key `ci` that changed a row and has two warnings.
fn update() -> Entry {
    let mut entry = entry("ticket.update", 0);
    entry.method = "PUT".into();
    entry.key_name = Some("ci".into());
    entry.headers.push("user-agent", "curl/8");
    entry.input = recorded_input(
        json!({ "ticketID": "7" }),
        vec![Warning::new(WarningKind::UnknownField, "titel is an unknown field")],
    );
    entry.context_warnings = vec![Warning::new(WarningKind::KeyInQuery, "the key is in the query")];
    let row = RowChange { resource: "ticket", id: 7, change: ChangeKind::Deleted };
    entry.changes = [row].into_iter().collect();
    entry
}

/// Returns a request that no route matches, whose response a fault prevented.
fn unmatched() -> Entry {
    let mut entry = entry("", 0);
    entry.operation = None;
    entry.status = None;
    entry.fault = Some(AppliedFault { rule_id: 1, effect: "hang" });
    entry
}

fn status(matcher: StatusMatcher) -> RequestPattern {
    RequestPattern { status: Some(matcher), ..RequestPattern::default() }
}

fn warning(matcher: WarningMatcher) -> RequestPattern {
    RequestPattern { warning: Some(matcher), ..RequestPattern::default() }
}

fn method(name: &str) -> RequestPattern {
    RequestPattern { method: Some(name.to_owned()), ..RequestPattern::default() }
}

fn key(name: &str) -> RequestPattern {
    RequestPattern { key_name: Some(name.to_owned()), ..RequestPattern::default() }
}

#[test]
fn each_condition_selects_its_requests() {
    let changed =
        |changed| RequestPattern { has_changes: Some(changed), ..RequestPattern::default() };
    let fault = |fault| RequestPattern { has_fault: Some(fault), ..RequestPattern::default() };
    // Whether it matches the update, and the request that no route matches.
    for (pattern, expected) in [
        (RequestPattern::default(), (true, true)),
        (operation("ticket.update"), (true, false)),
        (operation("ticket.create"), (false, false)),
        (method("PUT"), (true, false)),
        (method("POST"), (false, true)),
        (key("ci"), (true, false)),
        (key("other"), (false, false)),
        (changed(true), (true, false)),
        (changed(false), (false, true)),
        (fault(true), (false, true)),
        (fault(false), (true, false)),
        (status(StatusMatcher::Exactly(200)), (true, false)),
        (status(StatusMatcher::Exactly(201)), (false, false)),
        (status(StatusMatcher::Class(2)), (true, false)),
        (status(StatusMatcher::Class(4)), (false, false)),
        (status(StatusMatcher::NoResponse), (false, true)),
        (warning(WarningMatcher::Any), (true, false)),
        (warning(WarningMatcher::None), (false, true)),
        (warning(WarningMatcher::Kind(WarningKind::UnknownField)), (true, false)),
        (warning(WarningMatcher::Kind(WarningKind::KeyInQuery)), (true, false)),
        (warning(WarningMatcher::Kind(WarningKind::WrongCase)), (false, false)),
        (with_field_matchers([equals("ticketID", 7)]), (true, false)),
        (with_field_matchers([field("ticketID", ValueMatcher::Absent)]), (false, true)),
    ] {
        let found = (matches(&pattern, &update()), matches(&pattern, &unmatched()));
        assert_eq!(found, expected, "{pattern}");
    }
}

#[test]
fn status_class_includes_all_its_statuses() {
    for (code, expected) in [(399, false), (400, true), (499, true), (500, false)] {
        let mut entry = entry("ticket.get", 0);
        entry.status = Some(code);
        assert_eq!(matches(&status(StatusMatcher::Class(4)), &entry), expected, "{code}");
    }
}

#[test]
fn all_conditions_must_match() {
    let all = || RequestPattern {
        operation: Some("ticket.update"),
        method: Some("PUT".to_owned()),
        status: Some(StatusMatcher::Class(2)),
        key_name: Some("ci".to_owned()),
        has_changes: Some(true),
        has_fault: Some(false),
        warning: Some(WarningMatcher::Any),
        path: Some(ValueMatcher::Equals("/api/v2/ticket".into())),
        headers: vec![header("user-agent", regex("^curl"))],
        fields: vec![equals("ticketID", 7), field("title", ValueMatcher::Absent)],
    };
    assert!(matches(&all(), &update()));
    for other in [
        RequestPattern { operation: Some("ticket.get"), ..all() },
        RequestPattern { method: Some("GET".to_owned()), ..all() },
        RequestPattern { status: Some(StatusMatcher::Class(5)), ..all() },
        RequestPattern { key_name: Some("other".to_owned()), ..all() },
        RequestPattern { has_changes: Some(false), ..all() },
        RequestPattern { has_fault: Some(true), ..all() },
        RequestPattern { warning: Some(WarningMatcher::None), ..all() },
        RequestPattern { path: Some(ValueMatcher::Equals("/".into())), ..all() },
        RequestPattern { headers: vec![header("user-agent", ValueMatcher::Absent)], ..all() },
        RequestPattern { headers: vec![header("accept", ValueMatcher::Present)], ..all() },
        RequestPattern { fields: vec![equals("ticketID", 7), equals("title", "a")], ..all() },
        RequestPattern { fields: vec![equals("ticketID", 8)], ..all() },
    ] {
        assert!(!matches(&other, &update()), "{other}");
        assert_eq!(other.differences(&update()).len(), 1, "{other}");
    }
}

/// Returns fields of every shape.
fn sample_fields() -> Value {
    json!({
        "title": "Printer on fire", "brandID": 12, "empty": "", "none": null, "flag": true, "part": 1.5,
        "ids": ["7", 8, "nine"], "nothing": [], "words": ["alpha", "beta"],
        "actions": [
            { "actionType": "title", "value": "Fixed" },
            { "actionType": "priority", "value": "low" },
        ],
        "deep": { "er": { "est": "x" }, "0": "zero" },
        "a[b": 1, "c[d]": 2, "c": { "d": 3 },
    })
}

#[rustfmt::skip]
fn equality_cases() -> Vec<(&'static str, Value, bool)> {
    vec![
        ("title", json!("Printer on fire"), true),
        ("title", json!("printer on fire"), false),
        ("title", json!("Printer"), false),
        ("Title", json!("Printer on fire"), false),
        ("missing", json!(""), false),
        ("empty", json!(""), true),
        ("none", json!(""), false),
        // Scalars are compared as text.
        ("brandID", json!(12), true),
        ("brandID", json!("12"), true),
        ("brandID", json!("012"), false),
        ("flag", json!(true), true),
        ("flag", json!("true"), true),
        ("flag", json!(false), false),
        ("part", json!("1.5"), true),
        // A scalar equals a list that contains it; two lists have the same entries in the same order.
        ("ids", json!("7"), true),
        ("ids", json!(7), true),
        ("ids", json!("8"), true),
        ("ids", json!("10"), false),
        ("ids", json!([7, "8", "nine"]), true),
        ("ids", json!(["8", "7", "nine"]), false),
        ("ids", json!(["7", "8"]), false),
        ("ids", json!(["7", "8", "nine", "10"]), false),
        ("ids", json!([]), false),
        ("nothing", json!([]), true),
        ("nothing", json!(""), false),
        ("title", json!(["Printer on fire"]), false),
        // Objects have the same members in any order.
        ("actions[0]", json!({ "value": "Fixed", "actionType": "title" }), true),
        ("actions[0]", json!({ "value": "Fixed" }), false),
        ("actions[0]", json!({ "value": "Fixed", "actionType": "status" }), false),
        ("actions[0]", json!({ "value": "Fixed", "type": "title" }), false),
        ("actions[0]", json!({ "value": "Fixed", "actionType": "title", "more": 1 }), false),
        ("actions", json!({ "value": "Fixed", "actionType": "title" }), true),
        ("deep[er]", json!({ "est": "x" }), true),
        ("deep[er]", json!("x"), false),
        // Paths.
        ("ids[0]", json!("7"), true),
        ("ids[1]", json!("7"), false),
        ("ids[3]", json!("7"), false),
        ("ids[x]", json!("7"), false),
        ("ids[-1]", json!("nine"), false),
        ("title[0]", json!("P"), false),
        ("actions[0][value]", json!("Fixed"), true),
        ("actions[1][value]", json!("Fixed"), false),
        ("actions[1][value]", json!("low"), true),
        ("deep[er][est]", json!("x"), true),
        ("deep[0]", json!("zero"), true),
        // A name may contain brackets, and then wins over the path.
        ("a[b", json!(1), true),
        ("c[d]", json!(2), true),
        ("c[d]", json!(3), false),
        ("c[d", json!(3), false),
    ]
}

#[test]
fn field_equals_its_value() {
    let entry = with_fields(entry("ticket.create", 0), sample_fields());
    for (path, value, expected) in equality_cases() {
        let pattern = with_field_matchers([equals(path, value)]);
        assert_eq!(matches(&pattern, &entry), expected, "{pattern}");
    }
}

#[test]
fn field_has_one_of_the_other_conditions() {
    let entry = with_fields(entry("ticket.create", 0), sample_fields());
    for (path, matcher, expected) in [
        ("title", regex("^Print"), true),
        ("title", regex("fire$"), true),
        ("title", regex("^on"), false),
        ("title", regex("PRINTER"), false),
        ("title", regex(""), true),
        ("brandID", regex("^1[0-9]$"), true),
        ("missing", regex(""), false),
        ("words", regex("^b"), true),
        ("words", regex("^c"), false),
        ("actions[0][value]", regex("^F.*d$"), true),
        ("title", ValueMatcher::Present, true),
        ("empty", ValueMatcher::Present, true),
        ("none", ValueMatcher::Present, true),
        ("nothing", ValueMatcher::Present, true),
        ("missing", ValueMatcher::Present, false),
        ("actions[1][value]", ValueMatcher::Present, true),
        ("actions[2][value]", ValueMatcher::Present, false),
        ("missing", ValueMatcher::Absent, true),
        ("title", ValueMatcher::Absent, false),
        ("empty", ValueMatcher::Absent, false),
        ("ids[3]", ValueMatcher::Absent, true),
        ("deep[er][other]", ValueMatcher::Absent, true),
    ] {
        let pattern = with_field_matchers([field(path, matcher)]);
        assert_eq!(matches(&pattern, &entry), expected, "{pattern}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c0-9]{0,3}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Returns the value with all numbers and booleans as text.
fn scalars_as_text(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => value.to_string().into(),
        Value::Array(entries) => entries.iter().map(scalars_as_text).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), scalars_as_text(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn value_equals_itself_its_text_and_a_list_that_contains_it(value in any_json()) {
        let text = scalars_as_text(&value);
        for (expected, sent) in [(&value, &value), (&value, &text), (&text, &value)] {
            let entry = with_fields(entry("ticket.create", 0), json!({ "a": sent }));
            prop_assert!(matches(&with_field_matchers([equals("a", expected.clone())]), &entry));
        }
        if !value.is_array() {
            let entry = with_fields(entry("ticket.create", 0), json!({ "a": ["x y", value] }));
            prop_assert!(matches(&with_field_matchers([equals("a", value)]), &entry));
        }
    }
}

#[test]
fn pattern_of_a_fault_ignores_the_response() {
    let fields = object(json!({ "title": "Printer" }));
    let is_match = |pattern: &RequestPattern| pattern.matches_input("ticket.create", "ci", &fields);
    for (pattern, expected) in [
        (RequestPattern::default(), true),
        (operation("ticket.create"), true),
        (operation("ticket.update"), false),
        (key("ci"), true),
        (key("other"), false),
        (with_field_matchers([equals("title", "Printer"), regex_on_title("^P")]), true),
        (with_field_matchers([equals("title", "Printer"), regex_on_title("^Q")]), false),
        (status(StatusMatcher::NoResponse), true),
        (method("PATCH"), true),
    ] {
        assert_eq!(is_match(&pattern), expected, "{pattern}");
    }
}

fn header(name: &str, matcher: ValueMatcher) -> HeaderMatcher {
    HeaderMatcher { name: name.to_owned(), matcher }
}

#[test]
fn omitted_headers_count_neither_as_present_nor_as_absent() {
    let pattern = |matcher| RequestPattern {
        headers: vec![header("accept", matcher)],
        ..RequestPattern::default()
    };
    let mut entry = update();
    assert!(matches(&pattern(ValueMatcher::Absent), &entry));
    entry.headers.has_omitted = true;
    assert!(!matches(&pattern(ValueMatcher::Absent), &entry));
    assert!(!matches(&pattern(ValueMatcher::Present), &entry));
    let differences = pattern(ValueMatcher::Present).differences(&entry);
    assert_eq!(differences[0].actual, "not recorded: the headers of the request were too large");
    entry.headers.push("accept", "a");
    entry.headers.push("accept", "b");
    assert!(matches(&pattern(ValueMatcher::Present), &entry));
    assert!(matches(&pattern(ValueMatcher::Equals("a, b".into())), &entry));
}

fn regex_on_title(text: &str) -> FieldMatcher {
    field("title", regex(text))
}

#[test]
fn pattern_lists_its_regexes() {
    let none = with_field_matchers([equals("title", "a"), field("b", ValueMatcher::Present)]);
    assert!(!none.has_regexes());
    let some = with_field_matchers([
        regex_on_title("^a"),
        equals("title", "a"),
        field("actions[0][value]", regex("b$")),
    ]);
    assert!(some.has_regexes());
    let some = RequestPattern {
        path: Some(regex("^/")),
        headers: vec![header("a", regex("c")), header("b", ValueMatcher::Present)],
        ..some
    };
    let found: Vec<&str> = some.regexes().map(BoundedRegex::as_str).collect();
    assert_eq!(found, ["^a", "b$", "c", "^/"]);
}

#[test]
fn value_too_long_for_its_regex_is_an_error_unless_another_condition_excludes_the_request() {
    // A word character takes so much memory that the input limit is low.
    let regex = BoundedRegex::new(r"^\w").expect("a valid regex");
    let max_bytes = regex.max_input_bytes();
    let pattern = |other: Option<FieldMatcher>| {
        with_field_matchers(
            [field("title", ValueMatcher::Matches(regex.clone()))].into_iter().chain(other),
        )
    };
    let entry_with = |title: String| {
        with_fields(entry("ticket.create", 0), json!({ "title": title, "to": "a" }))
    };
    let result = |pattern: &RequestPattern, bytes| {
        pattern.try_matches(9, &entry_with("a".repeat(bytes)), &hour())
    };
    assert_eq!(result(&pattern(None), max_bytes), Ok(true));
    let too_long = EvaluationError::FieldTooLong {
        seq: 9,
        field: "title".to_owned(),
        bytes: max_bytes + 1,
        max_bytes,
    };
    assert_eq!(result(&pattern(None), max_bytes + 1), Err(too_long.clone()));
    assert_eq!(result(&pattern(Some(equals("to", "a"))), max_bytes + 1), Err(too_long));
    assert_eq!(result(&pattern(Some(equals("to", "b"))), max_bytes + 1), Ok(false));
    let other_operation = RequestPattern { operation: Some("ticket.get"), ..pattern(None) };
    assert_eq!(result(&other_operation, max_bytes + 1), Ok(false));
}

#[test]
fn matching_ends_at_the_deadline() {
    let timeout = Duration::ZERO;
    let deadline = EvaluationDeadline::new(timeout);
    let result = RequestPattern::default().try_matches(1, &update(), &deadline);
    assert_eq!(result, Err(EvaluationError::TimedOut(timeout)));
}

#[test]
fn omitted_field_is_neither_present_nor_absent() {
    let mut entry = with_fields(entry("ticket.create", 0), json!({ "a": "x".repeat(256 * 1024) }));
    assert!(entry.input.has_omitted_fields);
    for matcher in
        [ValueMatcher::Present, ValueMatcher::Absent, regex(""), ValueMatcher::Equals("".into())]
    {
        let pattern = with_field_matchers([field("title", matcher)]);
        assert!(!matches(&pattern, &entry), "{pattern}");
        assert_eq!(
            pattern.differences(&entry)[0].actual,
            "not recorded: the fields of the request were too large"
        );
    }
    assert!(matches(&operation("ticket.create"), &entry), "other conditions still match");
    entry.input = recorded_input(json!({}), Vec::new());
    assert!(matches(&with_field_matchers([field("title", ValueMatcher::Absent)]), &entry));
}

#[test]
fn pattern_describes_its_conditions() {
    for (pattern, expected) in [
        (RequestPattern::default(), "any operation"),
        (operation("ticket.get"), "ticket.get"),
        (status(StatusMatcher::Exactly(404)), "any operation with status 404"),
        (status(StatusMatcher::Class(4)), "any operation with status 4xx"),
        (status(StatusMatcher::NoResponse), "any operation with status none"),
        (warning(WarningMatcher::Any), "any operation with warning any"),
        (warning(WarningMatcher::None), "any operation with warning none"),
        (
            warning(WarningMatcher::Kind(WarningKind::WrongCase)),
            "any operation with warning wrong-case",
        ),
        (
            RequestPattern {
                operation: Some("ticket.update"),
                method: Some("PUT".to_owned()),
                status: Some(StatusMatcher::Class(2)),
                key_name: Some("ci".to_owned()),
                has_changes: Some(true),
                has_fault: Some(false),
                warning: Some(WarningMatcher::Any),
                path: Some(regex("^/api")),
                headers: vec![header("x-id", ValueMatcher::Present)],
                fields: vec![
                    equals("a", "x"),
                    equals("b", 1),
                    equals("c", json!(["x", 1])),
                    field("d", regex("^x")),
                    field("e", ValueMatcher::Present),
                    field("f", ValueMatcher::Absent),
                ],
            },
            r#"ticket.update with method PUT, status 2xx, key ci, changed true, fault false, warning any, path that matches ^/api, header x-id present, field a "x", field b 1, field c ["x",1], field d that matches ^x, field e present, field f absent"#,
        ),
    ] {
        assert_eq!(pattern.to_string(), expected);
    }
}

#[test]
fn each_attribute_that_differs_is_listed() {
    let pattern = RequestPattern {
        operation: Some("ticket.create"),
        method: Some("GET".to_owned()),
        status: Some(StatusMatcher::Exactly(200)),
        key_name: Some("ci".to_owned()),
        has_changes: Some(true),
        has_fault: Some(false),
        warning: Some(WarningMatcher::Any),
        path: Some(ValueMatcher::Equals("/api/v2/ticket/7".into())),
        headers: vec![header("user-agent", ValueMatcher::Equals("own/1".into()))],
        fields: vec![field("title", ValueMatcher::Present)],
    };
    for (entry, expected) in [
        (
            unmatched(),
            [
                ["operation", "ticket.create", "no operation"],
                ["method", "GET", "POST"],
                ["status", "200", "none"],
                ["key", "ci", "no known key"],
                ["changed", "true", "false"],
                ["fault", "false", "true"],
                ["warning", "any", "none"],
                ["path", "\"/api/v2/ticket/7\"", "\"/api/v2/ticket\""],
                ["header user-agent", "\"own/1\"", "not sent"],
                ["field title", "present", "not sent"],
            ]
            .as_slice(),
        ),
        (
            update(),
            [
                ["operation", "ticket.create", "ticket.update"],
                ["method", "GET", "PUT"],
                ["path", "\"/api/v2/ticket/7\"", "\"/api/v2/ticket\""],
                ["header user-agent", "\"own/1\"", "\"curl/8\""],
                ["field title", "present", "not sent"],
            ]
            .as_slice(),
        ),
    ] {
        assert_eq!(to_rows(&pattern.differences(&entry)), expected);
    }
    let other = RequestPattern {
        key_name: Some("other".to_owned()),
        warning: Some(WarningMatcher::None),
        ..RequestPattern::default()
    };
    let expected = [["key", "other", "ci"], ["warning", "none", "key-in-query, unknown-field"]];
    assert_eq!(to_rows(&other.differences(&update())), expected);
}

fn to_rows(differences: &[Difference]) -> Vec<[&str; 3]> {
    differences
        .iter()
        .map(|Difference { attribute, expected, actual }| {
            [attribute.as_str(), expected.as_str(), actual.as_str()]
        })
        .collect()
}

#[test]
fn difference_of_a_field_shows_the_sent_value_or_a_similar_name() {
    let entry = with_fields(
        entry("ticket.create", 0),
        json!({
            "titel": "Fixed", "to": ["a", 1], "from": "x".repeat(81), "actions": [{ "value": "x" }],
            "text": { "a": "x".repeat(300) },
        }),
    );
    let long_from = format!("\"{}\"… (81 characters)", "x".repeat(80));
    let long_text = format!("{{\"a\":\"{}…", "x".repeat(294));
    for (matcher, expected) in [
        (field("titel", ValueMatcher::Absent), ["absent", "\"Fixed\""]),
        (equals("title", "Fixed"), ["\"Fixed\"", "not sent; titel was sent"]),
        (equals("action[0][value]", "x"), ["\"x\"", "not sent; actions was sent"]),
        // The field was sent, but nothing at the path.
        (equals("actions[1][value]", "x"), ["\"x\"", "not sent"]),
        (equals("priority", "low"), ["\"low\"", "not sent"]),
        (equals("to", "b"), ["\"b\"", "[\"a\",1]"]),
        (equals("from", "y"), ["\"y\"", long_from.as_str()]),
        (equals("text", "y"), ["\"y\"", long_text.as_str()]),
    ] {
        let attribute = format!("field {}", matcher.path);
        let differences = with_field_matchers([matcher]).differences(&entry);
        let [expected, actual] = expected;
        assert_eq!(to_rows(&differences), [[attribute.as_str(), expected, actual]]);
    }
}

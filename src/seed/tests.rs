//! Tests of seeds and imports: what is valid, and the line and message of each error.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::fields::SEED_FIELDS;
use super::source::SourceText;
use super::{Format, Import, Seed, find_missing_references};
use crate::clock::Clock;
use crate::contract::{Field, FieldType, MAX_VIOLATIONS, PERMISSION_NAMES};

const SEED: &str = "\
accounts:
  acme:
    time_zone: Europe/Amsterdam
    dialect: { list_type: items, unknown_customer: reject }
    clock: { mode: frozen, at: \"2026-03-01T12:00:00Z\" }
    keys:
      - { key: acme-key-0123456789, name: ci, permissions: all }
      - { key: read-key-0123456789, permissions: [TICKET_READ] }
    groups: [{ id: 10003, name: Service }]
    views: [{ id: 12, slug: vip, conditions: {} }]
    tickets:
      - { id: 7, title: Printer, status: open }
      - id: 8
        title: Second
  other:
";

fn parse_files(files: &[(&str, &str)]) -> Result<Seed, String> {
    let texts = files.iter();
    let texts: Vec<SourceText> = texts
        .map(|(name, text)| SourceText::new(PathBuf::from(name), (*text).to_owned()))
        .collect();
    Seed::from_texts(&texts).map_err(|error| error.to_string())
}

fn parse_seed(text: &str) -> Result<Seed, String> {
    parse_files(&[("seed.yaml", text)])
}

/// Replaces the only occurrence of a text in [`SEED`].
fn replace(old: &str, new: &str) -> String {
    assert_eq!(SEED.matches(old).count(), 1, "{old}");
    SEED.replace(old, new)
}

fn parse_import(text: &str) -> Result<Import, String> {
    Import::parse(Format::Yaml, text.to_owned()).map_err(|error| error.to_string())
}

#[test]
fn valid_seed_has_accounts_keys_and_settings() {
    let seed = parse_seed(SEED).expect("a valid seed");
    assert_eq!(seed.summary(), "accounts: acme (keys: 2, tickets: 2), other (keys: 0, tickets: 0)");
    let [acme, other] = &seed.accounts[..] else { panic!("{seed:?}") };
    let names: Vec<&str> = acme.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["ci", "key 2"]);
    let permissions: Vec<Vec<&str>> =
        acme.keys.iter().map(|key| key.permissions.names().collect()).collect();
    assert_eq!(permissions, [PERMISSION_NAMES.to_vec(), vec!["TICKET_READ"]]);
    assert_eq!(acme.settings.time_zone, "Europe/Amsterdam");
    assert_eq!(
        Value::Object(acme.settings.dialect.clone()),
        json!({ "list_type": "items", "unknown_customer": "reject" }),
        "only the settings of the seed, so that the others follow the server"
    );
    let at = "2026-03-01T12:00:00Z".parse().expect("a time");
    assert_eq!(acme.settings.clock, Clock::Frozen { at });
    assert_eq!(other.settings.time_zone, "UTC");
    assert!(other.settings.dialect.is_empty() && other.settings.clock == Clock::Real);
    for name in ["keys", "time_zone", "dialect", "clock"] {
        assert!(!acme.data.contains_key(name), "{name} is a setting, not data");
    }
}

#[test]
fn built_in_and_empty_seed_are_valid() {
    assert_eq!(Seed::built_in().summary(), "accounts: dev (keys: 0, tickets: 0)");
    assert_eq!(Seed::empty().summary(), "accounts: ");
}

#[test]
fn json_and_yaml_give_the_same_seed() {
    let value: Value = json!({ "accounts": { "acme": {
        "keys": [{ "key": "acme-key", "permissions": "all" }], "tickets": [{ "title": "é\n" }],
    }}});
    let text = serde_json::to_string_pretty(&value).expect("JSON");
    let [from_json, from_yaml] =
        ["seed.json", "seed.yaml"].map(|name| parse_files(&[(name, &text)]).expect("a valid seed"));
    let [from_json, from_yaml] = [&from_json.accounts[0], &from_yaml.accounts[0]];
    assert_eq!(from_json.data, from_yaml.data);
    assert_eq!(from_json.content_hash(), from_yaml.content_hash());
}

#[test]
fn content_hash_covers_settings_and_data_but_not_keys() {
    let hash = |text: &str| parse_seed(text).expect("a valid seed").accounts[0].content_hash();
    let original = hash(SEED);
    assert_eq!(hash(SEED), original);
    assert_eq!(hash(&replace("acme-key-0123456789", "new-key-0123456789")), original);
    for (old, new) in [
        ("title: Second", "title: Third"),
        ("Europe/Amsterdam", "Europe/Berlin"),
        ("list_type: items", "list_type: tickets"),
        ("mode: frozen, at: \"2026-03-01T12:00:00Z\"", "mode: real"),
    ] {
        assert_ne!(hash(&replace(old, new)), original, "{new}");
    }
}

#[test]
fn each_error_has_its_line_and_names_field_and_value() {
    let cases = [
        (
            "        title: Second",
            "        titel: Second",
            14,
            "accounts[acme][tickets][1][titel] is an unknown field; did you mean title?",
        ),
        (
            "        title: Second",
            "        title: [Second]",
            14,
            "accounts[acme][tickets][1][title] must be text; a list was sent.",
        ),
        (
            "        title: Second",
            "        status: done",
            14,
            "accounts[acme][tickets][1][status] must be new, open, pending, holding, solved or closed; \"done\" was sent.",
        ),
        (
            "        title: Second",
            "        created_at: yesterday",
            14,
            "accounts[acme][tickets][1][created_at] must be a valid date in the format YYYY-MM-DD HH:MM:SS; \"yesterday\" was sent.",
        ),
        (
            "status: open }",
            "status: open, closed_at: \"2026-03-01 12:00:00\" }",
            12,
            "accounts[acme][tickets][0][closed_at] must be omitted unless the status is closed; \"2026-03-01 12:00:00\" was sent.",
        ),
        ("- id: 8", "- id: 7", 13, "accounts[acme][tickets][1][id] is a duplicate; 7 was sent."),
        (
            "        title: Second",
            "        channel_account_id: abc",
            14,
            "accounts[acme][tickets][1][channel_account_id] must ",
        ),
        (
            "mode: frozen, at: \"2026-03-01T12:00:00Z\"",
            "mode: offset, by: \"-9223372036854775808s\"",
            5,
            "accounts[acme][clock] must ",
        ),
        (
            "[TICKET_READ]",
            "[TICKET_REED]",
            8,
            "accounts[acme][keys][1][permissions][0] must be TICKET_READ, TICKET_CREATE, ",
        ),
        (
            "permissions: [TICKET_READ]",
            "permissions: ALL",
            8,
            "accounts[acme][keys][1][permissions] must be all, or a list of TICKET_READ, ",
        ),
        (
            "[TICKET_READ]",
            "[All]",
            8,
            "accounts[acme][keys][1][permissions][0] must be the name of a permission; for every permission write permissions: all, without a list; \"All\" was sent.",
        ),
        (
            "[TICKET_READ]",
            "['*']",
            8,
            "accounts[acme][keys][1][permissions][0] must be the name of a permission; for every permission write permissions: all",
        ),
        (
            "groups: [{ id: 10003, name: Service }]",
            "groups: Service",
            9,
            "accounts[acme][groups] must be a list; \"Service\" was sent.",
        ),
        (
            "slug: vip",
            "slug: \"12\"",
            10,
            "accounts[acme][views][0][slug] must match ^[0-9]*[a-zA-Z_-][0-9a-zA-Z_-]*$; \"12\" was sent.",
        ),
        (
            "slug: vip",
            "slug: new",
            10,
            "accounts[acme][views][0][slug] must not be the slug of a built-in view; \"new\" was sent.",
        ),
        (
            "Europe/Amsterdam",
            "Europe/Atlantis",
            3,
            "accounts[acme][time_zone] must be an IANA time zone name such as Europe/Amsterdam; \"Europe/Atlantis\" was sent.",
        ),
        (
            "unknown_customer: reject",
            "unknown_custommer: reject",
            4,
            "accounts[acme][dialect][unknown_custommer] is an unknown field; did you mean unknown_customer?",
        ),
        (
            "unknown_customer: reject",
            "unknown_customer: perhaps",
            4,
            "accounts[acme][dialect][unknown_customer] must be create or reject; \"perhaps\" was sent.",
        ),
        (
            "unknown_customer: reject",
            "created_id_field: type",
            4,
            "accounts[acme][dialect][created_id_field] must not be type or message, because the response already has these fields; \"type\" was sent.",
        ),
        (
            "unknown_customer: reject",
            "no_key_status: 401",
            4,
            "accounts[acme][dialect][no_key_status] must be set in the configuration file: a request without a known key has no account; 401 was sent.",
        ),
        (
            "[TICKET_READ]",
            "[TICKET_READ, TICKET_READ]",
            8,
            "accounts[acme][keys][1][permissions][1] is a duplicate; \"TICKET_READ\" was sent.",
        ),
        (
            "read-key-0123456789, permissions",
            "read-key-0123456789, name: ci, permissions",
            8,
            "accounts[acme][keys][1][name] must be unique among the keys of the account; \"ci\" was sent.",
        ),
        (
            "read-key-0123456789",
            "acme-key-0123456789",
            8,
            "accounts[acme][keys][1][key] is a duplicate.",
        ),
        (
            "mode: frozen, at: \"2026-03-01T12:00:00Z\"",
            "at: x",
            5,
            "accounts[acme][clock][mode] is required.",
        ),
        (
            "mode: frozen, at: \"2026-03-01T12:00:00Z\"",
            "mode: real, at: \"2026-03-01T12:00:00Z\"",
            5,
            "accounts[acme][clock] must have only the fields of its mode.",
        ),
        (
            "mode: frozen, at: \"2026-03-01T12:00:00Z\"",
            "mode: offset, by: 99999999h",
            5,
            "accounts[acme][clock] must have a time in the years 0 to 9998.",
        ),
        (
            "mode: frozen, at: \"2026-03-01T12:00:00Z\"",
            "mode: frozen, at: \"9999-01-01T00:00:00Z\"",
            5,
            "accounts[acme][clock] must have a time in the years 0 to 9998.",
        ),
        (
            "  other:",
            "  self:",
            15,
            "accounts[self] must have another name: self means the account of the request's API key; null was sent.",
        ),
        ("  other:", "  Oth er:", 15, "accounts[Oth er] must have a name that matches"),
        ("accounts:", "acounts:", 1, "accounts is required."),
    ];
    for (old, new, line, message) in cases {
        let error = parse_seed(&replace(old, new)).expect_err(new);
        let expected = format!("seed.yaml:{line}: {message}");
        assert!(error.starts_with(&expected), "{new}: {error}\nis not {expected}");
    }
    let condition =
        format!("{{ all: [{{ fact: title, operation: contains, value: {} }}] }}", "x".repeat(1001));
    let error = parse_seed(&replace("conditions: {}", &format!("conditions: {condition}")))
        .expect_err("too long");
    let path = "accounts[acme][views][0][conditions][all][0][value]";
    assert!(
        error.starts_with(&format!("seed.yaml:10: {path} must have at most 1000 characters;")),
        "{error}"
    );
    let missing_mode_field = replace("mode: frozen, at: \"2026-03-01T12:00:00Z\"", "mode: frozen");
    let error = parse_seed(&missing_mode_field).expect_err("at is missing");
    assert!(
        error.starts_with("seed.yaml:5: accounts[acme][clock] must be a valid clock ("),
        "{error}"
    );
    assert!(error.contains("`at`"), "{error}");
}

/// Returns the names of the fields that lead to each field for which the function returns true.
fn find_fields(
    fields: &'static [Field],
    is_wanted: fn(&Field) -> bool,
) -> Vec<Vec<&'static Field>> {
    let mut found = Vec::new();
    for field in fields {
        if is_wanted(field) {
            found.push(vec![field]);
        }
        for path in find_fields(field.data_type.fields(), is_wanted) {
            found.push([vec![field], path].concat());
        }
    }
    found
}

/// Returns a text in flow style, which is YAML and JSON, with a value at the path; and the path in messages.
fn nest(path: &[&Field], value: &str) -> (String, String) {
    let (mut text, mut names) = (value.to_owned(), String::new());
    for field in path.iter().rev() {
        let (before, after, name) = match field.data_type {
            FieldType::Map { .. } => ("{\"acme\": ", "}", "[acme]"),
            FieldType::ObjectArray { .. } => ("[", "]", "[0]"),
            _ => ("", "", ""),
        };
        text = format!("{{\"{}\": {before}{text}{after}}}", field.name);
        names = format!("[{}]{name}{names}", field.name);
    }
    (text, names.replacen("[accounts]", "accounts", 1))
}

#[test]
fn number_in_place_of_a_text_is_quoted_as_it_is_written() {
    let is_text = |field: &Field| matches!(field.data_type, FieldType::Text { .. });
    let paths = find_fields(SEED_FIELDS, is_text);
    assert!(paths.len() > 30, "{}", paths.len());
    for path in paths {
        for (value, is_json) in [
            ("00123", false),
            ("1.10", true),
            ("1e3", true),
            ("-0.50", true),
            ("+7", false),
            ("0x1F", false),
            ("0o17", false),
            ("12345678901234567890123", true),
            ("true", true),
            ("7", true),
        ] {
            let (text, name) = nest(&path, value);
            let is_secret = path.last().is_some_and(|field| field.is_secret);
            let hint = if is_secret { ".".to_owned() } else { format!(": \"{value}\".") };
            for file in ["seed.yaml", "seed.json"].into_iter().take(1 + usize::from(is_json)) {
                let error = parse_files(&[(file, &text)]).expect_err(&text);
                let expected = format!("{file}:1: {name} must be text; put it in quotes{hint}");
                assert!(error.lines().any(|line| line == expected), "{error}\nlacks {expected}");
            }
        }
    }
}

#[test]
fn value_of_a_condition_is_not_rewritten() {
    let with_value = |value: &str| {
        replace(
            "conditions: {}",
            &format!(
                "conditions: {{ all: [{{ fact: title, operation: equals, value: {value} }}] }}"
            ),
        )
    };
    for value in ["7", "\"00123\"", "\"1.10\"", "1.10.1", "x"] {
        assert!(parse_seed(&with_value(value)).is_ok(), "{value}");
    }
    let path = "accounts[acme][views][0][conditions][all][0][value]";
    for value in ["00123", "1.10", "1e3", "1.0", "0x1F", "+7", "true"] {
        let message =
            format!("{path} must be a text or a whole number; put a text in quotes: \"{value}\".");
        let error = parse_seed(&with_value(value)).expect_err(value);
        assert_eq!(error, format!("seed.yaml:10: {message}"));
        let text = format!(
            "accounts:\n  a:\n    views:\n      - {{ id: 1, slug: ab, conditions: {{ all: [{{ fact: title, operation: equals, value: {value} }}] }} }}\n"
        );
        let error = parse_import(&text).expect_err(value);
        assert_eq!(error, format!("fixture.yaml:4: {}", message.replace("acme", "a")));
    }
}

#[test]
fn messages_about_numbers_have_them_as_they_are_written() {
    for (value, rule) in [
        ("0123.50", "must be a whole number"),
        ("-1e3", "must be a whole number"),
        ("9e99", "must be a whole number"),
    ] {
        let error = parse_seed(&replace("- id: 8", &format!("- id: {value}"))).expect_err(value);
        assert!(
            error.contains(rule) && error.ends_with(&format!("; {value} was sent.")),
            "{error}"
        );
    }
    let aliased = "accounts:\n  a:\n    tickets:\n      - &t { form_id: &n 1.0, to: &m 007, title: x }\n      - { <<: *t, title: *m }\n      - { from: *n }\n";
    let error = parse_seed(aliased).expect_err("numbers");
    let expected: Vec<String> = [(4, 0, "to", "007"), (5, 1, "title", "007"), (5, 1, "to", "007"), (6, 2, "from", "1.0")]
        .map(|(line, index, field, text)| {
            format!("seed.yaml:{line}: accounts[a][tickets][{index}][{field}] must be text; put it in quotes: \"{text}\".")
        })
        .into();
    let mut lines: Vec<&str> = error.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn merge_keys_work_in_seeds_and_imports() {
    let text = "accounts:\n  a:\n    tickets:\n      - &base { title: A, priority: high, status: open }\n      - &other { <<: *base, title: B, from: b@x.test }\n      - { <<: [*other, *base], status: null }\n      - <<: *base\n        stauts: new\n";
    let valid = text.replace("stauts", "status");
    let seed = parse_seed(&valid).expect("valid");
    let import = parse_import(&valid).expect("valid");
    let expected = [
        ("A", "high", Some("open")),
        ("B", "high", Some("open")),
        ("B", "high", None),
        ("A", "high", Some("new")),
    ];
    let tickets = import.data["tickets"].as_array().expect("a list");
    for (ticket, (title, priority, status)) in tickets.iter().zip(expected) {
        assert_eq!(ticket["title"], title);
        assert_eq!(ticket["priority"], priority);
        assert_eq!(ticket.get("status").and_then(Value::as_str), status, "{ticket}");
    }
    assert_eq!(seed.accounts[0].data["tickets"][2]["status"], "new", "null means the default");
    let error = parse_seed(text).expect_err("a typing error");
    assert!(
        error.starts_with("seed.yaml:8: accounts[a][tickets][3][stauts] is an unknown"),
        "{error}"
    );
    let merged_error = valid.replace("priority: high", "priority: hgih");
    let error = parse_seed(&merged_error).expect_err("a wrong value");
    let lines: Vec<&str> =
        error.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(lines, ["seed.yaml:4", "seed.yaml:5", "seed.yaml:6", "seed.yaml:7"], "{error}");
    let account = "accounts:\n  a: &a\n    time_zone: Europe/Berlin\n    groups: [{ id: 1, name: x }]\n  b:\n    <<: *a\n    time_zone: UTC\n";
    let seed = parse_seed(account).expect("valid");
    assert_eq!(seed.accounts[1].settings.time_zone, "UTC");
    assert_eq!(seed.accounts[1].data["groups"], seed.accounts[0].data["groups"]);
}

#[test]
fn number_of_omitted_errors_is_given() {
    let seed = |row: &str, count: usize| {
        let rows = format!("      - {row}\n").repeat(count);
        format!("accounts:\n  a:\n    tickets:\n{rows}")
    };
    for row in ["{ title: [] }", "{ titel: x }", "{ id: 7 }"] {
        // The first row with the id is no duplicate.
        let extra = usize::from(row.contains("id: 7"));
        let all = parse_seed(&seed(row, MAX_VIOLATIONS + extra)).expect_err(row);
        assert_eq!(all.lines().count(), MAX_VIOLATIONS, "{all}");
        for text in [
            parse_seed(&seed(row, 55 + extra)).expect_err(row),
            parse_import(&seed(row, 55 + extra)).expect_err(row),
        ] {
            let last = text.lines().last().unwrap_or_default();
            assert!(last.ends_with("yaml: the number of further errors is 35"), "{text}");
            assert_eq!(text.lines().count(), MAX_VIOLATIONS + 1);
        }
    }
}

#[test]
fn references_to_missing_rows_are_found() {
    let warnings = |text: &str| {
        assert!(parse_seed(text).is_ok(), "{text}");
        find_missing_references(&SourceText::new(PathBuf::from("seed.yaml"), text.to_owned()))
    };
    let seed = |lists: &str, rows: &str| {
        format!(
            "accounts:\n  other:\n    brands: [{{ id: 7, name: x }}]\n  a: {{ {lists}\n    {rows} }}\n"
        )
    };
    let condition = |fact: &str, operation: &str, value: &str| {
        format!(
            "views: [{{ id: 1, slug: ab, conditions: {{ any: [{{ fact: {fact}, operation: {operation}, value: {value} }}] }} }}]"
        )
    };
    let references = [
        ("tickets: [{ brand_id: 7 }]", "brands", "tickets][0][brand_id"),
        ("tickets: [{}, { channel_id: 7 }]", "channels", "tickets][1][channel_id"),
        ("tickets: [{ assigned_group_id: 7 }]", "groups", "tickets][0][assigned_group_id"),
        ("tickets: [{ assigned_user_id: \"7\" }]", "users", "tickets][0][assigned_user_id"),
        ("tickets: [{ customer_id: 7.0 }]", "customers", "tickets][0][customer_id"),
        ("customers: [{ id: 1, brand_id: 7 }]", "brands", "customers][0][brand_id"),
        (
            "tickets: [{ timeline: [{ type: note, user_id: 7 }] }]",
            "users",
            "tickets][0][timeline][0][user_id",
        ),
        (
            "tickets: [{ timeline: [{ type: note, channel_id: 7 }] }]",
            "channels",
            "tickets][0][timeline][0][channel_id",
        ),
        (
            "tickets: [{ timeline: [{ type: event, item_type: assigned_group_id, item_type_id: \"7\" }] }]",
            "groups",
            "tickets][0][timeline][0][item_type_id",
        ),
        (&condition("brand_id", "equals", "7"), "brands", "views][0][conditions][any][0][value"),
        (
            &condition("assigned_user_id", "not_equals", "\"7\""),
            "users",
            "views][0][conditions][any][0][value",
        ),
    ];
    for (rows, list, path) in references {
        let found = warnings(&seed("", rows));
        let [warning] = &found[..] else { panic!("{rows}: {found:?}") };
        let expected =
            format!("seed.yaml:5: accounts[a][{path}] refers to an id that {list} does not have; ");
        assert!(warning.starts_with(&expected), "{warning}\n is not {expected}");
        if !rows.contains("customers:") {
            let id = format!(
                "{list}: [{{ id: 7{} }}],",
                if list == "customers" { "" } else { ", name: x" }
            );
            assert_eq!(warnings(&seed(&id, rows)), [""; 0], "{rows}");
        }
        assert_eq!(
            warnings(&seed(
                "",
                &rows
                    .replace("id: 7", "id: 0")
                    .replace("7.0", "0")
                    .replace("\"7\"", "\"0\"")
                    .replace("value: 7", "value: 0")
            )),
            [""; 0],
            "0 means none: {rows}"
        );
    }
    for rows in [
        "tickets: [{}]",
        "tickets: [{ form_id: 7, sla_policy_id: 7 }]",
        "tickets: [{ timeline: [{ type: event, item_type: status, item_type_id: \"7\" }] }]",
        &condition("brand_id", "greater_than", "7"),
        &condition("title", "equals", "7"),
    ] {
        assert_eq!(warnings(&seed("", rows)), [""; 0], "{rows}");
    }
    let many = format!("tickets: [{}]", "{ brand_id: 7 }, ".repeat(50));
    let found = warnings(&seed("", &many));
    assert_eq!(found.len(), MAX_VIOLATIONS + 1);
    assert_eq!(
        found[MAX_VIOLATIONS],
        "seed.yaml: the number of further references to missing rows is 30"
    );
    for text in [crate::seed::DEFAULT_SEED, include_str!("../../examples/seed.yaml")] {
        assert_eq!(warnings(text), [""; 0]);
    }
}

#[test]
fn permissions_of_an_import_may_be_all() {
    // The import has no keys, so the message is about the keys, not about their permissions.
    for keys in
        ["[{ key: some-key, permissions: all }]", "[{ <<: { permissions: all }, key: some-key }]"]
    {
        let error =
            parse_import(&format!("accounts: {{ a: {{ keys: {keys} }} }}")).expect_err(keys);
        assert_eq!(
            error,
            "fixture.yaml:1: accounts[a][keys] must be omitted: an import creates no keys; create them one by one."
        );
    }
}

#[test]
fn all_errors_of_all_files_are_listed() {
    let other = "{\n\"accounts\": { \"acme\": { \"keys\": [\n{ \"key\": \"read-key-0123456789\", \"permissions\": [] } ] } } }";
    let text = replace("title: Second", "titel: Second\n        status: done");
    let error =
        parse_files(&[("a.yaml", &text), ("b.json", "{\n\"accounts\": 7 }")]).expect_err("invalid");
    assert_eq!(
        error,
        "a.yaml:15: accounts[acme][tickets][1][status] must be new, open, pending, holding, solved or closed; \"done\" was sent.\n\
         a.yaml:14: accounts[acme][tickets][1][titel] is an unknown field; did you mean title?\n\
         b.json:2: accounts must be an object with fields."
    );
    let error = parse_files(&[("a.yaml", SEED), ("b.json", other)]).expect_err("duplicates");
    assert_eq!(
        error,
        "b.json:2: accounts[acme] is a duplicate.\nb.json:3: accounts[acme][keys][0][key] is a duplicate."
    );
}

#[test]
fn text_that_is_no_seed_is_rejected() {
    let root = "accounts must be a field at the top level of the seed";
    for (name, text, expected) in [
        ("a.yaml", "", format!("a.yaml:1: {root}; null was sent.")),
        ("a.yaml", "7", format!("a.yaml:1: {root}; 7 was sent.")),
        ("a.json", "\n[]", format!("a.json:2: {root}; an empty list was sent.")),
        (
            "a.yaml",
            "a: 1\n---\nb: 1\n",
            "a.yaml: the seed must have exactly one YAML document, not 2".to_owned(),
        ),
        ("a.yaml", "a: 1\na: 2\n", "a.yaml:2: duplicated key in mapping".to_owned()),
        ("a.json", "{\n", "a.json:2: EOF while parsing an object at line 2 column 0".to_owned()),
        (
            "a.yaml",
            &*"[".repeat(65),
            "a.yaml:1: the value is nested deeper than 64 levels".to_owned(),
        ),
    ] {
        assert_eq!(parse_files(&[(name, text)]).expect_err(text), expected);
    }
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let error = Seed::load(&[PathBuf::from("/nothing/here.yaml")], &[]).expect_err("no such file");
    assert!(error.to_string().starts_with("cannot read the seed /nothing/here.yaml: "), "{error}");
}

#[test]
fn misplaced_key_is_not_quoted() {
    for keys in [
        "[canary-key]",
        "canary-key",
        "{ ci: { key: canary-key, permissions: all } }",
        "[[{ key: canary-key }]]",
        "[{ key: [canary-key], permissions: all }]",
        "[{ key: \"canary key\", permissions: all }]",
    ] {
        let text = format!("accounts:\n  acme:\n    keys: {keys}\n");
        let error = parse_seed(&text).expect_err(keys);
        assert!(error.starts_with("seed.yaml:3: accounts[acme][keys]"), "{keys}: {error}");
        assert!(!error.contains("canary"), "{keys}: {error}");
    }
}

#[test]
fn errors_escape_control_characters() {
    for line in [
        "time_zone: \"Euro\\x1b[31mpe\"",
        "clock: { mode: \"\\x1b]0;\\x07\" }",
        "dialect: { \"\\x1b[2J\": 1 }",
        "keys: [{ key: some-key-0123, permissions: [\"\\x1b[1m\"] }]",
        "tickets: [{ \"\\x1b[1m\": 1 }]",
    ] {
        let error = parse_seed(&format!("accounts:\n  acme:\n    {line}\n")).expect_err(line);
        assert!(error.starts_with("seed.yaml:3: "), "{line}: {error}");
        assert!(!error.contains(char::is_control), "{line}: {error:?}");
        assert!(error.contains("\\u{1b}") || error.contains("\\u001b"), "{line}: {error}");
    }
}

#[test]
fn invalid_import_is_rejected_with_its_line() {
    let cases = [
        (
            "",
            "fixture.yaml:1: accounts must be a field at the top level of the seed, and the seed must be an object.",
        ),
        (
            "apiKey=canary-key&a=b",
            "fixture.yaml:1: accounts must be a field at the top level of the seed, and the seed must be an object.",
        ),
        ("accounts: {}", "fixture.yaml:1: accounts must have exactly one account, not 0."),
        (
            "accounts:\n  a:\n  b:\n",
            "fixture.yaml:1: accounts must have exactly one account, not 2.",
        ),
        (
            "accounts:\n  a:\n    keys: [{ key: canary-key, permissions: all }]\n",
            "fixture.yaml:3: accounts[a][keys] must be omitted: an import creates no keys; create them one by one.",
        ),
        (
            "accounts:\n  a:\n    tickets:\n    - id: 1\n    - id: 1\n",
            "fixture.yaml:5: accounts[a][tickets][1][id] is a duplicate; 1 was sent.",
        ),
        (
            "accounts:\n  a:\n    titel: 1\n",
            "fixture.yaml:3: accounts[a][titel] is an unknown field.",
        ),
        (
            "accounts:\n  a:\n    time_zone: x\n",
            "fixture.yaml:3: accounts[a][time_zone] must be an IANA time zone name such as Europe/Amsterdam; \"x\" was sent.",
        ),
        (
            "accounts:\n  a:\n    clock: { mode: real, by: 1h }\n",
            "fixture.yaml:3: accounts[a][clock] must have only the fields of its mode.",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_import(text).expect_err(text), expected);
    }
    let error =
        Import::parse(Format::Json, "{\n\"accounts\": 7}".to_owned()).expect_err("no accounts");
    assert_eq!(error.to_string(), "fixture.json:2: accounts must be an object with fields.");
}

#[test]
fn import_has_fewer_rows_than_a_seed() {
    let text = |rows: usize| {
        let rows = vec!["{}"; rows].join(",\n");
        format!("{{\"accounts\":{{\"a\":{{\"tickets\":[{rows}]}}}}}}")
    };
    let parse = |rows| Import::parse(Format::Json, text(rows)).map_err(|error| error.to_string());
    assert!(parse(50_000).is_ok());
    let message = "accounts must have at most 50000 rows in one import; split it into several imports, or use a seed";
    assert_eq!(parse(50_001).expect_err("a row more"), format!("fixture.json:50001: {message}"));
    assert!(parse_files(&[("seed.json", &text(50_001))]).is_ok());
}

//! Invalid rules: each is rejected with its mistake, and none is added.

use serde_json::{Value, json};

use crate::support::control::{Account, assert_problem, start_with_account};
use crate::support::ticket::TICKETS_PATH;

/// An invalid rule and words; the detail contains at least one of them, ignoring case.
type InvalidRule = (Value, &'static [&'static str]);

/// Checks that all rules are rejected and that the existing rules are unchanged.
async fn assert_all_rejected(account: &Account, cases: Vec<InvalidRule>) {
    account.add_fault(&json!({ "every": 1_000, "effect": { "status": 599 } })).await;
    let before = account.list_faults().await;
    let mut failures = Vec::new();
    for (rule, words) in cases {
        let reply = account.send_control_json("POST", "/faults", &rule).await;
        let label = rule.to_string().chars().take(300).collect::<String>();
        if reply.status != 400 {
            failures.push(format!("{label}: {}", reply.body));
            continue;
        }
        assert_problem(&reply, 400, "invalid-request", &label);
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        let lower = detail.to_lowercase();
        let is_named = words.iter().any(|word| lower.contains(&word.to_lowercase()));
        if !is_named || detail.len() > 2_000 {
            failures.push(format!("{label}: expected one of {words:?} in {detail:?}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(account.list_faults().await, before);
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
}

fn with_503_effect(part: &Value) -> Value {
    let mut rule = part.clone();
    rule["effect"] = json!({ "status": 503 });
    rule
}

#[tokio::test]
async fn invalid_rule_criteria_are_rejected() {
    let (_server, account) = start_with_account().await;
    let title = |condition: Value| with_503_effect(&json!({ "fields": { "title": condition } }));
    let on = |operation: &str, fields: Value| {
        with_503_effect(&json!({ "operation": operation, "fields": fields }))
    };
    #[rustfmt::skip]
    let cases: Vec<InvalidRule> = vec![
        (with_503_effect(&json!({ "operation": "ticket.creat" })), &["did you mean ticket.create"]),
        (with_503_effect(&json!({ "operation": "" })), &["operation"]),
        (with_503_effect(&json!({ "operation": 7 })), &["operation"]),
        (with_503_effect(&json!({ "operation": "TICKET.CREATE" })), &["ticket.create"]),
        (with_503_effect(&json!({ "key": "nobody" })), &["nobody"]),
        (with_503_effect(&json!({ "key": account.client.api_key })), &["key"]),
        (on("ticket.create", json!({ "titel": "a" })), &["titel"]),
        (on("ticket.create", json!({ "ticketIDs": 1 })), &["ticketIDs"]),
        (on("ticket.list", json!({ "title": "a" })), &["title"]),
        (on("ticket.update", json!({ "Title": "a" })), &["title"]),
        (on("ticket.batch", json!({ "action[0][value]": "a" })), &["action[0]", "actions"]),
        (on("ticket.batch", json!({ "actions[0": "a" })), &["actions[0"]),
        (on("ticket.create", json!({ "": "a" })), &["field"]),
        (with_503_effect(&json!({ "fields": { "no_operation_has_it": 1 } })), &["no_operation_has_it"]),
        (with_503_effect(&json!({ "fields": [] })), &["fields"]),
        (with_503_effect(&json!({ "fields": "title" })), &["fields"]),
        (title(json!({ "matches": "(" })), &["matches", "regex", "regular"]),
        (title(json!({ "matches": "a{2,1}" })), &["matches", "regex", "regular"]),
        (title(json!({ "matches": "a".repeat(1_001) })), &["1000", "1,000"]),
        (title(json!({ "matches": "((a{100}){100}){100}" })), &["matches", "regex", "regular", "size"]),
        (title(json!({ "matches": 7 })), &["matches"]),
        (title(json!({ "like": "a" })), &["like", "equals, matches"]),
        (title(json!({})), &["title", "matches"]),
        (title(json!({ "present": true, "absent": true })), &["present", "absent", "one"]),
        (title(json!({ "present": "yes" })), &["present"]),
    ];
    assert_all_rejected(&account, cases).await;
}

#[tokio::test]
async fn rule_without_exactly_one_effect_is_rejected() {
    let (_server, account) = start_with_account().await;
    let effect = |effect: Value| json!({ "effect": effect });
    #[rustfmt::skip]
    let cases: Vec<InvalidRule> = vec![
        (json!({}), &["effect"]),
        (json!({ "first": 1 }), &["effect"]),
        (effect(json!({})), &["effect"]),
        (effect(json!(null)), &["effect"]),
        (effect(json!("reset")), &["effect"]),
        (effect(json!([{ "reset_connection": true }])), &["effect"]),
        (effect(json!({ "status": 503, "reset_connection": true })), &["one", "reset_connection"]),
        (effect(json!({ "delay": "1s", "dribble": "1ms" })), &["one", "dribble"]),
        (effect(json!({ "statu": 503 })), &["statu"]),
        (effect(json!({ "status": 503, "mesage": "a" })), &["mesage"]),
        (effect(json!({ "message": "a" })), &["effect", "status"]),
        (effect(json!({ "reset_connection": true, "message": "a" })), &["message"]),
        (effect(json!({ "reset_connection": true, "retry_after": "1s" })), &["retry_after"]),
        (effect(json!({ "status": 503, "when": "after" })), &["when"]),
        (json!({ "effect": { "reset_connection": true }, "preset": "flaky" }), &["preset"]),
        (json!({ "effect": { "reset_connection": true }, "sequence": [null] }), &["sequence"]),
        (json!({ "preset": "down", "sequence": [null] }), &["sequence"]),
        (json!({ "preset": "flakey" }), &["flaky"]),
        (json!({ "preset": "" }), &["preset"]),
        (json!({ "preset": "Flaky" }), &["flaky"]),
        (json!({ "effects": { "reset_connection": true } }), &["effects"]),
        (json!({ "id": 7, "effect": { "reset_connection": true } }), &["id"]),
        (json!({ "effect": { "reset_connection": true }, "count": 1 }), &["count"]),
    ];
    assert_all_rejected(&account, cases).await;
}

#[tokio::test]
async fn invalid_effect_values_are_rejected() {
    let (_server, account) = start_with_account().await;
    let mut cases: Vec<InvalidRule> = Vec::new();
    let mut all = |name: &'static str, values: Value, words: &'static [&'static str]| {
        for value in values.as_array().expect("the values are an array") {
            let mut effect = json!({});
            effect[name] = value.clone();
            cases.push((json!({ "effect": effect }), words));
        }
    };
    let times = json!(["0s", "-1s", "5m1s", "301s", "PT6M", "6m", "1d", "soon", "", 5, "5", "P1M"]);
    all(
        "status",
        json!([100, 199, 600, 0, -1, 1000, 70_000, 1e20, 503.5, "503", true]),
        &["status"],
    );
    all("delay", times.clone(), &["delay"]);
    all("hang", times.clone(), &["hang"]);
    all("dribble", times, &["dribble"]);
    all("truncate", json!([-1, 1.5, "20", true, 1e30]), &["truncate"]);
    all("reset_connection", json!([false, 1, "true"]), &["reset_connection"]);
    all("malformed", json!([false, 1, "html"]), &["malformed"]);
    all("drop_response", json!(["maybe", "", 200, 399, 600, 0, true, {}, []]), &["drop_response"]);
    for (effect, words) in [
        (json!({ "delay": "1s", "when": "during" }), &["when"][..]),
        (json!({ "status": 429, "retry_after": "-1s" }), &["retry_after"]),
        (json!({ "status": 429, "retry_after": 10 }), &["retry_after"]),
        (json!({ "status": 429, "message": 7 }), &["message"]),
    ] {
        cases.push((json!({ "effect": effect }), words));
    }
    assert_all_rejected(&account, cases).await;
}

#[tokio::test]
async fn invalid_trigger_values_are_rejected() {
    let (_server, account) = start_with_account().await;
    let mut cases: Vec<InvalidRule> = Vec::new();
    for name in ["first", "every", "after"] {
        for value in [json!(0), json!(-1), json!(1.5), json!("3"), json!(1e20), json!(true)] {
            let mut rule = json!({});
            rule[name] = value;
            let words: &[&str] = match name {
                "first" => &["first"],
                "every" => &["every"],
                _ => &["after"],
            };
            cases.push((with_503_effect(&rule), words));
        }
    }
    cases.extend::<Vec<InvalidRule>>(vec![
        (with_503_effect(&json!({ "first": 1, "every": 2 })), &["first", "every"]),
        (with_503_effect(&json!({ "first": 1, "after": 2 })), &["first", "after"]),
        (with_503_effect(&json!({ "every": 1, "after": 2 })), &["every", "after"]),
        (with_503_effect(&json!({ "ttl": {} })), &["ttl"]),
        (with_503_effect(&json!({ "ttl": "30s" })), &["ttl"]),
        (with_503_effect(&json!({ "ttl": 10 })), &["ttl"]),
        (with_503_effect(&json!({ "ttl": { "requests": 0 } })), &["ttl", "requests"]),
        (with_503_effect(&json!({ "ttl": { "requests": -1 } })), &["ttl", "requests"]),
        (with_503_effect(&json!({ "ttl": { "time": "0s" } })), &["ttl", "time"]),
        (with_503_effect(&json!({ "ttl": { "time": "-1s" } })), &["ttl", "time"]),
        (with_503_effect(&json!({ "ttl": { "time": "soon" } })), &["ttl", "time"]),
        (with_503_effect(&json!({ "ttl": { "time": "1s", "requests": 1 } })), &["ttl", "one"]),
        (with_503_effect(&json!({ "ttl": { "seconds": 1 } })), &["seconds"]),
        (json!({ "preset": "flaky", "first": 0 }), &["first"]),
        (json!({ "preset": "flaky", "first": 1, "every": 1 }), &["first", "every"]),
    ]);
    assert_all_rejected(&account, cases).await;
}

#[tokio::test]
async fn invalid_sequence_is_rejected() {
    let (_server, account) = start_with_account().await;
    let long = vec![Value::Null; 1_001];
    let cases: Vec<InvalidRule> = vec![
        (json!({ "sequence": [] }), &["sequence"]),
        (json!({ "sequence": long }), &["1000", "1,000"]),
        (json!({ "sequence": [null, { "reset_connection": true }], "first": 1 }), &["first"]),
        (json!({ "sequence": [null, { "reset_connection": true }], "every": 2 }), &["every"]),
        (json!({ "sequence": [null, { "reset_connection": true }], "after": 2 }), &["after"]),
        (json!({ "sequence": [{}] }), &["sequence", "effect"]),
        (json!({ "sequence": [null, { "status": 200 }] }), &["status"]),
        (json!({ "sequence": [null, { "delay": "6m" }] }), &["delay"]),
        (json!({ "sequence": [7] }), &["sequence"]),
        (json!({ "sequence": ["flaky"] }), &["sequence"]),
        (json!({ "sequence": { "reset_connection": true } }), &["sequence"]),
        (
            json!({ "sequence": [{ "reset_connection": true, "truncate": 1 }] }),
            &["one", "truncate"],
        ),
    ];
    assert_all_rejected(&account, cases).await;
}

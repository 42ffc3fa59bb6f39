//! Conditions on fields in patterns: equality, regular expressions, presence, lists and nested names.

use serde_json::{Value, json};

use super::ticket_requests::{request_without_body, set_status, with_json};
use crate::support::control::Account;
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};

/// Returns fields of every shape. The server rejects the request, which does not matter here.
fn sample_fields() -> Value {
    json!({
        "title": "Printer on fire", "brandID": 12, "empty": "", "none": null, "flag": true, "part": 1.5,
        "ids": ["7", 8, "nine"], "nothing": [], "words": ["alpha", "beta"],
        "actions": [
            { "actionType": "title", "value": "Fixed" },
            { "actionType": "priority", "value": "low" },
        ],
        "deep": { "er": { "est": "x" }, "0": "zero" },
    })
}

#[rustfmt::skip]
fn equality_cases() -> Vec<(Value, bool)> {
    vec![
        (json!({ "title": "Printer on fire" }), true),
        (json!({ "title": "Printer" }), false),
        (json!({ "title": { "equals": "Printer on fire" } }), true),
        (json!({ "title": { "equals": "Printer" } }), false),
        (json!({ "brandID": 12 }), true),
        (json!({ "brandID": "012" }), false),
        (json!({ "missing": "" }), false),
        (json!({ "flag": true }), true),
        (json!({ "flag": false }), false),
        (json!({ "part": "1.5" }), true),
        (json!({ "ids": "8" }), true),
        (json!({ "ids": [7, "8", "nine"] }), true),
        (json!({ "ids": ["8", "7", "nine"] }), false),
        (json!({ "actions[1][value]": "Fixed" }), false),
        (json!({ "actions[0]": { "equals": { "value": "Fixed", "actionType": "title" } } }), true),
        (json!({ "deep[er][est]": "x" }), true),
        (json!({ "title": "Printer on fire", "brandID": 12, "ids": 8 }), true),
        (json!({ "title": "Printer on fire", "brandID": 13 }), false),
        (json!({}), true),
    ]
}

#[rustfmt::skip]
fn operator_cases() -> Vec<(Value, bool)> {
    vec![
        (json!({ "title": { "matches": "^Print" } }), true),
        (json!({ "title": { "matches": "^on" } }), false),
        (json!({ "title": { "matches": "(?i)PRINTER" } }), true),
        (json!({ "title": { "matches": "" } }), true),
        (json!({ "title": { "present": true } }), true),
        (json!({ "missing": { "present": true } }), false),
        (json!({ "missing": { "absent": true } }), true),
        (json!({ "title": { "absent": true } }), false),
        (json!({ "missing": { "present": false } }), true),
        (json!({ "title": { "present": false } }), false),
        (json!({ "title": { "absent": false } }), true),
        (json!({ "missing": { "absent": false } }), false),
        (json!({ "title": { "present": true }, "missing": { "absent": true } }), true),
    ]
}

#[tokio::test]
async fn each_field_condition_matches_or_not() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    with_json(request_without_body("ticket.create", "POST", ""), sample_fields())
        .send(&server)
        .await;
    for (fields, holds) in equality_cases().into_iter().chain(operator_cases()) {
        let verdict = acme.verify(&json!({ "fields": fields })).await;
        let expected = if holds { 200 } else { 409 };
        assert_eq!(verdict.status, expected, "{fields}: {}", verdict.body);
    }
}

#[tokio::test]
async fn field_conditions_apply_to_form_fields() {
    let server = serve_seed(&acme_seed([7, 8].map(ticket_fixture)));
    let acme = Account::acme(&server);
    let ids = [("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")];
    set_status(&ids).send_ok(&server).await;
    for (fields, holds) in [
        (json!({ "ticketIDs": [7, 8] }), true),
        (json!({ "ticketIDs": ["7", "8"] }), true),
        (json!({ "ticketIDs": ["8", "7"] }), false),
        (json!({ "ticketIDs": ["7"] }), false),
        (json!({ "ticketIDs": 8 }), true),
        (json!({ "ticketIDs[1]": 8 }), true),
        (json!({ "ticketIDs[1]": { "absent": true } }), false),
    ] {
        let verdict = acme.verify(&json!({ "fields": fields })).await;
        let expected = if holds { 200 } else { 409 };
        assert_eq!(verdict.status, expected, "{fields}: {}", verdict.body);
    }
}

#[tokio::test]
async fn field_filters_agree_with_field_conditions() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    with_json(request_without_body("ticket.create", "POST", ""), sample_fields())
        .send(&server)
        .await;
    for (fields, holds) in equality_cases() {
        let fields = fields.as_object().expect("the fields are an object");
        // A filter supports neither lists nor operators.
        let plain = |value: &Value| !value.is_object() && !value.is_array();
        if fields.is_empty() || !fields.values().all(plain) {
            continue;
        }
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let query = fields.iter().map(|(name, value)| (format!("field.{name}"), text(value)));
        let query: Vec<(String, String)> = query.collect();
        let query: Vec<_> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(acme.entries(&query).await.len(), usize::from(holds), "{query:?}");
    }
}

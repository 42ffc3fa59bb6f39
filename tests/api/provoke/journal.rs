//! What the journal tells of requests that met a fault.

use serde_json::{Value, json};

use super::wire::{Met, effects, hear, name};
use super::{ITEM, LIST, awaited, calm, create, desk, desk_with_a_ticket, entries, form, provoke};
use crate::fixtures::NEW_TICKET;

/// The body that the journal has of such an answer.
fn is_its_body(met: Met, body: &Value, whole: &str) -> bool {
    let whole: Value = serde_json::from_str(whole).expect("JSON");
    match met {
        Met::Error(_) => body["status"] == "error" && body["message"].is_string(),
        Met::Reset | Met::Silence => body.is_null(),
        Met::Html => body.as_str().is_some_and(|text| text.trim_start().starts_with('<')),
        Met::Cut(_) | Met::Whole => *body == whole,
    }
}

#[tokio::test]
async fn each_effect_is_told_with_its_rule_and_its_changes() {
    let (server, account) = desk_with_a_ticket().await;
    let update = |title: &str| form(&account, "PUT", ITEM, &format!("title={title}"));
    let whole = hear(&server.base, &update("first")).await.body().to_owned();
    for (number, (effect, met, is_carried_out)) in effects().into_iter().enumerate() {
        let fault = provoke(&account, &json!({ "effect": effect })).await;
        let title = format!("title-{number}");
        hear(&server.base, &update(&title)).await;
        let entry = awaited(&account, "fault=true", number + 1).await.pop().expect("an entry");
        let what = format!("{effect}: {entry}");
        assert_eq!(entry["fault"], json!({ "id": fault["id"], "effect": name(&effect) }), "{what}");
        assert_eq!(entry["status"], json!(met.status()), "{what}");
        assert!(is_its_body(met, &entry["body"], &whole), "{what}");
        assert_eq!(entry["operation"], "ticket.update", "{what}");
        assert_eq!(entry["fields"], json!({ "ticketID": "1", "title": title }), "{what}");
        let changes = entry["changes"].as_array().expect("a list");
        assert_eq!(changes.len(), usize::from(is_carried_out), "{what}");
        calm(&account).await;
    }
    let usual = entries(&account, "fault=false").await;
    assert_eq!(usual.len(), 2, "{usual:?}");
    assert!(usual.iter().all(|entry| entry["fault"].is_null()), "{usual:?}");
}

#[tokio::test]
async fn a_read_that_met_a_fault_is_told_as_well() {
    let (server, account) = desk_with_a_ticket().await;
    assert_eq!(account.client.get(ITEM).await.status, 200);
    for (number, (effect, met, _)) in effects().into_iter().enumerate() {
        provoke(&account, &json!({ "operation": "ticket.get", "effect": effect })).await;
        hear(&server.base, &super::get(&account, ITEM)).await;
        let entry = awaited(&account, "fault=true", number + 1).await.pop().expect("an entry");
        assert_eq!(entry["fault"]["effect"], name(&effect), "{entry}");
        assert_eq!(entry["status"], json!(met.status()), "{effect}: {entry}");
        assert_eq!(entry["changes"], json!([]), "{effect}: {entry}");
        calm(&account).await;
    }
}

#[tokio::test]
async fn requests_that_a_rule_let_pass_have_no_fault() {
    let (_server, account) = desk().await;
    let error = json!({ "status": 503 });
    let rule = json!({ "operation": "ticket.create", "sequence": [error, null, error] });
    let fault = provoke(&account, &rule).await;
    for _ in 0..4 {
        create(&account).await;
    }
    let told: Vec<Value> =
        entries(&account, "").await.iter().map(|entry| entry["fault"].clone()).collect();
    let met = json!({ "id": fault["id"], "effect": "status" });
    assert_eq!(told, [met.clone(), Value::Null, met, Value::Null]);
}

#[tokio::test]
async fn a_lost_answer_shows_among_the_changes() {
    let (server, account) = desk().await;
    for loss in [json!("reset"), json!(503)] {
        provoke(&account, &json!({ "first": 1, "effect": { "lose_answer": loss } })).await;
        hear(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    }
    provoke(&account, &json!({ "effect": { "reset": true } })).await;
    hear(&server.base, &form(&account, "POST", LIST, NEW_TICKET)).await;
    let told = awaited(&account, "fault=true", 3).await;
    let statuses: Vec<&Value> = told.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(503), &Value::Null], "{told:?}");
    let changes = account.control("GET", "/changes").await.body;
    let made: Vec<&Value> = changes["changes"].as_array().expect("a list").iter().collect();
    assert_eq!(made.len(), 2, "{changes}");
    for (number, change) in (1..).zip(made) {
        assert_eq!(change["operation"], "ticket.create", "{change}");
        let row = &change["rows"][0];
        let expected = (&json!("ticket"), &json!(number), &json!("created"));
        assert_eq!((&row["kind"], &row["id"], &row["did"]), expected, "{change}");
    }
}

#[tokio::test]
async fn nothing_is_told_of_a_fault_that_was_removed() {
    let (_server, account) = desk().await;
    provoke(&account, &json!({ "effect": { "status": 503 } })).await;
    assert_eq!(account.client.get(LIST).await.status, 503);
    calm(&account).await;
    assert_eq!(account.client.get(LIST).await.status, 200);
    assert_eq!(entries(&account, "fault=true").await.len(), 1, "what was, stays");
    assert_eq!(entries(&account, "fault=false").await.len(), 1);
    assert_eq!(entries(&account, "fault=true&status=503&operation=list").await.len(), 1);
}

//! Journal entries of requests that a fault rule affected.

use serde_json::{Value, json};

use super::wire::{ExpectedOutcome, effect_cases, effect_name};
use super::{TICKET_PATH, build_raw_form, journal_entries, start_with_ticket, wait_for_entries};
use crate::support::control::start_with_account;
use crate::support::raw::transcribe;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

/// Returns whether the recorded body fits the outcome.
fn is_recorded_body(outcome: ExpectedOutcome, body: &Value, full_body: &str) -> bool {
    let full_body: Value = serde_json::from_str(full_body).expect("the full body is JSON");
    match outcome {
        ExpectedOutcome::Error(_) => body["status"] == "error" && body["message"].is_string(),
        ExpectedOutcome::ConnectionReset | ExpectedOutcome::CloseWithoutResponse => body.is_null(),
        ExpectedOutcome::MalformedBody => {
            body.as_str().is_some_and(|text| text.trim_start().starts_with('<'))
        }
        ExpectedOutcome::TruncatedBody(_) | ExpectedOutcome::FullResponse => *body == full_body,
    }
}

#[tokio::test]
async fn each_effect_is_recorded_with_its_rule_and_changes() {
    let (server, account) = start_with_ticket().await;
    let update =
        |title: &str| build_raw_form(&account, "PUT", TICKET_PATH, &format!("title={title}"));
    let full_body = transcribe(&server.base_url, &update("first")).await.body().to_owned();
    for (number, (effect, outcome, is_executed)) in effect_cases().into_iter().enumerate() {
        let fault = account.add_fault(&json!({ "effect": effect })).await;
        let title = format!("title-{number}");
        transcribe(&server.base_url, &update(&title)).await;
        let entry = wait_for_entries(&account, "fault=true", number + 1)
            .await
            .pop()
            .expect("the request is recorded");
        let label = format!("{effect}: {entry}");
        assert_eq!(
            entry["fault"],
            json!({ "id": fault["id"], "effect": effect_name(&effect) }),
            "{label}"
        );
        assert_eq!(entry["status"], json!(outcome.recorded_status()), "{label}");
        assert!(is_recorded_body(outcome, &entry["response_body"], &full_body), "{label}");
        assert_eq!(entry["operation"], "ticket.update", "{label}");
        assert_eq!(entry["fields"], json!({ "ticketID": "1", "title": title }), "{label}");
        let changes = entry["changes"].as_array().expect("changes is an array");
        assert_eq!(changes.len(), usize::from(is_executed), "{label}");
        account.clear_faults().await;
    }
    let unaffected = journal_entries(&account, "fault=false").await;
    assert_eq!(unaffected.len(), 2, "{unaffected:?}");
    assert!(unaffected.iter().all(|entry| entry["fault"].is_null()), "{unaffected:?}");
}

#[tokio::test]
async fn fault_on_a_read_is_recorded() {
    let (server, account) = start_with_ticket().await;
    assert_eq!(account.client.get(TICKET_PATH).await.status, 200);
    for (number, (effect, outcome, _)) in effect_cases().into_iter().enumerate() {
        account.add_fault(&json!({ "operation": "ticket.get", "effect": effect })).await;
        transcribe(&server.base_url, &super::build_raw_get(&account, TICKET_PATH)).await;
        let entry = wait_for_entries(&account, "fault=true", number + 1)
            .await
            .pop()
            .expect("the request is recorded");
        assert_eq!(entry["fault"]["effect"], effect_name(&effect), "{entry}");
        assert_eq!(entry["status"], json!(outcome.recorded_status()), "{effect}: {entry}");
        assert_eq!(entry["changes"], json!([]), "{effect}: {entry}");
        account.clear_faults().await;
    }
}

#[tokio::test]
async fn request_that_a_rule_skips_has_no_fault() {
    let (_server, account) = start_with_account().await;
    let error = json!({ "status": 503 });
    let rule = json!({ "operation": "ticket.create", "sequence": [error, null, error] });
    let fault = account.add_fault(&rule).await;
    for _ in 0..4 {
        post_ticket(&account.client).await;
    }
    let faults: Vec<Value> =
        journal_entries(&account, "").await.iter().map(|entry| entry["fault"].clone()).collect();
    let applied = json!({ "id": fault["id"], "effect": "status" });
    assert_eq!(faults, [applied.clone(), Value::Null, applied, Value::Null]);
}

#[tokio::test]
async fn dropped_response_still_records_its_changes() {
    let (server, account) = start_with_account().await;
    for mode in [json!("reset"), json!(503)] {
        account.add_fault(&json!({ "first": 1, "effect": { "drop_response": mode } })).await;
        transcribe(
            &server.base_url,
            &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM),
        )
        .await;
    }
    account.add_fault(&json!({ "effect": { "reset_connection": true } })).await;
    transcribe(&server.base_url, &build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM))
        .await;
    let entries = wait_for_entries(&account, "fault=true", 3).await;
    let statuses: Vec<&Value> = entries.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(503), &Value::Null], "{entries:?}");
    let changes = account.send_control("GET", "/changes").await.body;
    let creations: Vec<&Value> =
        changes["changes"].as_array().expect("changes is an array").iter().collect();
    assert_eq!(creations.len(), 2, "{changes}");
    for (number, change) in (1..).zip(creations) {
        assert_eq!(change["operation"], "ticket.create", "{change}");
        let row = &change["rows"][0];
        let expected = (&json!("ticket"), &json!(number), &json!("created"));
        assert_eq!((&row["resource"], &row["id"], &row["change"]), expected, "{change}");
    }
}

#[tokio::test]
async fn only_requests_before_the_removal_record_the_fault() {
    let (_server, account) = start_with_account().await;
    account.add_fault(&json!({ "effect": { "status": 503 } })).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 503);
    account.clear_faults().await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert_eq!(
        journal_entries(&account, "fault=true").await.len(),
        1,
        "the earlier entry keeps its fault"
    );
    assert_eq!(journal_entries(&account, "fault=false").await.len(), 1);
    assert_eq!(journal_entries(&account, "fault=true&status=503&operation=list").await.len(), 1);
}

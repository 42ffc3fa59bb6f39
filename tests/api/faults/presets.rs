//! Presets: their effects and triggers, also with an explicit trigger.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::wire::ExpectedOutcome;
use super::{TICKET_PATH, build_raw_form, build_raw_get, start_with_ticket, wait_for_entries};
use crate::support::control::{Account, start_with_account};
use crate::support::raw::transcribe;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH};

const PRESETS: [(&str, ExpectedOutcome); 4] = [
    ("flaky", ExpectedOutcome::Error(503)),
    ("down", ExpectedOutcome::Error(503)),
    ("rate-limited", ExpectedOutcome::Error(429)),
    ("dropped-responses", ExpectedOutcome::ConnectionReset),
];

fn preset_rule(name: &str, more: &Value) -> Value {
    let mut rule = more.clone();
    rule["preset"] = name.into();
    rule
}

/// Sends ten requests; `x` is the preset's effect, and `.` a normal response.
async fn collect_fault_pattern(account: &Account, outcome: ExpectedOutcome) -> String {
    let request_bytes = build_raw_get(account, TICKET_PATH);
    let mut pattern = String::new();
    for _ in 0..10 {
        let transcript = transcribe(&account.client.base_url, &request_bytes).await;
        let is_normal = !transcript.is_empty() && transcript.status() == 200;
        if !is_normal {
            outcome.assert_matches("a preset", &transcript, "");
        }
        pattern.push(if is_normal { '.' } else { 'x' });
    }
    pattern
}

#[tokio::test]
async fn each_preset_has_its_effect_and_trigger() {
    let (_server, account) = start_with_ticket().await;
    for (name, outcome) in PRESETS {
        account.add_fault(&preset_rule(name, &json!({}))).await;
        let expected = if name == "down" { "xxxxxxxxxx" } else { "..x..x..x." };
        assert_eq!(collect_fault_pattern(&account, outcome).await, expected, "{name}");
        account.clear_faults().await;
    }
}

#[tokio::test]
async fn explicit_trigger_replaces_the_preset_trigger() {
    let (_server, account) = start_with_ticket().await;
    for (trigger, expected) in [
        (json!({ "first": 2 }), "xx........"),
        (json!({ "every": 1, "ttl": { "requests": 3 } }), "xxx......."),
    ] {
        account.add_fault(&preset_rule("flaky", &trigger)).await;
        let pattern = collect_fault_pattern(&account, ExpectedOutcome::Error(503)).await;
        assert_eq!(pattern, expected, "{trigger}");
        account.clear_faults().await;
    }
}

#[tokio::test]
async fn preset_can_be_limited_to_matching_requests() {
    let (_server, account) = start_with_ticket().await;
    let fields = json!({ "title": "Printer" });
    let rule = json!({ "preset": "down", "operation": "ticket.create", "fields": fields });
    account.add_fault(&rule).await;
    assert_eq!(account.client.get(TICKET_PATH).await.status, 200);
    assert_eq!(account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status, 503);
    let other = NEW_TICKET_FORM.replace("Printer", "Scanner");
    assert_eq!(account.client.send_form("POST", TICKETS_PATH, &other).await.status, 200);
    assert_eq!(account.fault_counts().await, [(1, 1)]);
}

#[tokio::test]
async fn rate_limited_preset_sends_retry_after_of_one_second() {
    let (_server, account) = start_with_account().await;
    account.add_fault(&preset_rule("rate-limited", &json!({ "every": 1 }))).await;
    let reply = account.client.get(TICKETS_PATH).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers["retry-after"], "1");
}

#[tokio::test]
async fn lost_replies_preset_executes_the_change() {
    let (server, account) = start_with_account().await;
    account.add_fault(&preset_rule("dropped-responses", &json!({}))).await;
    let request_bytes = build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM);
    let mut is_dropped = Vec::new();
    for _ in 0..6 {
        is_dropped.push(transcribe(&server.base_url, &request_bytes).await.is_empty());
    }
    assert_eq!(is_dropped, [false, false, true, false, false, true]);
    assert_eq!(account.count_tickets().await, 6);
    let entries = wait_for_entries(&account, "fault=true", 2).await;
    assert!(entries.iter().all(|entry| entry["changes"][0]["change"] == "created"), "{entries:?}");
}

#[tokio::test]
async fn slow_preset_delays_by_one_second() {
    let (_server, account) = start_with_account().await;
    account.add_fault(&preset_rule("slow", &json!({ "first": 1 }))).await;
    let started = Instant::now();
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    account.add_fault(&preset_rule("slow", &json!({}))).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
    assert_eq!(
        account.fault_counts().await,
        [(2, 1), (1, 1)],
        "the preset applies to all requests by default"
    );
}

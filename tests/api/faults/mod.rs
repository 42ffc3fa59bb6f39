//! Faults and limits as a client meets them: on the wire, in the tickets, in the journal.

mod delays;
mod dropped_responses;
mod early_retry;
mod effects;
mod invalid_rules;
mod journal;
mod lifecycle;
mod malformed_input;
mod matching;
mod overload;
mod presets;
mod rate_limits;
mod stalled_clients;
mod triggers;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::control_client::Account;
use crate::fixtures::NEW_TICKET_FORM;
use crate::raw_http;
use crate::support::{JsonResponse, Server};

const TICKETS_PATH: &str = "/api/v2/ticket";
const TICKET_PATH: &str = "/api/v2/ticket/1";
const FORM_URLENCODED: &str = "application/x-www-form-urlencoded";
/// Where a clock is made to stand still.
const NOON: &str = "2026-03-01T12:00:00Z";
/// Longer than anything here takes, so that a stuck server fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A server, and an account of its own on it, without tickets.
async fn start_with_account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    (server, account)
}

/// The same with ticket 1.
async fn start_with_ticket() -> (Server, Account) {
    let (server, account) = start_with_account().await;
    assert_eq!(create_ticket(&account).await.status, 200);
    (server, account)
}

async fn create_ticket(account: &Account) -> JsonResponse {
    account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await
}

/// Adds a fault and gives it as it is shown.
async fn add_fault(account: &Account, rule: &Value) -> Value {
    let made = account.send_control_json("POST", "/faults", rule).await;
    assert_eq!(made.status, 201, "{rule}: {}", made.body);
    made.body
}

/// The faults of the account, the oldest first.
async fn list_faults(account: &Account) -> Vec<Value> {
    let shown = account.send_control("GET", "/faults").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    shown.body["faults"].as_array().expect("a list").clone()
}

/// How often each fault was looked at and applied.
async fn fault_counts(account: &Account) -> Vec<(u64, u64)> {
    let count = |fault: &Value, name: &str| fault[name].as_u64().expect("a count");
    let faults = list_faults(account).await;
    faults.iter().map(|fault| (count(fault, "seen"), count(fault, "applied"))).collect()
}

/// Takes all faults away.
async fn clear_faults(account: &Account) {
    assert_eq!(account.send_control("DELETE", "/faults").await.status, 204);
}

/// How many tickets there are. Faults have no part in this.
async fn count_tickets(account: &Account) -> u64 {
    let shown = account.send_control("GET", "").await.body;
    shown["counts"]["tickets"].as_u64().expect("a count")
}

async fn freeze_clock(account: &Account) {
    let clock = json!({ "mode": "frozen", "at": NOON });
    assert_eq!(account.send_control_json("PUT", "/clock", &clock).await.status, 200);
}

async fn advance_clock(account: &Account, by: &str) {
    let advanced = account.send_control_json("POST", "/clock/advance", &json!({ "by": by })).await;
    assert_eq!(advanced.status, 200, "{}", advanced.body);
}

/// The entries of the journal for which the filters hold.
async fn journal_entries(account: &Account, filters: &str) -> Vec<Value> {
    let kept = account.send_control("GET", &format!("/requests?{filters}")).await;
    assert_eq!(kept.status, 200, "{filters}: {}", kept.body);
    kept.body["requests"].as_array().expect("a list").clone()
}

/// The first entries for which the filters hold, as soon as there are so many.
async fn wait_for_entries(account: &Account, filters: &str, count: usize) -> Vec<Value> {
    let path = format!("/wait?{filters}&count={count}&timeout=1m");
    let found = account.send_control("GET", &path).await;
    assert_eq!(found.status, 200, "{path}: {}", found.body);
    found.body["requests"].as_array().expect("a list").clone()
}

/// The bytes of a `GET` after which the connection ends.
fn build_raw_get(account: &Account, path: &str) -> Vec<u8> {
    raw_http::build_raw_head("GET", path, &format!("apiKey: {}\r\n", account.client.api_key))
}

/// The bytes of a request with a urlencoded body, after which the connection ends.
fn build_raw_form(account: &Account, method: &str, path: &str, body: &str) -> Vec<u8> {
    raw_http::build_raw_request(
        method,
        path,
        &account.client.api_key,
        FORM_URLENCODED,
        body.as_bytes(),
    )
}

/// Looks again and again until something holds.
async fn poll_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async { while !holds().await {} };
    timeout(TEST_TIMEOUT, held).await.unwrap_or_else(|_| panic!("it does not come: {what}"));
}

/// Waits for something that must come.
async fn with_timeout<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(TEST_TIMEOUT, future).await.unwrap_or_else(|_| panic!("it does not come: {what}"))
}

//! Fault rules and rate limits as a client sees them: on the wire, in the tickets and in the journal.

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

use serde_json::{Value, json};

use crate::support::client::JsonResponse;
use crate::support::control::Account;
use crate::support::raw::{build_raw_head, build_raw_request};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};
use crate::support::wait::{poll_until, with_timeout};

const TICKET_PATH: &str = "/api/v2/ticket/1";
/// The time of a frozen clock.
const NOON: &str = "2026-03-01T12:00:00Z";

/// Starts a server with a new account without tickets.
async fn start_with_account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    (server, account)
}

/// Starts a server with a new account that has ticket 1.
async fn start_with_ticket() -> (Server, Account) {
    let (server, account) = start_with_account().await;
    assert_eq!(create_ticket(&account).await.status, 200);
    (server, account)
}

async fn create_ticket(account: &Account) -> JsonResponse {
    account.client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await
}

/// Adds a fault rule and returns it as the server shows it.
async fn add_fault(account: &Account, rule: &Value) -> Value {
    let created = account.send_control_json("POST", "/faults", rule).await;
    assert_eq!(created.status, 201, "{rule}: {}", created.body);
    created.body
}

/// Returns the fault rules of the account, the oldest first.
async fn list_faults(account: &Account) -> Vec<Value> {
    let response = account.send_control("GET", "/faults").await;
    assert_eq!(response.status, 200, "{}", response.body);
    response.body["faults"].as_array().expect("faults is an array").clone()
}

/// Returns for each rule how many requests matched it and how often it was applied.
async fn fault_counts(account: &Account) -> Vec<(u64, u64)> {
    let count = |fault: &Value, name: &str| fault[name].as_u64().expect("the count is a number");
    let faults = list_faults(account).await;
    faults.iter().map(|fault| (count(fault, "matched"), count(fault, "applied"))).collect()
}

/// Removes all fault rules.
async fn clear_faults(account: &Account) {
    assert_eq!(account.send_control("DELETE", "/faults").await.status, 204);
}

/// Returns the number of tickets through the control API, which faults do not affect.
async fn count_tickets(account: &Account) -> u64 {
    let details = account.send_control("GET", "").await.body;
    details["counts"]["tickets"].as_u64().expect("the count is a number")
}

async fn freeze_clock(account: &Account) {
    let clock = json!({ "mode": "frozen", "at": NOON });
    assert_eq!(account.send_control_json("PUT", "/clock", &clock).await.status, 200);
}

async fn advance_clock(account: &Account, by: &str) {
    let advanced = account.send_control_json("POST", "/clock/advance", &json!({ "by": by })).await;
    assert_eq!(advanced.status, 200, "{}", advanced.body);
}

/// Returns the journal entries that match the filters.
async fn journal_entries(account: &Account, filters: &str) -> Vec<Value> {
    let response = account.send_control("GET", &format!("/requests?{filters}")).await;
    assert_eq!(response.status, 200, "{filters}: {}", response.body);
    response.body["requests"].as_array().expect("requests is an array").clone()
}

/// Waits until `count` entries match the filters, and returns them.
async fn wait_for_entries(account: &Account, filters: &str, count: usize) -> Vec<Value> {
    let path = format!("/wait?{filters}&count={count}&timeout=1m");
    let found = account.send_control("GET", &path).await;
    assert_eq!(found.status, 200, "{path}: {}", found.body);
    found.body["requests"].as_array().expect("requests is an array").clone()
}

/// Returns the bytes of a `GET` request that closes the connection.
fn build_raw_get(account: &Account, path: &str) -> Vec<u8> {
    build_raw_head("GET", path, &format!("apiKey: {}\r\n", account.client.api_key))
}

/// Returns the bytes of a request with a URL-encoded body that closes the connection.
fn build_raw_form(account: &Account, method: &str, path: &str, body: &str) -> Vec<u8> {
    build_raw_request(method, path, &account.client.api_key, URLENCODED, body.as_bytes())
}

//! Fault rules and rate limits as a client sees them: on the wire, in the tickets and in the journal.

mod custom_responses;
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

use serde_json::Value;

use crate::support::control::{Account, start_with_account};
use crate::support::raw::{build_raw_head, build_raw_request};
use crate::support::server::Server;
use crate::support::ticket::{URLENCODED, post_ticket};
use crate::support::wait::{poll_until, with_timeout};

const TICKET_PATH: &str = "/api/v2/ticket/1";
/// The time of a frozen clock.
const NOON: &str = "2026-03-01T12:00:00Z";

/// Starts a server with a new account that has ticket 1.
async fn start_with_ticket() -> (Server, Account) {
    let (server, account) = start_with_account().await;
    assert_eq!(post_ticket(&account.client).await.status, 200);
    (server, account)
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

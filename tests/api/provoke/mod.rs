//! Faults and limits as a client meets them: on the wire, in the tickets, in the journal.

mod crowd;
mod delays;
mod early;
mod effects;
mod hostile;
mod journal;
mod life;
mod limits;
mod lost;
mod matching;
mod presets;
mod refusals;
mod stalled;
mod triggers;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::control::Account;
use crate::fixtures::NEW_TICKET;
use crate::raw;
use crate::support::{Reply, Server};

const LIST: &str = "/api/v2/ticket";
const ITEM: &str = "/api/v2/ticket/1";
const URLENCODED: &str = "application/x-www-form-urlencoded";
/// Where a clock is made to stand still.
const NOON: &str = "2026-03-01T12:00:00Z";
/// Longer than anything here takes, so that a stuck server fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, and an account of its own on it, without tickets.
async fn desk() -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    (server, account)
}

/// The same with ticket 1.
async fn desk_with_a_ticket() -> (Server, Account) {
    let (server, account) = desk().await;
    assert_eq!(create(&account).await.status, 200);
    (server, account)
}

async fn create(account: &Account) -> Reply {
    account.client.form("POST", LIST, NEW_TICKET).await
}

/// Adds a fault and gives it as it is shown.
async fn provoke(account: &Account, rule: &Value) -> Value {
    let made = account.control_with("POST", "/faults", rule).await;
    assert_eq!(made.status, 201, "{rule}: {}", made.body);
    made.body
}

/// The faults of the account, the oldest first.
async fn faults(account: &Account) -> Vec<Value> {
    let shown = account.control("GET", "/faults").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    shown.body["faults"].as_array().expect("a list").clone()
}

/// How often each fault was looked at and applied.
async fn counts(account: &Account) -> Vec<(u64, u64)> {
    let count = |fault: &Value, name: &str| fault[name].as_u64().expect("a count");
    let faults = faults(account).await;
    faults.iter().map(|fault| (count(fault, "seen"), count(fault, "applied"))).collect()
}

/// Takes all faults away.
async fn calm(account: &Account) {
    assert_eq!(account.control("DELETE", "/faults").await.status, 204);
}

/// How many tickets there are. Faults have no part in this.
async fn tickets(account: &Account) -> u64 {
    let shown = account.control("GET", "").await.body;
    shown["counts"]["tickets"].as_u64().expect("a count")
}

async fn freeze(account: &Account) {
    let clock = json!({ "mode": "frozen", "at": NOON });
    assert_eq!(account.control_with("PUT", "/clock", &clock).await.status, 200);
}

async fn advance(account: &Account, by: &str) {
    let advanced = account.control_with("POST", "/clock/advance", &json!({ "by": by })).await;
    assert_eq!(advanced.status, 200, "{}", advanced.body);
}

/// The entries of the journal for which the filters hold.
async fn entries(account: &Account, filters: &str) -> Vec<Value> {
    let kept = account.control("GET", &format!("/requests?{filters}")).await;
    assert_eq!(kept.status, 200, "{filters}: {}", kept.body);
    kept.body["requests"].as_array().expect("a list").clone()
}

/// The first entries for which the filters hold, as soon as there are so many.
async fn awaited(account: &Account, filters: &str, count: usize) -> Vec<Value> {
    let path = format!("/wait?{filters}&count={count}&timeout=1m");
    let found = account.control("GET", &path).await;
    assert_eq!(found.status, 200, "{path}: {}", found.body);
    found.body["requests"].as_array().expect("a list").clone()
}

/// The bytes of a `GET` after which the connection ends.
fn get(account: &Account, path: &str) -> Vec<u8> {
    raw::head("GET", path, &format!("apiKey: {}\r\n", account.client.key))
}

/// The bytes of a request with a urlencoded body, after which the connection ends.
fn form(account: &Account, method: &str, path: &str, body: &str) -> Vec<u8> {
    raw::request(method, path, &account.client.key, URLENCODED, body.as_bytes())
}

/// Looks again and again until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async { while !holds().await {} };
    timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("it does not come: {what}"));
}

/// Waits for something that must come.
async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    timeout(PATIENCE, coming).await.unwrap_or_else(|_| panic!("it does not come: {what}"))
}

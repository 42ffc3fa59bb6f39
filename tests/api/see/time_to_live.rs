//! The time to live of an account counts from the end of its last request, however long that takes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::asks::create;
use super::bounds_of_waits::waiting;
use super::events::Events;
use super::look::{list, text};
use crate::control::{ACCOUNTS, Account, answer};
use crate::drain::Begun;
use crate::fixtures::NEW_TICKET;
use crate::raw;
use crate::support::{Client, Server};

/// Shorter than each request here takes, and longer than two requests are apart.
const TTL: &str = "1500ms";
/// Longer than an account stays, so that one that stays for good fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

async fn account(client: &Client, name: &str) -> Account {
    Account::make(client, &json!({ "name": name, "ttl": TTL })).await
}

/// The names of all accounts. To look is a request of none of them.
async fn names(client: &Client) -> Vec<String> {
    let shown = answer(client.ask_without_key("GET", ACCOUNTS)).await;
    list(&shown.body["accounts"]).iter().map(|account| text(&account["account"])).collect()
}

async fn until_gone(client: &Client, name: &str) {
    let gone = async { while names(client).await.iter().any(|known| known == name) {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("{name} stays"));
}

/// Waits until accounts that were last used now have been removed.
async fn until_time_is_over(client: &Client) {
    // Those of one round go in no order, so the second one is sure to go after them.
    for name in ["first-marker", "second-marker"] {
        account(client, name).await;
        until_gone(client, name).await;
    }
}

/// A creation that a fault holds up, and its connection.
async fn provoked(client: &Client, name: &str, effect: &Value) -> (Account, TcpStream) {
    let account = account(client, name).await;
    account.provoke(&json!({ "operation": "ticket.create", "effect": effect })).await;
    let mut stream = raw::connect(&client.base).await;
    let kind = "application/x-www-form-urlencoded";
    let path = "/api/v2/ticket";
    let bytes = raw::request("POST", path, &account.client.key, kind, NEW_TICKET.as_bytes());
    stream.write_all(&bytes).await.expect("it is sent");
    let applied = async {
        while account.control("GET", "/faults").await.body["faults"][0]["applied"] != 1 {}
    };
    tokio::time::timeout(PATIENCE, applied).await.expect("the fault is applied");
    (account, stream)
}

#[tokio::test]
async fn an_account_stays_as_long_as_a_request_waits() {
    let server = Server::start();
    let waits = account(&server, "waits").await;
    let (wait, others) = waiting(&waits, "operation=ticket.create").await;
    drop(others);
    let looks = account(&server, "looks").await;
    let (look, others) = waiting(&looks, "ticket=1&status=new").await;
    drop(others);
    let follows = account(&server, "follows").await;
    let mut events = Events::open(&follows, &[]).await;
    until_time_is_over(&server).await;
    for account in [&waits, &looks, &follows] {
        create(&[]).done(&account.client).await;
    }
    for stream in [wait, look] {
        assert_eq!(raw::read(stream).await.status, 200);
    }
    assert_eq!(events.numbers(1).await, [1]);
    drop(events);
    for name in ["waits", "looks", "follows"] {
        until_gone(&server, name).await;
    }
}

#[tokio::test]
async fn an_account_stays_as_long_as_a_body_comes() {
    let server = Server::start();
    let creates = account(&server, "creates").await;
    let creation = Begun::create(&server.base, &creates.client.key, NEW_TICKET).await;
    account(&server, "imports").await;
    let (path, body) = (format!("{ACCOUNTS}/imports/import"), r#"{"accounts":{"one":{}}}"#);
    let import = Begun::post(&server.base, (&path, ""), body, body.len()).await;
    until_time_is_over(&server).await;
    for request in [creation, import] {
        let answer = request.finish().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for name in ["creates", "imports"] {
        until_gone(&server, name).await;
    }
}

#[tokio::test]
async fn an_account_stays_as_long_as_a_fault_holds_a_request_up() {
    let server = Server::start();
    let mut held = Vec::new();
    for (name, effect) in [
        ("before", json!({ "delay": "5m" })),
        ("after", json!({ "delay": "5m", "when": "after" })),
        ("hang", json!({ "hang": "5m" })),
        ("lost", json!({ "lose_answer": "hang" })),
        ("drip", json!({ "drip": "10s" })),
    ] {
        held.push(provoked(&server, name, &effect).await);
    }
    until_time_is_over(&server).await;
    let there = names(&server).await;
    for (account, _) in &held {
        assert!(there.contains(&account.name), "{} is not among {there:?}", account.name);
        // What is held up ends with a reset.
        assert_eq!(account.control("POST", "/reset").await.status, 204, "{}", account.name);
    }
    for (account, stream) in held {
        drop(stream);
        until_gone(&server, &account.name).await;
    }
}

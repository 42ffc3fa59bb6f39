//! Clients that stop in the middle: what they began holds up nobody.

use serde_json::json;

use super::wire::{hear, send};
use super::{ITEM, LIST, create, desk, desk_with_a_ticket, get, provoke, soon};
use crate::control::{ACCOUNTS, Account};
use crate::fixtures::NEW_TICKET;

/// A request whose body has a thousand bytes, of which the first ones are sent.
fn half(account: &Account, method: &str, path: &str) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\napiKey: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"eff",
        account.client.key
    );
    head.into_bytes()
}

async fn all_goes_well(account: &Account) {
    assert_eq!(create(account).await.status, 200);
    assert_eq!(account.client.get(ITEM).await.status, 200);
    provoke(account, &json!({ "first": 1, "effect": { "status": 503 } })).await;
    assert_eq!(account.client.get(LIST).await.status, 503);
    let limits = json!({ "requests": 1000, "per": "1m" });
    assert!((200..=204).contains(&account.control_with("PUT", "/limits", &limits).await.status));
    let seen = json!({ "operation": "ticket.list", "count": { "at_least": 1 } });
    let verified = account.control_with("POST", "/verify", &seen).await;
    assert_eq!(verified.status, 200, "{}", verified.body);
    let waited = account.control("GET", "/wait?operation=ticket.list&timeout=1m").await;
    assert_eq!(waited.status, 200, "{}", waited.body);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
}

#[tokio::test]
async fn half_a_request_holds_up_nobody() {
    let (server, account) = desk().await;
    let other = Account::make(&server, &json!({})).await;
    let control = |path: &str| format!("{ACCOUNTS}/{}{path}", account.name);
    let mut stalled = Vec::new();
    for (method, path) in [
        ("POST", LIST.to_owned()),
        ("POST", control("/faults")),
        ("PUT", control("/limits")),
        ("PUT", control("/strict")),
        ("POST", control("/verify")),
    ] {
        for _ in 0..5 {
            stalled.push(send(&server.base, &half(&account, method, &path)).await);
            let line = format!("{method} {path} HT");
            stalled.push(send(&server.base, line.as_bytes()).await);
        }
    }
    all_goes_well(&account).await;
    all_goes_well(&other).await;
    drop(stalled);
    all_goes_well(&account).await;
}

#[tokio::test]
async fn half_a_request_that_meets_a_fault_holds_up_nobody() {
    let (server, account) = desk_with_a_ticket().await;
    let effect = json!({ "status": 503 });
    let rule =
        json!({ "operation": "ticket.create", "fields": { "title": "Printer" }, "effect": effect });
    provoke(&account, &rule).await;
    let stalled = send(&server.base, &half(&account, "POST", LIST)).await;
    assert_eq!(create(&account).await.status, 503);
    let other = NEW_TICKET.replace("Printer", "Scanner");
    assert_eq!(account.client.form("POST", LIST, &other).await.status, 200);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    drop(stalled);
    assert_eq!(create(&account).await.status, 200);
}

#[tokio::test]
async fn a_reader_of_the_stream_that_stops_reading_holds_up_nobody() {
    let (server, account) = desk().await;
    let other = Account::make(&server, &json!({})).await;
    let long = NEW_TICKET.replace("Printer", &"x".repeat(1_000));
    for _ in 0..30 {
        assert_eq!(account.client.form("POST", LIST, &long).await.status, 200);
    }
    let request = account.ask("GET", "/requests/stream");
    let stalled = soon("a stream", request.send()).await.expect("it answers");
    assert_eq!(stalled.status(), 200);
    // Each entry holds the whole list: more than the buffers on the way can take.
    for _ in 0..400 {
        assert_eq!(account.client.get(&format!("{LIST}?itemLimit=30")).await.status, 200);
    }
    all_goes_well(&other).await;
    all_goes_well(&account).await;
    drop(stalled);
    all_goes_well(&account).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_dripping_answer_holds_up_nobody() {
    let (server, account) = desk_with_a_ticket().await;
    let rule = json!({ "operation": "ticket.get", "effect": { "drip": "10s" } });
    provoke(&account, &rule).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(send(&server.base, &get(&account, ITEM)).await);
    }
    assert_eq!(create(&account).await.status, 200);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    assert_eq!(hear(&server.base, &get(&account, ITEM)).await.status(), 400);
    drop(stalled);
    assert_eq!(create(&account).await.status, 200);
}

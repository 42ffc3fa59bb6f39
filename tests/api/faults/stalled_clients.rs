//! Clients that stop in the middle of a request or response: they block no other request.

use serde_json::json;

use super::{TICKET_PATH, build_raw_get, start_with_ticket, with_timeout};
use crate::support::control::{ACCOUNTS_PATH, Account, start_with_account};
use crate::support::raw::{RawConnection, transcribe};
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

/// Returns a request that announces a body of 1,000 bytes and contains only the first ones.
fn build_incomplete_request(account: &Account, method: &str, path: &str) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\napiKey: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"eff",
        account.client.api_key
    );
    head.into_bytes()
}

async fn assert_responsive(account: &Account) {
    assert_eq!(post_ticket(&account.client).await.status, 200);
    assert_eq!(account.client.get(TICKET_PATH).await.status, 200);
    account.add_fault(&json!({ "first": 1, "effect": { "status": 503 } })).await;
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 503);
    let limits = json!({ "requests": 1000, "per": "1m" });
    assert!(
        (200..=204)
            .contains(&account.send_control_json("PUT", "/rate-limits", &limits).await.status)
    );
    let pattern = json!({ "operation": "ticket.list", "count": { "at_least": 1 } });
    let verified = account.send_control_json("POST", "/verify", &pattern).await;
    assert_eq!(verified.status, 200, "{}", verified.body);
    let waited = account.send_control("GET", "/wait?operation=ticket.list&timeout=1m").await;
    assert_eq!(waited.status, 200, "{}", waited.body);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
}

#[tokio::test]
async fn incomplete_requests_do_not_block_others() {
    let (server, account) = start_with_account().await;
    let other = Account::create(&server, &json!({})).await;
    let control = |path: &str| format!("{ACCOUNTS_PATH}/{}{path}", account.name);
    let mut stalled = Vec::new();
    for (method, path) in [
        ("POST", TICKETS_PATH.to_owned()),
        ("POST", control("/faults")),
        ("PUT", control("/rate-limits")),
        ("PUT", control("/strict")),
        ("POST", control("/verify")),
    ] {
        for _ in 0..5 {
            stalled.push(
                RawConnection::open_and_send(
                    &server.base_url,
                    &build_incomplete_request(&account, method, &path),
                )
                .await,
            );
            let line = format!("{method} {path} HT");
            stalled.push(RawConnection::open_and_send(&server.base_url, line.as_bytes()).await);
        }
    }
    assert_responsive(&account).await;
    assert_responsive(&other).await;
    drop(stalled);
    assert_responsive(&account).await;
}

#[tokio::test]
async fn incomplete_request_does_not_block_a_fault_rule() {
    let (server, account) = start_with_ticket().await;
    let effect = json!({ "status": 503 });
    let rule =
        json!({ "operation": "ticket.create", "fields": { "title": "Printer" }, "effect": effect });
    account.add_fault(&rule).await;
    let stalled = RawConnection::open_and_send(
        &server.base_url,
        &build_incomplete_request(&account, "POST", TICKETS_PATH),
    )
    .await;
    assert_eq!(post_ticket(&account.client).await.status, 503);
    let other = NEW_TICKET_FORM.replace("Printer", "Scanner");
    assert_eq!(account.client.send_form("POST", TICKETS_PATH, &other).await.status, 200);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    drop(stalled);
    assert_eq!(post_ticket(&account.client).await.status, 200);
}

#[tokio::test]
async fn stalled_stream_client_does_not_block_others() {
    let (server, account) = start_with_account().await;
    let other = Account::create(&server, &json!({})).await;
    let long = NEW_TICKET_FORM.replace("Printer", &"x".repeat(1_000));
    for _ in 0..30 {
        assert_eq!(account.client.send_form("POST", TICKETS_PATH, &long).await.status, 200);
    }
    let request = account.request("GET", "/requests/stream");
    let stalled = with_timeout("a stream", request.send()).await.expect("the server responds");
    assert_eq!(stalled.status(), 200);
    // Each entry contains the whole list: more data than the socket buffers hold.
    for _ in 0..400 {
        assert_eq!(account.client.get(&format!("{TICKETS_PATH}?itemLimit=30")).await.status, 200);
    }
    assert_responsive(&other).await;
    assert_responsive(&account).await;
    drop(stalled);
    assert_responsive(&account).await;
}

#[tokio::test]
async fn stalled_client_of_a_dribbled_response_blocks_no_others() {
    let (server, account) = start_with_ticket().await;
    let rule = json!({ "operation": "ticket.get", "effect": { "dribble": "10s" } });
    account.add_fault(&rule).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(
            RawConnection::open_and_send(&server.base_url, &build_raw_get(&account, TICKET_PATH))
                .await,
        );
    }
    assert_eq!(post_ticket(&account.client).await.status, 200);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    assert_eq!(
        transcribe(&server.base_url, &build_raw_get(&account, TICKET_PATH)).await.status(),
        400
    );
    drop(stalled);
    assert_eq!(post_ticket(&account.client).await.status, 200);
}

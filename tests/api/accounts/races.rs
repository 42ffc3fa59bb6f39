//! Races between requests and account creation or removal: each response is as if the requests were sequential.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::control::{ACCOUNTS_PATH, Account, assert_problem, fetch_response};
use crate::support::files::create_temp_dir;
use crate::support::raw::RawConnection;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Asserts that the status is not a server error: a race between clients must not cause one.
fn assert_no_server_error(status: u16, what: &str) {
    assert!(status < 500, "{what}: {status}");
}

#[tokio::test]
async fn key_of_concurrently_removed_account_opens_no_other_account() {
    let data = create_temp_dir();
    let server = Server::start_with_args(&["--data", data.path().to_str().expect("text")]);
    let first = Account::create(&server, &json!({ "name": "acme" })).await;
    let body = r#"{"name":"late"}"#;
    let head = format!(
        "POST {ACCOUNTS_PATH}/acme/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut slow = RawConnection::open(&server.base_url).await;
    slow.send(head.as_bytes()).await;
    // A response to a later request proves that the server has resolved the account of the slow one.
    fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await;
    assert_eq!(first.send_control("DELETE", "").await.status, 204);
    let second = Account::create(&server, &json!({ "name": "acme" })).await;
    slow.send(body.as_bytes()).await;
    let late = slow.read_only_response().await;
    let keys = second.send_control("GET", "/keys").await.body;
    let has_late = keys["keys"].as_array().expect("keys").iter().any(|key| key["name"] == "late");
    assert_eq!(has_late, late.status == 201, "{late:?}");
    assert_eq!(second.client.get("/api/v2/ticket").await.status, 200);
    assert_eq!(first.client.get("/api/v2/ticket").await.status, 401);
}

#[tokio::test]
async fn copies_and_keys_racing_account_removal_succeed_or_get_404() {
    let data = create_temp_dir();
    let server = Server::start_with_args(&["--data", data.path().to_str().expect("text")]);
    for round in 0..30 {
        let spec = json!({ "name": "acme", "ephemeral": round % 3 == 0 });
        let account = Account::create(&server, &spec).await;
        assert_eq!(account.send_control("PUT", "/snapshots/s").await.status, 201);
        let start = |from: &str| {
            fetch_response(
                server.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "from": from })),
            )
        };
        let key = json!({ "api_key": format!("one-key-{round}") });
        let (forked, copied, keyed, written, removed) = tokio::join!(
            start("snapshot:acme/s"),
            start("account:acme"),
            account.send_control_json("POST", "/keys", &key),
            account.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM),
            account.send_control("DELETE", ""),
        );
        assert_eq!(removed.status, 204, "{}", removed.body);
        assert_no_server_error(written.status, "a ticket");
        for (reply, what) in [(forked, "snapshot"), (copied, "account"), (keyed, "key")] {
            assert!(reply.status == 201 || reply.status == 404, "{what}: {}", reply.body);
        }
        assert_eq!(
            server.with_key(&format!("one-key-{round}")).get("/api/v2/ticket").await.status,
            401
        );
        let again = Account::create(&server, &json!({ "name": "acme" })).await;
        let reused = again.send_control_json("POST", "/keys", &key).await;
        assert_eq!(reused.status, 201, "the key text is free again: {}", reused.body);
        assert_eq!(again.send_control("DELETE", "").await.status, 204);
    }
}

#[tokio::test]
async fn import_without_clock_keeps_concurrent_clock_change() {
    let server = Server::start();
    for _ in 0..5 {
        let own = Account::create(&server, &json!({})).await;
        let fixture = json!({ "accounts": { "a": { "tickets": [{ "title": "One more" }] } } });
        let imports = (0..6).map(|_| own.send_control_json("POST", "/import", &fixture));
        let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
        let (imported, frozen) =
            tokio::join!(join_all(imports), own.send_control_json("PUT", "/clock", &clock));
        assert_eq!(frozen.status, 200);
        assert!(imported.iter().all(|import| import.status == 200));
        assert_eq!(own.send_control("GET", "/clock").await.body["mode"], "frozen");
        assert_eq!(own.client.get("/api/v2/ticket").await.body["itemTotal"], 6);
    }
}

#[tokio::test]
async fn auto_created_account_is_recreated_after_removal() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("one-key-for-all");
    let own = format!("{ACCOUNTS_PATH}/self");
    for _ in 0..40 {
        let removal = fetch_response(client.request("DELETE", &own));
        let creations = (0..4).map(|_| client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM));
        let (removed, created) = tokio::join!(removal, join_all(creations));
        assert_no_server_error(removed.status, "a removal");
        for reply in created {
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn removed_account_is_gone_for_concurrent_requests() {
    let server = Server::start();
    for _ in 0..20 {
        let account = Account::create(&server, &json!({ "name": "acme" })).await;
        let frozen = json!({ "mode": "frozen" });
        let (removed, reset, taken, clock) = tokio::join!(
            account.send_control("DELETE", ""),
            account.send_control("POST", "/reset"),
            account.send_control("PUT", "/snapshots/s"),
            account.send_control_json("PUT", "/clock", &frozen),
        );
        assert_eq!(removed.status, 204, "{}", removed.body);
        for reply in [reset, taken, clock] {
            assert!(reply.status < 300 || reply.status == 404, "{}", reply.body);
        }
        assert_problem(&account.send_control("GET", "").await, 404, "unknown-account", "acme");
    }
}

//! Requests that meet while accounts come and go: each is answered as if it had come before or after.

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::control::{ACCOUNTS, Account, answer, problem};
use crate::fixtures::{NEW_TICKET, folder};
use crate::raw;
use crate::support::Server;

/// Nothing that clients do to each other is a failure of the server.
fn no_failure(status: u16, what: &str) {
    assert!(status < 500, "{what}: {status}");
}

#[tokio::test]
async fn a_key_for_an_account_that_was_removed_meanwhile_goes_to_no_other() {
    let data = folder();
    let server = Server::with(&["--data", data.path().to_str().expect("text")]);
    let first = Account::make(&server, &json!({ "name": "acme" })).await;
    let body = r#"{"name":"late"}"#;
    let head = format!(
        "POST {ACCOUNTS}/acme/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut slow = raw::connect(&server.base).await;
    slow.write_all(head.as_bytes()).await.expect("it is sent");
    // The account has been found once another request on the same server is answered.
    answer(server.ask_without_key("GET", ACCOUNTS)).await;
    assert_eq!(first.control("DELETE", "").await.status, 204);
    let second = Account::make(&server, &json!({ "name": "acme" })).await;
    slow.write_all(body.as_bytes()).await.expect("it is sent");
    let late = raw::read(slow).await;
    let keys = second.control("GET", "/keys").await.body;
    let has_late = keys["keys"].as_array().expect("keys").iter().any(|key| key["name"] == "late");
    assert_eq!(has_late, late.status == 201, "{late:?}");
    assert_eq!(second.client.get("/api/v2/ticket").await.status, 200);
    assert_eq!(first.client.get("/api/v2/ticket").await.status, 401);
}

#[tokio::test]
async fn forks_and_keys_of_an_account_that_goes_are_made_or_refused() {
    let data = folder();
    let server = Server::with(&["--data", data.path().to_str().expect("text")]);
    for round in 0..30 {
        let made = json!({ "name": "acme", "ephemeral": round % 3 == 0 });
        let account = Account::make(&server, &made).await;
        assert_eq!(account.control("PUT", "/snapshots/s").await.status, 201);
        let start = |from: &str| {
            answer(server.ask_without_key("POST", ACCOUNTS).json(&json!({ "from": from })))
        };
        let key = json!({ "api_key": format!("one-key-{round}") });
        let (forked, copied, keyed, written, gone) = tokio::join!(
            start("snapshot:acme/s"),
            start("account:acme"),
            account.control_with("POST", "/keys", &key),
            account.client.form("POST", "/api/v2/ticket", NEW_TICKET),
            account.control("DELETE", ""),
        );
        assert_eq!(gone.status, 204, "{}", gone.body);
        no_failure(written.status, "a ticket");
        for (reply, what) in [(forked, "snapshot"), (copied, "account"), (keyed, "key")] {
            assert!(reply.status == 201 || reply.status == 404, "{what}: {}", reply.body);
        }
        assert_eq!(
            server.with_key(&format!("one-key-{round}")).get("/api/v2/ticket").await.status,
            401
        );
        let again = Account::make(&server, &json!({ "name": "acme" })).await;
        let reused = again.control_with("POST", "/keys", &key).await;
        assert_eq!(reused.status, 201, "the text is free again: {}", reused.body);
        assert_eq!(again.control("DELETE", "").await.status, 204);
    }
}

#[tokio::test]
async fn imports_that_say_nothing_of_the_clock_do_not_undo_a_change_of_it() {
    let server = Server::start();
    for _ in 0..5 {
        let own = Account::make(&server, &json!({})).await;
        let fixture = json!({ "accounts": { "a": { "tickets": [{ "title": "One more" }] } } });
        let imports = (0..6).map(|_| own.control_with("POST", "/import", &fixture));
        let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
        let (imported, frozen) =
            tokio::join!(join_all(imports), own.control_with("PUT", "/clock", &clock));
        assert_eq!(frozen.status, 200);
        assert!(imported.iter().all(|import| import.status == 200));
        assert_eq!(own.control("GET", "/clock").await.body["mode"], "frozen");
        assert_eq!(own.client.get("/api/v2/ticket").await.body["itemTotal"], 6);
    }
}

#[tokio::test]
async fn where_unknown_keys_make_accounts_a_removed_one_is_made_again() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("one-key-for-all");
    let own = format!("{ACCOUNTS}/self");
    for _ in 0..40 {
        let removal = answer(client.ask("DELETE", &own));
        let creations = (0..4).map(|_| client.form("POST", "/api/v2/ticket", NEW_TICKET));
        let (removed, created) = tokio::join!(removal, join_all(creations));
        no_failure(removed.status, "a removal");
        for reply in created {
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn a_removed_account_is_gone_for_all_that_had_found_it() {
    let server = Server::start();
    for _ in 0..20 {
        let account = Account::make(&server, &json!({ "name": "acme" })).await;
        let frozen = json!({ "mode": "frozen" });
        let (gone, reset, taken, clock) = tokio::join!(
            account.control("DELETE", ""),
            account.control("POST", "/reset"),
            account.control("PUT", "/snapshots/s"),
            account.control_with("PUT", "/clock", &frozen),
        );
        assert_eq!(gone.status, 204, "{}", gone.body);
        for reply in [reset, taken, clock] {
            assert!(reply.status < 300 || reply.status == 404, "{}", reply.body);
        }
        problem(&account.control("GET", "").await, 404, "unknown-account", "acme");
    }
}

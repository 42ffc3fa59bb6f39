//! Gauges go up and down with what they count.

use futures_util::future::join_all;
use serde_json::json;

use super::{scrape, until};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{NEW_TICKET, folder};
use crate::raw::connect;
use crate::support::{Client, Server};

const ACCOUNTS_GAUGE: &str = "omnidesk_mock_accounts";
const ENTRIES: &str = "omnidesk_mock_journal_entries";
const DATABASES: &str = "omnidesk_mock_open_databases";
const CONNECTIONS: &str = "omnidesk_mock_open_connections";

async fn gauge(client: &Client, name: &str) -> u64 {
    scrape(client).await.count(name, &[])
}

#[tokio::test]
async fn accounts_are_counted_while_they_are_there() {
    let server = Server::start();
    assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, 1, "dev");
    let mut accounts = Vec::new();
    for number in 2..6 {
        accounts.push(Account::make(&server, &json!({})).await);
        assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, number);
    }
    let taken =
        answer(server.ask_without_key("POST", ACCOUNTS).json(&json!({ "name": "dev" }))).await;
    assert_eq!(taken.status, 409);
    assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, 5, "what is refused is none");
    for (account, left) in accounts.iter().zip((1..5).rev()) {
        assert_eq!(account.control("DELETE", "").await.status, 204);
        assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, left);
    }
}

#[tokio::test]
async fn an_account_of_an_unknown_key_is_counted_as_well() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let before = gauge(&server, ACCOUNTS_GAUGE).await;
    assert_eq!(server.with_key("unknown-key-0123456789").get("/api/v2/ticket").await.status, 200);
    assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, before + 1);
}

#[tokio::test]
async fn accounts_are_counted_again_after_a_restart() {
    let data = folder();
    let path = data.path().to_str().expect("the path is text");
    let server = Server::with(&["--data", path]);
    for _ in 0..3 {
        Account::make(&server, &json!({})).await;
    }
    assert_eq!(gauge(&server, ACCOUNTS_GAUGE).await, 4);
    assert!(server.stop().success());
    let server = Server::with(&["--data", path]);
    let text = scrape(&server).await;
    assert_eq!(text.count(ACCOUNTS_GAUGE, &[]), 4);
    assert_eq!(text.requests().len(), 0, "requests are those of this run");
}

#[tokio::test]
async fn entries_of_all_journals_are_counted() {
    let server = Server::start();
    let (one, other) =
        (Account::make(&server, &json!({})).await, Account::make(&server, &json!({})).await);
    let before = gauge(&server, ENTRIES).await;
    for account in [&one, &other] {
        for _ in 0..5 {
            assert_eq!(account.client.get("/api/v2/ticket").await.status, 200);
        }
    }
    assert_eq!(gauge(&server, ENTRIES).await, before + 10);
    assert_eq!(one.control("DELETE", "/requests").await.status, 204);
    assert_eq!(gauge(&server, ENTRIES).await, before + 5);
    assert_eq!(other.control("DELETE", "").await.status, 204);
    assert_eq!(gauge(&server, ENTRIES).await, before);
}

#[tokio::test]
async fn the_journal_is_bounded_and_so_is_its_gauge() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "3"]);
    let account = Account::make(&server, &json!({})).await;
    let before = gauge(&server, ENTRIES).await;
    for _ in 0..9 {
        assert_eq!(account.client.get("/api/v2/ticket").await.status, 200);
    }
    assert_eq!(gauge(&server, ENTRIES).await, before + 3);
}

#[tokio::test]
async fn databases_are_counted_while_they_are_open() {
    let data = folder();
    let path = data.path().to_str().expect("the path is text");
    for arguments in [&["--ephemeral"][..], &["--data", path]] {
        let server = Server::with(arguments);
        let account = Account::make(&server, &json!({})).await;
        until("nothing is open", async || gauge(&server, DATABASES).await == 0).await;
        // One that nobody uses is closed soon, so it is asked again.
        until("one is open", async || {
            assert_eq!(account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
            gauge(&server, DATABASES).await == 1
        })
        .await;
        assert_eq!(account.control("DELETE", "").await.status, 204);
        until("it is closed", async || gauge(&server, DATABASES).await == 0).await;
    }
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let server = Server::start();
    // The one of this client is open from now on.
    gauge(&server, CONNECTIONS).await;
    let before = gauge(&server, CONNECTIONS).await;
    assert_eq!(before, 1, "the asker's own");
    let mut open = join_all((0..20).map(|_| connect(&server.base))).await;
    until("all are open", async || gauge(&server, CONNECTIONS).await == before + 20).await;
    drop(open.split_off(5));
    until("five are open", async || gauge(&server, CONNECTIONS).await == before + 5).await;
    drop(open);
    until("none is open", async || gauge(&server, CONNECTIONS).await == before).await;
}

//! Gauges follow the number of accounts, journal entries, databases and connections.

use futures_util::future::join_all;
use serde_json::json;

use super::scrape;
use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::files::create_temp_dir;
use crate::support::raw::RawConnection;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::wait::poll_until;

const ACCOUNTS_GAUGE: &str = "omnidesk_mock_accounts";
const JOURNAL_ENTRIES_GAUGE: &str = "omnidesk_mock_journal_entries";
const DATABASES_GAUGE: &str = "omnidesk_mock_open_databases";
const CONNECTIONS_GAUGE: &str = "omnidesk_mock_open_connections";

async fn read_gauge(client: &ApiClient, name: &str) -> u64 {
    scrape(client).await.sample_value(name, &[])
}

#[tokio::test]
async fn account_gauge_follows_creation_and_removal() {
    let server = Server::start();
    assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, 1, "the default account dev");
    let mut accounts = Vec::new();
    for number in 2..6 {
        accounts.push(Account::create(&server, &json!({})).await);
        assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, number);
    }
    let conflict = fetch_response(
        server.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": "dev" })),
    )
    .await;
    assert_eq!(conflict.status, 409);
    assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, 5, "a rejected account is not counted");
    for (account, remaining) in accounts.iter().zip((1..5).rev()) {
        assert_eq!(account.send_control("DELETE", "").await.status, 204);
        assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, remaining);
    }
}

#[tokio::test]
async fn auto_created_account_is_counted() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let before = read_gauge(&server, ACCOUNTS_GAUGE).await;
    assert_eq!(server.with_key("unknown-key-0123456789").get("/api/v2/ticket").await.status, 200);
    assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, before + 1);
}

#[tokio::test]
async fn account_gauge_is_restored_after_restart() {
    let data = create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let server = Server::start_with_args(&["--data", path]);
    for _ in 0..3 {
        Account::create(&server, &json!({})).await;
    }
    assert_eq!(read_gauge(&server, ACCOUNTS_GAUGE).await, 4);
    assert_eq!(server.stop().exit_code, Some(0));
    let server = Server::start_with_args(&["--data", path]);
    let metrics = scrape(&server).await;
    assert_eq!(metrics.sample_value(ACCOUNTS_GAUGE, &[]), 4);
    assert_eq!(metrics.request_counts().len(), 0, "the counters start at zero");
}

#[tokio::test]
async fn journal_gauge_sums_entries_of_all_accounts() {
    let server = Server::start();
    let (first, second) =
        (Account::create(&server, &json!({})).await, Account::create(&server, &json!({})).await);
    let before = read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await;
    for account in [&first, &second] {
        for _ in 0..5 {
            assert_eq!(account.client.get("/api/v2/ticket").await.status, 200);
        }
    }
    assert_eq!(read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await, before + 10);
    assert_eq!(first.send_control("DELETE", "/requests").await.status, 204);
    assert_eq!(read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await, before + 5);
    assert_eq!(second.send_control("DELETE", "").await.status, 204);
    assert_eq!(read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await, before);
}

#[tokio::test]
async fn journal_gauge_stops_at_entry_limit() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "3"]);
    let account = Account::create(&server, &json!({})).await;
    let before = read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await;
    for _ in 0..9 {
        assert_eq!(account.client.get("/api/v2/ticket").await.status, 200);
    }
    assert_eq!(read_gauge(&server, JOURNAL_ENTRIES_GAUGE).await, before + 3);
}

#[tokio::test]
async fn database_gauge_counts_open_databases() {
    let data = create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    for arguments in [&["--ephemeral"][..], &["--data", path]] {
        let server = Server::start_with_args(arguments);
        let account = Account::create(&server, &json!({})).await;
        poll_until("all databases to be closed", async || {
            read_gauge(&server, DATABASES_GAUGE).await == 0
        })
        .await;
        // An idle database is closed soon, so the request is repeated.
        poll_until("an open database", async || {
            assert_eq!(
                account.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status,
                200
            );
            read_gauge(&server, DATABASES_GAUGE).await == 1
        })
        .await;
        assert_eq!(account.send_control("DELETE", "").await.status, 204);
        poll_until("the database to be closed", async || {
            read_gauge(&server, DATABASES_GAUGE).await == 0
        })
        .await;
    }
}

#[tokio::test]
async fn connection_gauge_counts_open_connections() {
    let server = Server::start();
    // This client's connection stays open from now on.
    read_gauge(&server, CONNECTIONS_GAUGE).await;
    let before = read_gauge(&server, CONNECTIONS_GAUGE).await;
    assert_eq!(before, 1, "the connection of the client itself");
    let mut open = join_all((0..20).map(|_| RawConnection::open(&server.base_url))).await;
    poll_until("20 open connections", async || {
        read_gauge(&server, CONNECTIONS_GAUGE).await == before + 20
    })
    .await;
    drop(open.split_off(5));
    poll_until("five open connections", async || {
        read_gauge(&server, CONNECTIONS_GAUGE).await == before + 5
    })
    .await;
    drop(open);
    poll_until("no open connections", async || {
        read_gauge(&server, CONNECTIONS_GAUGE).await == before
    })
    .await;
}

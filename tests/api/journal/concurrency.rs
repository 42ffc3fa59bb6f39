//! Concurrent requests, and clients that disconnect during a request.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::helpers::seq_numbers;
use super::ticket_requests::create_ticket;
use crate::support::client::ApiClient;
use crate::support::control::{Account, expect_string};
use crate::support::raw::{RawConnection, build_raw_request};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};
use crate::support::wait::poll_until;

/// Creates, updates and lists tickets; every request has a different title.
async fn send_mixed_requests(client: ApiClient, task: usize) {
    for round in 0..25 {
        let title = format!("task{task}round{round}");
        let body = NEW_TICKET_FORM.replace("Printer", &title);
        let status = match round % 3 {
            0 => client.send_form("POST", "/api/v2/ticket", &body).await.status,
            1 => {
                client.send_form("PUT", "/api/v2/ticket/1", &format!("title={title}")).await.status
            }
            _ => client.get(&format!("/api/v2/ticket?query={title}")).await.status,
        };
        assert_eq!(status, 200, "{title}");
    }
}

fn recorded_title(entry: &Value) -> String {
    let fields = &entry["fields"];
    expect_string(if entry["method"] == "GET" { &fields["query"] } else { &fields["title"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_leave_entries_without_gaps() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    create_ticket(&[]).send_ok(&account.client).await;
    let start = account.cursor().await;
    let tasks: JoinSet<()> =
        (0..8).map(|task| send_mixed_requests(account.client.clone(), task)).collect();
    tasks.join_all().await;
    let entries = account.entries(&[("since", &start)]).await;
    assert_eq!(seq_numbers(&entries), (2..=201).collect::<Vec<_>>());
    let titles: BTreeSet<String> = entries.iter().map(recorded_title).collect();
    assert_eq!(titles.len(), 200, "each request is recorded exactly once");
    for task in 0..8 {
        let prefix = format!("task{task}round");
        let rounds = entries.iter().map(recorded_title).filter_map(|title| {
            title
                .strip_prefix(&prefix)
                .map(|round| round.parse::<usize>().expect("the round is a number"))
        });
        assert!(rounds.eq(0..25), "requests of one client are recorded in the order it sent them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_accounts_have_separate_journals() {
    let server = Server::start();
    let first = Account::create(&server, &json!({})).await;
    let second = Account::create(&server, &json!({})).await;
    for account in [&first, &second] {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    tokio::join!(
        send_mixed_requests(first.client.clone(), 1),
        send_mixed_requests(second.client.clone(), 2)
    );
    for (account, task) in [(first, "task1"), (second, "task2")] {
        let entries = account.entries(&[]).await;
        assert_eq!(seq_numbers(&entries), (1..=26).collect::<Vec<_>>());
        assert!(entries[1..].iter().all(|entry| recorded_title(entry).starts_with(task)));
    }
}

#[tokio::test]
async fn disconnect_during_body_upload_leaves_an_entry() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let content_type = URLENCODED;
    let key = &account.client.api_key;
    let request =
        build_raw_request("POST", "/api/v2/ticket", key, content_type, NEW_TICKET_FORM.as_bytes());
    let mut stream = RawConnection::open(&server.base_url).await;
    stream.send(&request[..request.len() - 10]).await;
    drop(stream);
    let found = account.wait_ok(&[("operation", "ticket.create"), ("timeout", "1m")]).await;
    let entry = &found["requests"][0];
    assert_ne!(entry["status"], 200, "{entry}");
    assert_eq!(entry["changes"], json!([]), "{entry}");
    assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 0);
}

/// Waits until a fault rule has matched a request.
pub(super) async fn wait_for_fault_match(account: &Account) {
    poll_until("the fault", async || {
        account.send_control("GET", "/faults").await.body["faults"][0]["matched"] == 1
    })
    .await;
}

/// Creates a ticket under a fault, disconnects, and returns the journal entry and the number of tickets.
async fn disconnect_during_fault(effect: &Value) -> (Value, Value) {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    account.add_fault(&json!({ "operation": "ticket.create", "effect": effect })).await;
    let content_type = URLENCODED;
    let key = &account.client.api_key;
    let request =
        build_raw_request("POST", "/api/v2/ticket", key, content_type, NEW_TICKET_FORM.as_bytes());
    let mut stream = RawConnection::open(&server.base_url).await;
    stream.send(&request).await;
    wait_for_fault_match(&account).await;
    drop(stream);
    let found = account.wait_ok(&[("operation", "create"), ("timeout", "1m")]).await;
    let entry = found["requests"][0].clone();
    assert_eq!(entry["fields"]["title"], "Printer", "{effect}: {entry}");
    assert_eq!(entry["fault"]["id"], 1, "{effect}: {entry}");
    (entry, account.client.get("/api/v2/ticket").await.body["itemTotal"].clone())
}

#[tokio::test]
async fn disconnect_before_response_leaves_an_entry_without_status() {
    for (effect, expected_tickets) in [
        (json!({ "hang": "5m" }), 0),
        (json!({ "drop_response": "hang" }), 1),
        (json!({ "delay": "1s" }), 1),
    ] {
        let (entry, total) = disconnect_during_fault(&effect).await;
        assert_eq!(total, expected_tickets, "{effect}");
        assert_eq!(
            entry["changes"].as_array().map(Vec::len),
            Some(expected_tickets),
            "{effect}: {entry}"
        );
        assert_eq!(entry["status"], Value::Null, "{effect}: {entry}");
        assert_eq!(entry["response_body"], Value::Null, "{effect}: {entry}");
    }
}

#[tokio::test]
async fn disconnect_after_the_write_leaves_its_changes_in_the_entry() {
    let (entry, total) = disconnect_during_fault(&json!({ "delay": "5m", "when": "after" })).await;
    assert_eq!(total, 1);
    assert_eq!(entry["changes"][0]["id"], 1, "{entry}");
}

//! Many requests at once, and clients that leave in the middle.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::asks::create;
use super::look::{numbers, text};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;
use crate::raw;
use crate::support::{Client, Server};

/// Makes, changes and reads, each time with a title of its own.
async fn work(client: Client, task: usize) {
    for round in 0..25 {
        let title = format!("task{task}round{round}");
        let body = NEW_TICKET.replace("Printer", &title);
        let status = match round % 3 {
            0 => client.form("POST", "/api/v2/ticket", &body).await.status,
            1 => client.form("PUT", "/api/v2/ticket/1", &format!("title={title}")).await.status,
            _ => client.get(&format!("/api/v2/ticket?query={title}")).await.status,
        };
        assert_eq!(status, 200, "{title}");
    }
}

fn title(entry: &Value) -> String {
    let fields = &entry["fields"];
    text(if entry["method"] == "GET" { &fields["query"] } else { &fields["title"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_at_once_leave_as_many_entries_without_a_gap() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    create(&[]).done(&account.client).await;
    let start = account.cursor().await;
    let tasks: JoinSet<()> = (0..8).map(|task| work(account.client.clone(), task)).collect();
    tasks.join_all().await;
    let entries = account.entries(&[("since", &start)]).await;
    assert_eq!(numbers(&entries), (2..=201).collect::<Vec<_>>());
    let titles: BTreeSet<String> = entries.iter().map(title).collect();
    assert_eq!(titles.len(), 200, "each request is there once");
    for task in 0..8 {
        let own = format!("task{task}round");
        let rounds = entries.iter().map(title).filter_map(|title| {
            title.strip_prefix(&own).map(|round| round.parse::<usize>().expect("a number"))
        });
        assert!(rounds.eq(0..25), "those of one client are in its order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_at_once_keep_their_journals_apart() {
    let server = Server::start();
    let one = Account::make(&server, &json!({})).await;
    let other = Account::make(&server, &json!({})).await;
    for account in [&one, &other] {
        create(&[]).done(&account.client).await;
    }
    tokio::join!(work(one.client.clone(), 1), work(other.client.clone(), 2));
    for (account, task) in [(one, "task1"), (other, "task2")] {
        let entries = account.entries(&[]).await;
        assert_eq!(numbers(&entries), (1..=26).collect::<Vec<_>>());
        assert!(entries[1..].iter().all(|entry| title(entry).starts_with(task)));
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_leaves_an_entry() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    let kind = "application/x-www-form-urlencoded";
    let key = &account.client.key;
    let whole = raw::request("POST", "/api/v2/ticket", key, kind, NEW_TICKET.as_bytes());
    let mut leaving = raw::connect(&server.base).await;
    leaving.write_all(&whole[..whole.len() - 10]).await.expect("it is sent");
    drop(leaving);
    let found = account.waited(&[("operation", "ticket.create"), ("timeout", "1m")]).await;
    let entry = &found["requests"][0];
    assert_ne!(entry["status"], 200, "{entry}");
    assert_eq!(entry["changes"], json!([]), "{entry}");
    assert_eq!(account.client.get("/api/v2/ticket").await.body["itemTotal"], 0);
}

/// Waits until a fault has met a request.
pub(super) async fn is_met(account: &Account) {
    let met = async {
        loop {
            let faults = account.control("GET", "/faults").await.body;
            if faults["faults"][0]["seen"] == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), met).await.expect("it is met");
}

/// Sends a new ticket that meets a fault, leaves, and gives the entry and how many tickets there are.
async fn left(effect: &Value) -> (Value, Value) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    account.provoke(&json!({ "operation": "ticket.create", "effect": effect })).await;
    let kind = "application/x-www-form-urlencoded";
    let key = &account.client.key;
    let whole = raw::request("POST", "/api/v2/ticket", key, kind, NEW_TICKET.as_bytes());
    let mut leaving = raw::connect(&server.base).await;
    leaving.write_all(&whole).await.expect("it is sent");
    is_met(&account).await;
    drop(leaving);
    let found = account.waited(&[("operation", "create"), ("timeout", "1m")]).await;
    let entry = found["requests"][0].clone();
    assert_eq!(entry["fields"]["title"], "Printer", "{effect}: {entry}");
    assert_eq!(entry["fault"]["id"], 1, "{effect}: {entry}");
    (entry, account.client.get("/api/v2/ticket").await.body["itemTotal"].clone())
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_leaves_an_entry_without_one() {
    for (effect, made) in [
        (json!({ "hang": "5m" }), 0),
        (json!({ "lose_answer": "hang" }), 1),
        (json!({ "delay": "1s" }), 1),
    ] {
        let (entry, total) = left(&effect).await;
        assert_eq!(total, made, "{effect}");
        assert_eq!(entry["changes"].as_array().map(Vec::len), Some(made), "{effect}: {entry}");
        assert_eq!(entry["status"], Value::Null, "{effect}: {entry}");
        assert_eq!(entry["body"], Value::Null, "{effect}: {entry}");
    }
}

#[tokio::test]
async fn what_is_done_before_a_delay_is_in_the_entry_of_a_client_that_left() {
    let (entry, total) = left(&json!({ "delay": "5m", "when": "after" })).await;
    assert_eq!(total, 1);
    assert_eq!(entry["changes"][0]["id"], 1, "{entry}");
}

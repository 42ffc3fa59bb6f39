//! How many may wait at once, and how a wait ends when its client, its account or its server goes.

use futures_util::FutureExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::asks::create;
use super::events::Events;
use crate::control::{ACCOUNTS, Account, problem};
use crate::fixtures::NEW_TICKET;
use crate::raw;
use crate::support::{Reply, Server};

/// How many waits and streams an account may have.
const MOST: usize = 100;
/// Longer than it takes until the server has seen that a client left.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

async fn account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    (server, account)
}

async fn streams(account: &Account, count: usize) -> Vec<Events> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Events::open(account, &[]).await);
    }
    all
}

/// A wait that takes a place for a moment, where there is one.
async fn moment(account: &Account) -> Reply {
    account.wait(&[("operation", "delete"), ("timeout", "1ms")]).await
}

async fn until_there_is_a_place(account: &Account) {
    let free = async { while moment(account).await.status == 429 {} };
    tokio::time::timeout(PATIENCE, free).await.expect("a place becomes free");
}

const A_CREATION: &str = "operation=ticket.create";
const A_TICKET: &str = "ticket=1&status=new";

/// Begins a wait for a creation or a ticket, and gives back its connection when the server has it: it is the last that there
/// is a place for then.
pub(super) async fn waiting(account: &Account, wanted: &str) -> (TcpStream, Vec<Events>) {
    let others = streams(account, MOST - 1).await;
    let path = format!("{ACCOUNTS}/{}/wait?{wanted}&timeout=5m", account.name);
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    loop {
        let mut stream = raw::connect(&account.client.base).await;
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        let mut first = [0];
        // One that came while a moment had the last place was turned away: it is tried once more.
        while stream.peek(&mut first).now_or_never().is_none() {
            if moment(account).await.status == 429 {
                return (stream, others);
            }
        }
    }
}

#[tokio::test]
async fn there_are_a_hundred_places_for_waits_and_streams_together() {
    let (_server, account) = account().await;
    let all = streams(&account, MOST).await;
    problem(&moment(&account).await, 429, "too-many-waits", "a wait");
    let ticket = account.wait(&[("ticket", "1"), ("status", "new"), ("timeout", "1ms")]).await;
    problem(&ticket, 429, "too-many-waits", "a wait for a ticket");
    let stream = account.control("GET", "/requests/stream").await;
    problem(&stream, 429, "too-many-waits", "a stream");
    assert_eq!(account.control("GET", "/requests").await.status, 200, "looking takes no place");
    create(&[]).done(&account.client).await;
    drop(all);
    until_there_is_a_place(&account).await;
}

#[tokio::test]
async fn another_account_has_places_of_its_own() {
    let (server, account) = account().await;
    let _all = streams(&account, MOST).await;
    let other = Account::make(&server, &json!({})).await;
    problem(&moment(&other).await, 409, "wait-over", "another account");
}

#[tokio::test]
async fn all_places_come_back_when_their_clients_have_left() {
    let (_server, account) = account().await;
    for _ in 0..3 {
        drop(streams(&account, MOST).await);
        until_there_is_a_place(&account).await;
        let again = async {
            let mut again = Vec::new();
            while again.len() < MOST {
                let request = account.ask("GET", "/requests/stream");
                let response = request.send().await.expect("the server answers");
                // Until the last of those before has been seen to leave.
                if response.status() != 429 {
                    again.push(response);
                }
            }
        };
        tokio::time::timeout(PATIENCE, again).await.expect("all places are free again");
        until_there_is_a_place(&account).await;
    }
}

#[tokio::test]
async fn a_waiting_client_that_leaves_gives_its_place_back() {
    for wanted in [A_CREATION, A_TICKET] {
        let (_server, account) = account().await;
        let (stream, others) = waiting(&account, wanted).await;
        problem(&moment(&account).await, 429, "too-many-waits", wanted);
        drop(stream);
        until_there_is_a_place(&account).await;
        drop(others);
    }
}

#[tokio::test]
async fn a_request_ends_a_wait_that_was_there_before_it() {
    for (wanted, part) in [(A_CREATION, "ticket.create"), (A_TICKET, "Printer on fire")] {
        let (_server, account) = account().await;
        let (stream, _others) = waiting(&account, wanted).await;
        create(&[]).done(&account.client).await;
        let answer = raw::read(stream).await;
        assert_eq!(answer.status, 200, "{wanted}: {answer:?}");
        assert!(answer.body.contains(part), "{wanted}: {answer:?}");
    }
}

#[tokio::test]
async fn a_wait_of_a_removed_account_ends_with_it() {
    for wanted in [A_CREATION, A_TICKET] {
        let (_server, account) = account().await;
        let (stream, mut others) = waiting(&account, wanted).await;
        assert_eq!(account.control("DELETE", "").await.status, 204);
        let answer = raw::read(stream).await;
        assert_eq!(answer.status, 404, "{wanted}: {answer:?}");
        assert!(answer.body.contains("/docs/control#unknown-account"), "{answer:?}");
        for stream in &mut others {
            while stream.next().await.is_some() {}
        }
        problem(&moment(&account).await, 404, "unknown-account", "it is gone");
    }
}

#[tokio::test]
async fn a_wait_ends_when_the_server_does() {
    for wanted in [A_CREATION, A_TICKET] {
        let (server, account) = account().await;
        let (stream, others) = waiting(&account, wanted).await;
        let stop = tokio::task::spawn_blocking(move || server.stop());
        let answer = raw::read(stream).await;
        assert_eq!(answer.status, 503, "{wanted}: {answer:?}");
        assert!(answer.body.contains("/docs/control#ending"), "{answer:?}");
        assert!(stop.await.expect("it ends").success());
        drop(others);
    }
}

#[tokio::test]
async fn a_wait_keeps_no_more_requests_than_the_journal() {
    let server = Server::with(&["--ephemeral", "--journal-bytes", "50000"]);
    let account = Account::make(&server, &json!({})).await;
    let body = NEW_TICKET.replace("Printer", &"x".repeat(1_000));
    let (stream, others) = waiting(&account, "operation=ticket.create&count=60").await;
    drop(others);
    let mut first = [0];
    while stream.peek(&mut first).now_or_never().is_none() {
        assert_eq!(account.client.form("POST", "/api/v2/ticket", &body).await.status, 200);
    }
    let answer = raw::read(stream).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.body.contains("/docs/control#journal-truncated"), "{answer:?}");
    assert!(answer.body.contains("--journal-bytes"), "it says what to do: {answer:?}");
}

#[tokio::test]
async fn a_wait_for_more_requests_than_the_journal_keeps_is_refused_at_once() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::make(&server, &json!({})).await;
    for _ in 0..5 {
        create(&[]).done(&account.client).await;
    }
    let all = account.waited(&[("count", "5"), ("timeout", "0s")]).await;
    assert_eq!(all["requests"].as_array().map(Vec::len), Some(5), "{all}");
    let more = account.wait(&[("count", "6"), ("timeout", "0s")]).await;
    problem(&more, 400, "invalid", "one more");
    let detail = more.body["detail"].as_str().expect("a problem has a detail");
    for part in ["at most 5", "--journal-entries", "6 was sent"] {
        assert!(detail.contains(part), "{detail}");
    }
}

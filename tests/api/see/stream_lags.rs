//! Readers of the stream that do not keep up: they hold nobody up, and learn that they missed something.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::asks::{create, get};
use super::events::Events;
use super::look::text;
use crate::control::{ACCOUNTS, Account};
use crate::fixtures::{acme, serve, ticket};
use crate::raw;
use crate::support::Server;

#[tokio::test]
async fn what_was_dropped_before_it_began_is_said_once() {
    let server = Server::with(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::make(&server, &json!({})).await;
    let start = account.cursor().await;
    for _ in 0..8 {
        create(&[]).done(&account.client).await;
    }
    let mut events = Events::open(&account, &[("since", &start)]).await;
    let first = events.next().await.expect("an event");
    assert_eq!(first.name, "truncated", "{first:?}");
    assert_eq!(events.numbers(5).await, [4, 5, 6, 7, 8]);
    get("/8").done(&account.client).await;
    assert_eq!(events.numbers(1).await, [9]);
    let entries = account.entries(&[]).await;
    let mut whole = Events::open(&account, &[("since", &text(&entries[1]["cursor"]))]).await;
    assert_eq!(whole.numbers(3).await, [7, 8, 9], "nothing is missing after this place");
}

#[tokio::test]
async fn a_reader_that_never_reads_holds_nobody_up() {
    let server = serve(&acme((1..=30).map(ticket)));
    let acme = Account::acme(&server);
    let mut deaf = raw::connect(&server.base).await;
    let path = format!("{ACCOUNTS}/acme/requests/stream");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    deaf.write_all(head.as_bytes()).await.expect("it is sent");
    // Its answer has begun, so it is a reader now.
    deaf.readable().await.expect("the answer begins");
    for _ in 0..500 {
        assert_eq!(server.get("/api/v2/ticket?itemLimit=30").await.status, 200);
    }
    assert_eq!(acme.newest().await["seq"], 500);
    drop(deaf);
}

#[tokio::test]
async fn a_reader_that_lags_behind_learns_that_it_missed_something() {
    const COUNT: u64 = 600;
    let server = serve(&acme((1..=40).map(ticket)));
    let acme = Account::acme(&server);
    let mut events = Events::open(&acme, &[]).await;
    // More than the connection and the journal together can hold.
    for _ in 0..COUNT {
        assert_eq!(server.get("/api/v2/ticket?itemLimit=40").await.status, 200);
    }
    let (mut before, mut told) = (0, 0);
    while before < COUNT {
        let event = events.next().await.expect("an event");
        if event.name == "truncated" {
            told += 1;
            let next = events.next().await.expect("an event").number();
            assert!(next > before + 1, "{next} after {before}");
            before = next;
        } else {
            assert_eq!(event.number(), before + 1, "nothing is left out without a word");
            before += 1;
        }
    }
    assert!(told > 0, "{COUNT} entries of 40 KB do not fit");
}

#[tokio::test]
async fn large_requests_come_one_after_the_other_and_whole() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    let start = account.cursor().await;
    let body = format!("title={}", "x".repeat(60_000));
    for _ in 0..20 {
        let refused = account.client.form("POST", "/api/v2/ticket", &body).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
    }
    let mut events = Events::open(&account, &[("since", &start)]).await;
    assert_eq!(events.numbers(20).await, (1..=20).collect::<Vec<_>>());
}

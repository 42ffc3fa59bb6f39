//! Slow readers of the stream: they block no request and receive a `truncated` event.

use serde_json::json;

use super::sse_client::EventStream;
use super::ticket_requests::{create_ticket, get_ticket};
use crate::support::control::{ACCOUNTS_PATH, Account, expect_string};
use crate::support::raw::RawConnection;
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;

#[tokio::test]
async fn truncation_before_the_stream_is_reported_once() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::create(&server, &json!({})).await;
    let start = account.cursor().await;
    for _ in 0..8 {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    let mut events = EventStream::open(&account, &[("since", &start)]).await;
    let first = events.next().await.expect("the stream has an event");
    assert_eq!(first.name, "truncated", "{first:?}");
    assert_eq!(events.next_seq_numbers(5).await, [4, 5, 6, 7, 8]);
    get_ticket("/8").send_ok(&account.client).await;
    assert_eq!(events.next_seq_numbers(1).await, [9]);
    let entries = account.entries(&[]).await;
    let mut complete =
        EventStream::open(&account, &[("since", &expect_string(&entries[1]["cursor"]))]).await;
    assert_eq!(
        complete.next_seq_numbers(3).await,
        [7, 8, 9],
        "no entry is missing after the cursor"
    );
}

#[tokio::test]
async fn client_that_never_reads_does_not_block_requests() {
    let server = serve_seed(&acme_seed((1..=30).map(ticket_fixture)));
    let acme = Account::acme(&server);
    let mut unread_stream = RawConnection::open(&server.base_url).await;
    let path = format!("{ACCOUNTS_PATH}/acme/requests/stream");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    unread_stream.send(head.as_bytes()).await;
    // The response has started, so the server counts the client as a reader.
    unread_stream.wait_readable().await;
    for _ in 0..500 {
        assert_eq!(server.get("/api/v2/ticket?itemLimit=30").await.status, 200);
    }
    assert_eq!(acme.latest_entry().await["seq"], 500);
    drop(unread_stream);
}

#[tokio::test]
async fn lagging_client_receives_a_truncated_event() {
    const COUNT: u64 = 600;
    let server = serve_seed(&acme_seed((1..=40).map(ticket_fixture)));
    let acme = Account::acme(&server);
    let mut events = EventStream::open(&acme, &[]).await;
    // More entries than the socket buffers and the journal hold together.
    for _ in 0..COUNT {
        assert_eq!(server.get("/api/v2/ticket?itemLimit=40").await.status, 200);
    }
    let (mut last, mut truncated_events) = (0, 0);
    while last < COUNT {
        let event = events.next().await.expect("the stream has another event");
        if event.name == "truncated" {
            truncated_events += 1;
            let next = events.next().await.expect("an entry follows the truncated event").seq();
            assert!(next > last + 1, "{next} after {last}");
            last = next;
        } else {
            assert_eq!(event.seq(), last + 1, "every gap is reported");
            last += 1;
        }
    }
    assert!(truncated_events > 0, "{COUNT} entries of 40 KB exceed the buffers");
}

#[tokio::test]
async fn large_entries_are_streamed_complete_and_in_order() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let start = account.cursor().await;
    let body = format!("title={}", "x".repeat(60_000));
    for _ in 0..20 {
        let rejected = account.client.send_form("POST", "/api/v2/ticket", &body).await;
        assert_eq!(rejected.status, 400, "{}", rejected.body);
    }
    let mut events = EventStream::open(&account, &[("since", &start)]).await;
    assert_eq!(events.next_seq_numbers(20).await, (1..=20).collect::<Vec<_>>());
}

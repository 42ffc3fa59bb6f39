//! The journal stream: first the existing entries, then new ones, each once and in order.

use serde_json::json;

use super::helpers::{seq_numbers, unmatched_journal};
use super::sse_client::EventStream;
use super::ticket_requests::{create_ticket, get_ticket, set_status, update_ticket};
use crate::support::client::ApiClient;
use crate::support::control::{Account, assert_problem, expect_string, start_with_account};
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};

#[tokio::test]
async fn stream_sends_existing_entries_then_new_ones() {
    let (_server, account) = start_with_account().await;
    create_ticket(&[]).send_ok(&account.client).await;
    get_ticket("/1").send_ok(&account.client).await;
    let mut events = EventStream::open(&account, &[]).await;
    assert_eq!(events.next_seq_numbers(2).await, [1, 2]);
    for number in 3..10 {
        update_ticket("/1", &[("title", "x")]).send_ok(&account.client).await;
        assert_eq!(events.next_seq_numbers(1).await, [number]);
    }
}

#[tokio::test]
async fn event_contains_the_entry_and_its_cursor_as_id() {
    let (_server, account) = start_with_account().await;
    let mut events = EventStream::open(&account, &[]).await;
    create_ticket(&[("fromName", "Zoë\r\nline\n\nline")]).send_ok(&account.client).await;
    let event = events.next().await.expect("the stream has an event");
    assert_eq!(event.name, "request", "{event:?}");
    assert_eq!(event.entry(), account.latest_entry().await);
    get_ticket("/1").send_ok(&account.client).await;
    let after = account.entries(&[("since", &event.id)]).await;
    assert_eq!(seq_numbers(&after), [2]);
}

#[tokio::test]
async fn stream_sends_only_entries_that_match_the_filters() {
    let (_server, account) = start_with_account().await;
    let query = [("operation", "create"), ("status", "200"), ("field.fromName", "Ada")];
    let mut events = EventStream::open(&account, &query).await;
    let client = &account.client;
    for _ in 0..3 {
        create_ticket(&[]).send_ok(client).await;
        create_ticket(&[("fromName", "Ada")]).send_ok(client).await;
        create_ticket(&[("fromName", "Ada"), ("direction", "none")]).send(client).await;
        get_ticket("/1").send_ok(client).await;
    }
    assert_eq!(events.next_seq_numbers(3).await, [2, 6, 10]);
    let mut all = EventStream::open(&account, &[]).await;
    assert_eq!(all.next_seq_numbers(12).await, (1..=12).collect::<Vec<_>>());
    let mut rejected = EventStream::open(&account, &[("status", "4xx")]).await;
    assert_eq!(rejected.next_seq_numbers(3).await, [3, 7, 11]);
}

#[tokio::test]
async fn stream_starts_after_since_and_resumes_after_last_event_id() {
    let (_server, account) = start_with_account().await;
    for _ in 0..5 {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    let entries = account.entries(&[]).await;
    let cursor = |index: usize| expect_string(&entries[index]["cursor"]);
    let mut since = EventStream::open(&account, &[("since", &cursor(1))]).await;
    assert_eq!(since.next_seq_numbers(3).await, [3, 4, 5]);
    let mut last = EventStream::open_after(&account, &[], Some(&cursor(2))).await;
    assert_eq!(last.next_seq_numbers(2).await, [4, 5]);
    // A browser repeats the query when it reconnects; `Last-Event-ID` takes precedence over `since`.
    let mut both =
        EventStream::open_after(&account, &[("since", &cursor(0))], Some(&cursor(3))).await;
    assert_eq!(both.next_seq_numbers(1).await, [5]);
    for events in [&mut since, &mut last, &mut both] {
        get_ticket("/1").send_ok(&account.client).await;
        let number = events.next_seq_numbers(1).await[0];
        assert_eq!(number, 6, "the next event is the next entry");
    }
}

async fn create_tickets(client: &ApiClient, count: usize) {
    for _ in 0..count {
        create_ticket(&[]).send_ok(client).await;
    }
}

#[tokio::test]
async fn reconnecting_client_loses_and_repeats_no_entry() {
    const COUNT: usize = 200;
    let (_server, account) = start_with_account().await;
    let read = async {
        let (mut seen, mut last) = (Vec::new(), None::<String>);
        for batch_size in [1, 3, 2, 7, 5].into_iter().cycle() {
            let mut events = EventStream::open_after(&account, &[], last.as_deref()).await;
            for _ in 0..batch_size {
                let event = events.next().await.expect("the stream has another event");
                seen.push(event.seq());
                last = Some(event.id);
                if seen.len() == COUNT {
                    return seen;
                }
            }
        }
        seen
    };
    let (seen, ()) = tokio::join!(read, create_tickets(&account.client, COUNT));
    assert!(seen.into_iter().eq(1..=COUNT as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_streams_deliver_all_entries_in_order() {
    let (_server, account) = start_with_account().await;
    let writers = (0..4).map(|_| create_tickets(&account.client, 25));
    let readers = (0..10).map(|_| async {
        let mut events = EventStream::open(&account, &[]).await;
        events.next_seq_numbers(100).await
    });
    let (seen, _) = tokio::join!(
        futures_util::future::join_all(readers),
        futures_util::future::join_all(writers)
    );
    assert!(seen.into_iter().all(|seen| seen.into_iter().eq(1..=100)));
}

#[tokio::test]
async fn stream_continues_across_a_reset() {
    let (_server, account) = start_with_account().await;
    let mut events = EventStream::open(&account, &[]).await;
    create_ticket(&[]).send_ok(&account.client).await;
    assert_eq!(events.next_seq_numbers(1).await, [1]);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    create_ticket(&[]).send_ok(&account.client).await;
    assert_eq!(events.next_seq_numbers(1).await, [2]);
    assert_eq!(account.send_control("DELETE", "/requests").await.status, 204);
    create_ticket(&[]).send_ok(&account.client).await;
    assert_eq!(events.next_seq_numbers(1).await, [3]);
}

#[tokio::test]
async fn removing_the_account_ends_its_streams() {
    let (_server, account) = start_with_account().await;
    let mut events = EventStream::open(&account, &[]).await;
    create_ticket(&[]).send_ok(&account.client).await;
    assert_eq!(events.next_seq_numbers(1).await, [1]);
    assert_eq!(account.send_control("DELETE", "").await.status, 204);
    assert!(events.next().await.is_none(), "the stream has ended");
}

#[tokio::test]
async fn open_stream_does_not_delay_shutdown() {
    let (server, account) = start_with_account().await;
    let mut events = EventStream::open(&account, &[]).await;
    let stop = tokio::task::spawn_blocking(move || server.stop());
    while events.next().await.is_some() {}
    assert!(stop.await.expect("the server stops").exit_code == Some(0));
}

#[tokio::test]
async fn invalid_stream_request_is_a_problem() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).send_ok(&server).await;
    for (name, value) in [("operation", "none"), ("status", "x"), ("since", "x"), ("nothing", "1")]
    {
        assert_problem(
            &acme.send_control_query("/requests/stream", &[(name, value)]).await,
            400,
            "invalid-request",
            name,
        );
    }
    let request = acme.request("GET", "/requests/stream").header("last-event-id", "garbage");
    assert_problem(
        &crate::support::control::fetch_response(request).await,
        400,
        "invalid-request",
        "last-event-id",
    );
    assert_eq!(unmatched_journal(&server, &[]).await["requests"], json!([]));
}

//! The stream of a journal: what is there, then what comes, each once and in order.

use serde_json::json;

use super::asks::{create, get, set_status, update};
use super::events::Events;
use super::look::{numbers, strangers, text};
use crate::control::{Account, problem};
use crate::fixtures::{acme, serve, ticket};
use crate::support::{Client, Server};

async fn account() -> (Server, Account) {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    (server, account)
}

#[tokio::test]
async fn what_is_there_comes_first_and_then_what_is_new() {
    let (_server, account) = account().await;
    create(&[]).done(&account.client).await;
    get("/1").done(&account.client).await;
    let mut events = Events::open(&account, &[]).await;
    assert_eq!(events.numbers(2).await, [1, 2]);
    for number in 3..10 {
        update("/1", &[("title", "x")]).done(&account.client).await;
        assert_eq!(events.numbers(1).await, [number]);
    }
}

#[tokio::test]
async fn an_event_is_the_entry_and_its_id_the_place_after_it() {
    let (_server, account) = account().await;
    let mut events = Events::open(&account, &[]).await;
    create(&[("fromName", "Zoë\r\nline\n\nline")]).done(&account.client).await;
    let event = events.next().await.expect("an event");
    assert_eq!(event.name, "request", "{event:?}");
    assert_eq!(event.entry(), account.newest().await);
    get("/1").done(&account.client).await;
    let after = account.entries(&[("since", &event.id)]).await;
    assert_eq!(numbers(&after), [2]);
}

#[tokio::test]
async fn only_what_the_filters_let_through_comes() {
    let (_server, account) = account().await;
    let query = [("operation", "create"), ("status", "200"), ("field.fromName", "Ada")];
    let mut events = Events::open(&account, &query).await;
    let client = &account.client;
    for _ in 0..3 {
        create(&[]).done(client).await;
        create(&[("fromName", "Ada")]).done(client).await;
        create(&[("fromName", "Ada"), ("direction", "none")]).send(client).await;
        get("/1").done(client).await;
    }
    assert_eq!(events.numbers(3).await, [2, 6, 10]);
    let mut all = Events::open(&account, &[]).await;
    assert_eq!(all.numbers(12).await, (1..=12).collect::<Vec<_>>());
    let mut refused = Events::open(&account, &[("status", "4xx")]).await;
    assert_eq!(refused.numbers(3).await, [3, 7, 11]);
}

#[tokio::test]
async fn it_begins_after_since_and_goes_on_after_the_last_event() {
    let (_server, account) = account().await;
    for _ in 0..5 {
        create(&[]).done(&account.client).await;
    }
    let entries = account.entries(&[]).await;
    let cursor = |index: usize| text(&entries[index]["cursor"]);
    let mut since = Events::open(&account, &[("since", &cursor(1))]).await;
    assert_eq!(since.numbers(3).await, [3, 4, 5]);
    let mut last = Events::after(&account, &[], Some(&cursor(2))).await;
    assert_eq!(last.numbers(2).await, [4, 5]);
    // A browser keeps the query when it comes back; what it has read says more.
    let mut both = Events::after(&account, &[("since", &cursor(0))], Some(&cursor(3))).await;
    assert_eq!(both.numbers(1).await, [5]);
    for events in [&mut since, &mut last, &mut both] {
        get("/1").done(&account.client).await;
        let number = events.numbers(1).await[0];
        assert_eq!(number, 6, "nothing lies between");
    }
}

/// Writes until all is written.
async fn write(client: &Client, count: usize) {
    for _ in 0..count {
        create(&[]).done(client).await;
    }
}

#[tokio::test]
async fn a_reader_that_comes_back_again_and_again_loses_and_repeats_nothing() {
    const COUNT: usize = 200;
    let (_server, account) = account().await;
    let read = async {
        let (mut seen, mut last) = (Vec::new(), None::<String>);
        for pause in [1, 3, 2, 7, 5].into_iter().cycle() {
            let mut events = Events::after(&account, &[], last.as_deref()).await;
            for _ in 0..pause {
                let event = events.next().await.expect("an event");
                seen.push(event.number());
                last = Some(event.id);
                if seen.len() == COUNT {
                    return seen;
                }
            }
        }
        seen
    };
    let (seen, ()) = tokio::join!(read, write(&account.client, COUNT));
    assert!(seen.into_iter().eq(1..=COUNT as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_and_many_writers_see_the_same_in_the_same_order() {
    let (_server, account) = account().await;
    let writers = (0..4).map(|_| write(&account.client, 25));
    let readers = (0..10).map(|_| async {
        let mut events = Events::open(&account, &[]).await;
        events.numbers(100).await
    });
    let (seen, _) = tokio::join!(
        futures_util::future::join_all(readers),
        futures_util::future::join_all(writers)
    );
    assert!(seen.into_iter().all(|seen| seen.into_iter().eq(1..=100)));
}

#[tokio::test]
async fn a_stream_goes_on_over_a_reset() {
    let (_server, account) = account().await;
    let mut events = Events::open(&account, &[]).await;
    create(&[]).done(&account.client).await;
    assert_eq!(events.numbers(1).await, [1]);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    create(&[]).done(&account.client).await;
    assert_eq!(events.numbers(1).await, [2]);
    assert_eq!(account.control("DELETE", "/requests").await.status, 204);
    create(&[]).done(&account.client).await;
    assert_eq!(events.numbers(1).await, [3]);
}

#[tokio::test]
async fn a_removed_account_ends_its_streams() {
    let (_server, account) = account().await;
    let mut events = Events::open(&account, &[]).await;
    create(&[]).done(&account.client).await;
    assert_eq!(events.numbers(1).await, [1]);
    assert_eq!(account.control("DELETE", "").await.status, 204);
    assert!(events.next().await.is_none(), "nothing more comes");
}

#[tokio::test]
async fn a_stream_does_not_hold_the_end_of_the_server() {
    let (server, account) = account().await;
    let mut events = Events::open(&account, &[]).await;
    let stop = tokio::task::spawn_blocking(move || server.stop());
    while events.next().await.is_some() {}
    assert!(stop.await.expect("it ends").success());
}

#[tokio::test]
async fn a_bad_stream_is_a_problem_and_no_stream() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    set_status(&[("status", "open"), ("ticketIDs[]", "7")]).done(&server).await;
    for (name, value) in [("operation", "none"), ("status", "x"), ("since", "x"), ("nothing", "1")]
    {
        problem(&acme.asked("/requests/stream", &[(name, value)]).await, 400, "invalid", name);
    }
    let request = acme.ask("GET", "/requests/stream").header("last-event-id", "garbage");
    problem(&crate::control::answer(request).await, 400, "invalid", "last-event-id");
    assert_eq!(strangers(&server, &[]).await["requests"], json!([]));
}

//! Many who hang or wait at once: they hold up nobody, and leave nothing behind.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::wire::send;
use super::{ITEM, LIST, counts, create, desk, desk_with_a_ticket, get, provoke, soon, until};
use crate::control::{Account, answer, problem};
use crate::support::{Reply, Server};

/// How many may wait at once for news of one account.
const SEATS: usize = 100;
/// How long the server lets requests finish when it is told to end.
const DRAIN: Duration = Duration::from_secs(10);
/// What does not come while nobody changes anything.
const NEVER: &str = "/wait?ticket=999&status=closed&timeout=5m";

/// So many requests that hang until they are left.
async fn hang(account: &Account, count: usize) -> Vec<TcpStream> {
    let rule = json!({ "operation": "ticket.get", "effect": { "hang": "5m" } });
    provoke(account, &rule).await;
    let mut hanging = Vec::new();
    for _ in 0..count {
        hanging.push(send(&account.client.base, &get(account, ITEM)).await);
    }
    let all = count as u64;
    until("all of them hang", async || counts(account).await == [(all, all)]).await;
    hanging
}

/// One request in a delay before, and one in a delay after.
async fn delay(account: &Account) -> Vec<TcpStream> {
    let mut delayed = Vec::new();
    for when in ["before", "after"] {
        let effect = json!({ "delay": "5m", "when": when });
        let rule = json!({ "operation": "ticket.list", "first": 1, "effect": effect });
        provoke(account, &rule).await;
        delayed.push(send(&account.client.base, &get(account, LIST)).await);
        let all = delayed.len() + 1;
        let is_applied =
            async || counts(account).await.iter().filter(|one| one.1 > 0).count() == all;
        until("the delay", is_applied).await;
    }
    delayed
}

/// Starts so many waits; each answer is sent when it comes.
fn wait(
    account: &Account,
    path: &str,
    count: usize,
) -> (JoinSet<()>, mpsc::UnboundedReceiver<Reply>) {
    let (sender, replies) = mpsc::unbounded_channel();
    let ask = |request: RequestBuilder| {
        let sender = sender.clone();
        async move {
            // Nobody listens any more when the test is over.
            let _ = sender.send(answer(request).await);
        }
    };
    ((0..count).map(|_| ask(account.ask("GET", path))).collect(), replies)
}

async fn next(replies: &mut mpsc::UnboundedReceiver<Reply>) -> Reply {
    soon("the answer to a wait", replies.recv()).await.expect("one is still to come")
}

/// Fills all seats: one more than there are had to go.
async fn full(account: &Account) -> JoinSet<()> {
    let (waits, mut replies) = wait(account, NEVER, SEATS + 1);
    problem(&next(&mut replies).await, 429, "too-many-waits", "one more than there may be");
    waits
}

/// There is a seat again.
async fn is_free(account: &Account) {
    until("a free seat", async || {
        let reply = account.control("GET", "/wait?ticket=999&status=closed&timeout=1ms").await;
        assert!([409, 429].contains(&reply.status), "{}", reply.body);
        reply.status == 409
    })
    .await;
}

#[tokio::test]
async fn fifty_that_hang_hold_up_nobody() {
    let (server, account) = desk_with_a_ticket().await;
    let other = Account::make(&server, &json!({})).await;
    let hanging = hang(&account, 50).await;
    for account in [&account, &other] {
        assert_eq!(create(account).await.status, 200);
        assert_eq!(account.client.get(LIST).await.status, 200);
        assert_eq!(account.client.form("PUT", ITEM, "title=Other").await.status, 200);
        assert_eq!(account.control("PUT", "/snapshots/one").await.status, 201);
    }
    assert_eq!(account.control("POST", "/snapshots/one/restore").await.status, 204);
    assert_eq!(account.control("POST", "/reset").await.status, 204);
    let reset = account.client.get(ITEM).await;
    assert_eq!(reset.message(), "This ticket does not exist.", "the rule went with the reset");
    assert_eq!(other.client.get(ITEM).await.status, 200);
    assert_eq!(account.control("DELETE", "").await.status, 204);
    drop(hanging);
}

#[tokio::test]
async fn the_end_waits_for_nobody_who_hangs_or_waits() {
    let (server, account) = desk_with_a_ticket().await;
    let hanging = hang(&account, 50).await;
    let delayed = delay(&account).await;
    let (waits, mut replies) = wait(&account, NEVER, 20);
    let mut streams = Vec::new();
    for _ in 0..10 {
        let request = account.ask("GET", "/requests/stream");
        let stream = soon("a stream", request.send()).await.expect("it answers");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let begun = Instant::now();
    let ended = tokio::task::spawn_blocking(move || server.stop()).await.expect("it ends");
    let taken = begun.elapsed();
    assert_eq!(ended.code(), Some(0));
    assert!(taken < DRAIN, "it waited for them: {taken:?}");
    // A wait that the server had not begun to read when it ended has no answer.
    while let Some(reply) = soon("the end of the waits", replies.recv()).await {
        problem(&reply, 503, "ending", "a wait at the end");
    }
    drop((hanging, delayed, waits, streams));
}

#[tokio::test]
async fn a_wait_ends_with_its_account() {
    let (server, account) = desk().await;
    let (_waits, mut replies) = wait(&account, NEVER, 10);
    let stream = account.ask("GET", "/requests/stream").send().await.expect("it answers");
    assert_eq!(stream.status(), 200);
    assert_eq!(account.control("DELETE", "").await.status, 204);
    for _ in 0..10 {
        problem(&next(&mut replies).await, 404, "unknown-account", "a wait of a removed account");
    }
    soon("the end of the stream", stream.bytes()).await.expect("it ends in order");
    assert_eq!(server.get(LIST).await.status, 200);
}

#[tokio::test]
async fn a_hundred_that_wait_hold_up_nobody_and_leave_their_seats() {
    let (server, account) = desk_with_a_ticket().await;
    let other = Account::make(&server, &json!({})).await;
    let waits = full(&account).await;
    for account in [&account, &other] {
        assert_eq!(create(account).await.status, 200);
        assert_eq!(account.client.get(LIST).await.status, 200);
        assert_eq!(account.control("GET", "/requests").await.status, 200);
        assert_eq!(account.control("PUT", "/snapshots/one").await.status, 201);
    }
    let another = other.control("GET", "/wait?operation=ticket.list&timeout=1m").await;
    assert_eq!(another.status, 200, "each account has seats of its own: {}", another.body);
    let stream = account.control("GET", "/requests/stream").await;
    problem(&stream, 429, "too-many-waits", "a stream takes a seat as well");
    assert_eq!(account.control("POST", "/snapshots/one/restore").await.status, 204);
    drop(waits);
    is_free(&account).await;
}

#[tokio::test]
async fn streams_leave_their_seats_as_well() {
    let (_server, account) = desk().await;
    let mut streams = Vec::new();
    for _ in 0..SEATS {
        let stream = account.ask("GET", "/requests/stream").send().await.expect("it answers");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let surplus = account.control("GET", NEVER).await;
    problem(&surplus, 429, "too-many-waits", "beside as many streams as there may be");
    assert_eq!(create(&account).await.status, 200);
    drop(streams);
    is_free(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_that_wait_a_hundred_are_let_in() {
    more_connections();
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    let (_waits, mut replies) = wait(&account, "/wait?operation=ticket.create&timeout=5m", 1_000);
    for _ in SEATS..1_000 {
        problem(&next(&mut replies).await, 429, "too-many-waits", "the surplus");
    }
    assert_eq!(create(&account).await.status, 200);
    for _ in 0..SEATS {
        let reply = next(&mut replies).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["requests"][0]["operation"], "ticket.create", "{}", reply.body);
    }
    let waits = full(&account).await;
    drop(waits);
    is_free(&account).await;
}

/// A thousand connections are more than some machines let one program have at first.
fn more_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.map_or(8_192, |maximum| maximum.min(8_192));
        if current.is_some_and(|current| current < wanted) {
            let raised = Rlimit { current: Some(wanted), maximum };
            setrlimit(Resource::Nofile, raised).expect("it may be as much as allowed");
        }
    }
}

//! Many who hang or wait at once: they hold up nobody, and leave nothing behind.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::wire::send_raw;
use super::{
    TICKET_PATH, TICKETS_PATH, add_fault, build_raw_get, create_ticket, fault_counts, poll_until,
    start_with_account, start_with_ticket, with_timeout,
};
use crate::control_client::{Account, assert_problem, fetch_response};
use crate::support::{JsonResponse, Server};

/// How many may wait at once for news of one account.
const MAX_WAITS: usize = 100;
/// How long the server lets requests finish when it is told to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// What does not come while nobody changes anything.
const NEVER_MATCHING_WAIT: &str = "/wait?ticket=999&status=closed&timeout=5m";

/// So many requests that hang until they are left.
async fn start_hanging_requests(account: &Account, count: usize) -> Vec<TcpStream> {
    let rule = json!({ "operation": "ticket.get", "effect": { "hang": "5m" } });
    add_fault(account, &rule).await;
    let mut hanging = Vec::new();
    for _ in 0..count {
        hanging
            .push(send_raw(&account.client.base_url, &build_raw_get(account, TICKET_PATH)).await);
    }
    let all = count as u64;
    poll_until("all of them hang", async || fault_counts(account).await == [(all, all)]).await;
    hanging
}

/// One request in a delay before, and one in a delay after.
async fn start_delayed_requests(account: &Account) -> Vec<TcpStream> {
    let mut delayed = Vec::new();
    for when in ["before", "after"] {
        let effect = json!({ "delay": "5m", "when": when });
        let rule = json!({ "operation": "ticket.list", "first": 1, "effect": effect });
        add_fault(account, &rule).await;
        delayed
            .push(send_raw(&account.client.base_url, &build_raw_get(account, TICKETS_PATH)).await);
        let all = delayed.len() + 1;
        let is_applied =
            async || fault_counts(account).await.iter().filter(|one| one.1 > 0).count() == all;
        poll_until("the delay", is_applied).await;
    }
    delayed
}

/// Starts so many waits; each answer is sent when it comes.
fn start_waits(
    account: &Account,
    path: &str,
    count: usize,
) -> (JoinSet<()>, mpsc::UnboundedReceiver<JsonResponse>) {
    let (sender, replies) = mpsc::unbounded_channel();
    let ask = |request: RequestBuilder| {
        let sender = sender.clone();
        async move {
            // Nobody listens any more when the test is over.
            let _ = sender.send(fetch_response(request).await);
        }
    };
    ((0..count).map(|_| ask(account.request("GET", path))).collect(), replies)
}

async fn next_reply(replies: &mut mpsc::UnboundedReceiver<JsonResponse>) -> JsonResponse {
    with_timeout("the answer to a wait", replies.recv()).await.expect("one is still to come")
}

/// Fills all seats: one more than there are had to go.
async fn fill_wait_slots(account: &Account) -> JoinSet<()> {
    let (waits, mut replies) = start_waits(account, NEVER_MATCHING_WAIT, MAX_WAITS + 1);
    assert_problem(
        &next_reply(&mut replies).await,
        429,
        "too-many-waits",
        "one more than there may be",
    );
    waits
}

/// There is a seat again.
async fn wait_for_free_slot(account: &Account) {
    poll_until("a free seat", async || {
        let reply = account.send_control("GET", "/wait?ticket=999&status=closed&timeout=1ms").await;
        assert!([409, 429].contains(&reply.status), "{}", reply.body);
        reply.status == 409
    })
    .await;
}

#[tokio::test]
async fn hanging_requests_do_not_block_others() {
    let (server, account) = start_with_ticket().await;
    let other = Account::create(&server, &json!({})).await;
    let hanging = start_hanging_requests(&account, 50).await;
    for account in [&account, &other] {
        assert_eq!(create_ticket(account).await.status, 200);
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
        assert_eq!(account.client.send_form("PUT", TICKET_PATH, "title=Other").await.status, 200);
        assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    }
    assert_eq!(account.send_control("POST", "/snapshots/one/restore").await.status, 204);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    let reset = account.client.get(TICKET_PATH).await;
    assert_eq!(reset.message(), "This ticket does not exist.", "the rule went with the reset");
    assert_eq!(other.client.get(TICKET_PATH).await.status, 200);
    assert_eq!(account.send_control("DELETE", "").await.status, 204);
    drop(hanging);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_hanging_requests_or_waits() {
    let (server, account) = start_with_ticket().await;
    let hanging = start_hanging_requests(&account, 50).await;
    let delayed = start_delayed_requests(&account).await;
    let (waits, mut replies) = start_waits(&account, NEVER_MATCHING_WAIT, 20);
    let mut streams = Vec::new();
    for _ in 0..10 {
        let request = account.request("GET", "/requests/stream");
        let stream = with_timeout("a stream", request.send()).await.expect("it answers");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let begun = Instant::now();
    let ended = tokio::task::spawn_blocking(move || server.stop()).await.expect("it ends");
    let taken = begun.elapsed();
    assert_eq!(ended.code(), Some(0));
    assert!(taken < DRAIN_TIMEOUT, "it waited for them: {taken:?}");
    // A wait that the server had not begun to read when it ended has no answer.
    while let Some(reply) = with_timeout("the end of the waits", replies.recv()).await {
        assert_problem(&reply, 503, "ending", "a wait at the end");
    }
    drop((hanging, delayed, waits, streams));
}

#[tokio::test]
async fn removing_the_account_ends_its_waits_and_streams() {
    let (server, account) = start_with_account().await;
    let (_waits, mut replies) = start_waits(&account, NEVER_MATCHING_WAIT, 10);
    let stream = account.request("GET", "/requests/stream").send().await.expect("it answers");
    assert_eq!(stream.status(), 200);
    assert_eq!(account.send_control("DELETE", "").await.status, 204);
    for _ in 0..10 {
        assert_problem(
            &next_reply(&mut replies).await,
            404,
            "unknown-account",
            "a wait of a removed account",
        );
    }
    with_timeout("the end of the stream", stream.bytes()).await.expect("it ends in order");
    assert_eq!(server.get(TICKETS_PATH).await.status, 200);
}

#[tokio::test]
async fn pending_waits_block_no_request_and_release_their_slots() {
    let (server, account) = start_with_ticket().await;
    let other = Account::create(&server, &json!({})).await;
    let waits = fill_wait_slots(&account).await;
    for account in [&account, &other] {
        assert_eq!(create_ticket(account).await.status, 200);
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
        assert_eq!(account.send_control("GET", "/requests").await.status, 200);
        assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    }
    let another = other.send_control("GET", "/wait?operation=ticket.list&timeout=1m").await;
    assert_eq!(another.status, 200, "each account has seats of its own: {}", another.body);
    let stream = account.send_control("GET", "/requests/stream").await;
    assert_problem(&stream, 429, "too-many-waits", "a stream takes a seat as well");
    assert_eq!(account.send_control("POST", "/snapshots/one/restore").await.status, 204);
    drop(waits);
    wait_for_free_slot(&account).await;
}

#[tokio::test]
async fn streams_release_their_wait_slots() {
    let (_server, account) = start_with_account().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_WAITS {
        let stream = account.request("GET", "/requests/stream").send().await.expect("it answers");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let surplus = account.send_control("GET", NEVER_MATCHING_WAIT).await;
    assert_problem(&surplus, 429, "too-many-waits", "beside as many streams as there may be");
    assert_eq!(create_ticket(&account).await.status, 200);
    drop(streams);
    wait_for_free_slot(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_concurrent_waits_are_limited_to_a_hundred() {
    raise_fd_limit();
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let (_waits, mut replies) =
        start_waits(&account, "/wait?operation=ticket.create&timeout=5m", 1_000);
    for _ in MAX_WAITS..1_000 {
        assert_problem(&next_reply(&mut replies).await, 429, "too-many-waits", "the surplus");
    }
    assert_eq!(create_ticket(&account).await.status, 200);
    for _ in 0..MAX_WAITS {
        let reply = next_reply(&mut replies).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["requests"][0]["operation"], "ticket.create", "{}", reply.body);
    }
    let waits = fill_wait_slots(&account).await;
    drop(waits);
    wait_for_free_slot(&account).await;
}

/// A thousand connections are more than some machines let one program have at first.
fn raise_fd_limit() {
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

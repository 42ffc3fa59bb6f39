//! Many hanging requests and waits: they block no other request and release their resources.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{TICKET_PATH, build_raw_get, poll_until, start_with_ticket, with_timeout};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, assert_problem, fetch_response, start_with_account};
use crate::support::raw::RawConnection;
use crate::support::server::Server;
use crate::support::ticket::{TICKETS_PATH, post_ticket};

/// The maximum number of concurrent waits per account.
const MAX_WAITS: usize = 100;
/// How long the server drains requests at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A wait that no request of these tests ends.
const NEVER_MATCHING_WAIT: &str = "/wait?ticket=999&status=closed&timeout=5m";

/// Starts `count` requests that hang until the client disconnects.
async fn start_hanging_requests(account: &Account, count: usize) -> Vec<RawConnection> {
    let rule = json!({ "operation": "ticket.get", "effect": { "hang": "5m" } });
    account.add_fault(&rule).await;
    let mut hanging = Vec::new();
    for _ in 0..count {
        hanging.push(
            RawConnection::open_and_send(
                &account.client.base_url,
                &build_raw_get(account, TICKET_PATH),
            )
            .await,
        );
    }
    let all = count as u64;
    poll_until("all requests to hang", async || account.fault_counts().await == [(all, all)]).await;
    hanging
}

/// Starts one request with a delay before the write and one with a delay after it.
async fn start_delayed_requests(account: &Account) -> Vec<RawConnection> {
    let mut delayed = Vec::new();
    for when in ["before", "after"] {
        let effect = json!({ "delay": "5m", "when": when });
        let rule = json!({ "operation": "ticket.list", "first": 1, "effect": effect });
        account.add_fault(&rule).await;
        delayed.push(
            RawConnection::open_and_send(
                &account.client.base_url,
                &build_raw_get(account, TICKETS_PATH),
            )
            .await,
        );
        let all = delayed.len() + 1;
        let is_applied = async || {
            account.fault_counts().await.iter().filter(|counts| counts.1 > 0).count() == all
        };
        poll_until("the delay", is_applied).await;
    }
    delayed
}

/// Starts `count` waits; the receiver gets each response.
fn start_waits(
    account: &Account,
    path: &str,
    count: usize,
) -> (JoinSet<()>, mpsc::UnboundedReceiver<JsonResponse>) {
    let (sender, replies) = mpsc::unbounded_channel();
    let send = |request: RequestBuilder| {
        let sender = sender.clone();
        async move {
            // The receiver is dropped at the end of the test.
            let _ = sender.send(fetch_response(request).await);
        }
    };
    ((0..count).map(|_| send(account.request("GET", path))).collect(), replies)
}

async fn next_reply(replies: &mut mpsc::UnboundedReceiver<JsonResponse>) -> JsonResponse {
    with_timeout("the response to a wait", replies.recv()).await.expect("a wait is still pending")
}

/// Occupies all wait slots: starts one wait too many, which is rejected.
async fn fill_wait_slots(account: &Account) -> JoinSet<()> {
    let (waits, mut replies) = start_waits(account, NEVER_MATCHING_WAIT, MAX_WAITS + 1);
    assert_problem(
        &next_reply(&mut replies).await,
        429,
        "too-many-waits",
        "one wait more than the limit",
    );
    waits
}

/// Waits until a slot is free.
async fn wait_for_free_slot(account: &Account) {
    poll_until("a free wait slot", async || {
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
        assert_eq!(post_ticket(&account.client).await.status, 200);
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
        assert_eq!(account.client.send_form("PUT", TICKET_PATH, "title=Other").await.status, 200);
        assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    }
    assert_eq!(account.send_control("POST", "/snapshots/one/restore").await.status, 204);
    assert_eq!(account.send_control("POST", "/reset").await.status, 204);
    let reset = account.client.get(TICKET_PATH).await;
    assert_eq!(reset.message(), "This ticket does not exist.", "the reset removed the rule");
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
        let stream = with_timeout("a stream", request.send()).await.expect("the server responds");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let started = Instant::now();
    let status =
        tokio::task::spawn_blocking(move || server.stop()).await.expect("the server stops");
    let elapsed = started.elapsed();
    assert_eq!(status.exit_code, Some(0));
    assert!(elapsed < DRAIN_TIMEOUT, "shutdown waited for hanging requests: {elapsed:?}");
    // A wait gets no response if the server had not read it before the shutdown.
    while let Some(reply) = with_timeout("the end of the waits", replies.recv()).await {
        assert_problem(&reply, 503, "shutting-down", "a wait at shutdown");
    }
    drop((hanging, delayed, waits, streams));
}

#[tokio::test]
async fn removing_the_account_ends_its_waits_and_streams() {
    let (server, account) = start_with_account().await;
    let (_waits, mut replies) = start_waits(&account, NEVER_MATCHING_WAIT, 10);
    let stream =
        account.request("GET", "/requests/stream").send().await.expect("the server responds");
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
    with_timeout("the end of the stream", stream.bytes())
        .await
        .expect("the stream is closed cleanly");
    assert_eq!(server.get(TICKETS_PATH).await.status, 200);
}

#[tokio::test]
async fn pending_waits_block_no_request_and_release_their_slots() {
    let (server, account) = start_with_ticket().await;
    let other = Account::create(&server, &json!({})).await;
    let waits = fill_wait_slots(&account).await;
    for account in [&account, &other] {
        assert_eq!(post_ticket(&account.client).await.status, 200);
        assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
        assert_eq!(account.send_control("GET", "/requests").await.status, 200);
        assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    }
    let response = other.send_control("GET", "/wait?operation=ticket.list&timeout=1m").await;
    assert_eq!(response.status, 200, "the wait limit is per account: {}", response.body);
    let stream = account.send_control("GET", "/requests/stream").await;
    assert_problem(&stream, 429, "too-many-waits", "a stream takes a wait slot");
    assert_eq!(account.send_control("POST", "/snapshots/one/restore").await.status, 204);
    drop(waits);
    wait_for_free_slot(&account).await;
}

#[tokio::test]
async fn streams_release_their_wait_slots() {
    let (_server, account) = start_with_account().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_WAITS {
        let stream =
            account.request("GET", "/requests/stream").send().await.expect("the server responds");
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let rejected = account.send_control("GET", NEVER_MATCHING_WAIT).await;
    assert_problem(&rejected, 429, "too-many-waits", "a wait beside the maximum number of streams");
    assert_eq!(post_ticket(&account.client).await.status, 200);
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
        assert_problem(
            &next_reply(&mut replies).await,
            429,
            "too-many-waits",
            "a wait above the limit",
        );
    }
    assert_eq!(post_ticket(&account.client).await.status, 200);
    for _ in 0..MAX_WAITS {
        let reply = next_reply(&mut replies).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["requests"][0]["operation"], "ticket.create", "{}", reply.body);
    }
    let waits = fill_wait_slots(&account).await;
    drop(waits);
    wait_for_free_slot(&account).await;
}

/// Raises the limit of open files: a thousand connections exceed the default of some systems.
fn raise_fd_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let required = maximum.map_or(8_192, |maximum| maximum.min(8_192));
        if current.is_some_and(|current| current < required) {
            let raised = Rlimit { current: Some(required), maximum };
            setrlimit(Resource::Nofile, raised)
                .expect("the soft limit can be raised to the hard limit");
        }
    }
}

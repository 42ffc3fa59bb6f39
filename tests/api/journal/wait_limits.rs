//! The limit of concurrent waits, and the end of a wait on disconnect, removal of the account and shutdown.

use serde_json::json;

use super::sse_client::EventStream;
use super::ticket_requests::create_ticket;
use crate::support::client::JsonResponse;
use crate::support::control::{ACCOUNTS_PATH, Account, assert_problem, start_with_account};
use crate::support::raw::RawConnection;
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;
use crate::support::wait::{poll_until, with_timeout};

/// The maximum number of waits and streams per account.
const MAX_WAITS: usize = 100;

async fn open_streams(account: &Account, count: usize) -> Vec<EventStream> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(EventStream::open(account, &[]).await);
    }
    all
}

/// Starts a wait of 1 ms; it fails with 429 if there is no free slot.
async fn try_short_wait(account: &Account) -> JsonResponse {
    account.wait(&[("operation", "delete"), ("timeout", "1ms")]).await
}

async fn wait_for_free_slot(account: &Account) {
    poll_until("a free wait slot", async || try_short_wait(account).await.status != 429).await;
}

const WAIT_FOR_CREATION: &str = "operation=ticket.create";
const WAIT_FOR_TICKET: &str = "ticket=1&status=new";

/// Starts a wait for a creation or a ticket and returns its connection once the wait occupies the last free
/// slot.
pub(super) async fn start_wait_in_last_slot(
    account: &Account,
    query: &str,
) -> (RawConnection, Vec<EventStream>) {
    let others = open_streams(account, MAX_WAITS - 1).await;
    let path = format!("{ACCOUNTS_PATH}/{}/wait?{query}&timeout=5m", account.name);
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    loop {
        let mut stream = RawConnection::open(&account.client.base_url).await;
        stream.send(head.as_bytes()).await;
        // A short wait may have held the last slot, so this one was rejected: retry.
        while !stream.is_readable() {
            if try_short_wait(account).await.status == 429 {
                return (stream, others);
            }
        }
    }
}

#[tokio::test]
async fn waits_and_streams_share_a_limit_of_100() {
    let (_server, account) = start_with_account().await;
    let all = open_streams(&account, MAX_WAITS).await;
    assert_problem(&try_short_wait(&account).await, 429, "too-many-waits", "a wait");
    let ticket = account.wait(&[("ticket", "1"), ("status", "new"), ("timeout", "1ms")]).await;
    assert_problem(&ticket, 429, "too-many-waits", "a wait for a ticket");
    let stream = account.send_control("GET", "/requests/stream").await;
    assert_problem(&stream, 429, "too-many-waits", "a stream");
    assert_eq!(
        account.send_control("GET", "/requests").await.status,
        200,
        "reading the journal takes no slot"
    );
    create_ticket(&[]).send_ok(&account.client).await;
    drop(all);
    wait_for_free_slot(&account).await;
}

#[tokio::test]
async fn wait_limit_is_per_account() {
    let (server, account) = start_with_account().await;
    let _all = open_streams(&account, MAX_WAITS).await;
    let other = Account::create(&server, &json!({})).await;
    assert_problem(&try_short_wait(&other).await, 409, "wait-timeout", "another account");
}

#[tokio::test]
async fn disconnected_streams_release_their_wait_slots() {
    let (_server, account) = start_with_account().await;
    for _ in 0..3 {
        drop(open_streams(&account, MAX_WAITS).await);
        wait_for_free_slot(&account).await;
        let reopened = async {
            let mut reopened = Vec::new();
            while reopened.len() < MAX_WAITS {
                let request = account.request("GET", "/requests/stream");
                let response = request.send().await.expect("the server responds");
                // 429 until the server has noticed that all previous clients disconnected.
                if response.status() != 429 {
                    reopened.push(response);
                }
            }
        };
        with_timeout("the release of all slots", reopened).await;
        wait_for_free_slot(&account).await;
    }
}

#[tokio::test]
async fn disconnected_wait_releases_its_slot() {
    for query in [WAIT_FOR_CREATION, WAIT_FOR_TICKET] {
        let (_server, account) = start_with_account().await;
        let (stream, others) = start_wait_in_last_slot(&account, query).await;
        assert_problem(&try_short_wait(&account).await, 429, "too-many-waits", query);
        drop(stream);
        wait_for_free_slot(&account).await;
        drop(others);
    }
}

#[tokio::test]
async fn matching_request_ends_a_pending_wait() {
    for (query, part) in [(WAIT_FOR_CREATION, "ticket.create"), (WAIT_FOR_TICKET, "Printer")] {
        let (_server, account) = start_with_account().await;
        let (stream, _others) = start_wait_in_last_slot(&account, query).await;
        create_ticket(&[]).send_ok(&account.client).await;
        let response = stream.read_only_response().await;
        assert_eq!(response.status, 200, "{query}: {response:?}");
        assert!(response.body.contains(part), "{query}: {response:?}");
    }
}

#[tokio::test]
async fn removing_the_account_ends_its_pending_waits() {
    for query in [WAIT_FOR_CREATION, WAIT_FOR_TICKET] {
        let (_server, account) = start_with_account().await;
        let (stream, mut others) = start_wait_in_last_slot(&account, query).await;
        assert_eq!(account.send_control("DELETE", "").await.status, 204);
        let response = stream.read_only_response().await;
        assert_eq!(response.status, 404, "{query}: {response:?}");
        assert!(response.body.contains("/docs/control#unknown-account"), "{response:?}");
        for stream in &mut others {
            while stream.next().await.is_some() {}
        }
        assert_problem(
            &try_short_wait(&account).await,
            404,
            "unknown-account",
            "the account was removed",
        );
    }
}

#[tokio::test]
async fn server_shutdown_ends_pending_waits() {
    for query in [WAIT_FOR_CREATION, WAIT_FOR_TICKET] {
        let (server, account) = start_with_account().await;
        let (stream, others) = start_wait_in_last_slot(&account, query).await;
        let stop = tokio::task::spawn_blocking(move || server.stop());
        let response = stream.read_only_response().await;
        assert_eq!(response.status, 503, "{query}: {response:?}");
        assert!(response.body.contains("/docs/control#shutting-down"), "{response:?}");
        assert!(stop.await.expect("the server stops").exit_code == Some(0));
        drop(others);
    }
}

#[tokio::test]
async fn wait_fails_when_matching_entries_are_evicted() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-bytes", "50000"]);
    let account = Account::create(&server, &json!({})).await;
    let body = NEW_TICKET_FORM.replace("Printer", &"x".repeat(1_000));
    let (stream, others) =
        start_wait_in_last_slot(&account, "operation=ticket.create&count=60").await;
    drop(others);
    while !stream.is_readable() {
        assert_eq!(account.client.send_form("POST", "/api/v2/ticket", &body).await.status, 200);
    }
    let response = stream.read_only_response().await;
    assert_eq!(response.status, 409, "{response:?}");
    assert!(response.body.contains("/docs/control#journal-truncated"), "{response:?}");
    assert!(response.body.contains("--journal-bytes"), "the problem names the flag: {response:?}");
}

#[tokio::test]
async fn wait_count_above_the_journal_capacity_is_rejected() {
    let server = Server::start_with_args(&["--ephemeral", "--journal-entries", "5"]);
    let account = Account::create(&server, &json!({})).await;
    for _ in 0..5 {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    let all = account.wait_ok(&[("count", "5"), ("timeout", "0s")]).await;
    assert_eq!(all["requests"].as_array().map(Vec::len), Some(5), "{all}");
    let rejected = account.wait(&[("count", "6"), ("timeout", "0s")]).await;
    assert_problem(&rejected, 400, "invalid-request", "one more than the capacity");
    let detail = rejected.body["detail"].as_str().expect("a problem has a detail");
    for part in ["at most 5", "--journal-entries", "6 was sent"] {
        assert!(detail.contains(part), "{detail}");
    }
}

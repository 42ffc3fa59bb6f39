//! Hundreds of slow clients of every kind beside a normal one.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::{
    REQUEST_TIMED_OUT, assert_unchanged_and_serving, build_request, build_request_with_body,
    count_tickets, start_server,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::process::send_signal;
use crate::support::raw::{RawConnection, RawResponse, exchange};
use crate::support::ticket::{JSON, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};
use crate::support::wait::with_timeout;

const SLOW_CLIENTS: usize = 300;

/// Returns an incomplete request, and the path of the expected timeout response.
fn build_partial_request(number: usize) -> (Vec<u8>, Option<&'static str>) {
    let form = format!("Content-Type: {URLENCODED}\r\nContent-Length: 1000\r\n");
    let chunks = format!("Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n");
    match number % 9 {
        0 => (b"POST /api/v2/ti".to_vec(), None),
        1 => (build_request("POST", TICKETS_PATH, "X-Slow: 1")[..100].to_vec(), Some(TICKETS_PATH)),
        2 => (
            format!("POST {ACCOUNTS_PATH} HTTP/1.1\r\nHost: loc").into_bytes(),
            Some(ACCOUNTS_PATH),
        ),
        3 => (
            [&build_request("POST", TICKETS_PATH, &form), &b"title=Slow"[..]].concat(),
            Some(TICKETS_PATH),
        ),
        4 => (build_request("POST", TICKETS_PATH, &chunks), Some(TICKETS_PATH)),
        5 => (
            [&build_request("POST", ACCOUNTS_PATH, &chunks), &b"1\r\n{\r\n"[..]].concat(),
            Some(ACCOUNTS_PATH),
        ),
        _ => (Vec::new(), None),
    }
}

/// Checks that clients with an incomplete head or body get 408, and idle ones no response.
fn assert_slow_client_responses(number: usize, responses: &[RawResponse]) {
    let label = format!("client {number}");
    match (number % 9, responses) {
        (0..6, [response]) => REQUEST_TIMED_OUT.assert_matches(
            &label,
            build_partial_request(number).1.unwrap_or_default(),
            response,
        ),
        (6.., []) => {}
        _ => panic!("{label}: {responses:?}"),
    }
}

#[tokio::test]
async fn client_is_served_beside_hundreds_of_slow_clients() {
    let time = "1s";
    let server =
        start_server(&["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time]);
    let before = super::list_all_tickets(&server.base_url).await;
    let slow_clients = (0..SLOW_CLIENTS).map(async |number| {
        RawConnection::open_and_send(&server.base_url, &build_partial_request(number).0).await
    });
    let slow_clients = join_all(slow_clients).await;
    let remaining = AtomicUsize::new(SLOW_CLIENTS);
    let reads = slow_clients.into_iter().map(async |stream| {
        let responses = stream.read_responses().await;
        remaining.fetch_sub(1, Ordering::Relaxed);
        responses
    });
    let normal = async {
        let mut creations = Vec::new();
        // As long as any slow client is connected, and at least 20 requests.
        while remaining.load(Ordering::Relaxed) > 0 || creations.len() < 20 {
            let bytes = build_request_with_body(
                "POST",
                TICKETS_PATH,
                URLENCODED,
                NEW_TICKET_FORM.as_bytes(),
            );
            let created = exchange(&server.base_url, &bytes).await;
            assert_eq!(created.status, 200, "{created:?}");
            let list = exchange(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
            assert_eq!(list.status, 200, "{list:?}");
            creations.push(created);
        }
        creations.len() as u64
    };
    let (responses_per_client, created_count) = tokio::join!(join_all(reads), normal);
    for (number, responses) in responses_per_client.iter().enumerate() {
        assert_slow_client_responses(number, responses);
    }
    assert_eq!(
        count_tickets(&server.base_url).await,
        1 + created_count,
        "slow clients created no ticket"
    );
    let reset = format!("{ACCOUNTS_PATH}/acme/reset");
    assert_eq!(exchange(&server.base_url, &build_request("POST", &reset, "")).await.status, 204);
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

/// The backlog that every Linux allows; more than libraries request by default.
const BURST_CONNECTIONS: usize = 1_000;

#[tokio::test]
async fn listen_backlog_holds_connection_burst_of_suspended_server() {
    let server = start_server(&["--idle-timeout", "200ms"]);
    send_signal(server.pid(), "-STOP");
    let burst = join_all((0..BURST_CONNECTIONS).map(|_| RawConnection::open(&server.base_url)));
    let burst = with_timeout("all connections", burst).await;
    send_signal(server.pid(), "-CONT");
    // No client sends anything, so the kernel never retries: a lost connection would stay open.
    for responses in join_all(burst.into_iter().map(RawConnection::read_responses)).await {
        assert!(
            responses.is_empty(),
            "idle connections are closed without a response: {responses:?}"
        );
    }
}

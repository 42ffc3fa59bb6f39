//! The connection limit: excess connections get 503 and are closed, and a closed connection frees its slot.

use futures_util::future::join_all;

use super::{
    PATHS, TOO_MANY_CONNECTIONS, build_keep_alive_request, build_multipart_body, build_request,
    build_request_with_body, count_tickets, start_server,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, RawResponse, exchange, exchange_all};
use crate::support::seed::SeededServer;
use crate::support::ticket::{JSON, MULTIPART, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};
use crate::support::wait::poll_for;

const MAX_CONNECTIONS: usize = 3;

/// Starts a server and occupies all of its connections.
async fn start_full_server(flags: &[&str]) -> (SeededServer, Vec<RawConnection>) {
    let server = start_server(&[&["--max-connections", "3"][..], flags].concat());
    let mut all = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = RawConnection::open_and_send(
            &server.base_url,
            &build_keep_alive_request("GET", TICKETS_PATH, ""),
        )
        .await;
        assert_eq!(stream.read_response().await.status, 200);
        all.push(stream);
    }
    (server, all)
}

fn assert_over_capacity(label: &str, path: &str, response: &RawResponse) {
    TOO_MANY_CONNECTIONS.assert_matches(label, path, response);
    assert!(response.head.contains("retry-after: 1"), "{label}: {response:?}");
}

/// Checks that the open connections still get responses.
async fn assert_still_served(all: &mut [RawConnection]) {
    for stream in all {
        stream.send(&build_keep_alive_request("GET", TICKETS_PATH, "")).await;
        let response = stream.read_response().await;
        assert_eq!(response.status, 200, "{response:?}");
    }
}

/// Repeats the request until a connection slot is free.
async fn send_until_accepted(base: &str, bytes: &[u8]) -> RawResponse {
    poll_for("a free connection slot", async || {
        let response = exchange(base, bytes).await;
        (response.status != 503).then_some(response)
    })
    .await
}

#[tokio::test]
async fn excess_connection_gets_503_in_error_format_of_its_path() {
    let (server, mut all) = start_full_server(&[]).await;
    for path in PATHS.into_iter().chain(["/_control/health", "/openapi.json"]) {
        let response = exchange(&server.base_url, &build_request("GET", path, "")).await;
        assert_over_capacity(path, path, &response);
        assert_still_served(&mut all).await;
    }
}

#[tokio::test]
async fn rejected_connection_changes_nothing() {
    let (server, mut all) = start_full_server(&[]).await;
    let large = "x".repeat(200_000);
    for (path, bytes) in [
        (
            TICKETS_PATH,
            build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes()),
        ),
        (
            TICKETS_PATH,
            build_request_with_body(
                "POST",
                TICKETS_PATH,
                MULTIPART,
                &build_multipart_body("note", "x"),
            ),
        ),
        (
            TICKETS_PATH,
            build_request_with_body(
                "POST",
                TICKETS_PATH,
                MULTIPART,
                &build_multipart_body("note", &large),
            ),
        ),
        (ACCOUNTS_PATH, build_request_with_body("POST", ACCOUNTS_PATH, JSON, b"{}")),
    ] {
        for _ in 0..10 {
            let response = exchange(&server.base_url, &bytes).await;
            assert_over_capacity(path, path, &response);
        }
    }
    assert_still_served(&mut all).await;
    drop(all);
    let list = send_until_accepted(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
    assert!(list.body.contains("\"itemTotal\":1"), "{list:?}");
}

#[tokio::test]
async fn closed_connection_frees_its_slot() {
    let (server, mut all) = start_full_server(&[]).await;
    for _ in 0..5 {
        assert_over_capacity(
            "full",
            TICKETS_PATH,
            &exchange(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await,
        );
        all.pop();
        let mut stream = poll_for("a free connection slot", async || {
            let mut stream = RawConnection::open_and_send(
                &server.base_url,
                &build_keep_alive_request("GET", TICKETS_PATH, ""),
            )
            .await;
            (stream.read_response().await.status == 200).then_some(stream)
        })
        .await;
        assert_still_served(std::slice::from_mut(&mut stream)).await;
        all.push(stream);
        assert_still_served(&mut all).await;
    }
}

#[tokio::test]
async fn simultaneous_excess_connections_all_get_503() {
    let (server, mut all) = start_full_server(&[]).await;
    let bytes = [TICKETS_PATH, ACCOUNTS_PATH].map(|path| (path, build_request("GET", path, "")));
    let connections = (0..50).map(async |index| {
        let (path, bytes) = &bytes[index % 2];
        assert_over_capacity(path, path, &exchange(&server.base_url, bytes).await);
    });
    join_all(connections).await;
    assert_still_served(&mut all).await;
}

#[tokio::test]
async fn hundreds_of_excess_connections_get_503_or_are_closed() {
    let (server, mut all) = start_full_server(&[]).await;
    let bytes =
        build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    let connections = (0..400).map(async |_| {
        for response in exchange_all(&server.base_url, &bytes).await {
            assert_over_capacity("one of hundreds", TICKETS_PATH, &response);
        }
    });
    join_all(connections).await;
    assert_still_served(&mut all).await;
    drop(all);
    let list = send_until_accepted(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
    assert!(list.body.contains("\"itemTotal\":1"), "{list:?}");
}

#[tokio::test]
async fn silent_excess_connection_is_closed() {
    let (server, mut all) = start_full_server(&[]).await;
    let connections = (0..20).map(async |index| {
        // No bytes, or too few for a request.
        let bytes = &b"GET /api"[..index % 3 * 4];
        for response in
            RawConnection::open_and_send(&server.base_url, bytes).await.read_responses().await
        {
            assert_eq!(response.status, 503, "{response:?}");
        }
    });
    join_all(connections).await;
    assert_still_served(&mut all).await;
}

#[tokio::test]
async fn timed_out_slow_clients_free_their_slots() {
    let time = "300ms";
    let server = start_server(&[
        "--max-connections",
        "3",
        "--header-timeout",
        time,
        "--body-timeout",
        time,
        "--idle-timeout",
        time,
    ]);
    let body = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    let head = [b"GET /api/v2".to_vec(), build_request("POST", TICKETS_PATH, body), Vec::new()];
    let slow =
        head.iter().map(async |head| RawConnection::open_and_send(&server.base_url, head).await);
    let slow = join_all(slow).await;
    send_until_accepted(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
    drop(slow);
    assert_eq!(
        send_until_accepted(&server.base_url, &build_request("GET", ACCOUNTS_PATH, ""))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn exactly_max_connections_are_accepted() {
    let server = start_server(&["--max-connections", "50"]);
    let connections = (0..50).map(async |_| {
        let mut stream = RawConnection::open_and_send(
            &server.base_url,
            &build_keep_alive_request("GET", TICKETS_PATH, ""),
        )
        .await;
        assert_eq!(stream.read_response().await.status, 200);
        stream
    });
    let mut all = join_all(connections).await;
    assert_over_capacity(
        "the 51st connection",
        TICKETS_PATH,
        &exchange(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await,
    );
    assert_still_served(&mut all).await;
    // A connection that is closed after its response frees its slot.
    let mut last = all.pop().expect("there are open connections");
    last.send(&build_request("GET", TICKETS_PATH, "")).await;
    assert_eq!(last.read_responses().await.len(), 1);
    let accepted = poll_for("a free connection slot", async || {
        let responses =
            exchange_all(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
        (responses[0].status == 200).then_some(())
    });
    accepted.await;
    drop(all);
    send_until_accepted(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
    assert_eq!(count_tickets(&server.base_url).await, 1);
}

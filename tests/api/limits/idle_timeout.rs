//! The idle timeout: an idle connection is closed without a response, but never during a request.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::raw_connection::{
    assert_stays_silent, connect_and_send, read_remaining, read_response, with_timeout,
};
use super::{
    ACCOUNTS_PATH, ITEM_PATH, JSON, LIST_PATH, URLENCODED, assert_unchanged_and_serving,
    build_keep_alive_request, build_request, build_request_with_body, count_tickets,
    list_all_tickets, send_request, start_server,
};
use crate::support::seed::SeededServer;
use crate::support::ticket::NEW_TICKET_FORM;

/// Longer than all timeouts of the servers in these tests.
const LONGER_THAN_TIMEOUTS: &str = "1500ms";
const LONGER_THAN_TIMEOUTS_DURATION: Duration = Duration::from_millis(1_500);

/// Starts a server with short timeouts.
fn start_server_with_short_timeouts() -> SeededServer {
    start_server(&[
        "--idle-timeout",
        "200ms",
        "--header-timeout",
        "200ms",
        "--body-timeout",
        "200ms",
        "--send-timeout",
        "200ms",
        "--operation-timeout",
        "1s",
    ])
}

fn account_path(rest: &str) -> String {
    format!("{ACCOUNTS_PATH}/acme/{rest}")
}

async fn add_fault(server: &SeededServer, rule: &Value) {
    let bytes =
        build_request_with_body("POST", &account_path("faults"), JSON, rule.to_string().as_bytes());
    let created = send_request("a fault", &server.base_url, &bytes).await;
    assert_eq!(created.status, 201, "{rule}: {created:?}");
}

#[tokio::test]
async fn idle_connection_is_closed_without_response() {
    let server = start_server(&["--idle-timeout", "200ms"]);
    let before = list_all_tickets(&server.base_url).await;
    let all = (0..30).map(async |index| {
        let requests = index % 3;
        let mut stream = connect_and_send(&server.base_url, b"").await;
        for _ in 0..requests {
            tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                &build_keep_alive_request("GET", LIST_PATH, ""),
            )
            .await
            .expect("the connection is open");
            assert_eq!(read_response(&mut stream).await.status, 200);
        }
        let mut received = Vec::new();
        let result =
            with_timeout("the end of the connection", stream.read_to_end(&mut received)).await;
        assert_eq!(
            result.expect("the connection is closed cleanly"),
            0,
            "after {requests}: {received:?}"
        );
    });
    join_all(all).await;
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn connection_becomes_idle_after_unread_body_is_discarded() {
    let server = start_server_with_short_timeouts();
    let path = "/api/v2/nothing";
    let mut stream = connect_and_send(
        &server.base_url,
        &build_keep_alive_request("POST", path, "Content-Length: 9\r\n"),
    )
    .await;
    // The body arrives after the response is ready; the response waits for the body.
    assert_stays_silent("the response waits for the body", &stream, Duration::from_millis(50))
        .await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"unread=me")
        .await
        .expect("the connection is open");
    assert_eq!(read_response(&mut stream).await.status, 404);
    let mut received = Vec::new();
    let result = with_timeout("the end of the connection", stream.read_to_end(&mut received)).await;
    assert_eq!(
        result.expect("the connection is closed cleanly"),
        0,
        "{}",
        String::from_utf8_lossy(&received)
    );
}

#[tokio::test]
async fn connection_in_use_outlives_idle_timeout() {
    let server = start_server(&["--idle-timeout", "1s"]);
    let mut stream = connect_and_send(&server.base_url, b"").await;
    // Longer than the idle timeout in total.
    for _ in 0..6 {
        assert_stays_silent("a pause", &stream, Duration::from_millis(250)).await;
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            &build_keep_alive_request("GET", LIST_PATH, ""),
        )
        .await
        .expect("the connection is open");
        assert_eq!(read_response(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn wait_request_is_not_cut_short_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    for query in ["operation=ticket.delete", "ticket=7&status=closed"] {
        let path = account_path(&format!("wait?{query}&timeout={LONGER_THAN_TIMEOUTS}"));
        let response =
            send_request(query, &server.base_url, &build_request("GET", &path, "")).await;
        assert_eq!(response.status, 409, "{query}: {response:?}");
        assert!(response.body.contains("/docs/control#wait-timeout"), "{query}: {response:?}");
    }
}

/// Reads until the text has been received.
async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains(text) {
        let mut buffer = [0; 4096];
        let count =
            with_timeout(text, stream.read(&mut buffer)).await.expect("the connection is open");
        assert!(
            count > 0,
            "the connection was closed before {text:?}: {:?}",
            String::from_utf8_lossy(&received)
        );
        received.extend(&buffer[..count]);
    }
}

#[tokio::test]
async fn quiet_event_stream_is_not_closed_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    let path = account_path("requests/stream");
    let mut stream =
        connect_and_send(&server.base_url, &build_keep_alive_request("GET", &path, "")).await;
    read_until(&mut stream, "\r\n\r\n").await;
    let path =
        account_path(&format!("wait?operation=ticket.delete&timeout={LONGER_THAN_TIMEOUTS}"));
    let response = send_request("a wait", &server.base_url, &build_request("GET", &path, "")).await;
    assert_eq!(response.status, 409, "{response:?}");
    let request =
        build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    assert_eq!(send_request("a ticket", &server.base_url, &request).await.status, 200);
    read_until(&mut stream, "ticket.create").await;
}

#[tokio::test]
async fn delay_fault_is_not_cut_short_by_server_timeouts() {
    for when in ["before", "after"] {
        let server = start_server_with_short_timeouts();
        add_fault(&server, &json!({ "effect": { "delay": LONGER_THAN_TIMEOUTS, "when": when } }))
            .await;
        let bytes =
            build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
        let read_request = build_request("GET", ITEM_PATH, "");
        let (created, read) = tokio::join!(
            send_request("a ticket", &server.base_url, &bytes),
            send_request("read", &server.base_url, &read_request)
        );
        assert_eq!((created.status, read.status), (200, 200), "{when}: {created:?}, {read:?}");
        let cleared = send_request(
            "clearing the faults",
            &server.base_url,
            &build_request("DELETE", &account_path("faults"), ""),
        )
        .await;
        assert_eq!(cleared.status, 204);
        assert_eq!(count_tickets(&server.base_url).await, 2, "{when}");
    }
}

#[tokio::test]
async fn hang_fault_is_not_cut_short_by_server_timeouts() {
    for effect in [json!({ "hang": "30s" }), json!({ "drop_response": "hang" })] {
        let server = start_server_with_short_timeouts();
        add_fault(&server, &json!({ "effect": effect })).await;
        let bytes =
            build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
        let stream = connect_and_send(&server.base_url, &bytes).await;
        assert_stays_silent(&effect.to_string(), &stream, LONGER_THAN_TIMEOUTS_DURATION).await;
        let reset = send_request(
            "a reset",
            &server.base_url,
            &build_request("POST", &account_path("reset"), ""),
        )
        .await;
        assert_eq!(reset.status, 204, "{reset:?}");
        drop(stream);
        assert_eq!(count_tickets(&server.base_url).await, 1, "{effect}");
    }
}

#[tokio::test]
async fn dribbled_response_completes_despite_server_timeouts() {
    let server = start_server_with_short_timeouts();
    let dribble = json!({ "operation": "ticket.create", "effect": { "dribble": "30ms" } });
    add_fault(&server, &dribble).await;
    let bytes = build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    let responses = read_remaining(connect_and_send(&server.base_url, &bytes).await).await;
    assert_eq!(responses.len(), 1, "{responses:?}");
    assert!(responses[0].body.ends_with('}'), "the body is complete: {responses:?}");
}

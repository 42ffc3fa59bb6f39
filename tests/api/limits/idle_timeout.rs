//! Connections on which nobody asks for anything: closed in silence after a while, but never while a request runs.

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
use crate::fixtures::{NEW_TICKET_FORM, SeededServer};

/// Longer than every time that the servers here give their clients.
const LONGER_THAN_TIMEOUTS: &str = "1500ms";
const LONGER_THAN_TIMEOUTS_DURATION: Duration = Duration::from_millis(1_500);

/// A server that has little patience for anything.
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
        "--answer-timeout",
        "1s",
    ])
}

fn account_path(rest: &str) -> String {
    format!("{ACCOUNTS_PATH}/acme/{rest}")
}

async fn add_fault(server: &SeededServer, rule: &Value) {
    let bytes =
        build_request_with_body("POST", &account_path("faults"), JSON, rule.to_string().as_bytes());
    let made = send_request("a fault", &server.base_url, &bytes).await;
    assert_eq!(made.status, 201, "{rule}: {made:?}");
}

#[tokio::test]
async fn idle_connection_is_closed_without_response() {
    let server = start_server(&["--idle-timeout", "200ms"]);
    let before = list_all_tickets(&server.base_url).await;
    let all = (0..30).map(async |at| {
        let requests = at % 3;
        let mut stream = connect_and_send(&server.base_url, b"").await;
        for _ in 0..requests {
            tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                &build_keep_alive_request("GET", LIST_PATH, ""),
            )
            .await
            .expect("it is open");
            assert_eq!(read_response(&mut stream).await.status, 200);
        }
        let mut last = Vec::new();
        let ended = with_timeout("the end", stream.read_to_end(&mut last)).await;
        assert_eq!(ended.expect("it is closed in order"), 0, "after {requests}: {last:?}");
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
    // It comes when the answer is there and waits for it.
    assert_stays_silent("the answer waits for the body", &stream, Duration::from_millis(50)).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"unread=me").await.expect("it is open");
    assert_eq!(read_response(&mut stream).await.status, 404);
    let mut last = Vec::new();
    let ended = with_timeout("the end", stream.read_to_end(&mut last)).await;
    assert_eq!(ended.expect("it is closed in order"), 0, "{}", String::from_utf8_lossy(&last));
}

#[tokio::test]
async fn connection_in_use_outlives_idle_timeout() {
    let server = start_server(&["--idle-timeout", "1s"]);
    let mut stream = connect_and_send(&server.base_url, b"").await;
    // In all for longer than one that is idle may be there.
    for _ in 0..6 {
        assert_stays_silent("a pause", &stream, Duration::from_millis(250)).await;
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            &build_keep_alive_request("GET", LIST_PATH, ""),
        )
        .await
        .expect("it is open");
        assert_eq!(read_response(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn wait_request_is_not_cut_short_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    for wanted in ["operation=ticket.delete", "ticket=7&status=closed"] {
        let path = account_path(&format!("wait?{wanted}&timeout={LONGER_THAN_TIMEOUTS}"));
        let answer = send_request(wanted, &server.base_url, &build_request("GET", &path, "")).await;
        assert_eq!(answer.status, 409, "{wanted}: {answer:?}");
        assert!(answer.body.contains("/docs/control#wait-over"), "{wanted}: {answer:?}");
    }
}

/// Reads until the text has come.
async fn read_until(stream: &mut TcpStream, text: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(text) {
        let mut some = [0; 4096];
        let count = with_timeout(text, stream.read(&mut some)).await.expect("it is open");
        assert!(count > 0, "{text} comes: {:?}", String::from_utf8_lossy(&heard));
        heard.extend(&some[..count]);
    }
}

#[tokio::test]
async fn quiet_event_stream_is_not_closed_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    let path = account_path("requests/stream");
    let mut stream =
        connect_and_send(&server.base_url, &build_keep_alive_request("GET", &path, "")).await;
    read_until(&mut stream, "\r\n\r\n").await;
    let wait =
        account_path(&format!("wait?operation=ticket.delete&timeout={LONGER_THAN_TIMEOUTS}"));
    let wait = send_request("a wait", &server.base_url, &build_request("GET", &wait, "")).await;
    assert_eq!(wait.status, 409, "{wait:?}");
    let made = build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    assert_eq!(send_request("a ticket", &server.base_url, &made).await.status, 200);
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
        let read = build_request("GET", ITEM_PATH, "");
        let (made, read) = tokio::join!(
            send_request("a ticket", &server.base_url, &bytes),
            send_request("read", &server.base_url, &read)
        );
        assert_eq!((made.status, read.status), (200, 200), "{when}: {made:?}, {read:?}");
        let calm = send_request(
            "calm",
            &server.base_url,
            &build_request("DELETE", &account_path("faults"), ""),
        )
        .await;
        assert_eq!(calm.status, 204);
        assert_eq!(count_tickets(&server.base_url).await, 2, "{when}");
    }
}

#[tokio::test]
async fn hang_fault_is_not_cut_short_by_server_timeouts() {
    for effect in [json!({ "hang": "30s" }), json!({ "lose_answer": "hang" })] {
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
    let drip = json!({ "operation": "ticket.create", "effect": { "drip": "30ms" } });
    add_fault(&server, &drip).await;
    let bytes = build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    let answers = read_remaining(connect_and_send(&server.base_url, &bytes).await).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].body.ends_with('}'), "it is whole: {answers:?}");
}

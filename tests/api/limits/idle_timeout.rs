//! The idle timeout: an idle connection is closed without a response, but never during a request.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::account_path;
use super::{
    ITEM_PATH, assert_unchanged_and_serving, build_keep_alive_request, build_request,
    build_request_with_body, count_tickets, list_all_tickets, start_server,
};
use crate::support::raw::{RawConnection, exchange};
use crate::support::seed::SeededServer;
use crate::support::ticket::{JSON, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};

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

async fn add_fault(server: &SeededServer, rule: &Value) {
    let bytes =
        build_request_with_body("POST", &account_path("faults"), JSON, rule.to_string().as_bytes());
    let created = exchange(&server.base_url, &bytes).await;
    assert_eq!(created.status, 201, "{rule}: {created:?}");
}

#[tokio::test]
async fn idle_connection_is_closed_without_response() {
    let server = start_server(&["--idle-timeout", "200ms"]);
    let before = list_all_tickets(&server.base_url).await;
    let all = (0..30).map(async |index| {
        let requests = index % 3;
        let mut stream = RawConnection::open(&server.base_url).await;
        for _ in 0..requests {
            stream.send(&build_keep_alive_request("GET", TICKETS_PATH, "")).await;
            assert_eq!(stream.read_response().await.status, 200);
        }
        let transcript = stream.read_to_end().await;
        let is_clean = transcript.is_empty() && transcript.read_error.is_none();
        assert!(is_clean, "after {requests}: {transcript:?}");
    });
    join_all(all).await;
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn connection_becomes_idle_after_unread_body_is_discarded() {
    let server = start_server_with_short_timeouts();
    let path = "/api/v2/nothing";
    let mut stream = RawConnection::open_and_send(
        &server.base_url,
        &build_keep_alive_request("POST", path, "Content-Length: 9\r\n"),
    )
    .await;
    // The body arrives after the response is ready; the response waits for the body.
    stream.assert_silent("the response waits for the body", Duration::from_millis(50)).await;
    stream.send(b"unread=me").await;
    assert_eq!(stream.read_response().await.status, 404);
    let transcript = stream.read_to_end().await;
    assert!(transcript.is_empty() && transcript.read_error.is_none(), "{transcript:?}");
}

#[tokio::test]
async fn connection_in_use_outlives_idle_timeout() {
    let server = start_server(&["--idle-timeout", "1s"]);
    let mut stream = RawConnection::open(&server.base_url).await;
    // Longer than the idle timeout in total.
    for _ in 0..6 {
        stream.assert_silent("a pause", Duration::from_millis(250)).await;
        stream.send(&build_keep_alive_request("GET", TICKETS_PATH, "")).await;
        assert_eq!(stream.read_response().await.status, 200);
    }
}

#[tokio::test]
async fn wait_request_is_not_cut_short_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    for query in ["operation=ticket.delete", "ticket=7&status=closed"] {
        let path = account_path(&format!("wait?{query}&timeout={LONGER_THAN_TIMEOUTS}"));
        let response = exchange(&server.base_url, &build_request("GET", &path, "")).await;
        assert_eq!(response.status, 409, "{query}: {response:?}");
        assert!(response.body.contains("/docs/control#wait-timeout"), "{query}: {response:?}");
    }
}

#[tokio::test]
async fn quiet_event_stream_is_not_closed_by_server_timeouts() {
    let server = start_server_with_short_timeouts();
    let path = account_path("requests/stream");
    let mut stream =
        RawConnection::open_and_send(&server.base_url, &build_keep_alive_request("GET", &path, ""))
            .await;
    stream.read_until("\r\n\r\n").await;
    let path =
        account_path(&format!("wait?operation=ticket.delete&timeout={LONGER_THAN_TIMEOUTS}"));
    let response = exchange(&server.base_url, &build_request("GET", &path, "")).await;
    assert_eq!(response.status, 409, "{response:?}");
    let request =
        build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    assert_eq!(exchange(&server.base_url, &request).await.status, 200);
    stream.read_until("ticket.create").await;
}

#[tokio::test]
async fn delay_fault_is_not_cut_short_by_server_timeouts() {
    for when in ["before", "after"] {
        let server = start_server_with_short_timeouts();
        add_fault(&server, &json!({ "effect": { "delay": LONGER_THAN_TIMEOUTS, "when": when } }))
            .await;
        let bytes =
            build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
        let read_request = build_request("GET", ITEM_PATH, "");
        let (created, read) = tokio::join!(
            exchange(&server.base_url, &bytes),
            exchange(&server.base_url, &read_request)
        );
        assert_eq!((created.status, read.status), (200, 200), "{when}: {created:?}, {read:?}");
        let cleared =
            exchange(&server.base_url, &build_request("DELETE", &account_path("faults"), "")).await;
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
            build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
        let stream = RawConnection::open_and_send(&server.base_url, &bytes).await;
        stream.assert_silent(&effect.to_string(), LONGER_THAN_TIMEOUTS_DURATION).await;
        let reset =
            exchange(&server.base_url, &build_request("POST", &account_path("reset"), "")).await;
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
    let bytes =
        build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes());
    let responses =
        RawConnection::open_and_send(&server.base_url, &bytes).await.read_responses().await;
    assert_eq!(responses.len(), 1, "{responses:?}");
    assert!(responses[0].body.ends_with('}'), "the body is complete: {responses:?}");
}

//! The send timeout: a response that the client does not read is aborted.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ITEM_PATH, build_keep_alive_request, build_request};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, exchange};
use crate::support::seed::{SeededServer, acme_seed, serve_seed_with_args, ticket_fixture};
use crate::support::ticket::TICKETS_PATH;
use crate::support::wait::poll_for;

/// Notes of the ticket, each of the maximum length: together far more than the socket buffers hold.
const NOTE_COUNT: usize = 1_400;

/// Starts a server whose ticket 7 has a large timeline.
fn start_server_with_large_ticket(flags: &[&str]) -> SeededServer {
    let text = "\u{1f5a8}".repeat(1_000);
    let note = |id: usize| json!({ "type": "note", "id": id.to_string(), "content": text, "created_at": "2026-02-01 09:00:00" });
    let mut ticket = ticket_fixture(7);
    ticket["timeline"] = (1..=NOTE_COUNT).map(note).collect::<Vec<Value>>().into();
    serve_seed_with_args(&acme_seed([ticket]), &[&["--ephemeral"][..], flags].concat())
}

/// Sends the requests and reads only the first bytes of the response.
async fn open_stalled_connection(base: &str, request: &[u8]) -> RawConnection {
    poll_for("a free connection slot", async || {
        let mut stream = RawConnection::open_with_small_receive_buffer(base).await;
        stream.send(request).await;
        // A rejected connection may be closed before the 503 arrives.
        stream.starts_with(b"HTTP/1.1 200").await.then_some(stream)
    })
    .await
}

/// Repeats a request on new connections until one is accepted; returns the number of rejections.
async fn count_rejections_until_accepted(base: &str) -> usize {
    let mut rejections = 0;
    let request = build_request("GET", &format!("{TICKETS_PATH}?itemLimit=1"), "");
    let accepted =
        poll_for("a free connection slot", async || match exchange(base, &request).await.status {
            200 => Some(()),
            status => {
                assert_eq!(status, 503);
                rejections += 1;
                None
            }
        });
    accepted.await;
    rejections
}

#[tokio::test]
async fn unread_large_response_is_aborted_by_send_timeout() {
    let server =
        start_server_with_large_ticket(&["--send-timeout", "300ms", "--max-connections", "1"]);
    for count in [1, 20] {
        let stream = open_stalled_connection(
            &server.base_url,
            &build_keep_alive_request("GET", ITEM_PATH, "").repeat(count),
        )
        .await;
        // The stalled connection occupies the only slot until the send timeout.
        assert!(count_rejections_until_accepted(&server.base_url).await > 0, "{count}");
        let received = stream.read_to_end().await.bytes;
        assert!(
            received.len() < NOTE_COUNT * 4_000,
            "{count}: the response is truncated: {} bytes",
            received.len()
        );
    }
    let complete = poll_for("a free connection slot", async || {
        let response = exchange(&server.base_url, &build_request("GET", ITEM_PATH, "")).await;
        (response.status == 200).then_some(response)
    });
    assert!(complete.await.body.len() > NOTE_COUNT * 4_000);
}

/// Reads to the end, slowly: in total much longer than any timeout of the server.
async fn read_slowly(mut stream: RawConnection) -> Vec<u8> {
    let (mut received, mut buffer) = (Vec::new(), vec![0; 1024 * 1024]);
    loop {
        match stream.read(&mut buffer).await {
            0 => return received,
            count => received.extend_from_slice(&buffer[..count]),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test]
async fn slowly_read_large_response_arrives_complete() {
    let time = "400ms";
    let flags = ["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time];
    let server = start_server_with_large_ticket(&[&flags[..], &["--send-timeout", "2s"]].concat());
    // A pipelined request waits behind the large response.
    let requests =
        [build_keep_alive_request("GET", ITEM_PATH, ""), build_request("GET", "/docs", "")]
            .concat();
    let received =
        read_slowly(RawConnection::open_and_send(&server.base_url, &requests).await).await;
    assert!(
        received.len() > NOTE_COUNT * 4_000,
        "the response is complete: {} bytes",
        received.len()
    );
    let response_count = received.windows(9).filter(|part| part == b"HTTP/1.1 ").count();
    assert_eq!(response_count, 2);
}

#[tokio::test]
async fn unread_event_stream_is_aborted_by_send_timeout() {
    let server = super::start_server(&["--send-timeout", "300ms", "--max-connections", "2"]);
    let path = format!("{ACCOUNTS_PATH}/acme/requests/stream");
    let _stalled =
        open_stalled_connection(&server.base_url, &build_keep_alive_request("GET", &path, ""))
            .await;
    let mut active = RawConnection::open(&server.base_url).await;
    let filler = "x".repeat(60_000);
    let requests =
        build_keep_alive_request("GET", &format!("{TICKETS_PATH}?x={filler}"), "").repeat(20);
    poll_for("the stream to be aborted", async || {
        active.send(&requests).await;
        for _ in 0..20 {
            assert_eq!(active.read_response().await.status, 200);
        }
        let response = exchange(&server.base_url, &build_request("GET", TICKETS_PATH, "")).await;
        (response.status == 200).then_some(())
    })
    .await;
}

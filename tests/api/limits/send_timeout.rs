//! The send timeout: a response that the client does not read is aborted.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::raw_connection::{connect_and_send, poll_until, read_response, sleep, with_timeout};
use super::{
    ACCOUNTS_PATH, ITEM_PATH, LIST_PATH, build_keep_alive_request, build_request, send_request,
};
use crate::support::seed::{SeededServer, acme_seed, serve_seed_with_args, ticket_fixture};

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

/// Connects with a small receive buffer.
async fn connect_with_small_receive_buffer(base: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("the socket is created");
    socket.set_recv_buffer_size(4096).expect("the buffer size is set");
    let address = base.strip_prefix("http://").expect("the URL is http");
    socket
        .connect(address.parse().expect("the address is valid"))
        .await
        .expect("the server accepts")
}

/// Sends the requests and reads only the first bytes of the response.
async fn open_stalled_connection(base: &str, request: &[u8]) -> TcpStream {
    poll_until("a free connection slot", async || {
        let mut stream = connect_with_small_receive_buffer(base).await;
        stream.write_all(request).await.expect("the request is sent");
        let mut head = [0; 12];
        // A rejected connection may be closed before the 503 arrives.
        let has_status = stream.read_exact(&mut head).await.is_ok();
        (has_status && head == *b"HTTP/1.1 200").then_some(stream)
    })
    .await
}

/// Repeats a request on new connections until one is accepted; returns the number of rejections.
async fn count_rejections_until_accepted(base: &str) -> usize {
    let mut rejections = 0;
    let request = build_request("GET", &format!("{LIST_PATH}?itemLimit=1"), "");
    let accepted = poll_until("a free connection slot", async || {
        match send_request("a list", base, &request).await.status {
            200 => Some(()),
            status => {
                assert_eq!(status, 503);
                rejections += 1;
                None
            }
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
        let mut stream = open_stalled_connection(
            &server.base_url,
            &build_keep_alive_request("GET", ITEM_PATH, "").repeat(count),
        )
        .await;
        // The stalled connection occupies the only slot until the send timeout.
        assert!(count_rejections_until_accepted(&server.base_url).await > 0, "{count}");
        let mut received = Vec::new();
        let _ = with_timeout("the end of the connection", stream.read_to_end(&mut received)).await;
        assert!(
            received.len() < NOTE_COUNT * 4_000,
            "{count}: the response is truncated: {} bytes",
            received.len()
        );
    }
    let complete = poll_until("a free connection slot", async || {
        let response = send_request(
            "the complete ticket",
            &server.base_url,
            &build_request("GET", ITEM_PATH, ""),
        )
        .await;
        (response.status == 200).then_some(response)
    });
    assert!(complete.await.body.len() > NOTE_COUNT * 4_000);
}

/// Reads to the end, slowly: in total much longer than any timeout of the server.
async fn read_slowly(mut stream: TcpStream) -> Vec<u8> {
    let (mut received, mut buffer) = (Vec::new(), vec![0; 1024 * 1024]);
    loop {
        match with_timeout("the next bytes", stream.read(&mut buffer))
            .await
            .expect("the connection is open")
        {
            0 => return received,
            count => received.extend_from_slice(&buffer[..count]),
        }
        sleep(Duration::from_millis(25)).await;
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
    let received = read_slowly(connect_and_send(&server.base_url, &requests).await).await;
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
    let mut active = connect_and_send(&server.base_url, b"").await;
    let filler = "x".repeat(60_000);
    let requests =
        build_keep_alive_request("GET", &format!("{LIST_PATH}?x={filler}"), "").repeat(20);
    poll_until("the stream to be aborted", async || {
        active.write_all(&requests).await.expect("the connection is open");
        for _ in 0..20 {
            assert_eq!(read_response(&mut active).await.status, 200);
        }
        let response = send_request(
            "another connection",
            &server.base_url,
            &build_request("GET", LIST_PATH, ""),
        )
        .await;
        (response.status == 200).then_some(())
    })
    .await;
}

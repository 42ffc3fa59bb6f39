//! Clients that ask for much and do not read it: an answer of which nothing can be sent is given up after a while.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::raw_connection::{connect_and_send, poll_until, read_response, sleep, with_timeout};
use super::{
    ACCOUNTS_PATH, ITEM_PATH, LIST_PATH, build_keep_alive_request, build_request, send_request,
};
use crate::fixtures::{SeededServer, acme_seed, serve_seed_with_args, ticket_fixture};

/// Notes of the ticket, each as long as one can be: together far more than the buffers of a connection hold.
const NOTE_COUNT: usize = 1_400;

/// A server whose ticket 7 is a long story.
fn start_server_with_large_ticket(flags: &[&str]) -> SeededServer {
    let text = "\u{1f5a8}".repeat(1_000);
    let note = |id: usize| json!({ "type": "note", "id": id.to_string(), "content": text, "created_at": "2026-02-01 09:00:00" });
    let mut ticket = ticket_fixture(7);
    ticket["timeline"] = (1..=NOTE_COUNT).map(note).collect::<Vec<Value>>().into();
    serve_seed_with_args(&acme_seed([ticket]), &[&["--ephemeral"][..], flags].concat())
}

/// A connection with little room for what has not been read.
async fn connect_with_small_receive_buffer(base: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let address = base.strip_prefix("http://").expect("a plain address");
    socket.connect(address.parse().expect("an address")).await.expect("the server accepts")
}

/// A connection over which this has been asked, and of whose answers only the first bytes are read.
async fn open_stalled_connection(base: &str, request: &[u8]) -> TcpStream {
    poll_until("a place", async || {
        let mut stream = connect_with_small_receive_buffer(base).await;
        stream.write_all(request).await.expect("it is sent");
        let mut head = [0; 12];
        // One that finds no place may be closed before it is told so.
        let is_told = stream.read_exact(&mut head).await.is_ok();
        (is_told && head == *b"HTTP/1.1 200").then_some(stream)
    })
    .await
}

/// Asks on a connection of its own until there is a place for it, and gives how often there was none.
async fn count_rejections_until_accepted(base: &str) -> usize {
    let mut refused = 0;
    let asked = build_request("GET", &format!("{LIST_PATH}?itemLimit=1"), "");
    let let_in =
        poll_until("a place", async || match send_request("a place", base, &asked).await.status {
            200 => Some(()),
            status => {
                assert_eq!(status, 503);
                refused += 1;
                None
            }
        });
    let_in.await;
    refused
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
        // It has the only place for as long as the server tries.
        assert!(count_rejections_until_accepted(&server.base_url).await > 0, "{count}");
        let mut read = Vec::new();
        let _ = with_timeout("the end", stream.read_to_end(&mut read)).await;
        assert!(read.len() < NOTE_COUNT * 4_000, "{count}: it is not whole: {} bytes", read.len());
    }
    let whole = poll_until("the place is free", async || {
        let answer =
            send_request("the whole", &server.base_url, &build_request("GET", ITEM_PATH, "")).await;
        (answer.status == 200).then_some(answer)
    });
    assert!(whole.await.body.len() > NOTE_COUNT * 4_000);
}

/// Reads to the end, slowly: in all for much longer than any of the server's times.
async fn read_slowly(mut stream: TcpStream) -> Vec<u8> {
    let (mut read, mut part) = (Vec::new(), vec![0; 1024 * 1024]);
    loop {
        match with_timeout("a part", stream.read(&mut part)).await.expect("it is open") {
            0 => return read,
            count => read.extend_from_slice(&part[..count]),
        }
        sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test]
async fn slowly_read_large_response_arrives_complete() {
    let time = "400ms";
    let flags = ["--header-timeout", time, "--body-timeout", time, "--idle-timeout", time];
    let server = start_server_with_large_ticket(&[&flags[..], &["--send-timeout", "2s"]].concat());
    // Another request waits behind it.
    let asked = [build_keep_alive_request("GET", ITEM_PATH, ""), build_request("GET", "/docs", "")]
        .concat();
    let read = read_slowly(connect_and_send(&server.base_url, &asked).await).await;
    assert!(read.len() > NOTE_COUNT * 4_000, "it is whole: {} bytes", read.len());
    let answers = read.windows(9).filter(|part| part == b"HTTP/1.1 ").count();
    assert_eq!(answers, 2);
}

#[tokio::test]
async fn unread_event_stream_is_aborted_by_send_timeout() {
    let server = super::start_server(&["--send-timeout", "300ms", "--max-connections", "2"]);
    let path = format!("{ACCOUNTS_PATH}/acme/requests/stream");
    let _stalled =
        open_stalled_connection(&server.base_url, &build_keep_alive_request("GET", &path, ""))
            .await;
    let mut busy = connect_and_send(&server.base_url, b"").await;
    let filler = "x".repeat(60_000);
    let asked = build_keep_alive_request("GET", &format!("{LIST_PATH}?x={filler}"), "").repeat(20);
    poll_until("the stream is given up", async || {
        busy.write_all(&asked).await.expect("it is open");
        for _ in 0..20 {
            assert_eq!(read_response(&mut busy).await.status, 200);
        }
        let other =
            send_request("another", &server.base_url, &build_request("GET", LIST_PATH, "")).await;
        (other.status == 200).then_some(())
    })
    .await;
}

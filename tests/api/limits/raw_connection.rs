//! Raw connections: sends bytes and parses everything that comes back as responses.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::raw::{RawResponse, connect};

/// Longer than anything here takes, so that a stuck server fails the test instead of blocking it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The pause of a slow client after each byte.
const BYTE_PAUSE: Duration = Duration::from_millis(5);

/// Waits for a future with a timeout.
pub(super) async fn with_timeout<T>(label: &str, future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out waiting for {label}"))
}

/// Polls until there is a result.
pub(super) async fn poll_until<T>(label: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(result) = poll().await {
                return result;
            }
        }
    };
    with_timeout(label, polling).await
}

/// Opens a connection and sends the bytes.
pub(super) async fn connect_and_send(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the bytes are sent");
    stream
}

/// Sends the bytes on a new connection and returns all responses until it is closed.
pub(super) async fn send_and_read_all(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    let mut stream = connect(base).await;
    let (mut reader, mut writer) = stream.split();
    let send = async {
        // The server may respond and stop reading before it has received everything.
        let _ = writer.write_all(bytes).await;
    };
    let receive = async {
        let mut received = Vec::new();
        // The bytes before a connection error count.
        let _ = reader.read_to_end(&mut received).await;
        received
    };
    let (received, ()) =
        with_timeout("the end of the connection", async { tokio::join!(receive, send) }).await;
    parse_responses(&received)
}

/// Sends the bytes on a new connection and returns the only response.
pub(super) async fn send_request(label: &str, base: &str, bytes: &[u8]) -> RawResponse {
    expect_single_response(label, send_and_read_all(base, bytes).await)
}

/// Returns the only response.
pub(super) fn expect_single_response(label: &str, mut responses: Vec<RawResponse>) -> RawResponse {
    assert_eq!(responses.len(), 1, "{label}: expected one response: {responses:?}");
    responses.remove(0)
}

/// Returns all responses until the connection is closed.
pub(super) async fn read_remaining(mut stream: TcpStream) -> Vec<RawResponse> {
    let mut received = Vec::new();
    let _ = with_timeout("the end of the connection", stream.read_to_end(&mut received)).await;
    parse_responses(&received)
}

/// Returns the next response on an open connection.
pub(super) async fn read_response(stream: &mut TcpStream) -> RawResponse {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        received.push(
            with_timeout("a response head", stream.read_u8())
                .await
                .expect("the connection is open"),
        );
    }
    let start = received.len();
    received.resize(start + content_length(&String::from_utf8_lossy(&received)), 0);
    with_timeout("a response body", stream.read_exact(&mut received[start..]))
        .await
        .expect("the connection is open");
    expect_single_response("the next response", parse_responses(&received))
}

/// Sends the bytes one by one with a pause after each, until the server responds or there are no more; returns all
/// responses until the connection is closed.
pub(super) async fn send_byte_by_byte(
    mut stream: TcpStream,
    bytes: impl IntoIterator<Item = u8>,
) -> Vec<RawResponse> {
    let send = async {
        for byte in bytes {
            if stream.write_all(&[byte]).await.is_err() || has_incoming_data(&stream).await {
                return;
            }
        }
    };
    with_timeout("a response to a slow request", send).await;
    read_remaining(stream).await
}

/// Returns whether data or the end of the connection arrives during the pause.
async fn has_incoming_data(stream: &TcpStream) -> bool {
    timeout(BYTE_PAUSE, stream.peek(&mut [0])).await.is_ok()
}

/// Sleeps as a slow client; no test waits for the server this way.
pub(super) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Checks that the server sends nothing and keeps the connection open for this time.
pub(super) async fn assert_stays_silent(label: &str, stream: &TcpStream, time: Duration) {
    let result = timeout(time, stream.peek(&mut [0])).await;
    assert!(result.is_err(), "{label}: expected silence on an open connection: {result:?}");
}

fn parse_responses(mut bytes: &[u8]) -> Vec<RawResponse> {
    let mut responses = Vec::new();
    while !bytes.is_empty() {
        let text = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("a response without a head: {text:?}")) + 4;
        let head = String::from_utf8_lossy(&bytes[..end - 4]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("a response without a status: {text:?}"));
        let response_end = end + content_length(&head);
        let body = bytes
            .get(end..response_end)
            .unwrap_or_else(|| panic!("a truncated response: {text:?}"));
        let body = String::from_utf8(body.to_vec()).expect("the body is UTF-8");
        // Skips interim responses (1xx).
        if status >= 200 {
            responses.push(RawResponse { status, head, body });
        }
        bytes = &bytes[response_end..];
    }
    responses
}

fn content_length(head: &str) -> usize {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().expect("Content-Length is a number"))
}

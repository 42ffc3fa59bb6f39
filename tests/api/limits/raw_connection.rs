//! Conversations on raw connections: everything that came back until they ended, as answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::raw_http::{RawResponse, connect};

/// Longer than anything here takes, so that a server that hangs fails its test instead of holding it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// A slow client's pause after each byte.
const BYTE_PAUSE: Duration = Duration::from_millis(5);

/// Waits for something that must come.
pub(super) async fn with_timeout<T>(what: &str, coming: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, coming).await.unwrap_or_else(|_| panic!("it does not come: {what}"))
}

/// Tries again and again until something is there.
pub(super) async fn poll_until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = poll().await {
                return found;
            }
        }
    };
    with_timeout(what, found).await
}

/// Opens a connection and sends the bytes.
pub(super) async fn connect_and_send(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the server takes it");
    stream
}

/// Sends the bytes on a connection of their own, and gives all answers until it ends.
pub(super) async fn send_and_read_all(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    let mut stream = connect(base).await;
    let (mut reader, mut writer) = stream.split();
    let sent = async {
        // A server may answer and stop reading before it has everything.
        let _ = writer.write_all(bytes).await;
    };
    let heard = async {
        let mut heard = Vec::new();
        // What came before a break counts.
        let _ = reader.read_to_end(&mut heard).await;
        heard
    };
    let (heard, ()) = with_timeout("the end", async { tokio::join!(heard, sent) }).await;
    parse_responses(&heard)
}

/// The same where one answer is all that comes.
pub(super) async fn send_request(what: &str, base: &str, bytes: &[u8]) -> RawResponse {
    expect_single_response(what, send_and_read_all(base, bytes).await)
}

/// The one answer that there is.
pub(super) fn expect_single_response(what: &str, mut answers: Vec<RawResponse>) -> RawResponse {
    assert_eq!(answers.len(), 1, "{what}: one answer comes: {answers:?}");
    answers.remove(0)
}

/// All answers that come until the connection ends.
pub(super) async fn read_remaining(mut stream: TcpStream) -> Vec<RawResponse> {
    let mut heard = Vec::new();
    let _ = with_timeout("the end", stream.read_to_end(&mut heard)).await;
    parse_responses(&heard)
}

/// The next answer on a connection that stays open.
pub(super) async fn read_response(stream: &mut TcpStream) -> RawResponse {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(with_timeout("a head", stream.read_u8()).await.expect("the connection is open"));
    }
    let start = heard.len();
    heard.resize(start + content_length(&String::from_utf8_lossy(&heard)), 0);
    with_timeout("a body", stream.read_exact(&mut heard[start..]))
        .await
        .expect("the connection is open");
    expect_single_response("the next", parse_responses(&heard))
}

/// Sends a byte after the other, with a pause after each, until the server says something or there are no more; gives
/// all that it says until the connection ends.
pub(super) async fn send_byte_by_byte(
    mut stream: TcpStream,
    bytes: impl IntoIterator<Item = u8>,
) -> Vec<RawResponse> {
    let sent = async {
        for byte in bytes {
            if stream.write_all(&[byte]).await.is_err() || has_incoming_data(&stream).await {
                return;
            }
        }
    };
    with_timeout("a word while it trickles", sent).await;
    read_remaining(stream).await
}

/// Whether something comes, or the end, in the time of a pause.
async fn has_incoming_data(stream: &TcpStream) -> bool {
    timeout(BYTE_PAUSE, stream.peek(&mut [0])).await.is_ok()
}

/// What makes a client slow; nothing here waits so for a server.
pub(super) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Nothing comes for so long, and no end.
pub(super) async fn assert_stays_silent(what: &str, stream: &TcpStream, time: Duration) {
    let heard = timeout(time, stream.peek(&mut [0])).await;
    assert!(heard.is_err(), "{what}: nothing comes, and no end: {heard:?}");
}

fn parse_responses(mut bytes: &[u8]) -> Vec<RawResponse> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let shown = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("an answer has a head: {shown:?}")) + 4;
        let head = String::from_utf8_lossy(&bytes[..end - 4]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("an answer has a status: {shown:?}"));
        let whole = end + content_length(&head);
        let body = bytes.get(end..whole).unwrap_or_else(|| panic!("it is whole: {shown:?}"));
        let body = String::from_utf8(body.to_vec()).expect("a body is text");
        // Those before 200 only say that there is more to come.
        if status >= 200 {
            answers.push(RawResponse { status, head, body });
        }
        bytes = &bytes[whole..];
    }
    answers
}

fn content_length(head: &str) -> usize {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().expect("a length is a number"))
}

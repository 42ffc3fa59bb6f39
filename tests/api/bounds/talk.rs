//! Conversations on raw connections: everything that came back until they ended, as answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::raw::{Answer, connect};

/// Longer than anything here takes, so that a server that hangs fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);
/// A slow client's pause after each byte.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits for something that must come.
pub(super) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    timeout(PATIENCE, coming).await.unwrap_or_else(|_| panic!("it does not come: {what}"))
}

/// Tries again and again until something is there.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    soon(what, found).await
}

/// Opens a connection and sends the bytes.
pub(super) async fn say(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the server takes it");
    stream
}

/// Sends the bytes on a connection of their own, and gives all answers until it ends.
pub(super) async fn talk(base: &str, bytes: &[u8]) -> Vec<Answer> {
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
    let (heard, ()) = soon("the end", async { tokio::join!(heard, sent) }).await;
    answers(&heard)
}

/// The same where one answer is all that comes.
pub(super) async fn one(what: &str, base: &str, bytes: &[u8]) -> Answer {
    only(what, talk(base, bytes).await)
}

/// The one answer that there is.
pub(super) fn only(what: &str, mut answers: Vec<Answer>) -> Answer {
    assert_eq!(answers.len(), 1, "{what}: one answer comes: {answers:?}");
    answers.remove(0)
}

/// All answers that come until the connection ends.
pub(super) async fn rest(mut stream: TcpStream) -> Vec<Answer> {
    let mut heard = Vec::new();
    let _ = soon("the end", stream.read_to_end(&mut heard)).await;
    answers(&heard)
}

/// The next answer on a connection that stays open.
pub(super) async fn next(stream: &mut TcpStream) -> Answer {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(soon("a head", stream.read_u8()).await.expect("the connection is open"));
    }
    let start = heard.len();
    heard.resize(start + length(&String::from_utf8_lossy(&heard)), 0);
    soon("a body", stream.read_exact(&mut heard[start..])).await.expect("the connection is open");
    only("the next", answers(&heard))
}

/// Sends a byte after the other, with a pause after each, until the server says something or there are no more; gives
/// all that it says until the connection ends.
pub(super) async fn trickle(
    mut stream: TcpStream,
    bytes: impl IntoIterator<Item = u8>,
) -> Vec<Answer> {
    let sent = async {
        for byte in bytes {
            if stream.write_all(&[byte]).await.is_err() || is_heard(&stream).await {
                return;
            }
        }
    };
    soon("a word while it trickles", sent).await;
    rest(stream).await
}

/// Whether something comes, or the end, in the time of a pause.
async fn is_heard(stream: &TcpStream) -> bool {
    timeout(PAUSE, stream.peek(&mut [0])).await.is_ok()
}

/// What makes a client slow; nothing here waits so for a server.
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Nothing comes for so long, and no end.
pub(super) async fn stays_silent(what: &str, stream: &TcpStream, time: Duration) {
    let heard = timeout(time, stream.peek(&mut [0])).await;
    assert!(heard.is_err(), "{what}: nothing comes, and no end: {heard:?}");
}

fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let shown = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("an answer has a head: {shown:?}")) + 4;
        let head = String::from_utf8_lossy(&bytes[..end - 4]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("an answer has a status: {shown:?}"));
        let whole = end + length(&head);
        let body = bytes.get(end..whole).unwrap_or_else(|| panic!("it is whole: {shown:?}"));
        let body = String::from_utf8(body.to_vec()).expect("a body is text");
        // Those before 200 only say that there is more to come.
        if status >= 200 {
            answers.push(Answer { status, head, body });
        }
        bytes = &bytes[whole..];
    }
    answers
}

fn length(head: &str) -> usize {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().expect("a length is a number"))
}

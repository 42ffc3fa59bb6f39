//! What a client hears on its connection, byte by byte, and how the connection ends.

use std::io::ErrorKind;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;
use crate::raw::connect;

/// What came until the connection ended.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) text: String,
    /// In how many pieces it came.
    pub(super) pieces: usize,
    /// None where the connection was closed in order.
    pub(super) broken: Option<ErrorKind>,
}

/// Sends the bytes and reads until the connection ends.
pub(super) async fn hear(base: &str, bytes: &[u8]) -> Heard {
    soon("the end of the connection", listen(send(base, bytes).await)).await
}

/// Sends the bytes and leaves the connection open.
pub(super) async fn send(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the server reads");
    stream
}

async fn listen(mut stream: TcpStream) -> Heard {
    let mut heard = Heard::default();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return heard,
            Ok(count) => {
                heard.pieces += 1;
                heard.text += std::str::from_utf8(&buffer[..count]).expect("it is ASCII here");
            }
            Err(error) => {
                heard.broken = Some(error.kind());
                return heard;
            }
        }
    }
}

/// Reads one answer and leaves the connection open: the status and the body.
pub(super) async fn next(stream: &mut TcpStream) -> (u16, String) {
    let mut top = Vec::new();
    while !top.ends_with(b"\r\n\r\n") {
        top.push(soon("a head", stream.read_u8()).await.expect("the connection is open"));
    }
    let text = String::from_utf8(top).expect("a head is ASCII");
    let heard = Heard { text, ..Heard::default() };
    let mut body = vec![0; heard.length()];
    soon("a body", stream.read_exact(&mut body)).await.expect("the connection is open");
    (heard.status(), String::from_utf8(body).expect("a body is text"))
}

impl Heard {
    fn head(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a head comes: {self:?}")).0
    }

    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(super) fn status(&self) -> u16 {
        let status = self.head().split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("a status comes: {self:?}"))
    }

    /// The length that the head announces.
    pub(super) fn length(&self) -> usize {
        let head = self.head().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.unwrap_or_else(|| panic!("the length is told: {self:?}"));
        length.trim().parse().expect("a length is a number")
    }
}

/// What a client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The documented envelope, with this status.
    Error(u16),
    /// RST, and no byte before it.
    Reset,
    /// The end of the connection, and no byte before it.
    Silence,
    /// So many bytes of the body.
    Cut(usize),
    /// 200, and no JSON.
    Html,
    Whole,
}

impl Met {
    /// That is what was heard where this body would have come.
    pub(super) fn check(self, what: &str, heard: &Heard, whole: &str) {
        match self {
            Self::Error(status) => assert_eq!(error(heard), status, "{what}: {heard:?}"),
            Self::Reset => {
                assert_eq!(heard.broken, Some(ErrorKind::ConnectionReset), "{what}: {heard:?}");
                assert_eq!(heard.text, "", "{what}: {heard:?}");
            }
            Self::Silence => {
                assert_eq!(heard.text, "", "{what}: {heard:?}");
            }
            Self::Cut(bytes) => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert_eq!(heard.body(), &whole[..bytes], "{what}: {heard:?}");
                assert_eq!(heard.length(), whole.len(), "{what}: {heard:?}");
            }
            Self::Html => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert!(heard.body().trim_start().starts_with('<'), "{what}: {heard:?}");
                assert_eq!(heard.length(), heard.body().len(), "{what}: {heard:?}");
            }
            Self::Whole => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert_eq!(heard.body(), whole, "{what}");
                assert_eq!(heard.broken, None, "{what}: {heard:?}");
            }
        }
    }

    /// The status that the journal has of it.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Error(status) => Some(status),
            Self::Reset | Self::Silence => None,
            Self::Cut(_) | Self::Html | Self::Whole => Some(200),
        }
    }
}

/// The status of an error in the documented envelope.
fn error(heard: &Heard) -> u16 {
    let body: Value = serde_json::from_str(heard.body())
        .unwrap_or_else(|error| panic!("an error is JSON ({error}): {heard:?}"));
    assert_eq!(body["status"], "error", "{heard:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{heard:?}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{heard:?}");
    heard.status()
}

/// Each effect that ends by itself, what a client meets, and whether the request is carried out.
pub(super) fn effects() -> Vec<(Value, Met, bool)> {
    vec![
        (json!({ "status": 503 }), Met::Error(503), false),
        (json!({ "status": 429, "retry_after": "7s" }), Met::Error(429), false),
        (json!({ "reset": true }), Met::Reset, false),
        (json!({ "hang": "20ms" }), Met::Silence, false),
        (json!({ "cut": 20 }), Met::Cut(20), true),
        (json!({ "garbage": true }), Met::Html, true),
        (json!({ "drip": "1ms" }), Met::Whole, true),
        (json!({ "delay": "20ms" }), Met::Whole, true),
        (json!({ "delay": "20ms", "when": "after" }), Met::Whole, true),
        (json!({ "lose_answer": "reset" }), Met::Reset, true),
        (json!({ "lose_answer": 503 }), Met::Error(503), true),
    ]
}

/// The member that an effect is known by.
pub(super) fn name(effect: &Value) -> &str {
    let mut names = effect.as_object().expect("an effect").keys();
    names.next().expect("an effect has a name")
}

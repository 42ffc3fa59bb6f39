//! What a client hears on its connection, byte by byte, and how the connection ends.

use std::io::ErrorKind;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::with_timeout;
use crate::raw_http::connect;

/// What came until the connection ended.
#[derive(Debug, Default)]
pub(super) struct ConnectionTranscript {
    pub(super) text: String,
    /// In how many pieces it came.
    pub(super) read_count: usize,
    /// None where the connection was closed in order.
    pub(super) read_error: Option<ErrorKind>,
}

/// Sends the bytes and reads until the connection ends.
pub(super) async fn exchange_until_close(base: &str, bytes: &[u8]) -> ConnectionTranscript {
    with_timeout("the end of the connection", read_until_close(send_raw(base, bytes).await)).await
}

/// Sends the bytes and leaves the connection open.
pub(super) async fn send_raw(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the server reads");
    stream
}

async fn read_until_close(mut stream: TcpStream) -> ConnectionTranscript {
    let mut heard = ConnectionTranscript::default();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return heard,
            Ok(count) => {
                heard.read_count += 1;
                heard.text += std::str::from_utf8(&buffer[..count]).expect("it is ASCII here");
            }
            Err(error) => {
                heard.read_error = Some(error.kind());
                return heard;
            }
        }
    }
}

/// Reads one answer and leaves the connection open: the status and the body.
pub(super) async fn read_one_response(stream: &mut TcpStream) -> (u16, String) {
    let mut top = Vec::new();
    while !top.ends_with(b"\r\n\r\n") {
        top.push(with_timeout("a head", stream.read_u8()).await.expect("the connection is open"));
    }
    let text = String::from_utf8(top).expect("a head is ASCII");
    let heard = ConnectionTranscript { text, ..ConnectionTranscript::default() };
    let mut body = vec![0; heard.content_length()];
    with_timeout("a body", stream.read_exact(&mut body)).await.expect("the connection is open");
    (heard.status(), String::from_utf8(body).expect("a body is text"))
}

impl ConnectionTranscript {
    fn response_head(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a head comes: {self:?}")).0
    }

    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(super) fn status(&self) -> u16 {
        let status = self.response_head().split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("a status comes: {self:?}"))
    }

    /// The length that the head announces.
    pub(super) fn content_length(&self) -> usize {
        let head = self.response_head().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.unwrap_or_else(|| panic!("the length is told: {self:?}"));
        length.trim().parse().expect("a length is a number")
    }
}

/// What a client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedOutcome {
    /// The documented envelope, with this status.
    Error(u16),
    /// RST, and no byte before it.
    ConnectionReset,
    /// The end of the connection, and no byte before it.
    CloseWithoutResponse,
    /// So many bytes of the body.
    TruncatedBody(usize),
    /// 200, and no JSON.
    MalformedBody,
    FullResponse,
}

impl ExpectedOutcome {
    /// That is what was heard where this body would have come.
    pub(super) fn assert_matches(self, what: &str, heard: &ConnectionTranscript, full_body: &str) {
        match self {
            Self::Error(status) => {
                assert_eq!(assert_error_envelope(heard), status, "{what}: {heard:?}");
            }
            Self::ConnectionReset => {
                assert_eq!(heard.read_error, Some(ErrorKind::ConnectionReset), "{what}: {heard:?}");
                assert_eq!(heard.text, "", "{what}: {heard:?}");
            }
            Self::CloseWithoutResponse => {
                assert_eq!(heard.text, "", "{what}: {heard:?}");
            }
            Self::TruncatedBody(bytes) => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert_eq!(heard.body(), &full_body[..bytes], "{what}: {heard:?}");
                assert_eq!(heard.content_length(), full_body.len(), "{what}: {heard:?}");
            }
            Self::MalformedBody => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert!(heard.body().trim_start().starts_with('<'), "{what}: {heard:?}");
                assert_eq!(heard.content_length(), heard.body().len(), "{what}: {heard:?}");
            }
            Self::FullResponse => {
                assert_eq!(heard.status(), 200, "{what}: {heard:?}");
                assert_eq!(heard.body(), full_body, "{what}");
                assert_eq!(heard.read_error, None, "{what}: {heard:?}");
            }
        }
    }

    /// The status that the journal has of it.
    pub(super) fn recorded_status(self) -> Option<u16> {
        match self {
            Self::Error(status) => Some(status),
            Self::ConnectionReset | Self::CloseWithoutResponse => None,
            Self::TruncatedBody(_) | Self::MalformedBody | Self::FullResponse => Some(200),
        }
    }
}

/// The status of an error in the documented envelope.
fn assert_error_envelope(heard: &ConnectionTranscript) -> u16 {
    let body: Value = serde_json::from_str(heard.body())
        .unwrap_or_else(|error| panic!("an error is JSON ({error}): {heard:?}"));
    assert_eq!(body["status"], "error", "{heard:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{heard:?}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{heard:?}");
    heard.status()
}

/// Each effect that ends by itself, what a client meets, and whether the request is carried out.
pub(super) fn effect_cases() -> Vec<(Value, ExpectedOutcome, bool)> {
    vec![
        (json!({ "status": 503 }), ExpectedOutcome::Error(503), false),
        (json!({ "status": 429, "retry_after": "7s" }), ExpectedOutcome::Error(429), false),
        (json!({ "reset": true }), ExpectedOutcome::ConnectionReset, false),
        (json!({ "hang": "20ms" }), ExpectedOutcome::CloseWithoutResponse, false),
        (json!({ "cut": 20 }), ExpectedOutcome::TruncatedBody(20), true),
        (json!({ "garbage": true }), ExpectedOutcome::MalformedBody, true),
        (json!({ "drip": "1ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms", "when": "after" }), ExpectedOutcome::FullResponse, true),
        (json!({ "lose_answer": "reset" }), ExpectedOutcome::ConnectionReset, true),
        (json!({ "lose_answer": 503 }), ExpectedOutcome::Error(503), true),
    ]
}

/// The member that an effect is known by.
pub(super) fn effect_name(effect: &Value) -> &str {
    let mut names = effect.as_object().expect("an effect").keys();
    names.next().expect("an effect has a name")
}

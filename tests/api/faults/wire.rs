//! Raw connections: the exact bytes that a client receives, and how the connection ends.

use std::io::ErrorKind;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::with_timeout;
use crate::support::raw::connect;

/// Everything that was received until the connection ended.
#[derive(Debug, Default)]
pub(super) struct ConnectionTranscript {
    pub(super) text: String,
    /// The number of reads.
    pub(super) read_count: usize,
    /// `None` if the connection was closed cleanly.
    pub(super) read_error: Option<ErrorKind>,
}

/// Sends the bytes and reads until the connection ends.
pub(super) async fn exchange_until_close(base: &str, bytes: &[u8]) -> ConnectionTranscript {
    with_timeout("the end of the connection", read_until_close(send_raw(base, bytes).await)).await
}

/// Sends the bytes and leaves the connection open.
pub(super) async fn send_raw(base: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(base).await;
    stream.write_all(bytes).await.expect("the request is sent");
    stream
}

async fn read_until_close(mut stream: TcpStream) -> ConnectionTranscript {
    let mut transcript = ConnectionTranscript::default();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return transcript,
            Ok(count) => {
                transcript.read_count += 1;
                transcript.text +=
                    std::str::from_utf8(&buffer[..count]).expect("the response is ASCII");
            }
            Err(error) => {
                transcript.read_error = Some(error.kind());
                return transcript;
            }
        }
    }
}

/// Reads one response and leaves the connection open; returns the status and the body.
pub(super) async fn read_one_response(stream: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(with_timeout("a head", stream.read_u8()).await.expect("the connection is open"));
    }
    let text = String::from_utf8(head).expect("the response head is ASCII");
    let transcript = ConnectionTranscript { text, ..ConnectionTranscript::default() };
    let mut body = vec![0; transcript.content_length()];
    with_timeout("a body", stream.read_exact(&mut body)).await.expect("the connection is open");
    (transcript.status(), String::from_utf8(body).expect("the body is UTF-8"))
}

impl ConnectionTranscript {
    fn response_head(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response head: {self:?}")).0
    }

    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(super) fn status(&self) -> u16 {
        let status = self.response_head().split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {self:?}"))
    }

    /// Returns the value of Content-Length.
    pub(super) fn content_length(&self) -> usize {
        let head = self.response_head().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.unwrap_or_else(|| panic!("no Content-Length: {self:?}"));
        length.trim().parse().expect("Content-Length is a number")
    }
}

/// The outcome of a request as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedOutcome {
    /// An error in the documented envelope with this status.
    Error(u16),
    /// TCP RST before any byte.
    ConnectionReset,
    /// The connection is closed before any byte.
    CloseWithoutResponse,
    /// The first bytes of the body, this many.
    TruncatedBody(usize),
    /// Status 200 with a body that is no JSON.
    MalformedBody,
    FullResponse,
}

impl ExpectedOutcome {
    /// Checks that the transcript has this outcome; `full_body` is the response without a fault.
    pub(super) fn assert_matches(
        self,
        label: &str,
        transcript: &ConnectionTranscript,
        full_body: &str,
    ) {
        match self {
            Self::Error(status) => {
                assert_eq!(assert_error_envelope(transcript), status, "{label}: {transcript:?}");
            }
            Self::ConnectionReset => {
                assert_eq!(
                    transcript.read_error,
                    Some(ErrorKind::ConnectionReset),
                    "{label}: {transcript:?}"
                );
                assert_eq!(transcript.text, "", "{label}: {transcript:?}");
            }
            Self::CloseWithoutResponse => {
                assert_eq!(transcript.text, "", "{label}: {transcript:?}");
            }
            Self::TruncatedBody(bytes) => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert_eq!(transcript.body(), &full_body[..bytes], "{label}: {transcript:?}");
                assert_eq!(transcript.content_length(), full_body.len(), "{label}: {transcript:?}");
            }
            Self::MalformedBody => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert!(transcript.body().trim_start().starts_with('<'), "{label}: {transcript:?}");
                assert_eq!(
                    transcript.content_length(),
                    transcript.body().len(),
                    "{label}: {transcript:?}"
                );
            }
            Self::FullResponse => {
                assert_eq!(transcript.status(), 200, "{label}: {transcript:?}");
                assert_eq!(transcript.body(), full_body, "{label}");
                assert_eq!(transcript.read_error, None, "{label}: {transcript:?}");
            }
        }
    }

    /// Returns the status in the journal entry.
    pub(super) fn recorded_status(self) -> Option<u16> {
        match self {
            Self::Error(status) => Some(status),
            Self::ConnectionReset | Self::CloseWithoutResponse => None,
            Self::TruncatedBody(_) | Self::MalformedBody | Self::FullResponse => Some(200),
        }
    }
}

/// Checks that the error has the documented envelope; returns its status.
fn assert_error_envelope(transcript: &ConnectionTranscript) -> u16 {
    let body: Value = serde_json::from_str(transcript.body())
        .unwrap_or_else(|error| panic!("the error is not JSON ({error}): {transcript:?}"));
    assert_eq!(body["status"], "error", "{transcript:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{transcript:?}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{transcript:?}");
    transcript.status()
}

/// Returns each effect that ends by itself, its outcome, and whether the request is executed.
pub(super) fn effect_cases() -> Vec<(Value, ExpectedOutcome, bool)> {
    vec![
        (json!({ "status": 503 }), ExpectedOutcome::Error(503), false),
        (json!({ "status": 429, "retry_after": "7s" }), ExpectedOutcome::Error(429), false),
        (json!({ "reset_connection": true }), ExpectedOutcome::ConnectionReset, false),
        (json!({ "hang": "20ms" }), ExpectedOutcome::CloseWithoutResponse, false),
        (json!({ "truncate": 20 }), ExpectedOutcome::TruncatedBody(20), true),
        (json!({ "malformed": true }), ExpectedOutcome::MalformedBody, true),
        (json!({ "dribble": "1ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms" }), ExpectedOutcome::FullResponse, true),
        (json!({ "delay": "20ms", "when": "after" }), ExpectedOutcome::FullResponse, true),
        (json!({ "drop_response": "reset" }), ExpectedOutcome::ConnectionReset, true),
        (json!({ "drop_response": 503 }), ExpectedOutcome::Error(503), true),
    ]
}

/// Returns the member that names an effect.
pub(super) fn effect_name(effect: &Value) -> &str {
    let mut names = effect.as_object().expect("the effect is an object").keys();
    names.next().expect("the effect has a name")
}

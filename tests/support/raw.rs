//! Raw HTTP requests over TCP, for input that no HTTP client sends.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any response takes; a hanging server fails the test instead of blocking it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A response, read until the connection was closed.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl RawResponse {
    /// Returns the message of a documented error envelope.
    pub(crate) fn error_message(&self) -> String {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        let body: Value = serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("the error is not JSON ({error}): {self:?}"));
        assert_eq!(body["status"], "error", "{self:?}");
        body["message"].as_str().expect("an error has a message").to_owned()
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("the response has no head: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("the response has no status: {head:?}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

pub(crate) async fn connect(base: &str) -> TcpStream {
    let address = base.strip_prefix("http://").expect("an http:// URL");
    TcpStream::connect(address).await.expect("the server accepts the connection")
}

/// Sends the bytes and reads until the connection is closed.
pub(crate) async fn exchange(base: &str, bytes: &[u8]) -> RawResponse {
    let mut stream = connect(base).await;
    // The server may respond and stop reading before it has received everything.
    let _ = stream.write_all(bytes).await;
    read_raw_response(stream).await
}

/// Reads a response until the connection is closed.
pub(crate) async fn read_raw_response(mut stream: TcpStream) -> RawResponse {
    let mut bytes = Vec::new();
    let result = timeout(TEST_TIMEOUT, stream.read_to_end(&mut bytes)).await;
    let result = result.expect("the server responds in time");
    assert!(
        result.is_ok() || !bytes.is_empty(),
        "the connection ended without a response: {result:?}"
    );
    RawResponse::parse(&bytes)
}

/// Builds a request head with `Connection: close`; each further header line ends with `\r\n`.
pub(crate) fn build_raw_head(method: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: mock.test\r\nConnection: close\r\n{headers}\r\n")
        .into_bytes()
}

/// Builds a request with a body of the given type.
pub(crate) fn build_raw_request(
    method: &str,
    path: &str,
    key: &str,
    content_type: &str,
    body: &[u8],
) -> Vec<u8> {
    let length = body.len();
    let headers =
        format!("apiKey: {key}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n");
    let mut bytes = build_raw_head(method, path, &headers);
    bytes.extend_from_slice(body);
    bytes
}

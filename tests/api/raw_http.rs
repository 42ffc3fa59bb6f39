//! Requests written byte by byte, for what no HTTP client would send.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer takes, so that a silent server fails its test instead of holding it.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// What came back before the connection ended.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl RawResponse {
    /// The message of an error in the documented envelope.
    pub(crate) fn error_message(&self) -> String {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        let body: Value = serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("the error is JSON ({error}): {self:?}"));
        assert_eq!(body["status"], "error", "{self:?}");
        body["message"].as_str().expect("an error has a message").to_owned()
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer has a head: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("an answer has a status: {head:?}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

pub(crate) async fn connect(base: &str) -> TcpStream {
    let address = base.strip_prefix("http://").expect("a plain address");
    TcpStream::connect(address).await.expect("the server accepts")
}

/// Sends the bytes and reads until the connection ends.
pub(crate) async fn exchange(base: &str, bytes: &[u8]) -> RawResponse {
    let mut stream = connect(base).await;
    // A server may answer and stop reading before it has everything.
    let _ = stream.write_all(bytes).await;
    read_raw_response(stream).await
}

/// Reads an answer until the connection ends.
pub(crate) async fn read_raw_response(mut stream: TcpStream) -> RawResponse {
    let mut bytes = Vec::new();
    let ended = timeout(TEST_TIMEOUT, stream.read_to_end(&mut bytes)).await;
    let ended = ended.expect("the server answers in time");
    assert!(ended.is_ok() || !bytes.is_empty(), "an answer comes before the end: {ended:?}");
    RawResponse::parse(&bytes)
}

/// The head of a request that ends its connection; further header lines end with `\r\n` each.
pub(crate) fn build_raw_head(method: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: mock.test\r\nConnection: close\r\n{headers}\r\n")
        .into_bytes()
}

/// A request with a body of the given type.
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

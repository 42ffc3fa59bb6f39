//! Raw HTTP client: sends several requests over one connection and parses their responses.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::support::raw::connect;

/// Longer than any response takes; a hanging server fails the test instead of blocking it.
const TEST_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// A request to send.
#[derive(Clone, Debug)]
pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl HttpRequest {
    /// Creates a request without a body; its host is loopback.
    pub(super) fn new(method: &str, target: impl Into<String>) -> Self {
        let headers = vec![("Host", "127.0.0.1".to_owned())];
        Self { method: method.to_owned(), target: target.into(), headers, body: Vec::new() }
    }

    /// Adds a header.
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces a header.
    pub(super) fn set_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with_header(name, value)
    }

    /// Adds a query parameter, which must be encoded already.
    pub(super) fn with_query(mut self, parameter: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let _ = write!(self.target, "{separator}{parameter}");
        self
    }

    /// Sets the body.
    pub(super) fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("Content-Type", content_type)
    }

    /// Serializes the request.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends the request over its own connection.
    pub(super) async fn send(self, base: &str) -> HttpResponse {
        let requests = [self];
        send_pipelined(base, &requests)
            .await
            .pop()
            .unwrap_or_else(|| panic!("no response to: {requests:?}"))
    }
}

/// A parsed response.
#[derive(Clone, Default)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl std::fmt::Debug for HttpResponse {
    /// Truncates the body, so that a list of failures stays readable.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(300).collect();
        write!(formatter, "{}\n{body}", self.head)
    }
}

impl HttpResponse {
    /// Returns the value of a header; empty if it is missing.
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(other, _)| *other == name).map(|(_, value)| value.trim());
        values.next().unwrap_or_default()
    }

    /// Returns true if the response is this problem of the control API.
    pub(super) fn is_problem(&self, status: u16, kind: &str) -> bool {
        self.status == status
            && self.header("content-type") == "application/problem+json"
            && self.body.contains(&format!("\"/docs/control#{kind}\""))
    }
}

/// Sends the requests over one connection without waiting, and returns the responses in order.
pub(super) async fn send_pipelined(base: &str, requests: &[HttpRequest]) -> Vec<HttpResponse> {
    let Some((last, others)) = requests.split_last() else { return Vec::new() };
    let last = last.clone().with_header("Connection", "close");
    let bytes: Vec<u8> = others.iter().chain([&last]).flat_map(HttpRequest::to_bytes).collect();
    let methods: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
    parse_responses(&exchange(base, &bytes).await, &methods)
}

/// Sends the bytes, and concurrently reads until the connection is closed.
pub(super) async fn exchange(base: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = connect(base).await.into_split();
    let mut received = Vec::new();
    let both = async {
        // The server may respond and stop reading, or reset the connection, before it has received everything.
        tokio::join!(writer.write_all(bytes), reader.read_to_end(&mut received))
    };
    timeout(TEST_TIMEOUT, both).await.map(drop).expect("the server responds in time");
    received
}

/// Parses the responses to requests with these methods.
fn parse_responses(mut bytes: &[u8], methods: &[&str]) -> Vec<HttpResponse> {
    let mut responses = Vec::new();
    for method in methods {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut response = HttpResponse {
            status: status.unwrap_or_else(|| panic!("the response has no status: {head:?}")),
            head,
            body: String::new(),
        };
        let is_chunked = !response.header("transfer-encoding").is_empty();
        let length = response.header("content-length").parse().unwrap_or(0);
        let length = if is_chunked { bytes.len() } else { length };
        let length = if *method == "HEAD" { 0 } else { length.min(bytes.len()) };
        response.body = String::from_utf8_lossy(&bytes[..length]).into_owned();
        bytes = &bytes[length..];
        responses.push(response);
    }
    responses
}

//! Requests written byte by byte, many over one connection, and their answers one by one.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::raw_http::connect;

/// Longer than any answers take, so that a silent server fails its test instead of holding it.
const TEST_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(1);

/// A request to be written.
#[derive(Clone, Debug)]
pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl HttpRequest {
    /// A request without a body, from this machine.
    pub(super) fn new(method: &str, target: impl Into<String>) -> Self {
        let headers = vec![("Host", "127.0.0.1".to_owned())];
        Self { method: method.to_owned(), target: target.into(), headers, body: Vec::new() }
    }

    /// The same with a further header.
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a header in place of the one that it has.
    pub(super) fn set_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with_header(name, value)
    }

    /// The same with this parameter, which must be encoded as it has to be.
    pub(super) fn with_query(mut self, parameter: &str) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        let _ = write!(self.target, "{mark}{parameter}");
        self
    }

    /// The same with a body.
    pub(super) fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("Content-Type", content_type)
    }

    /// As it goes over the line.
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

    /// Asks over a connection of its own.
    pub(super) async fn send(self, base: &str) -> HttpResponse {
        let asked = [self];
        send_pipelined(base, &asked)
            .await
            .pop()
            .unwrap_or_else(|| panic!("an answer comes: {asked:?}"))
    }
}

/// What came back.
#[derive(Clone, Default)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl std::fmt::Debug for HttpResponse {
    /// Short enough for a list of what is wrong.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(300).collect();
        write!(to, "{}\n{body}", self.head)
    }
}

impl HttpResponse {
    /// The value of a header; empty where it has none.
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(other, _)| *other == name).map(|(_, value)| value.trim());
        values.next().unwrap_or_default()
    }

    /// Whether it is this problem of the control API.
    pub(super) fn is_problem(&self, status: u16, kind: &str) -> bool {
        self.status == status
            && self.header("content-type") == "application/problem+json"
            && self.body.contains(&format!("\"/docs/control#{kind}\""))
    }
}

/// Asks one after the other over one connection without waiting, and gives the answers in their order.
pub(super) async fn send_pipelined(base: &str, asked: &[HttpRequest]) -> Vec<HttpResponse> {
    let Some((last, others)) = asked.split_last() else { return Vec::new() };
    let last = last.clone().with_header("Connection", "close");
    let bytes: Vec<u8> = others.iter().chain([&last]).flat_map(HttpRequest::to_bytes).collect();
    let methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
    parse_responses(&exchange(base, &bytes).await, &methods)
}

/// Sends the bytes while it reads all that comes until the connection ends.
pub(super) async fn exchange(base: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = connect(base).await.into_split();
    let mut read = Vec::new();
    let both = async {
        // A server may answer and stop reading, or break the connection, before it has everything.
        tokio::join!(to.write_all(bytes), from.read_to_end(&mut read))
    };
    timeout(TEST_TIMEOUT, both).await.map(drop).expect("the server answers in time");
    read
}

/// The answers to requests with these methods.
fn parse_responses(mut bytes: &[u8], methods: &[&str]) -> Vec<HttpResponse> {
    let mut answers = Vec::new();
    for method in methods {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = HttpResponse {
            status: status.unwrap_or_else(|| panic!("an answer has a status: {head:?}")),
            head,
            body: String::new(),
        };
        let is_chunked = !answer.header("transfer-encoding").is_empty();
        let length = answer.header("content-length").parse().unwrap_or(0);
        let length = if is_chunked { bytes.len() } else { length };
        let length = if *method == "HEAD" { 0 } else { length.min(bytes.len()) };
        answer.body = String::from_utf8_lossy(&bytes[..length]).into_owned();
        bytes = &bytes[length..];
        answers.push(answer);
    }
    answers
}

//! Raw HTTP over TCP, for bytes that no HTTP client sends, and for what a client sees of a connection.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::ticket::{TICKETS_PATH, URLENCODED};
use super::wait::with_timeout;

/// The pause of a slow client after each byte.
const BYTE_PAUSE: Duration = Duration::from_millis(5);

/// A request to send.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl RawRequest {
    /// Creates a request without a body; its host is loopback.
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        let headers = vec![("Host", "127.0.0.1".to_owned())];
        Self { method: method.to_owned(), target: target.into(), headers, body: Vec::new() }
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces a header.
    pub(crate) fn set_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with_header(name, value)
    }

    /// Adds a query parameter, which must be encoded already.
    pub(crate) fn with_query(mut self, parameter: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let _ = write!(self.target, "{separator}{parameter}");
        self
    }

    /// Sets the body.
    pub(crate) fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("Content-Type", content_type)
    }

    /// Serializes the request.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
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
    pub(crate) async fn send(self, base: &str) -> RawResponse {
        let requests = [self];
        let response = send_pipelined(base, &requests).await.pop();
        response.unwrap_or_else(|| panic!("no response to: {requests:?}"))
    }
}

/// A response; its head is in lower case.
#[derive(Clone, Default)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// A chunked body has its framing, and is the rest of the connection.
    pub(crate) body: String,
}

impl std::fmt::Debug for RawResponse {
    /// Truncates the body, so that a list of failures stays readable.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(1_000).collect();
        write!(formatter, "{}\n{body}", self.head)
    }
}

impl RawResponse {
    /// Returns the value of a header; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(other, _)| *other == name).map(|(_, value)| value.trim());
        values.next().unwrap_or_default()
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {self:?}"))
    }

    /// Returns the message of a documented error envelope.
    pub(crate) fn error_message(&self) -> String {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], "error", "{self:?}");
        body["message"].as_str().expect("an error has a message").to_owned()
    }

    /// Returns true if the response is this problem of the control API.
    pub(crate) fn is_problem(&self, status: u16, kind: &str) -> bool {
        self.status == status
            && self.header("content-type") == "application/problem+json"
            && self.body.contains(&format!("/docs/control#{kind}\""))
    }
}

/// Everything that a client receives until its connection ends.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) bytes: Vec<u8>,
    /// The number of reads.
    pub(crate) read_count: usize,
    /// `None` if the connection was closed cleanly.
    pub(crate) read_error: Option<ErrorKind>,
}

impl Transcript {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the status of the first response, which may be truncated.
    pub(crate) fn status(&self) -> u16 {
        parse_status(self.head_and_body().0)
    }

    /// Returns the body of the first response, which may be truncated; empty without a response.
    pub(crate) fn body(&self) -> &str {
        if self.is_empty() { "" } else { self.head_and_body().1 }
    }

    /// Returns the length that the first response announces.
    pub(crate) fn content_length(&self) -> usize {
        let head = self.head_and_body().0.to_ascii_lowercase();
        parse_content_length(&head).unwrap_or_else(|| panic!("no Content-Length: {head:?}"))
    }

    fn head_and_body(&self) -> (&str, &str) {
        let text = std::str::from_utf8(&self.bytes).expect("the response is UTF-8");
        text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response head: {text:?}"))
    }

    /// Parses the responses; a response to HEAD has no body. Requests without a method here are others.
    fn responses_to(&self, methods: &[&str]) -> Vec<RawResponse> {
        let mut bytes = self.bytes.as_slice();
        let mut methods = methods.iter();
        let mut responses = Vec::new();
        while !bytes.is_empty() {
            let has_body = methods.next().is_none_or(|method| *method != "HEAD");
            responses.push(take_response(&mut bytes, has_body));
        }
        responses
    }
}

/// A TCP connection to a server.
pub(crate) struct RawConnection {
    stream: TcpStream,
}

impl RawConnection {
    pub(crate) async fn open(base: &str) -> Self {
        let stream = TcpStream::connect(address(base)).await;
        Self { stream: stream.expect("the server accepts the connection") }
    }

    /// Opens a connection whose receive buffer holds few bytes.
    pub(crate) async fn open_with_small_receive_buffer(base: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("the socket is created");
        socket.set_recv_buffer_size(4096).expect("the buffer size is set");
        let address = address(base).parse().expect("the address is valid");
        let stream = socket.connect(address).await;
        Self { stream: stream.expect("the server accepts the connection") }
    }

    /// Opens a connection and sends the bytes.
    pub(crate) async fn open_and_send(base: &str, bytes: &[u8]) -> Self {
        let mut connection = Self::open(base).await;
        connection.send(bytes).await;
        connection
    }

    /// Sends the bytes, which the server must receive.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the bytes are sent");
    }

    /// Sends the bytes to a server that may respond, and close the connection, before it has received everything.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads as many bytes as expected, which must be these.
    pub(crate) async fn expect_bytes(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        let read = with_timeout("the first bytes", self.stream.read_exact(&mut received)).await;
        read.expect("the connection is open");
        let (received, expected) =
            (String::from_utf8_lossy(&received), String::from_utf8_lossy(expected));
        assert_eq!(received, expected);
    }

    /// Reads as many bytes as expected; returns false if they differ or the connection ends.
    pub(crate) async fn starts_with(&mut self, expected: &[u8]) -> bool {
        let mut received = vec![0; expected.len()];
        let read = with_timeout("the first bytes", self.stream.read_exact(&mut received)).await;
        read.is_ok() && received == expected
    }

    /// Reads what has arrived, at most as much as the buffer holds; 0 at the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> usize {
        let read = with_timeout("the next bytes", self.stream.read(buffer)).await;
        read.expect("the connection is open")
    }

    /// Reads until the text has been received.
    pub(crate) async fn read_until(&mut self, text: &str) {
        let mut received = Vec::new();
        while !String::from_utf8_lossy(&received).contains(text) {
            let mut buffer = [0; 4096];
            let count = self.read(&mut buffer).await;
            let so_far = String::from_utf8_lossy(&received);
            assert!(count > 0, "the connection was closed before {text:?}: {so_far:?}");
            received.extend(&buffer[..count]);
        }
    }

    /// Reads the next response and leaves the connection open.
    pub(crate) async fn read_response(&mut self) -> RawResponse {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let byte = with_timeout("a response head", self.stream.read_u8()).await;
            received.push(byte.expect("the connection is open"));
        }
        let start = received.len();
        let head = String::from_utf8_lossy(&received).to_ascii_lowercase();
        received.resize(start + parse_content_length(&head).unwrap_or(0), 0);
        let body = with_timeout("a body", self.stream.read_exact(&mut received[start..])).await;
        body.expect("the connection is open");
        take_response(&mut received.as_slice(), true)
    }

    /// Reads until the connection ends, cleanly or not.
    pub(crate) async fn read_to_end(self) -> Transcript {
        let Self { mut stream } = self;
        with_timeout("the end of the connection", read_to_end(&mut stream)).await
    }

    /// Reads all responses until the connection ends.
    pub(crate) async fn read_responses(self) -> Vec<RawResponse> {
        self.read_to_end().await.responses_to(&[])
    }

    /// Reads the only response, until the connection ends.
    pub(crate) async fn read_only_response(self) -> RawResponse {
        expect_single_response("the connection", self.read_responses().await)
    }

    /// Sends the bytes one by one with a pause after each, until the server responds or there are no more. Returns all
    /// responses until the connection ends.
    pub(crate) async fn send_byte_by_byte(
        mut self,
        bytes: impl IntoIterator<Item = u8>,
    ) -> Vec<RawResponse> {
        let send = async {
            for byte in bytes {
                let is_sent = self.stream.write_all(&[byte]).await.is_ok();
                if !is_sent || self.receives_within(BYTE_PAUSE).await {
                    return;
                }
            }
        };
        with_timeout("a response to a slow request", send).await;
        self.read_responses().await
    }

    /// Waits until data or the end of the connection has arrived.
    pub(crate) async fn wait_readable(&self) {
        let is_readable = with_timeout("the first bytes", self.stream.readable()).await;
        is_readable.expect("the connection is open");
    }

    /// Returns true if data or the end of the connection has arrived.
    pub(crate) fn is_readable(&self) -> bool {
        self.stream.peek(&mut [0]).now_or_never().is_some()
    }

    /// Returns true if data or the end of the connection arrives within this time.
    pub(crate) async fn receives_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.stream.peek(&mut [0])).await.is_ok()
    }

    /// Asserts that the server sends nothing and keeps the connection open for this time.
    pub(crate) async fn assert_silent(&self, label: &str, time: Duration) {
        let is_silent = !self.receives_within(time).await;
        assert!(is_silent, "{label}: expected silence on an open connection");
    }
}

/// A request whose head the server has read; the body is still missing.
pub(crate) struct PendingRequest {
    connection: RawConnection,
    body: String,
}

impl PendingRequest {
    /// Starts a ticket creation.
    pub(crate) async fn start_ticket_creation(base: &str, key: &str, body: &str) -> Self {
        let headers = format!("apiKey: {key}\r\nContent-Type: {URLENCODED}\r\n");
        Self::start_post(base, (TICKETS_PATH, &headers), body, body.len()).await
    }

    /// Sends a head and waits for the server's `100 Continue`.
    pub(crate) async fn start_post(
        base: &str,
        (path, headers): (&str, &str),
        body: &str,
        length: usize,
    ) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        let mut connection = RawConnection::open_and_send(base, head.as_bytes()).await;
        connection.expect_bytes(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        Self { connection, body: body.to_owned() }
    }

    /// Sends the body and reads the response.
    pub(crate) async fn finish(mut self) -> RawResponse {
        self.connection.send(self.body.as_bytes()).await;
        self.connection.read_only_response().await
    }
}

/// Sends the bytes on a new connection and returns the only response, until the connection ends.
pub(crate) async fn exchange(base: &str, bytes: &[u8]) -> RawResponse {
    let method = if bytes.starts_with(b"HEAD ") { "HEAD" } else { "" };
    let responses = transcribe(base, bytes).await.responses_to(&[method]);
    let request: Vec<u8> = bytes.iter().copied().take(200).collect();
    expect_single_response(&String::from_utf8_lossy(&request), responses)
}

/// Sends the bytes on a new connection and returns all responses until the connection ends.
pub(crate) async fn exchange_all(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    transcribe(base, bytes).await.responses_to(&[])
}

/// Sends the requests over one connection without waiting, and returns the responses in order.
pub(crate) async fn send_pipelined(base: &str, requests: &[RawRequest]) -> Vec<RawResponse> {
    let Some((last, others)) = requests.split_last() else { return Vec::new() };
    let last = last.clone().with_header("Connection", "close");
    let bytes: Vec<u8> = others.iter().chain([&last]).flat_map(RawRequest::to_bytes).collect();
    let methods: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
    transcribe(base, &bytes).await.responses_to(&methods)
}

/// Sends the bytes on a new connection, and concurrently reads until the connection ends.
pub(crate) async fn transcribe(base: &str, bytes: &[u8]) -> Transcript {
    transcribe_with(base, bytes, false).await
}

/// Does the same, and closes the sending half of the connection after the bytes.
pub(crate) async fn transcribe_half_closed(base: &str, bytes: &[u8]) -> Transcript {
    transcribe_with(base, bytes, true).await
}

async fn transcribe_with(base: &str, bytes: &[u8], half_closes: bool) -> Transcript {
    let RawConnection { mut stream } = RawConnection::open(base).await;
    let (mut reader, mut writer) = stream.split();
    let send = async {
        // The server may respond, and close the connection, before it has received everything.
        let _ = writer.write_all(bytes).await;
        if half_closes {
            let _ = writer.shutdown().await;
        }
    };
    let both = async { tokio::join!(read_to_end(&mut reader), send).0 };
    with_timeout("the end of the connection", both).await
}

/// Waits until the server accepts no more connections, but not as long as it waits for running requests.
pub(crate) async fn wait_until_not_listening(base: &str) {
    let closing = async {
        while TcpStream::connect(address(base)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(8), closing).await;
    closed.expect("the server stops listening");
}

/// Returns the only response.
pub(crate) fn expect_single_response(label: &str, mut responses: Vec<RawResponse>) -> RawResponse {
    assert_eq!(responses.len(), 1, "{label}: expected one response: {responses:?}");
    responses.remove(0)
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

fn address(base: &str) -> &str {
    base.strip_prefix("http://").expect("an http:// URL")
}

async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> Transcript {
    let mut transcript = Transcript::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return transcript,
            Ok(count) => {
                transcript.read_count += 1;
                transcript.bytes.extend_from_slice(&buffer[..count]);
            }
            Err(error) => {
                transcript.read_error = Some(error.kind());
                return transcript;
            }
        }
    }
}

/// Takes the next complete response off the bytes; skips interim responses (1xx).
fn take_response(bytes: &mut &[u8], has_body: bool) -> RawResponse {
    let text = String::from_utf8_lossy(bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("a response without a head: {text:?}"));
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let rest = &bytes[end + 4..];
    let status = parse_status(&head);
    if status < 200 {
        *bytes = rest;
        return take_response(bytes, has_body);
    }
    let has_body = has_body && ![204, 304].contains(&status);
    let length = match parse_content_length(&head) {
        _ if !has_body => 0,
        Some(length) if !head.contains("\r\ntransfer-encoding:") => length,
        _ => rest.len(),
    };
    let body = rest.get(..length).unwrap_or_else(|| panic!("a truncated response: {text:?}"));
    let body = String::from_utf8(body.to_vec()).expect("the body is UTF-8");
    *bytes = &rest[length..];
    RawResponse { status, head, body }
}

fn parse_status(head: &str) -> u16 {
    let lower = head.get(..9).map(str::to_ascii_lowercase).unwrap_or_default();
    let is_http = ["http/1.1 ", "http/1.0 "].contains(&lower.as_str());
    let status = head.get(9..12).filter(|_| is_http).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("a response without a status: {head:?}"))
}

/// Returns the length in a head in lower case.
fn parse_content_length(head: &str) -> Option<usize> {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    Some(length.trim().parse().expect("Content-Length is a number"))
}

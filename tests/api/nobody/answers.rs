//! Requests written byte by byte, many over one connection, and their answers one by one.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::raw::connect;

/// Longer than any answers take, so that a silent server fails its test instead of holding it.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// A request to be written.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// A request without a body, from this machine.
    pub(super) fn new(method: &str, target: impl Into<String>) -> Self {
        let headers = vec![("Host", "127.0.0.1".to_owned())];
        Self { method: method.to_owned(), target: target.into(), headers, body: Vec::new() }
    }

    /// The same with a further header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a header in place of the one that it has.
    pub(super) fn instead(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with(name, value)
    }

    /// The same with this parameter, which must be encoded as it has to be.
    pub(super) fn asking(mut self, parameter: &str) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        let _ = write!(self.target, "{mark}{parameter}");
        self
    }

    /// The same with a body.
    pub(super) fn sending(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with("Content-Type", kind)
    }

    /// As it goes over the line.
    pub(super) fn bytes(&self) -> Vec<u8> {
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
    pub(super) async fn ask(self, base: &str) -> Answered {
        let asked = [self];
        all(base, &asked).await.pop().unwrap_or_else(|| panic!("an answer comes: {asked:?}"))
    }
}

/// What came back.
#[derive(Clone, Default)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl std::fmt::Debug for Answered {
    /// Short enough for a list of what is wrong.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(300).collect();
        write!(to, "{}\n{body}", self.head)
    }
}

impl Answered {
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
pub(super) async fn all(base: &str, asked: &[Asked]) -> Vec<Answered> {
    let Some((last, others)) = asked.split_last() else { return Vec::new() };
    let last = last.clone().with("Connection", "close");
    let bytes: Vec<u8> = others.iter().chain([&last]).flat_map(Asked::bytes).collect();
    let methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
    split(&exchange(base, &bytes).await, &methods)
}

/// Sends the bytes while it reads all that comes until the connection ends.
pub(super) async fn exchange(base: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = connect(base).await.into_split();
    let mut read = Vec::new();
    let both = async {
        // A server may answer and stop reading, or break the connection, before it has everything.
        tokio::join!(to.write_all(bytes), from.read_to_end(&mut read))
    };
    timeout(PATIENCE, both).await.map(drop).expect("the server answers in time");
    read
}

/// The answers to requests with these methods.
fn split(mut bytes: &[u8], methods: &[&str]) -> Vec<Answered> {
    let mut answers = Vec::new();
    for method in methods {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answered {
            status: status.unwrap_or_else(|| panic!("an answer has a status: {head:?}")),
            head,
            body: String::new(),
        };
        let is_whole = !answer.header("transfer-encoding").is_empty();
        let length = answer.header("content-length").parse().unwrap_or(0);
        let length = if is_whole { bytes.len() } else { length };
        let length = if *method == "HEAD" { 0 } else { length.min(bytes.len()) };
        answer.body = String::from_utf8_lossy(&bytes[..length]).into_owned();
        bytes = &bytes[length..];
        answers.push(answer);
    }
    answers
}

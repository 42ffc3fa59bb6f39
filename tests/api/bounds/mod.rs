//! How much may be asked of the server, and how long it may take: within the bounds it is done, beyond them it is
//! refused in words, and nobody else is harmed.

mod amplification;
mod answers;
mod bodies;
mod busy;
mod computation;
mod connections;
mod crowd;
mod flags;
mod heads;
mod idle;
mod kept_alive;
mod no_http;
mod open_files;
mod pipelined;
mod slow_bodies;
mod slow_heads;
mod smuggled;
mod talk;
mod unread;
mod values;
mod waits;

use serde_json::Value;

use crate::fixtures::{KEY, NEW_TICKET, Seeded, acme, serve_with, ticket};
use crate::raw::{self, Answer};
use talk::one;

const LIST: &str = "/api/v2/ticket";
const ITEM: &str = "/api/v2/ticket/7";
const CONTROL: &str = "/_control/accounts";
const URLENCODED: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=edge";

/// A path in each part of the server: both envelopes, pages, and what is not there.
const PATHS: [&str; 6] = [LIST, ITEM, CONTROL, "/_control/nothing", "/docs", "/nothing"];

/// A server with ticket 7 in an account whose clock stands still, and these further flags.
fn server(flags: &[&str]) -> Seeded {
    serve_with(&acme([ticket(7)]), &[&["--ephemeral"][..], flags].concat())
}

/// What is said to whom a bound refuses.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    status: u16,
    /// What the control API calls it.
    kind: &'static str,
    closes: bool,
}

const TOO_SLOW: Refusal = Refusal { status: 408, kind: "too-slow", closes: true };
const URL_TOO_LONG: Refusal = Refusal { status: 414, kind: "url-too-long", closes: true };
const HEADERS_TOO_LARGE: Refusal = Refusal { status: 431, kind: "headers-too-large", closes: true };
const BAD_HTTP: Refusal = Refusal { status: 400, kind: "bad-http", closes: true };
const TOO_MANY: Refusal = Refusal { status: 503, kind: "busy", closes: true };
const BUSY: Refusal = Refusal { status: 503, kind: "busy", closes: false };

impl Refusal {
    /// The answer to what was asked for at this path is this refusal, in the envelope that goes with the path.
    fn check(self, what: &str, path: &str, answer: &Answer) {
        let Self { status, kind, closes } = self;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        if path.starts_with("/_control") {
            let head = &answer.head;
            assert!(head.contains("content-type: application/problem+json"), "{what}: {answer:?}");
            let body = json(what, answer);
            assert_eq!(body["type"], format!("/docs/control#{kind}"), "{what}: {answer:?}");
            assert_eq!(body["status"], status, "{what}: {answer:?}");
            assert!(body["title"].is_string() && body["detail"].is_string(), "{what}: {answer:?}");
        } else {
            let message = answer.message();
            assert!((5..2_000).contains(&message.len()), "{what}: {answer:?}");
            let members = json(what, answer).as_object().map(serde_json::Map::len);
            assert_eq!(members, Some(2), "{what}: {answer:?}");
        }
        if closes {
            assert!(answer.head.contains("connection: close"), "{what}: {answer:?}");
        }
    }
}

fn json(what: &str, answer: &Answer) -> Value {
    serde_json::from_str(&answer.body)
        .unwrap_or_else(|error| panic!("{what}: a body is JSON ({error}): {answer:?}"))
}

/// A request without a body, after which the connection ends; further header lines end with `\r\n` each.
fn asking(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\nConnection: close\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {KEY}\r\n{headers}\r\n").into_bytes()
}

/// The same that leaves the connection open.
fn staying(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {KEY}\r\n{headers}\r\n").into_bytes()
}

/// A request with a body, after which the connection ends.
fn sending(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let headers = format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n");
    [&asking(method, path, &headers), body].concat()
}

/// The same with a body in chunks of so many bytes.
fn in_chunks(method: &str, path: &str, content_type: &str, body: &[u8], size: usize) -> Vec<u8> {
    let headers = format!("Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n");
    let mut bytes = asking(method, path, &headers);
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The fields that a ticket needs and this one, as parts.
fn parts(name: &str, value: &str) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in FIELDS.into_iter().chain([(name, value)]) {
        body += &part(name, value);
    }
    (body + "--edge--\r\n").into_bytes()
}

fn part(name: &str, value: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// The fields that a ticket needs.
const FIELDS: [(&str, &str); 6] = [
    ("brandID", "1"),
    ("channelID", "1"),
    ("direction", "inbound"),
    ("from", "ada@example.test"),
    ("to", "desk@example.test"),
    ("title", "Printer"),
];

/// So many pieces of text, one after the other.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

/// All tickets of the account as they are shown, over a connection of its own.
async fn tickets(base: &str) -> Value {
    let path = format!("{LIST}?itemLimit=9999&searchArchived=yes");
    let answer = one("all tickets", base, &asking("GET", &path, "")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    json("all tickets", &answer)
}

/// How many tickets there are.
async fn total(base: &str) -> u64 {
    let answer = one("a list", base, &asking("GET", &format!("{LIST}?itemLimit=1"), "")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    json("a list", &answer)["itemTotal"].as_u64().expect("a number")
}

/// Nothing has been changed, and the server does what it is asked for.
async fn unharmed(base: &str, before: &Value) {
    assert_eq!(tickets(base).await, *before);
    let made = raw::request("POST", LIST, KEY, URLENCODED, NEW_TICKET.as_bytes());
    let made = one("a ticket", base, &made).await;
    assert_eq!(made.status, 200, "{made:?}");
}

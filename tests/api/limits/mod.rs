//! How much may be asked of the server, and how long it may take: within the bounds it is done, beyond them it is
//! refused in words, and nobody else is harmed.

mod amplification;
mod body_size;
mod body_timeout;
mod busy_account;
mod computation;
mod connections;
mod flags;
mod header_size;
mod header_timeout;
mod idle_timeout;
mod keep_alive;
mod malformed_http;
mod max_waits;
mod open_files;
mod overload;
mod pipelining;
mod raw_connection;
mod request_smuggling;
mod response_size;
mod send_timeout;
mod values_and_depth;

use serde_json::Value;

use crate::fixtures::{
    ACME_KEY, NEW_TICKET_FORM, SeededServer, acme_seed, serve_seed_with_args, ticket_fixture,
};
use crate::raw_http::{self, RawResponse};
use raw_connection::send_request;

const LIST_PATH: &str = "/api/v2/ticket";
const ITEM_PATH: &str = "/api/v2/ticket/7";
const ACCOUNTS_PATH: &str = "/_control/accounts";
const URLENCODED: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=edge";

/// A path in each part of the server: both envelopes, pages, and what is not there.
const PATHS: [&str; 6] =
    [LIST_PATH, ITEM_PATH, ACCOUNTS_PATH, "/_control/nothing", "/docs", "/nothing"];

/// A server with ticket 7 in an account whose clock stands still, and these further flags.
fn start_server(flags: &[&str]) -> SeededServer {
    serve_seed_with_args(&acme_seed([ticket_fixture(7)]), &[&["--ephemeral"][..], flags].concat())
}

/// What is said to whom a bound refuses.
#[derive(Clone, Copy, Debug)]
struct ExpectedRejection {
    status: u16,
    /// What the control API calls it.
    kind: &'static str,
    closes_connection: bool,
}

const REQUEST_TIMED_OUT: ExpectedRejection =
    ExpectedRejection { status: 408, kind: "too-slow", closes_connection: true };
const URL_TOO_LONG: ExpectedRejection =
    ExpectedRejection { status: 414, kind: "url-too-long", closes_connection: true };
const HEADERS_TOO_LARGE: ExpectedRejection =
    ExpectedRejection { status: 431, kind: "headers-too-large", closes_connection: true };
const MALFORMED_HTTP: ExpectedRejection =
    ExpectedRejection { status: 400, kind: "bad-http", closes_connection: true };
const TOO_MANY_CONNECTIONS: ExpectedRejection =
    ExpectedRejection { status: 503, kind: "busy", closes_connection: true };
const ACCOUNT_BUSY: ExpectedRejection =
    ExpectedRejection { status: 503, kind: "busy", closes_connection: false };

impl ExpectedRejection {
    /// The answer to what was asked for at this path is this refusal, in the envelope that goes with the path.
    fn assert_matches(self, what: &str, path: &str, answer: &RawResponse) {
        let Self { status, kind, closes_connection: closes } = self;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        if path.starts_with("/_control") {
            let head = &answer.head;
            assert!(head.contains("content-type: application/problem+json"), "{what}: {answer:?}");
            let body = parse_json(what, answer);
            assert_eq!(body["type"], format!("/docs/control#{kind}"), "{what}: {answer:?}");
            assert_eq!(body["status"], status, "{what}: {answer:?}");
            assert!(body["title"].is_string() && body["detail"].is_string(), "{what}: {answer:?}");
        } else {
            let message = answer.error_message();
            assert!((5..2_000).contains(&message.len()), "{what}: {answer:?}");
            let members = parse_json(what, answer).as_object().map(serde_json::Map::len);
            assert_eq!(members, Some(2), "{what}: {answer:?}");
        }
        if closes {
            assert!(answer.head.contains("connection: close"), "{what}: {answer:?}");
        }
    }
}

fn parse_json(what: &str, answer: &RawResponse) -> Value {
    serde_json::from_str(&answer.body)
        .unwrap_or_else(|error| panic!("{what}: a body is JSON ({error}): {answer:?}"))
}

/// A request without a body, after which the connection ends; further header lines end with `\r\n` each.
fn build_request(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\nConnection: close\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {ACME_KEY}\r\n{headers}\r\n").into_bytes()
}

/// The same that leaves the connection open.
fn build_keep_alive_request(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {ACME_KEY}\r\n{headers}\r\n").into_bytes()
}

/// A request with a body, after which the connection ends.
fn build_request_with_body(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let headers = format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n");
    [&build_request(method, path, &headers), body].concat()
}

/// The same with a body in chunks of so many bytes.
fn build_chunked_request(
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
    size: usize,
) -> Vec<u8> {
    let headers = format!("Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n");
    let mut bytes = build_request(method, path, &headers);
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The fields that a ticket needs and this one, as parts.
fn build_multipart_body(name: &str, value: &str) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in REQUIRED_FIELDS.into_iter().chain([(name, value)]) {
        body += &build_part(name, value);
    }
    (body + "--edge--\r\n").into_bytes()
}

fn build_part(name: &str, value: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// The fields that a ticket needs.
const REQUIRED_FIELDS: [(&str, &str); 6] = [
    ("brandID", "1"),
    ("channelID", "1"),
    ("direction", "inbound"),
    ("from", "ada@example.test"),
    ("to", "desk@example.test"),
    ("title", "Printer"),
];

/// So many pieces of text, one after the other.
fn concat_indexed(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

/// All tickets of the account as they are shown, over a connection of its own.
async fn list_all_tickets(base: &str) -> Value {
    let path = format!("{LIST_PATH}?itemLimit=9999&searchArchived=yes");
    let answer = send_request("all tickets", base, &build_request("GET", &path, "")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    parse_json("all tickets", &answer)
}

/// How many tickets there are.
async fn count_tickets(base: &str) -> u64 {
    let answer = send_request(
        "a list",
        base,
        &build_request("GET", &format!("{LIST_PATH}?itemLimit=1"), ""),
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    parse_json("a list", &answer)["itemTotal"].as_u64().expect("a number")
}

/// Nothing has been changed, and the server does what it is asked for.
async fn assert_unchanged_and_serving(base: &str, before: &Value) {
    assert_eq!(list_all_tickets(base).await, *before);
    let made = raw_http::build_raw_request(
        "POST",
        LIST_PATH,
        ACME_KEY,
        URLENCODED,
        NEW_TICKET_FORM.as_bytes(),
    );
    let made = send_request("a ticket", base, &made).await;
    assert_eq!(made.status, 200, "{made:?}");
}

//! Limits of size and time: requests within them succeed, requests beyond them get a clear error and affect
//! nothing else.

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
mod overload;
mod pipelining;
mod request_smuggling;
mod response_size;
mod send_timeout;
mod values_and_depth;

use serde_json::Value;

use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawResponse, build_raw_request, exchange};
use crate::support::seed::{
    ACME_KEY, SeededServer, acme_seed, serve_seed_with_args, ticket_fixture,
};
use crate::support::text::concat_indexed;
use crate::support::ticket::{
    ALL_TICKETS_PATH, NEW_TICKET_FIELDS, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED,
};

const ITEM_PATH: &str = "/api/v2/ticket/7";

/// A path in each part of the server: both error formats, pages, and unknown paths.
const PATHS: [&str; 6] =
    [TICKETS_PATH, ITEM_PATH, ACCOUNTS_PATH, "/_control/nothing", "/docs", "/nothing"];

/// Starts a server with ticket 7, an account with a frozen clock, and these flags.
fn start_server(flags: &[&str]) -> SeededServer {
    serve_seed_with_args(&acme_seed([ticket_fixture(7)]), &[&["--ephemeral"][..], flags].concat())
}

/// The response to a request that exceeds a limit.
#[derive(Clone, Copy, Debug)]
struct ExpectedRejection {
    status: u16,
    /// The type of the problem in the control API.
    kind: &'static str,
    closes_connection: bool,
}

const REQUEST_TIMED_OUT: ExpectedRejection =
    ExpectedRejection { status: 408, kind: "request-timeout", closes_connection: true };
const URL_TOO_LONG: ExpectedRejection =
    ExpectedRejection { status: 414, kind: "url-too-long", closes_connection: true };
const HEADERS_TOO_LARGE: ExpectedRejection =
    ExpectedRejection { status: 431, kind: "headers-too-large", closes_connection: true };
const MALFORMED_HTTP: ExpectedRejection =
    ExpectedRejection { status: 400, kind: "malformed-http", closes_connection: true };
const TOO_MANY_CONNECTIONS: ExpectedRejection =
    ExpectedRejection { status: 503, kind: "busy", closes_connection: true };
const ACCOUNT_BUSY: ExpectedRejection =
    ExpectedRejection { status: 503, kind: "busy", closes_connection: false };

impl ExpectedRejection {
    /// Checks that the response is this rejection, in the error format of the path.
    fn assert_matches(self, label: &str, path: &str, response: &RawResponse) {
        let Self { status, kind, closes_connection } = self;
        assert_eq!(response.status, status, "{label}: {response:?}");
        if path.starts_with("/_control") {
            let head = &response.head;
            assert!(
                head.contains("content-type: application/problem+json"),
                "{label}: {response:?}"
            );
            let body = parse_json(label, response);
            assert_eq!(body["type"], format!("/docs/control#{kind}"), "{label}: {response:?}");
            assert_eq!(body["status"], status, "{label}: {response:?}");
            assert!(
                body["title"].is_string() && body["detail"].is_string(),
                "{label}: {response:?}"
            );
        } else {
            let message = response.error_message();
            assert!((5..2_000).contains(&message.len()), "{label}: {response:?}");
            let members = parse_json(label, response).as_object().map(serde_json::Map::len);
            assert_eq!(members, Some(2), "{label}: {response:?}");
        }
        if closes_connection {
            assert!(response.head.contains("connection: close"), "{label}: {response:?}");
        }
    }
}

fn parse_json(label: &str, response: &RawResponse) -> Value {
    serde_json::from_str(&response.body)
        .unwrap_or_else(|error| panic!("{label}: the body is not JSON ({error}): {response:?}"))
}

/// Returns a request without a body that closes the connection; each additional header ends with `\r\n`.
fn build_request(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\nConnection: close\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {ACME_KEY}\r\n{headers}\r\n").into_bytes()
}

/// Returns a request without a body that keeps the connection open.
fn build_keep_alive_request(method: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = "Host: localhost\r\n";
    format!("{method} {path} HTTP/1.1\r\n{host}apiKey: {ACME_KEY}\r\n{headers}\r\n").into_bytes()
}

/// Returns a request with a body that closes the connection.
fn build_request_with_body(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let headers = format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n");
    [&build_request(method, path, &headers), body].concat()
}

/// Returns a request with a chunked body; each chunk has `size` bytes.
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

/// Returns a multipart body with the required fields of a ticket and this one.
fn build_multipart_body(name: &str, value: &str) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in NEW_TICKET_FIELDS.into_iter().chain([(name, value)]) {
        body += &build_part(name, value);
    }
    (body + "--edge--\r\n").into_bytes()
}

fn build_part(name: &str, value: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// Returns a path of the control API for the account `acme`.
fn account_path(rest: &str) -> String {
    format!("{ACCOUNTS_PATH}/acme/{rest}")
}

/// Returns all tickets of the account, over a new connection.
async fn list_all_tickets(base: &str) -> Value {
    let response = exchange(base, &build_request("GET", ALL_TICKETS_PATH, "")).await;
    assert_eq!(response.status, 200, "{response:?}");
    parse_json("all tickets", &response)
}

/// Returns the number of tickets.
async fn count_tickets(base: &str) -> u64 {
    let response =
        exchange(base, &build_request("GET", &format!("{TICKETS_PATH}?itemLimit=1"), "")).await;
    assert_eq!(response.status, 200, "{response:?}");
    parse_json("a list", &response)["itemTotal"].as_u64().expect("itemTotal is a number")
}

/// Checks that the tickets are unchanged and that the server still serves requests.
async fn assert_unchanged_and_serving(base: &str, before: &Value) {
    assert_eq!(list_all_tickets(base).await, *before);
    let request =
        build_raw_request("POST", TICKETS_PATH, ACME_KEY, URLENCODED, NEW_TICKET_FORM.as_bytes());
    let created = exchange(base, &request).await;
    assert_eq!(created.status, 200, "{created:?}");
}

//! The timeout of request bodies, for every framing and route.

use std::iter;

use futures_util::future::join_all;

use super::{
    ITEM_PATH, REQUEST_TIMED_OUT, assert_unchanged_and_serving, build_keep_alive_request,
    build_multipart_body, build_request, build_request_with_body, count_tickets, list_all_tickets,
    start_server,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, RawResponse, exchange, expect_single_response};
use crate::support::seed::{ACME_KEY, SeededServer};
use crate::support::ticket::{
    JSON, MULTIPART, NEW_TICKET_FIELDS, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED,
};

const BODY_TIMEOUT: &str = "300ms";
/// Framing headers of a body that never ends.
const CONTENT_LENGTH_HEADER: &str = "Content-Length: 100000\r\n";
const CHUNKED_HEADER: &str = "Transfer-Encoding: chunked\r\n";

fn start_server_with_body_timeout() -> SeededServer {
    start_server(&["--body-timeout", BODY_TIMEOUT])
}

/// A request whose body starts with `body_start` and then repeats `repeated_body`.
#[derive(Clone)]
struct SlowRequest {
    method: &'static str,
    path: String,
    headers: String,
    body_start: &'static str,
    repeated_body: &'static str,
}

impl SlowRequest {
    fn new(
        (method, path): (&'static str, &str),
        (content_type, framing): (&str, &str),
        (start, more): (&'static str, &'static str),
    ) -> Self {
        let headers = format!("Content-Type: {content_type}\r\n{framing}");
        Self { method, path: path.to_owned(), headers, body_start: start, repeated_body: more }
    }

    fn describe(&self) -> String {
        let Self { method, path, headers, .. } = self;
        format!("{method} {path} {headers:?} {:?} {:?}", self.body_start, self.repeated_body)
    }

    /// Sends the request byte by byte until the server responds; returns all responses.
    async fn send_until_response(self, base: &str) -> (Self, Vec<RawResponse>) {
        let stream = RawConnection::open_and_send(
            base,
            &build_keep_alive_request(self.method, &self.path, &self.headers),
        )
        .await;
        let bytes = self.body_start.bytes().chain(self.repeated_body.bytes().cycle());
        let responses = stream.send_byte_by_byte(bytes).await;
        (self, responses)
    }
}

const PART_HEAD: &str = "--edge\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n";

/// Returns requests to the Ticket API in every encoding.
fn slow_ticket_requests() -> Vec<SlowRequest> {
    let mut all = Vec::new();
    let update = ("PUT", "/api/v2/ticket/7");
    for target in [("POST", TICKETS_PATH), update, ("POST", "/api/v2/ticket/setStatus")] {
        all.extend([
            SlowRequest::new(target, (URLENCODED, CONTENT_LENGTH_HEADER), ("title=", "x")),
            SlowRequest::new(target, (URLENCODED, CONTENT_LENGTH_HEADER), ("", "")),
            SlowRequest::new(
                target,
                (URLENCODED, CONTENT_LENGTH_HEADER),
                ("status=solved&ticketIDs[]=7", ""),
            ),
            SlowRequest::new(target, (MULTIPART, CONTENT_LENGTH_HEADER), (PART_HEAD, "x")),
            SlowRequest::new(target, (MULTIPART, CONTENT_LENGTH_HEADER), ("--ed", "")),
            SlowRequest::new(target, (JSON, CONTENT_LENGTH_HEADER), ("{\"title\":\"", "x")),
            SlowRequest::new(target, (URLENCODED, CHUNKED_HEADER), ("", "1\r\nx\r\n")),
            SlowRequest::new(target, (URLENCODED, CHUNKED_HEADER), ("6\r\ntitle=", "")),
            SlowRequest::new(target, (JSON, CHUNKED_HEADER), ("1\r\n{\r\n", "1\r\n \r\n")),
            SlowRequest::new(target, (MULTIPART, CHUNKED_HEADER), ("5", "")),
        ]);
    }
    all
}

/// Returns requests to the control API.
fn slow_control_requests() -> Vec<SlowRequest> {
    let account_path = |rest: &str| format!("{ACCOUNTS_PATH}/acme/{rest}");
    let mut all = Vec::new();
    for (method, path) in [
        ("POST", ACCOUNTS_PATH.to_owned()),
        ("PUT", account_path("clock")),
        ("POST", account_path("clock/advance")),
        ("POST", account_path("keys")),
        ("PUT", account_path("dialect")),
        ("POST", account_path("import")),
        ("POST", account_path("verify")),
        ("POST", account_path("faults")),
        ("PUT", account_path("rate-limits")),
        ("PUT", account_path("strict")),
    ] {
        all.extend([
            SlowRequest::new((method, &path), (JSON, CONTENT_LENGTH_HEADER), ("{", " ")),
            SlowRequest::new((method, &path), (JSON, CONTENT_LENGTH_HEADER), ("", "")),
            SlowRequest::new((method, &path), (JSON, CHUNKED_HEADER), ("", "1\r\n \r\n")),
        ]);
    }
    all
}

#[tokio::test]
async fn unfinished_body_times_out() {
    let server = start_server_with_body_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = slow_ticket_requests().into_iter().chain(slow_control_requests());
    for (slow, responses) in
        join_all(all.map(|slow| slow.send_until_response(&server.base_url))).await
    {
        let label = slow.describe();
        REQUEST_TIMED_OUT.assert_matches(
            &label,
            &slow.path,
            &expect_single_response(&label, responses),
        );
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
    let accounts = exchange(&server.base_url, &build_request("GET", ACCOUNTS_PATH, "")).await;
    assert_eq!(accounts.body.matches("\"account\"").count(), 1, "{accounts:?}");
}

#[tokio::test]
async fn body_withheld_after_expect_continue_times_out() {
    let server = start_server_with_body_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = [TICKETS_PATH, ACCOUNTS_PATH].map(async |path| {
        let headers =
            format!("Content-Type: {JSON}\r\n{CONTENT_LENGTH_HEADER}Expect: 100-continue\r\n");
        (
            path,
            RawConnection::open_and_send(&server.base_url, &build_request("POST", path, &headers))
                .await
                .read_responses()
                .await,
        )
    });
    for (path, responses) in join_all(all).await {
        REQUEST_TIMED_OUT.assert_matches(path, path, &expect_single_response(path, responses));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

/// Returns requests that fail for another reason or need no body, with their status.
fn slow_requests_with_unread_body() -> Vec<(u16, SlowRequest)> {
    let mut all = Vec::new();
    for (framing, filler) in
        [(CONTENT_LENGTH_HEADER, ("title=", "x")), (CHUNKED_HEADER, ("", "1\r\nx\r\n"))]
    {
        let form = (URLENCODED, framing);
        let other_key = format!("{TICKETS_PATH}?apiKey=another-key-0123456789");
        all.extend([
            (400, SlowRequest::new(("POST", &other_key), form, filler)),
            (404, SlowRequest::new(("POST", "/nothing"), form, filler)),
            (404, SlowRequest::new(("POST", "/_control/nothing"), form, filler)),
            (404, SlowRequest::new(("POST", "/_control/accounts/nobody/keys"), form, filler)),
            (405, SlowRequest::new(("PATCH", ITEM_PATH), form, filler)),
            (415, SlowRequest::new(("POST", TICKETS_PATH), ("text/plain", framing), filler)),
            (200, SlowRequest::new(("GET", ITEM_PATH), form, filler)),
            (200, SlowRequest::new(("GET", "/docs"), form, filler)),
        ]);
    }
    all
}

#[tokio::test]
async fn slow_unread_body_ends_at_body_timeout() {
    let server = start_server_with_body_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = slow_requests_with_unread_body()
        .into_iter()
        .map(async |(status, slow)| (status, slow.send_until_response(&server.base_url).await));
    for (status, (slow, responses)) in join_all(all).await {
        let label = slow.describe();
        let response = expect_single_response(&label, responses);
        assert!([status, 408].contains(&response.status), "{label}: {response:?}");
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

/// Sends all but the last 30 bytes at once, then the rest byte by byte.
async fn send_last_bytes_slowly(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    let (first, last) = bytes.split_at(bytes.len() - 30);
    RawConnection::open_and_send(base, first).await.send_byte_by_byte(last.to_vec()).await
}

#[tokio::test]
async fn slow_body_within_timeout_is_accepted() {
    let server = start_server(&[]);
    let form = NEW_TICKET_FORM.as_bytes();
    let json = format!(
        "{{{}}}",
        NEW_TICKET_FIELDS.map(|(name, value)| format!("\"{name}\":\"{value}\"")).join(",")
    );
    let json = json.replace("\"1\"", "1");
    let requests = [
        build_request_with_body("POST", TICKETS_PATH, URLENCODED, form),
        build_request_with_body(
            "POST",
            TICKETS_PATH,
            MULTIPART,
            &build_multipart_body("note", "x"),
        ),
        build_request_with_body("POST", TICKETS_PATH, JSON, json.as_bytes()),
        super::build_chunked_request("POST", TICKETS_PATH, URLENCODED, form, 7),
        build_request_with_body("POST", ACCOUNTS_PATH, JSON, b"{                              }"),
    ];
    let all = requests.map(async |bytes| send_last_bytes_slowly(&server.base_url, &bytes).await);
    for (index, responses) in join_all(all).await.into_iter().enumerate() {
        let response = expect_single_response("a slow body", responses);
        assert_eq!(response.status, if index == 4 { 201 } else { 200 }, "{index}: {response:?}");
    }
    assert_eq!(count_tickets(&server.base_url).await, 5);
}

#[tokio::test]
async fn body_timeout_restarts_for_second_request() {
    let server = start_server_with_body_timeout();
    let head = |length: usize| {
        format!(
            "POST {TICKETS_PATH} HTTP/1.1\r\nHost: localhost\r\napiKey: {ACME_KEY}\r\n\
             Content-Type: {URLENCODED}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let first = [head(NEW_TICKET_FORM.len()).as_bytes(), NEW_TICKET_FORM.as_bytes()].concat();
    let mut stream = RawConnection::open_and_send(&server.base_url, &first).await;
    assert_eq!(stream.read_response().await.status, 200);
    let second_head = head(100_000).into_bytes();
    let responses = send_head_and_slow_body(stream, second_head).await;
    REQUEST_TIMED_OUT.assert_matches(
        "the second request",
        TICKETS_PATH,
        &expect_single_response("the second request", responses),
    );
    assert_eq!(count_tickets(&server.base_url).await, 2, "the first request created a ticket");
}

async fn send_head_and_slow_body(mut stream: RawConnection, head: Vec<u8>) -> Vec<RawResponse> {
    stream.send(&head).await;
    stream.send_byte_by_byte(iter::repeat(b'x')).await
}

//! Pipelined requests: each gets its response, in order, and an invalid request does not affect the requests
//! before it.

use futures_util::future::join_all;

use super::{
    ExpectedRejection, HEADERS_TOO_LARGE, MALFORMED_HTTP, REQUEST_TIMED_OUT, URL_TOO_LONG,
    build_keep_alive_request, build_request, count_tickets, start_server,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, RawResponse, exchange_all, expect_single_response};
use crate::support::seed::ACME_KEY;
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};

fn build_create_request(title: &str) -> Vec<u8> {
    let body = NEW_TICKET_FORM.replace("Printer", title);
    let headers = format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", body.len());
    [&build_keep_alive_request("POST", TICKETS_PATH, &headers), body.as_bytes()].concat()
}

fn collect_statuses(responses: &[RawResponse]) -> Vec<u16> {
    responses.iter().map(|response| response.status).collect()
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start_server(&[]);
    let mut bytes = Vec::new();
    for number in 0..20 {
        bytes.extend(build_create_request(&format!("Printer{number}")));
        bytes.extend(build_keep_alive_request(
            "GET",
            &format!("{TICKETS_PATH}?itemLimit=1&query=Printer{number}"),
            "",
        ));
    }
    bytes.extend(build_request("GET", "/docs", ""));
    let responses = exchange_all(&server.base_url, &bytes).await;
    assert_eq!(collect_statuses(&responses), [200; 41]);
    for (number, pair) in responses.chunks_exact(2).enumerate() {
        let id = 8 + number;
        assert!(pair[0].body.contains(&format!("\"ticketID\":{id}")), "{number}: {pair:?}");
        assert!(pair[1].body.contains(&format!("\"title\":\"Printer{number}\"")), "{pair:?}");
    }
    assert!(responses[40].head.contains("text/html"), "{:?}", responses[40].head);
    assert_eq!(count_tickets(&server.base_url).await, 21);
}

#[tokio::test]
async fn requests_arriving_in_pieces_are_served() {
    let server = start_server(&[]);
    let bytes = [
        build_create_request("One"),
        build_create_request("Two"),
        build_request("GET", TICKETS_PATH, ""),
    ]
    .concat();
    let responses = send_in_pieces(&server.base_url, &bytes).await;
    assert_eq!(collect_statuses(&responses), [200; 3], "{responses:?}");
    assert_eq!(count_tickets(&server.base_url).await, 3);
}

/// Sends the bytes in pieces of 70; returns all responses.
async fn send_in_pieces(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    let mut stream = RawConnection::open_and_send(base, &bytes[..70]).await;
    for piece in bytes[70..].chunks(70) {
        stream.send(piece).await;
        tokio::task::yield_now().await;
    }
    stream.read_responses().await
}

#[tokio::test]
async fn bad_pipelined_request_does_not_affect_the_first() {
    let time = "500ms";
    let server =
        start_server(&["--header-timeout", time, "--body-timeout", time, "--idle-timeout", "2s"]);
    let large = format!("X-Large: {}\r\n", "x".repeat(200_000));
    let long = |path: &str| format!("{path}?x={}", "x".repeat(70_000));
    let mut cases: Vec<(&str, &str, ExpectedRejection, Vec<u8>)> = vec![
        ("no HTTP", "", MALFORMED_HTTP, b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n".to_vec()),
        ("half a method", "", REQUEST_TIMED_OUT, b"POS".to_vec()),
    ];
    // hyper drops this head, and with it the path, before it rejects the request.
    let lengths = "Content-Length: 1\r\nContent-Length: 2\r\n";
    cases.push((
        "two lengths",
        TICKETS_PATH,
        MALFORMED_HTTP,
        build_keep_alive_request("POST", TICKETS_PATH, lengths),
    ));
    for path in [TICKETS_PATH, ACCOUNTS_PATH] {
        let half = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Half");
        let body = "Content-Type: application/json\r\nContent-Length: 100\r\n";
        cases.extend([
            (
                "a bad header",
                path,
                MALFORMED_HTTP,
                build_keep_alive_request("POST", path, "X : y\r\n"),
            ),
            (
                "large headers",
                path,
                HEADERS_TOO_LARGE,
                build_keep_alive_request("POST", path, &large),
            ),
            ("a long URL", path, URL_TOO_LONG, build_keep_alive_request("POST", &long(path), "")),
            ("half a head", path, REQUEST_TIMED_OUT, half.into_bytes()),
            (
                "half a body",
                path,
                REQUEST_TIMED_OUT,
                [&build_keep_alive_request("POST", path, body), &b"{"[..]].concat(),
            ),
        ]);
    }
    let all = cases.iter().map(async |(label, path, rejection, second)| {
        let bytes = [&build_create_request("First"), &second[..]].concat();
        let responses = exchange_all(&server.base_url, &bytes).await;
        assert_eq!(
            collect_statuses(&responses),
            [200, rejection.status],
            "{label}, {path}: {responses:?}"
        );
        assert!(responses[0].body.contains("Ticket created"), "{label}, {path}: {responses:?}");
        rejection.assert_matches(label, path, &responses[1]);
    });
    join_all(all).await;
    assert_eq!(count_tickets(&server.base_url).await, 1 + cases.len() as u64);
}

#[tokio::test]
async fn requests_after_rejected_request_are_not_executed() {
    let server = start_server(&["--header-timeout", "500ms"]);
    for bad in [&b"\x00\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nX : y\r\n\r\n"]
    {
        let bytes = [bad, &build_create_request("Behind")].concat();
        let responses = exchange_all(&server.base_url, &bytes).await;
        assert_eq!(collect_statuses(&responses), [400], "{responses:?}");
    }
    // A request after `Connection: close` is not executed either.
    let bytes = [build_request("GET", TICKETS_PATH, ""), build_create_request("Behind")].concat();
    assert_eq!(collect_statuses(&exchange_all(&server.base_url, &bytes).await), [200]);
    assert_eq!(count_tickets(&server.base_url).await, 1);
}

#[tokio::test]
async fn header_timeout_applies_to_pipelined_second_request() {
    let server = start_server(&["--header-timeout", "300ms", "--idle-timeout", "2s"]);
    let start = format!("GET {TICKETS_PATH} HTTP/1.1\r\napiKey: {ACME_KEY}\r\nX-Long: ");
    let bytes = [build_create_request("First"), start.into_bytes()].concat();
    let mut stream = RawConnection::open_and_send(&server.base_url, &bytes).await;
    assert_eq!(stream.read_response().await.status, 200);
    let response = expect_single_response(
        "the second request",
        stream.send_byte_by_byte(std::iter::repeat(b'x')).await,
    );
    REQUEST_TIMED_OUT.assert_matches("the second request", TICKETS_PATH, &response);
    assert_eq!(count_tickets(&server.base_url).await, 2);
}

//! Requests that come before the earlier ones are answered: each has its answer, in order, and a bad one harms none
//! that came before it.

use futures_util::future::join_all;

use super::raw_connection::{
    connect_and_send, expect_single_response, read_response, send_and_read_all, send_byte_by_byte,
};
use super::{
    ACCOUNTS_PATH, ExpectedRejection, HEADERS_TOO_LARGE, LIST_PATH, MALFORMED_HTTP,
    REQUEST_TIMED_OUT, URL_TOO_LONG, URLENCODED, build_keep_alive_request, build_request,
    count_tickets, start_server,
};
use crate::fixtures::{ACME_KEY, NEW_TICKET_FORM};
use crate::raw_http::RawResponse;

fn build_create_request(title: &str) -> Vec<u8> {
    let body = NEW_TICKET_FORM.replace("Printer", title);
    let headers = format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", body.len());
    [&build_keep_alive_request("POST", LIST_PATH, &headers), body.as_bytes()].concat()
}

fn collect_statuses(answers: &[RawResponse]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start_server(&[]);
    let mut bytes = Vec::new();
    for number in 0..20 {
        bytes.extend(build_create_request(&format!("Printer{number}")));
        bytes.extend(build_keep_alive_request(
            "GET",
            &format!("{LIST_PATH}?itemLimit=1&query=Printer{number}"),
            "",
        ));
    }
    bytes.extend(build_request("GET", "/docs", ""));
    let answers = send_and_read_all(&server.base_url, &bytes).await;
    assert_eq!(collect_statuses(&answers), [200; 41]);
    for (number, pair) in answers.chunks_exact(2).enumerate() {
        let id = 8 + number;
        assert!(pair[0].body.contains(&format!("\"ticketID\":{id}")), "{number}: {pair:?}");
        assert!(pair[1].body.contains(&format!("\"title\":\"Printer{number}\"")), "{pair:?}");
    }
    assert!(answers[40].head.contains("text/html"), "{:?}", answers[40].head);
    assert_eq!(count_tickets(&server.base_url).await, 21);
}

#[tokio::test]
async fn requests_arriving_in_pieces_are_served() {
    let server = start_server(&[]);
    let bytes = [
        build_create_request("One"),
        build_create_request("Two"),
        build_request("GET", LIST_PATH, ""),
    ]
    .concat();
    let answers = send_in_pieces(&server.base_url, &bytes).await;
    assert_eq!(collect_statuses(&answers), [200; 3], "{answers:?}");
    assert_eq!(count_tickets(&server.base_url).await, 3);
}

/// Sends all but the last request's end at once, and that byte by byte.
async fn send_in_pieces(base: &str, bytes: &[u8]) -> Vec<RawResponse> {
    let mut stream = connect_and_send(base, &bytes[..70]).await;
    for piece in bytes[70..].chunks(70) {
        tokio::io::AsyncWriteExt::write_all(&mut stream, piece).await.expect("it is open");
        tokio::task::yield_now().await;
    }
    super::raw_connection::read_remaining(stream).await
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
    // The library forgets this head before it refuses it, and with it the path.
    let lengths = "Content-Length: 1\r\nContent-Length: 2\r\n";
    cases.push((
        "two lengths",
        LIST_PATH,
        MALFORMED_HTTP,
        build_keep_alive_request("POST", LIST_PATH, lengths),
    ));
    for path in [LIST_PATH, ACCOUNTS_PATH] {
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
    let all = cases.iter().map(async |(what, path, refusal, second)| {
        let bytes = [&build_create_request("First"), &second[..]].concat();
        let answers = send_and_read_all(&server.base_url, &bytes).await;
        assert_eq!(
            collect_statuses(&answers),
            [200, refusal.status],
            "{what}, {path}: {answers:?}"
        );
        assert!(answers[0].body.contains("Ticket created"), "{what}, {path}: {answers:?}");
        refusal.assert_matches(what, path, &answers[1]);
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
        let answers = send_and_read_all(&server.base_url, &bytes).await;
        assert_eq!(collect_statuses(&answers), [400], "{answers:?}");
    }
    // Nor behind one that ends its connection.
    let bytes = [build_request("GET", LIST_PATH, ""), build_create_request("Behind")].concat();
    assert_eq!(collect_statuses(&send_and_read_all(&server.base_url, &bytes).await), [200]);
    assert_eq!(count_tickets(&server.base_url).await, 1);
}

#[tokio::test]
async fn header_timeout_applies_to_pipelined_second_request() {
    let server = start_server(&["--header-timeout", "300ms", "--idle-timeout", "2s"]);
    let start = format!("GET {LIST_PATH} HTTP/1.1\r\napiKey: {ACME_KEY}\r\nX-Long: ");
    let bytes = [build_create_request("First"), start.into_bytes()].concat();
    let mut stream = connect_and_send(&server.base_url, &bytes).await;
    assert_eq!(read_response(&mut stream).await.status, 200);
    let answer = expect_single_response(
        "the second",
        send_byte_by_byte(stream, std::iter::repeat(b'x')).await,
    );
    REQUEST_TIMED_OUT.assert_matches("the second", LIST_PATH, &answer);
    assert_eq!(count_tickets(&server.base_url).await, 2);
}

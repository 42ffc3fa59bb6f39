//! The timeout of request heads, from the first byte of a request to the end of its headers.

use std::iter;
use std::time::Duration;

use futures_util::future::join_all;

use super::{
    REQUEST_TIMED_OUT, assert_unchanged_and_serving, build_keep_alive_request, build_request,
    list_all_tickets, start_server,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, expect_single_response};
use crate::support::seed::SeededServer;
use crate::support::ticket::TICKETS_PATH;

const HEADER_TIMEOUT: &str = "300ms";
/// Longer than the header timeout.
const LONGER_THAN_HEADER_TIMEOUT: Duration = Duration::from_millis(600);

fn start_server_with_header_timeout() -> SeededServer {
    start_server(&["--header-timeout", HEADER_TIMEOUT])
}

/// Label, path, the start of a request head, and the bytes that follow it repeatedly.
fn unfinished_head_cases() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let mut cases =
        vec![("a method", "", "G".to_owned(), "E"), ("empty lines", "", "\r".to_owned(), "\n\r")];
    for path in [TICKETS_PATH, ACCOUNTS_PATH] {
        let line = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
        cases.extend([
            ("a URL", path, format!("POST {path}?x="), "x"),
            ("a header's name", path, format!("{line}X-"), "a"),
            ("a header's value", path, format!("{line}X-Long: "), "a"),
            ("header after header", path, line.clone(), "a: b\r\n"),
            ("all but the last byte, and nothing", path, format!("{line}\r"), ""),
            ("a line, and nothing", path, line, ""),
        ]);
    }
    cases
}

#[tokio::test]
async fn unfinished_request_head_times_out() {
    let server = start_server_with_header_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = unfinished_head_cases().into_iter().map(async |(label, path, start, repeated)| {
        let bytes = start.bytes().chain(repeated.bytes().cycle());
        let stream = RawConnection::open(&server.base_url).await;
        (label, path, stream.send_byte_by_byte(bytes).await)
    });
    for (label, path, responses) in join_all(all).await {
        let label = format!("{label}, {path}");
        // Empty lines before a request are not part of it; the connection may be closed without a response.
        if label.starts_with("empty lines") && responses.is_empty() {
            continue;
        }
        REQUEST_TIMED_OUT.assert_matches(&label, path, &expect_single_response(&label, responses));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn unfinished_second_request_head_times_out() {
    let server = start_server_with_header_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = [TICKETS_PATH, ACCOUNTS_PATH].map(async |path| {
        let mut stream = RawConnection::open_and_send(
            &server.base_url,
            &build_keep_alive_request("GET", TICKETS_PATH, ""),
        )
        .await;
        assert_eq!(stream.read_response().await.status, 200);
        let start = format!("POST {path} HTTP/1.1\r\nX-Long: ");
        (path, stream.send_byte_by_byte(start.bytes().chain(iter::repeat(b'a'))).await)
    });
    for (path, responses) in join_all(all).await {
        REQUEST_TIMED_OUT.assert_matches(path, path, &expect_single_response(path, responses));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn header_timeout_starts_at_first_byte() {
    let server = start_server_with_header_timeout();
    let mut stream = RawConnection::open(&server.base_url).await;
    for round in ["the first request", "the second request", "the third request"] {
        stream.assert_silent(round, LONGER_THAN_HEADER_TIMEOUT).await;
        stream.send(&build_keep_alive_request("GET", TICKETS_PATH, "")).await;
        let response = stream.read_response().await;
        assert_eq!(response.status, 200, "{round}: {response:?}");
    }
}

#[tokio::test]
async fn slow_head_within_timeout_is_answered() {
    let server = start_server(&[]);
    let stream = RawConnection::open(&server.base_url).await;
    let response = expect_single_response(
        "a slow head",
        stream.send_byte_by_byte(build_request("GET", TICKETS_PATH, "")).await,
    );
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn simultaneously_stalled_heads_all_get_408() {
    let server = start_server_with_header_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = (0..100).map(async |index| {
        let path = [TICKETS_PATH, ACCOUNTS_PATH][index % 2];
        (
            path,
            RawConnection::open_and_send(&server.base_url, format!("GET {path} HT").as_bytes())
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

//! Heads that do not end: from a request's first byte on, there is only so much time for the rest.

use std::iter;
use std::time::Duration;

use futures_util::future::join_all;

use super::raw_connection::{
    assert_stays_silent, connect_and_send, expect_single_response, read_remaining, read_response,
    send_byte_by_byte,
};
use super::{
    ACCOUNTS_PATH, LIST_PATH, REQUEST_TIMED_OUT, assert_unchanged_and_serving,
    build_keep_alive_request, build_request, list_all_tickets, start_server,
};
use crate::fixtures::SeededServer;

const HEADER_TIMEOUT: &str = "300ms";
/// Longer than that.
const LONGER_THAN_HEADER_TIMEOUT: Duration = Duration::from_millis(600);

fn start_server_with_header_timeout() -> SeededServer {
    start_server(&["--header-timeout", HEADER_TIMEOUT])
}

/// The beginning of a head, and what follows it over and over.
fn unfinished_head_cases() -> Vec<(&'static str, &'static str, String, &'static str)> {
    let mut cases =
        vec![("a method", "", "G".to_owned(), "E"), ("empty lines", "", "\r".to_owned(), "\n\r")];
    for path in [LIST_PATH, ACCOUNTS_PATH] {
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
    let all = unfinished_head_cases().into_iter().map(async |(what, path, start, more)| {
        let bytes = start.bytes().chain(more.bytes().cycle());
        let stream = connect_and_send(&server.base_url, b"").await;
        (what, path, send_byte_by_byte(stream, bytes).await)
    });
    for (what, path, answers) in join_all(all).await {
        let what = format!("{what}, {path}");
        // Empty lines before a request are none of it, and may end in silence.
        if what.starts_with("empty lines") && answers.is_empty() {
            continue;
        }
        REQUEST_TIMED_OUT.assert_matches(&what, path, &expect_single_response(&what, answers));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn unfinished_second_request_head_times_out() {
    let server = start_server_with_header_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = [LIST_PATH, ACCOUNTS_PATH].map(async |path| {
        let mut stream =
            connect_and_send(&server.base_url, &build_keep_alive_request("GET", LIST_PATH, ""))
                .await;
        assert_eq!(read_response(&mut stream).await.status, 200);
        let start = format!("POST {path} HTTP/1.1\r\nX-Long: ");
        (path, send_byte_by_byte(stream, start.bytes().chain(iter::repeat(b'a'))).await)
    });
    for (path, answers) in join_all(all).await {
        REQUEST_TIMED_OUT.assert_matches(path, path, &expect_single_response(path, answers));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn header_timeout_starts_at_first_byte() {
    let server = start_server_with_header_timeout();
    let mut stream = connect_and_send(&server.base_url, b"").await;
    for round in ["the first", "the second", "the third"] {
        assert_stays_silent(round, &stream, LONGER_THAN_HEADER_TIMEOUT).await;
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            &build_keep_alive_request("GET", LIST_PATH, ""),
        )
        .await
        .expect("it is open");
        let answer = read_response(&mut stream).await;
        assert_eq!(answer.status, 200, "{round}: {answer:?}");
    }
}

#[tokio::test]
async fn slow_head_within_timeout_is_answered() {
    let server = start_server(&[]);
    let stream = connect_and_send(&server.base_url, b"").await;
    let answer = expect_single_response(
        "a slow head",
        send_byte_by_byte(stream, build_request("GET", LIST_PATH, "")).await,
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn simultaneously_stalled_heads_all_get_408() {
    let server = start_server_with_header_timeout();
    let before = list_all_tickets(&server.base_url).await;
    let all = (0..100).map(async |at| {
        let path = [LIST_PATH, ACCOUNTS_PATH][at % 2];
        (
            path,
            read_remaining(
                connect_and_send(&server.base_url, format!("GET {path} HT").as_bytes()).await,
            )
            .await,
        )
    });
    for (path, answers) in join_all(all).await {
        REQUEST_TIMED_OUT.assert_matches(path, path, &expect_single_response(path, answers));
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

//! Limits of the request head: length of the URL, size and number of headers.

use super::{
    ExpectedRejection, HEADERS_TOO_LARGE, PATHS, URL_TOO_LONG, assert_unchanged_and_serving,
    build_keep_alive_request, build_request, concat_indexed, count_tickets, list_all_tickets,
    start_server,
};
use crate::support::raw::{exchange, exchange_all};
use crate::support::seed::SeededServer;
use crate::support::ticket::TICKETS_PATH;

/// The maximum length of a URL, in bytes.
const MAX_URL_BYTES: usize = 65_534;

/// Returns the path with an unknown query parameter, so that the URL has this many bytes.
fn build_url(path: &str, bytes: usize) -> String {
    let filler = "x".repeat(bytes - path.len() - "?x=".len());
    format!("{path}?x={filler}")
}

/// Returns a request head of exactly this many bytes, most of them in one header.
fn build_request_with_large_header(method: &str, path: &str, bytes: usize) -> Vec<u8> {
    let empty = build_request(method, path, "X-Large: \r\n").len();
    build_request(method, path, &format!("X-Large: {}\r\n", "x".repeat(bytes - empty)))
}

/// Returns a request head of exactly this many bytes, most of them in dozens of headers.
fn build_request_with_many_headers(method: &str, path: &str, bytes: usize) -> Vec<u8> {
    let (mut headers, mut remaining) =
        (String::new(), bytes - build_request(method, path, "").len());
    let header_size = remaining / 80;
    for number in 0.. {
        let name = format!("x{number}:");
        // The last header takes the rest.
        let size = if remaining < 2 * header_size { remaining } else { header_size };
        let value = "y".repeat(size - name.len() - 2);
        headers.extend([&name, &value, "\r\n"]);
        remaining -= size;
        if remaining == 0 {
            break;
        }
    }
    build_request(method, path, &headers)
}

/// Checks that the request is rejected on all paths and methods, and creates no ticket.
async fn assert_rejected_on_all_paths(
    server: &SeededServer,
    rejection: ExpectedRejection,
    request: impl Fn(&str, &str) -> Vec<u8>,
) {
    let before = list_all_tickets(&server.base_url).await;
    for method in ["GET", "POST"] {
        for path in PATHS {
            let label = format!("{method} {path}");
            let response = exchange(&server.base_url, &request(method, path)).await;
            rejection.assert_matches(&label, path, &response);
        }
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn url_at_length_limit_is_accepted_and_one_byte_more_is_rejected() {
    let server = start_server(&[]);
    let at_limit = exchange(
        &server.base_url,
        &build_request("GET", &build_url(TICKETS_PATH, MAX_URL_BYTES), ""),
    )
    .await;
    assert_eq!(at_limit.status, 200, "{at_limit:?}");
    for excess in [1, 2, 1_000, 40_000] {
        let request = |method: &str, path: &str| {
            build_request(method, &build_url(path, MAX_URL_BYTES + excess), "")
        };
        assert_rejected_on_all_paths(&server, URL_TOO_LONG, request).await;
    }
}

#[tokio::test]
async fn headers_at_size_limit_are_accepted_and_one_byte_more_is_rejected() {
    for (flags, max_bytes) in [
        (&[][..], 131_072),
        (&["--max-header-bytes", "8192"], 8_192),
        (&["--max-header-bytes", "500001"], 500_001),
    ] {
        let server = start_server(flags);
        for head in [build_request_with_large_header, build_request_with_many_headers] {
            let exact = head("GET", TICKETS_PATH, max_bytes);
            assert_eq!(exact.len(), max_bytes);
            let response = exchange(&server.base_url, &exact).await;
            assert_eq!(response.status, 200, "{max_bytes}: {response:?}");
            let request = |method: &str, path: &str| head(method, path, max_bytes + 1);
            assert_rejected_on_all_paths(&server, HEADERS_TOO_LARGE, request).await;
        }
    }
}

#[tokio::test]
async fn huge_headers_get_readable_431_response() {
    let server = start_server(&[]);
    let request =
        |method: &str, path: &str| build_request_with_large_header(method, path, 3_000_000);
    assert_rejected_on_all_paths(&server, HEADERS_TOO_LARGE, request).await;
    let request =
        |method: &str, path: &str| build_request_with_many_headers(method, path, 1_000_000);
    assert_rejected_on_all_paths(&server, HEADERS_TOO_LARGE, request).await;
    let headers = concat_indexed(100_000, |index| format!("x{index}: y\r\n"));
    let request = |method: &str, path: &str| build_request(method, path, &headers);
    assert_rejected_on_all_paths(&server, HEADERS_TOO_LARGE, request).await;
}

#[tokio::test]
async fn hundred_headers_are_accepted_and_one_more_is_rejected() {
    let server = start_server(&[]);
    let more = |count: usize| concat_indexed(count, |index| format!("x{index}: y\r\n"));
    // Every request has three more headers.
    let at_limit = exchange(&server.base_url, &build_request("GET", TICKETS_PATH, &more(97))).await;
    assert_eq!(at_limit.status, 200, "{at_limit:?}");
    let request = |method: &str, path: &str| build_request(method, path, &more(98));
    assert_rejected_on_all_paths(&server, HEADERS_TOO_LARGE, request).await;
}

#[tokio::test]
async fn many_tiny_headers_within_largest_size_limit_do_no_harm() {
    let server = start_server(&["--max-header-bytes", "1048576"]);
    let before = list_all_tickets(&server.base_url).await;
    for count in [1_000, 24_000, 25_000, 33_000, 66_000, 90_000] {
        let headers = concat_indexed(count, |index| format!("x{index}:\r\n"));
        let head = build_request("GET", TICKETS_PATH, &headers);
        assert!(head.len() < 1_048_576);
        let response = exchange(&server.base_url, &head).await;
        assert!([200, 431].contains(&response.status), "{count}: {response:?}");
        if response.status == 431 {
            HEADERS_TOO_LARGE.assert_matches("many headers", TICKETS_PATH, &response);
        }
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn header_size_limit_applies_per_request_on_keep_alive() {
    let server = start_server(&["--max-header-bytes", "8192"]);
    let filler = format!("X-Large: {}\r\n", "x".repeat(7_000));
    let mut bytes = build_keep_alive_request("GET", TICKETS_PATH, &filler).repeat(5);
    bytes.extend(build_request_with_large_header("GET", TICKETS_PATH, 8_192));
    let responses = exchange_all(&server.base_url, &bytes).await;
    let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [200; 6], "the limit applies to each request");
    assert_eq!(count_tickets(&server.base_url).await, 1);
}

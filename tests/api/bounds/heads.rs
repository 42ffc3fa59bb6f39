//! Heads of requests: how long a URL may be, and how much all headers together.

use crate::fixtures::Seeded;

use super::{
    HEADERS_TOO_LARGE, LIST, PATHS, Refusal, URL_TOO_LONG, asking, many, one, server, staying,
    tickets, total, unharmed,
};

/// The longest URL, in bytes.
const URL: usize = 65_534;

/// This URL with a query of nothing that anybody knows, so that it has so many bytes.
fn url(path: &str, bytes: usize) -> String {
    let filler = "x".repeat(bytes - path.len() - "?x=".len());
    format!("{path}?x={filler}")
}

/// A head of exactly so many bytes, most of them in one header.
fn one_large(method: &str, path: &str, bytes: usize) -> Vec<u8> {
    let empty = asking(method, path, "X-Large: \r\n").len();
    asking(method, path, &format!("X-Large: {}\r\n", "x".repeat(bytes - empty)))
}

/// A head of exactly so many bytes, most of them in dozens of headers.
fn many_small(method: &str, path: &str, bytes: usize) -> Vec<u8> {
    let (mut headers, mut left) = (String::new(), bytes - asking(method, path, "").len());
    let usual = left / 80;
    for number in 0.. {
        let name = format!("x{number}:");
        // The last one takes what is left.
        let size = if left < 2 * usual { left } else { usual };
        let value = "y".repeat(size - name.len() - 2);
        headers.extend([&name, &value, "\r\n"]);
        left -= size;
        if left == 0 {
            break;
        }
    }
    asking(method, path, &headers)
}

/// It is refused wherever it is sent, and a ticket is not made by it.
async fn refused_everywhere(
    server: &Seeded,
    refusal: Refusal,
    request: impl Fn(&str, &str) -> Vec<u8>,
) {
    let before = tickets(&server.base).await;
    for method in ["GET", "POST"] {
        for path in PATHS {
            let what = format!("{method} {path}");
            let answer = one(&what, &server.base, &request(method, path)).await;
            refusal.check(&what, path, &answer);
        }
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn a_url_of_the_longest_length_is_taken_and_one_byte_more_is_not() {
    let server = server(&[]);
    let longest = one("the longest", &server.base, &asking("GET", &url(LIST, URL), "")).await;
    assert_eq!(longest.status, 200, "{longest:?}");
    for more in [1, 2, 1_000, 40_000] {
        let request = |method: &str, path: &str| asking(method, &url(path, URL + more), "");
        refused_everywhere(&server, URL_TOO_LONG, request).await;
    }
}

#[tokio::test]
async fn headers_up_to_the_bound_are_taken_and_one_byte_more_is_not() {
    for (flags, bound) in [
        (&[][..], 131_072),
        (&["--max-header-bytes", "8192"], 8_192),
        (&["--max-header-bytes", "500001"], 500_001),
    ] {
        let server = server(flags);
        for head in [one_large, many_small] {
            let exact = head("GET", LIST, bound);
            assert_eq!(exact.len(), bound);
            let answer = one("the most", &server.base, &exact).await;
            assert_eq!(answer.status, 200, "{bound}: {answer:?}");
            let request = |method: &str, path: &str| head(method, path, bound + 1);
            refused_everywhere(&server, HEADERS_TOO_LARGE, request).await;
        }
    }
}

#[tokio::test]
async fn headers_far_beyond_the_bound_are_refused_readably() {
    let server = server(&[]);
    let request = |method: &str, path: &str| one_large(method, path, 3_000_000);
    refused_everywhere(&server, HEADERS_TOO_LARGE, request).await;
    let request = |method: &str, path: &str| many_small(method, path, 1_000_000);
    refused_everywhere(&server, HEADERS_TOO_LARGE, request).await;
    let headers = many(100_000, |at| format!("x{at}: y\r\n"));
    let request = |method: &str, path: &str| asking(method, path, &headers);
    refused_everywhere(&server, HEADERS_TOO_LARGE, request).await;
}

#[tokio::test]
async fn a_hundred_headers_are_taken_and_one_more_is_not() {
    let server = server(&[]);
    let more = |count: usize| many(count, |at| format!("x{at}: y\r\n"));
    // Three are there anyway.
    let most = one("a hundred", &server.base, &asking("GET", LIST, &more(97))).await;
    assert_eq!(most.status, 200, "{most:?}");
    let request = |method: &str, path: &str| asking(method, path, &more(98));
    refused_everywhere(&server, HEADERS_TOO_LARGE, request).await;
}

#[tokio::test]
async fn as_many_headers_as_the_largest_bound_has_room_for_do_no_harm() {
    let server = server(&["--max-header-bytes", "1048576"]);
    let before = tickets(&server.base).await;
    for count in [1_000, 24_000, 25_000, 33_000, 66_000, 90_000] {
        let headers = many(count, |at| format!("x{at}:\r\n"));
        let head = asking("GET", LIST, &headers);
        assert!(head.len() < 1_048_576);
        let answer = one("many headers", &server.base, &head).await;
        assert!([200, 431].contains(&answer.status), "{count}: {answer:?}");
        if answer.status == 431 {
            HEADERS_TOO_LARGE.check("many headers", LIST, &answer);
        }
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn a_large_head_counts_for_itself_on_a_connection_that_is_kept() {
    let server = server(&["--max-header-bytes", "8192"]);
    let filler = format!("X-Large: {}\r\n", "x".repeat(7_000));
    let mut bytes = staying("GET", LIST, &filler).repeat(5);
    bytes.extend(one_large("GET", LIST, 8_192));
    let answers = super::talk::talk(&server.base, &bytes).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200; 6], "each has as much room as the first");
    assert_eq!(total(&server.base).await, 1);
}

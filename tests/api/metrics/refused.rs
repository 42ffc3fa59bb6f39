//! What is refused before it is understood is counted by its reason.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::text::Text;
use super::{METRICS, PATIENCE, scrape};
use crate::raw::{connect, exchange, head};
use crate::support::{Client, Server};

const REASONS: [&str; 5] =
    ["connections", "headers-too-large", "url-too-long", "bad-http", "too-slow"];

fn refusals(text: &Text) -> BTreeMap<&'static str, u64> {
    let count = |reason| text.count("omnidesk_mock_refused_total", &[("reason", reason)]);
    REASONS.into_iter().map(|reason| (reason, count(reason))).collect()
}

/// Exactly this has been refused since.
async fn is_counted(client: &Client, expected: &[(&'static str, u64)]) {
    let mut all: BTreeMap<_, _> = REASONS.into_iter().map(|reason| (reason, 0)).collect();
    all.extend(expected.iter().copied());
    assert_eq!(refusals(&scrape(client).await), all);
}

#[tokio::test]
async fn all_reasons_are_there_before_there_is_one() {
    let server = Server::start();
    let text = scrape(&server).await;
    assert_eq!(text.family("omnidesk_mock_refused_total").samples.len(), REASONS.len());
    is_counted(&server, &[]).await;
}

#[tokio::test]
async fn what_is_too_long_or_no_http_is_counted() {
    let server = Server::start();
    let long = "a".repeat(70_000);
    let large = format!("X-Long: {}\r\n", "a".repeat(140_000));
    for (bytes, status) in [
        (head("GET", &format!("/api/v2/ticket?query={long}"), ""), 414),
        (head("GET", "/api/v2/ticket", &large), 431),
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"GET /api/v2/ticket HTTP/1.1\r\nno colon\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), 400),
    ] {
        let answer = exchange(&server.base, &bytes).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    is_counted(&server, &[("url-too-long", 1), ("headers-too-large", 1), ("bad-http", 3)]).await;
    let requests = scrape(&server).await.requests();
    assert!(requests.keys().all(|(operation, _)| operation == "other"), "{requests:?}");
}

#[tokio::test]
async fn what_is_too_slow_is_counted() {
    let server = Server::with(&["--ephemeral", "--header-timeout", "50ms"]);
    let mut slow = connect(&server.base).await;
    slow.write_all(b"GET /api/v2/ticket HTTP/1.1\r\nHost: a\r\n").await.expect("it is sent");
    let answer = crate::raw::read(slow).await;
    assert_eq!(answer.status, 408, "{answer:?}");
    is_counted(&server, &[("too-slow", 1)]).await;
}

#[tokio::test]
async fn what_is_only_wrong_is_none() {
    let server = Server::start();
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("PATCH", "/api/v2/ticket", 405),
        ("GET", "/api/v2/ticket", 401),
        ("GET", "/_control/accounts/nobody", 404),
    ] {
        let answer = exchange(&server.base, &head(method, path, "Host: localhost\r\n")).await;
        assert!(
            answer.status == status || answer.status == 403 || answer.status == 400,
            "{path}: {answer:?}"
        );
    }
    // A client that says nothing, or leaves in the middle, was not refused.
    drop(connect(&server.base).await);
    let mut left = connect(&server.base).await;
    left.write_all(b"GET /api/v2/ticket HT").await.expect("it is sent");
    drop(left);
    is_counted(&server, &[]).await;
}

/// What comes back to a request for the metrics; None where the connection is closed without an answer.
async fn ask(base: &str) -> Option<(u16, String)> {
    let mut stream: TcpStream = connect(base).await;
    // Who is refused may be answered before all is sent.
    let asked = format!("GET {METRICS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(asked.as_bytes()).await;
    let mut read = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("the connection ends").ok();
    let text = String::from_utf8_lossy(&read).into_owned();
    let (top, body) = text.split_once("\r\n\r\n")?;
    let status = top.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[tokio::test]
async fn connections_beyond_the_bound_are_counted() {
    let server = Server::with(&["--ephemeral", "--max-connections", "3"]);
    let mut held = Vec::new();
    for _ in 0..3 {
        // Each is served once, so it has a place.
        let mut stream = connect(&server.base).await;
        stream
            .write_all(b"GET /_control/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .expect("sent");
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("it is answered");
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut refused = 0;
    for _ in 0..5 {
        let (status, body) = ask(&server.base).await.expect("an answer comes");
        assert_eq!(status, 503, "{body}");
        refused += 1;
    }
    drop(held);
    let told = async {
        loop {
            match ask(&server.base).await {
                Some((503, _)) => refused += 1,
                Some((200, body)) => return body,
                other => panic!("{other:?}"),
            }
        }
    };
    let told = timeout(PATIENCE, told).await.expect("there is room again");
    assert_eq!(refusals(&Text::read(&told))["connections"], refused);
}

//! Requests that are rejected before they are parsed are counted by reason.

use std::collections::BTreeMap;

use super::prometheus_text::ParsedMetrics;
use super::{METRICS_PATH, scrape};
use crate::support::client::ApiClient;
use crate::support::raw::{RawConnection, build_raw_head, exchange, exchange_all};
use crate::support::server::Server;
use crate::support::wait::with_timeout;

const REJECTION_REASONS: [&str; 5] = [
    "too-many-connections",
    "headers-too-large",
    "url-too-long",
    "malformed-http",
    "header-timeout",
];

fn rejections_by_reason(metrics: &ParsedMetrics) -> BTreeMap<&'static str, u64> {
    let count =
        |reason| metrics.sample_value("omnidesk_mock_rejections_total", &[("reason", reason)]);
    REJECTION_REASONS.into_iter().map(|reason| (reason, count(reason))).collect()
}

/// Checks the number of rejections by reason; all others must be 0.
async fn assert_rejections(client: &ApiClient, expected: &[(&'static str, u64)]) {
    let mut all: BTreeMap<_, _> = REJECTION_REASONS.into_iter().map(|reason| (reason, 0)).collect();
    all.extend(expected.iter().copied());
    assert_eq!(rejections_by_reason(&scrape(client).await), all);
}

#[tokio::test]
async fn all_rejection_reasons_start_at_zero() {
    let server = Server::start();
    let metrics = scrape(&server).await;
    assert_eq!(
        metrics.family("omnidesk_mock_rejections_total").samples.len(),
        REJECTION_REASONS.len()
    );
    assert_rejections(&server, &[]).await;
}

#[tokio::test]
async fn oversized_and_malformed_requests_are_counted() {
    let server = Server::start();
    let long = "a".repeat(70_000);
    let large = format!("X-Long: {}\r\n", "a".repeat(140_000));
    for (bytes, status) in [
        (build_raw_head("GET", &format!("/api/v2/ticket?query={long}"), ""), 414),
        (build_raw_head("GET", "/api/v2/ticket", &large), 431),
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"GET /api/v2/ticket HTTP/1.1\r\nno colon\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), 400),
    ] {
        let response = exchange(&server.base_url, &bytes).await;
        assert_eq!(response.status, status, "{response:?}");
    }
    assert_rejections(
        &server,
        &[("url-too-long", 1), ("headers-too-large", 1), ("malformed-http", 3)],
    )
    .await;
    let requests = scrape(&server).await.request_counts();
    assert!(requests.keys().all(|(operation, _)| operation == "other"), "{requests:?}");
}

#[tokio::test]
async fn timed_out_request_is_counted() {
    let server = Server::start_with_args(&["--ephemeral", "--header-timeout", "50ms"]);
    let mut slow = RawConnection::open(&server.base_url).await;
    slow.send(b"GET /api/v2/ticket HTTP/1.1\r\nHost: a\r\n").await;
    let response = slow.read_only_response().await;
    assert_eq!(response.status, 408, "{response:?}");
    assert_rejections(&server, &[("header-timeout", 1)]).await;
}

#[tokio::test]
async fn client_errors_and_disconnects_are_not_rejections() {
    let server = Server::start();
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("PATCH", "/api/v2/ticket", 405),
        ("GET", "/api/v2/ticket", 401),
        ("GET", "/_control/accounts/nobody", 404),
    ] {
        let response =
            exchange(&server.base_url, &build_raw_head(method, path, "Host: localhost\r\n")).await;
        assert!(
            response.status == status || response.status == 403 || response.status == 400,
            "{path}: {response:?}"
        );
    }
    // A client that sends nothing or disconnects is not rejected.
    drop(RawConnection::open(&server.base_url).await);
    let mut disconnecting = RawConnection::open(&server.base_url).await;
    disconnecting.send(b"GET /api/v2/ticket HT").await;
    drop(disconnecting);
    assert_rejections(&server, &[]).await;
}

/// Requests the metrics; `None` if the connection is closed without a response.
async fn request_metrics(base: &str) -> Option<(u16, String)> {
    // A rejected client may get its response before all bytes are sent.
    let request = format!(
        "GET {METRICS_PATH} HTTP/1.1
Host: localhost
Connection: close

"
    );
    let response = exchange_all(base, request.as_bytes()).await.pop()?;
    Some((response.status, response.body))
}

#[tokio::test]
async fn connections_over_the_limit_are_counted() {
    let server = Server::start_with_args(&["--ephemeral", "--max-connections", "3"]);
    let mut connections = Vec::new();
    for _ in 0..3 {
        // The response shows that the connection occupies a slot.
        let mut stream = RawConnection::open(&server.base_url).await;
        stream.send(b"GET /_control/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        stream.expect_bytes(b"HTTP/1.1 200").await;
        connections.push(stream);
    }
    let mut rejected = 0;
    for _ in 0..5 {
        let (status, body) = request_metrics(&server.base_url).await.expect("the server responds");
        assert_eq!(status, 503, "{body}");
        rejected += 1;
    }
    drop(connections);
    let poll = async {
        loop {
            match request_metrics(&server.base_url).await {
                Some((503, _)) => rejected += 1,
                Some((200, body)) => return body,
                other => panic!("{other:?}"),
            }
        }
    };
    let body = with_timeout("a free connection slot", poll).await;
    assert_eq!(
        rejections_by_reason(&ParsedMetrics::parse(&body))["too-many-connections"],
        rejected
    );
}

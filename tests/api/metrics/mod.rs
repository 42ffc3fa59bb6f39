//! What the server tells of itself: its metrics, its health, and whether it is ready.

mod access;
mod gauges;
mod health;
mod labels;
mod names;
mod prometheus_text;
mod rejections;
mod request_counts;
mod server_isolation;
mod shutdown;
mod sqlite;

use std::time::Duration;

use crate::support::ApiClient;
use prometheus_text::ParsedMetrics;

const METRICS_PATH: &str = "/_control/metrics";
/// Longer than anything here takes, so that a stuck server fails its test instead of holding it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// All metrics of a server, checked.
async fn scrape(client: &ApiClient) -> ParsedMetrics {
    let response =
        client.request_without_key("GET", METRICS_PATH).send().await.expect("it answers");
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    ParsedMetrics::parse(&response.text().await.expect("the body arrives"))
}

/// Looks again and again until something holds.
async fn poll_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let held = async { while !condition().await {} };
    tokio::time::timeout(TIMEOUT, held)
        .await
        .unwrap_or_else(|_| panic!("it does not come: {what}"));
}

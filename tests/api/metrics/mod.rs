//! Metrics, health and readiness of the server.

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

use prometheus_text::ParsedMetrics;

use crate::support::client::ApiClient;

const METRICS_PATH: &str = "/_control/metrics";

/// Returns all metrics of a server, validated.
async fn scrape(client: &ApiClient) -> ParsedMetrics {
    let response =
        client.request_without_key("GET", METRICS_PATH).send().await.expect("the server responds");
    assert_eq!(response.status(), 200);
    let content_type =
        response.headers()["content-type"].to_str().expect("the content type is text").to_owned();
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    ParsedMetrics::parse(&response.text().await.expect("the body arrives"))
}

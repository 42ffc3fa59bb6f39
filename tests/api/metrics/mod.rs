//! What the server tells of itself: its metrics, its health, and whether it is ready.

mod apart;
mod counts;
mod ending;
mod gauges;
mod guarded;
mod health;
mod labels;
mod names;
mod refused;
mod sqlite;
mod text;

use std::time::Duration;

use crate::support::Client;
use text::Text;

const METRICS: &str = "/_control/metrics";
/// Longer than anything here takes, so that a stuck server fails its test instead of holding it.
const PATIENCE: Duration = Duration::from_mins(1);

/// All metrics of a server, checked.
async fn scrape(client: &Client) -> Text {
    let response = client.ask_without_key("GET", METRICS).send().await.expect("it answers");
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    Text::read(&response.text().await.expect("the body arrives"))
}

/// Looks again and again until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async { while !holds().await {} };
    tokio::time::timeout(PATIENCE, held)
        .await
        .unwrap_or_else(|_| panic!("it does not come: {what}"));
}

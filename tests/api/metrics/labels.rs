//! Labels never contain values chosen by a client, so unusual requests add no series.

use std::collections::BTreeSet;

use serde_json::json;

use super::names::EXPECTED_METRICS;
use super::prometheus_text::ParsedMetrics;
use super::scrape;
use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account};
use crate::support::raw::{build_raw_head, exchange};
use crate::support::server::Server;

/// A name that occurs nowhere in the program.
const MARKER_NAME: &str = "zebra";
const MARKER_KEY: &str = "zebra-key-0123456789";

/// Returns every allowed pair of label name and value.
async fn allowed_labels(client: &ApiClient) -> BTreeSet<(String, String)> {
    let document = client.get("/openapi.json").await.body;
    let paths = document["paths"].as_object().expect("paths is an object").values();
    let operations =
        paths.flat_map(|methods| methods.as_object().expect("the path is an object").values());
    let operations = operations.map(|operation| {
        operation["x-operation"].as_str().expect("x-operation is a string").to_owned()
    });
    let mut operations: Vec<String> = operations.collect();
    assert_eq!(operations.len(), 11);
    operations.extend(["control", "other"].map(str::to_owned));
    let reasons = [
        "too-many-connections",
        "headers-too-large",
        "url-too-long",
        "malformed-http",
        "header-timeout",
    ];
    let fixed = [
        ("access", "read"),
        ("access", "write"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("status", "none"),
    ];
    let fixed = fixed.into_iter().chain(reasons.map(|reason| ("reason", reason)));
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    fixed
        .chain(operations.into_iter().map(|operation| ("operation".to_owned(), operation)))
        .collect()
}

/// Returns the labels that are not allowed.
fn unexpected_labels(
    allowed: &BTreeSet<(String, String)>,
    metrics: &ParsedMetrics,
) -> Vec<(String, String)> {
    let labels = metrics.families.values().flat_map(|family| &family.samples);
    let labels: BTreeSet<_> = labels.flat_map(|sample| sample.labels.clone()).collect();
    let is_allowed = |(name, value): &(String, String)| {
        let is_status = name == "status" && value.len() == 3 && value.parse::<u16>().is_ok();
        let is_bound = name == "le" && value.replace("+Inf", "inf").parse::<f64>().is_ok();
        is_status || is_bound || allowed.contains(&(name.clone(), value.clone()))
    };
    labels.into_iter().filter(|label| !is_allowed(label)).collect()
}

/// Sends five hundred unusual requests; `round` makes them differ between calls.
async fn send_odd_requests(account: &Account, round: usize) {
    let base = &account.client.base_url;
    for number in 0..100 {
        let name = format!("{MARKER_NAME}-{round}-{number}");
        let key = format!("apiKey: {}\r\n", account.client.api_key);
        let unknown = format!("apiKey: {name}-0123456789\r\nHost: {name}\r\n");
        for (method, path, headers) in [
            ("GET", format!("/{name}"), &unknown),
            (
                &*format!("{}{number}", MARKER_NAME.to_uppercase()),
                format!("/api/v2/ticket/{name}?{name}=1"),
                &key,
            ),
            ("GET", format!("/api/v2/ticket/{round}{number}?apiKey={name}"), &unknown),
            ("DELETE", format!("/_control/accounts/{name}/keys/{name}"), &key),
            ("PUT", format!("/api/v2/ticket/SET{name}\"}}%0a"), &key),
        ] {
            let response = exchange(base, &build_raw_head(method, &path, headers)).await;
            assert!((400..500).contains(&response.status), "{method} {path}: {response:?}");
        }
    }
}

#[tokio::test]
async fn odd_requests_create_no_new_labels() {
    let server = Server::start();
    let account = Account::create(&server, &json!({ "name": MARKER_NAME })).await;
    let created = account
        .send_control_json("POST", "/keys", &json!({ "name": MARKER_NAME, "api_key": MARKER_KEY }))
        .await;
    assert_eq!(created.status, 201, "{}", created.body);
    let allowed = allowed_labels(&server).await;
    send_odd_requests(&account, 0).await;
    let before = scrape(&server).await;
    assert_eq!(unexpected_labels(&allowed, &before), [], "no label contains a client's value");
    send_odd_requests(&account, 1).await;
    let after = scrape(&server).await;
    let series = (before.series(), after.series());
    let added: Vec<_> = series.1.difference(&series.0).collect();
    assert!(added.is_empty(), "{added:#?}");
    assert!(series.1.len() < 400, "{}", series.1.len());
    let total: u64 = after.request_counts().values().sum();
    assert!(total >= 1_000, "{total}");
}

#[tokio::test]
async fn metrics_contain_no_account_key_or_url() {
    let server = Server::start_with_args(&[
        "--ephemeral",
        "--accounts",
        "auto",
        "--public-url",
        "http://zebra.example.test",
    ]);
    for number in 0..20 {
        let name = format!("{MARKER_NAME}-{number}");
        let account = Account::create(&server, &json!({ "name": name })).await;
        let key = format!("zebra-key-{number}-0123456789");
        for client in [&account.client, &server.with_key(&key)] {
            assert_eq!(client.get("/api/v2/ticket?query=zebra").await.status, 200);
        }
        assert_eq!(account.send_control("PUT", "/snapshots/zebra").await.status, 201);
        assert_eq!(account.send_control("GET", "/requests?key=zebra").await.status / 100, 2);
    }
    let list =
        crate::support::control::fetch_response(server.request_without_key("GET", ACCOUNTS_PATH))
            .await
            .body;
    let names = list["accounts"].as_array().expect("accounts is an array").iter();
    let names: Vec<_> =
        names.map(|account| account["account"].as_str().expect("the account has a name")).collect();
    assert!(names.len() > 40, "{names:?}");
    let response = server
        .request_without_key("GET", super::METRICS_PATH)
        .send()
        .await
        .expect("the server responds");
    let text = response.text().await.expect("the body arrives").to_lowercase();
    assert!(!text.contains(MARKER_NAME), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    for line in samples {
        assert!(!line.contains("account-") && !line.contains("dev"), "{line}");
        assert!(!line.contains("127.0.0.1") && !line.contains('/'), "{line}");
    }
}

#[tokio::test]
async fn repeated_requests_add_one_series_per_status() {
    let server = Server::start();
    let account = Account::create(&server, &json!({ "name": MARKER_NAME })).await;
    for _ in 0..5 {
        account.client.get("/api/v2/ticket/1").await;
        account.client.get("/api/v2/ticket/2").await;
    }
    let metrics = scrape(&server).await;
    assert_eq!(metrics.request_counts().len(), 2, "{:?}", metrics.request_counts());
    let family = metrics.family(EXPECTED_METRICS[1].0);
    let counts = family.samples.iter().filter(|sample| sample.name.ends_with("_count"));
    assert_eq!(counts.count(), 2, "{family:?}");
}

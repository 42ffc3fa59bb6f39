//! No label holds what a client has chosen, and odd requests make no new ones.

use std::collections::BTreeSet;

use serde_json::json;

use super::names::ALL;
use super::scrape;
use super::text::Text;
use crate::control::{ACCOUNTS, Account};
use crate::raw::{exchange, head};
use crate::support::{Client, Server};

/// A name that is nowhere in the program.
const NAME: &str = "zebra";
const KEY: &str = "zebra-key-0123456789";

/// Every word that a label may hold, by the name of the label.
async fn words(client: &Client) -> BTreeSet<(String, String)> {
    let document = client.get("/openapi.json").await.body;
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
    let operations =
        operations.map(|about| about["x-operation"].as_str().expect("a name").to_owned());
    let mut operations: Vec<String> = operations.collect();
    assert_eq!(operations.len(), 11);
    operations.extend(["control", "other"].map(str::to_owned));
    let reasons = ["connections", "headers-too-large", "url-too-long", "bad-http", "too-slow"];
    let fixed = [
        ("work", "read"),
        ("work", "write"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("status", "none"),
    ];
    let fixed = fixed.into_iter().chain(reasons.map(|reason| ("reason", reason)));
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    fixed
        .chain(operations.into_iter().map(|operation| ("operation".to_owned(), operation)))
        .collect()
}

/// The labels that hold something else.
fn odd(words: &BTreeSet<(String, String)>, text: &Text) -> Vec<(String, String)> {
    let labels = text.families.values().flat_map(|family| &family.samples);
    let labels: BTreeSet<_> = labels.flat_map(|sample| sample.labels.clone()).collect();
    let is_known = |(name, value): &(String, String)| {
        let is_status = name == "status" && value.len() == 3 && value.parse::<u16>().is_ok();
        let is_bound = name == "le" && value.replace("+Inf", "inf").parse::<f64>().is_ok();
        is_status || is_bound || words.contains(&(name.clone(), value.clone()))
    };
    labels.into_iter().filter(|label| !is_known(label)).collect()
}

/// Five hundred requests that are odd in one way or another; `turn` makes each of them another one.
async fn be_odd(account: &Account, turn: usize) {
    let base = &account.client.base;
    for number in 0..100 {
        let name = format!("{NAME}-{turn}-{number}");
        let key = format!("apiKey: {}\r\n", account.client.key);
        let unknown = format!("apiKey: {name}-0123456789\r\nHost: {name}\r\n");
        for (method, path, headers) in [
            ("GET", format!("/{name}"), &unknown),
            (
                &*format!("{}{number}", NAME.to_uppercase()),
                format!("/api/v2/ticket/{name}?{name}=1"),
                &key,
            ),
            ("GET", format!("/api/v2/ticket/{turn}{number}?apiKey={name}"), &unknown),
            ("DELETE", format!("/_control/accounts/{name}/keys/{name}"), &key),
            ("PUT", format!("/api/v2/ticket/SET{name}\"}}%0a"), &key),
        ] {
            let answer = exchange(base, &head(method, &path, headers)).await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn odd_requests_make_no_new_labels() {
    let server = Server::start();
    let account = Account::make(&server, &json!({ "name": NAME })).await;
    let made =
        account.control_with("POST", "/keys", &json!({ "name": NAME, "api_key": KEY })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let words = words(&server).await;
    be_odd(&account, 0).await;
    let before = scrape(&server).await;
    assert_eq!(odd(&words, &before), [], "no label is a client's");
    be_odd(&account, 1).await;
    let after = scrape(&server).await;
    let series = (before.series(), after.series());
    let new: Vec<_> = series.1.difference(&series.0).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(series.1.len() < 400, "{}", series.1.len());
    let asked: u64 = after.requests().values().sum();
    assert!(asked >= 1_000, "{asked}");
}

#[tokio::test]
async fn neither_accounts_nor_keys_nor_urls_are_in_the_text() {
    let server = Server::with(&[
        "--ephemeral",
        "--accounts",
        "auto",
        "--public-url",
        "http://zebra.example.test",
    ]);
    for number in 0..20 {
        let name = format!("{NAME}-{number}");
        let account = Account::make(&server, &json!({ "name": name })).await;
        let key = format!("zebra-key-{number}-0123456789");
        for client in [&account.client, &server.with_key(&key)] {
            assert_eq!(client.get("/api/v2/ticket?query=zebra").await.status, 200);
        }
        assert_eq!(account.control("PUT", "/snapshots/zebra").await.status, 201);
        assert_eq!(account.control("GET", "/requests?key=zebra").await.status / 100, 2);
    }
    let listed = crate::control::answer(server.ask_without_key("GET", ACCOUNTS)).await.body;
    let names = listed["accounts"].as_array().expect("accounts").iter();
    let names: Vec<_> = names.map(|account| account["account"].as_str().expect("a name")).collect();
    assert!(names.len() > 40, "{names:?}");
    let text = server.ask_without_key("GET", super::METRICS).send().await.expect("it answers");
    let text = text.text().await.expect("the body arrives").to_lowercase();
    assert!(!text.contains(NAME), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    for line in samples {
        assert!(!line.contains("account-") && !line.contains("dev"), "{line}");
        assert!(!line.contains("127.0.0.1") && !line.contains('/'), "{line}");
    }
}

#[tokio::test]
async fn a_request_of_each_kind_adds_one_line_of_each_status_and_no_more() {
    let server = Server::start();
    let account = Account::make(&server, &json!({ "name": NAME })).await;
    for _ in 0..5 {
        account.client.get("/api/v2/ticket/1").await;
        account.client.get("/api/v2/ticket/2").await;
    }
    let text = scrape(&server).await;
    assert_eq!(text.requests().len(), 2, "{:?}", text.requests());
    let family = text.family(ALL[1].0);
    let counts = family.samples.iter().filter(|sample| sample.name.ends_with("_count"));
    assert_eq!(counts.count(), 2, "{family:?}");
}

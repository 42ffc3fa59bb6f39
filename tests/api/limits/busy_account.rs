//! A busy account: requests that wait too long are rejected with 503 and never executed.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::account_path;
use super::{
    ACCOUNT_BUSY, ITEM_PATH, build_keep_alive_request, build_request, build_request_with_body,
    parse_json,
};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, RawResponse, exchange};
use crate::support::seed::{
    ACME_KEY, SeededServer, acme_seed, serve_seed_with_args, ticket_fixture,
};
use crate::support::ticket::{JSON, NEW_TICKET_FORM, TICKETS_PATH, URLENCODED};
use crate::support::wait::poll_for;

/// The import of this many tickets takes much longer than the request timeout.
const IMPORTED_TICKETS: u64 = 6_000;
/// The request timeout.
const SHORT_TIMEOUT_FLAGS: [&str; 2] = ["--operation-timeout", "20ms"];

fn build_create_request() -> Vec<u8> {
    build_request_with_body("POST", TICKETS_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes())
}

/// Starts a large import into the account.
fn start_import(server: &SeededServer) -> JoinHandle<RawResponse> {
    let row = json!({ "title": "Imported", "status": "open" });
    let rows = vec![row; usize::try_from(IMPORTED_TICKETS).expect("the number fits")];
    let fixture = json!({ "accounts": { "any": { "tickets": rows } } });
    let bytes = build_request_with_body(
        "POST",
        &account_path("import"),
        JSON,
        fixture.to_string().as_bytes(),
    );
    let base = server.base_url.clone();
    tokio::spawn(async move { exchange(&base, &bytes).await })
}

/// Sends a request and returns whether it succeeded. Any failure must be the 503 of a busy account.
async fn succeeds_unless_busy(base: &str, path: &str, request: &[u8]) -> bool {
    let response = exchange(base, request).await;
    if response.status >= 300 {
        ACCOUNT_BUSY.assert_matches(path, path, &response);
    }
    response.status < 300
}

/// Waits until the import blocks the account: three consecutive reads fail, since a single one may fail on a slow
/// machine. All reads differ, because the response cache could answer a repeated one.
async fn wait_until_busy(server: &SeededServer, import: &JoinHandle<RawResponse>) {
    let (mut number, mut consecutive_rejections) = (0, 0);
    poll_for("a busy account", async || {
        assert!(!import.is_finished(), "the import takes longer than the request timeout");
        number += 1;
        let read = build_request("GET", &format!("{TICKETS_PATH}?itemStart={number}"), "");
        consecutive_rejections =
            if succeeds_unless_busy(&server.base_url, TICKETS_PATH, &read).await {
                0
            } else {
                consecutive_rejections + 1
            };
        (consecutive_rejections == 3).then_some(())
    })
    .await;
}

/// Repeats the request until the account is not busy.
async fn send_until_not_busy(base: &str, bytes: &[u8]) -> RawResponse {
    poll_for("the account is free", async || {
        let response = exchange(base, bytes).await;
        (response.status != 503).then_some(response)
    })
    .await
}

async fn count_tickets_once_free(server: &SeededServer) -> u64 {
    let list = send_until_not_busy(
        &server.base_url,
        &build_request("GET", &format!("{TICKETS_PATH}?itemLimit=1"), ""),
    )
    .await;
    parse_json("a list", &list)["itemTotal"].as_u64().expect("itemTotal is a number")
}

/// Waits for the import, which must succeed however long it takes.
async fn expect_import_success(import: JoinHandle<RawResponse>) {
    let imported = import.await.expect("the import task does not panic");
    assert_eq!(imported.status, 200, "{imported:?}");
}

#[tokio::test]
async fn writes_rejected_as_busy_are_never_executed() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let rename = build_request_with_body("PUT", ITEM_PATH, URLENCODED, b"title=Renamed");
    let (mut created, mut was_renamed, mut rejections) = (0, false, 0);
    while !import.is_finished() {
        let is_created =
            succeeds_unless_busy(&server.base_url, TICKETS_PATH, &build_create_request()).await;
        let is_renamed = succeeds_unless_busy(&server.base_url, ITEM_PATH, &rename).await;
        created += u64::from(is_created);
        was_renamed |= is_renamed;
        rejections += u64::from(!is_created) + u64::from(!is_renamed);
    }
    expect_import_success(import).await;
    assert!(rejections > 0, "the account was busy at least once");
    assert_eq!(count_tickets_once_free(&server).await, 1 + IMPORTED_TICKETS + created);
    let item = send_until_not_busy(&server.base_url, &build_request("GET", ITEM_PATH, "")).await;
    assert_eq!(item.body.contains("Renamed"), was_renamed, "{item:?}");
}

/// Repeats a control API request until the account is busy; returns the number of successes before.
async fn count_successes_until_busy(
    server: &SeededServer,
    import: &JoinHandle<RawResponse>,
    method: &str,
    path: impl Fn(usize) -> String,
) -> usize {
    for successes in 0.. {
        let path = path(successes);
        assert!(!import.is_finished(), "{method} {path}: no request was rejected as busy");
        if !succeeds_unless_busy(&server.base_url, &path, &build_request(method, &path, "")).await {
            return successes;
        }
    }
    unreachable!("the import ends")
}

#[tokio::test]
async fn control_requests_rejected_as_busy_are_never_executed() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let name = |number: usize| account_path(&format!("snapshots/s{number}"));
    let snapshot_count = count_successes_until_busy(&server, &import, "PUT", name).await;
    count_successes_until_busy(&server, &import, "GET", |_| account_path("export")).await;
    count_successes_until_busy(&server, &import, "POST", |_| account_path("reset")).await;
    expect_import_success(import).await;
    assert_eq!(
        count_tickets_once_free(&server).await,
        1 + IMPORTED_TICKETS,
        "no reset was executed"
    );
    let response = send_until_not_busy(
        &server.base_url,
        &build_request("GET", &account_path("snapshots"), ""),
    )
    .await;
    let response = parse_json("snapshots", &response);
    assert_eq!(response["snapshots"].as_array().map(Vec::len), Some(snapshot_count), "{response}");
}

#[tokio::test]
async fn connection_stays_usable_after_busy_response() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let headers =
        format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", NEW_TICKET_FORM.len());
    let create =
        [&build_keep_alive_request("POST", TICKETS_PATH, &headers), NEW_TICKET_FORM.as_bytes()]
            .concat();
    let mut stream = RawConnection::open(&server.base_url).await;
    poll_for("the creation to succeed", async || {
        stream.send(&create).await;
        let response = stream.read_response().await;
        assert!([200, 503].contains(&response.status), "{response:?}");
        (response.status == 200).then_some(())
    })
    .await;
    expect_import_success(import).await;
    assert_eq!(count_tickets_once_free(&server).await, 2 + IMPORTED_TICKETS);
}

#[tokio::test]
async fn busy_account_does_not_block_other_accounts() {
    let server = super::start_server(&[]);
    let created =
        exchange(&server.base_url, &build_request_with_body("POST", ACCOUNTS_PATH, JSON, b"{}"))
            .await;
    let created = parse_json("another", &created);
    let key = created["api_key"].as_str().expect("the account has a key");
    let other = String::from_utf8(build_create_request())
        .expect("the request is text")
        .replace(ACME_KEY, key)
        .into_bytes();
    let import = start_import(&server);
    let mut sent = 0;
    while !import.is_finished() {
        let response = exchange(&server.base_url, &other).await;
        assert_eq!(response.status, 200, "{response:?}");
        sent += 1;
    }
    assert!(sent > 0);
    expect_import_success(import).await;
    assert_eq!(count_tickets_once_free(&server).await, 1 + IMPORTED_TICKETS);
}

#[tokio::test]
async fn slow_read_times_out_with_503() {
    let tickets: Vec<Value> = (1..=4_000).map(ticket_fixture).collect();
    let server =
        serve_seed_with_args(&acme_seed(tickets), &["--ephemeral", "--operation-timeout", "10ms"]);
    let all = build_request("GET", &format!("{TICKETS_PATH}?itemLimit=4000"), "");
    for _ in 0..5 {
        ACCOUNT_BUSY.assert_matches(
            "all tickets",
            TICKETS_PATH,
            &exchange(&server.base_url, &all).await,
        );
    }
    let item = send_until_not_busy(&server.base_url, &build_request("GET", ITEM_PATH, "")).await;
    assert_eq!(item.status, 200, "{item:?}");
    assert_eq!(send_until_not_busy(&server.base_url, &build_create_request()).await.status, 200);
    assert_eq!(count_tickets_once_free(&server).await, 4_001);
}

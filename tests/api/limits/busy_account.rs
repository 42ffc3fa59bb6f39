//! An account that is busy: whoever would wait for it too long is told so, and what was not begun is never done.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::raw_connection::{connect_and_send, poll_until, read_response};
use super::{
    ACCOUNT_BUSY, ACCOUNTS_PATH, ITEM_PATH, JSON, LIST_PATH, URLENCODED, build_keep_alive_request,
    build_request, build_request_with_body, parse_json, send_request,
};
use crate::fixtures::{
    ACME_KEY, NEW_TICKET_FORM, SeededServer, acme_seed, serve_seed_with_args, ticket_fixture,
};
use crate::raw_http::RawResponse;

/// So many tickets are imported that it takes much longer than a request may wait.
const IMPORTED_TICKETS: u64 = 6_000;
/// How long that is.
const SHORT_TIMEOUT_FLAGS: [&str; 2] = ["--answer-timeout", "20ms"];

fn account_path(rest: &str) -> String {
    format!("{ACCOUNTS_PATH}/acme/{rest}")
}

fn build_create_request() -> Vec<u8> {
    build_request_with_body("POST", LIST_PATH, URLENCODED, NEW_TICKET_FORM.as_bytes())
}

/// Begins a large import into the account.
fn start_import(server: &SeededServer) -> JoinHandle<RawResponse> {
    let row = json!({ "title": "Imported", "status": "open" });
    let rows = vec![row; usize::try_from(IMPORTED_TICKETS).expect("it is small")];
    let fixture = json!({ "accounts": { "any": { "tickets": rows } } });
    let bytes = build_request_with_body(
        "POST",
        &account_path("import"),
        JSON,
        fixture.to_string().as_bytes(),
    );
    let base = server.base_url.clone();
    tokio::spawn(async move { send_request("an import", &base, &bytes).await })
}

/// Sends a request and says whether it was done. What is not done is refused as busy.
async fn succeeds_unless_busy(base: &str, path: &str, request: &[u8]) -> bool {
    let answer = send_request(path, base, request).await;
    if answer.status >= 300 {
        ACCOUNT_BUSY.assert_matches(path, path, &answer);
    }
    answer.status < 300
}

/// Waits until the import has the account for itself: one read after the other is turned away then; a single one may
/// be on a machine with much to do. No two reads are alike, since an answer that was given before may be kept.
async fn wait_until_busy(server: &SeededServer, import: &JoinHandle<RawResponse>) {
    let (mut number, mut in_a_row) = (0, 0);
    poll_until("a busy account", async || {
        assert!(!import.is_finished(), "it takes longer than a request may wait");
        number += 1;
        let read = build_request("GET", &format!("{LIST_PATH}?itemStart={number}"), "");
        in_a_row = if succeeds_unless_busy(&server.base_url, LIST_PATH, &read).await {
            0
        } else {
            in_a_row + 1
        };
        (in_a_row == 3).then_some(())
    })
    .await;
}

/// Asks until the account is not busy any more.
async fn send_until_not_busy(base: &str, bytes: &[u8]) -> RawResponse {
    poll_until("the account is free", async || {
        let answer = send_request("an account", base, bytes).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

async fn count_tickets_once_free(server: &SeededServer) -> u64 {
    let list = send_until_not_busy(
        &server.base_url,
        &build_request("GET", &format!("{LIST_PATH}?itemLimit=1"), ""),
    )
    .await;
    parse_json("a list", &list)["itemTotal"].as_u64().expect("a number")
}

/// What has begun is finished, however long it takes.
async fn expect_import_success(import: JoinHandle<RawResponse>) {
    let imported = import.await.expect("it does not panic");
    assert_eq!(imported.status, 200, "{imported:?}");
}

#[tokio::test]
async fn writes_rejected_as_busy_are_never_executed() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let rename = build_request_with_body("PUT", ITEM_PATH, URLENCODED, b"title=Renamed");
    let (mut made, mut renamed, mut busy) = (0, false, 0);
    while !import.is_finished() {
        let is_made =
            succeeds_unless_busy(&server.base_url, LIST_PATH, &build_create_request()).await;
        let is_renamed = succeeds_unless_busy(&server.base_url, ITEM_PATH, &rename).await;
        made += u64::from(is_made);
        renamed |= is_renamed;
        busy += u64::from(!is_made) + u64::from(!is_renamed);
    }
    expect_import_success(import).await;
    assert!(busy > 0, "the account was busy");
    assert_eq!(count_tickets_once_free(&server).await, 1 + IMPORTED_TICKETS + made);
    let item = send_until_not_busy(&server.base_url, &build_request("GET", ITEM_PATH, "")).await;
    assert_eq!(item.body.contains("Renamed"), renamed, "{item:?}");
}

/// Asks the control API over and over until it is told that the account is busy, and gives how often it was done before.
async fn count_successes_until_busy(
    server: &SeededServer,
    import: &JoinHandle<RawResponse>,
    method: &str,
    path: impl Fn(usize) -> String,
) -> usize {
    for done in 0.. {
        let path = path(done);
        assert!(!import.is_finished(), "{method} {path}: it is not told that the account is busy");
        if !succeeds_unless_busy(&server.base_url, &path, &build_request(method, &path, "")).await {
            return done;
        }
    }
    unreachable!("an import ends")
}

#[tokio::test]
async fn control_requests_rejected_as_busy_are_never_executed() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let name = |number: usize| account_path(&format!("snapshots/s{number}"));
    let taken = count_successes_until_busy(&server, &import, "PUT", name).await;
    count_successes_until_busy(&server, &import, "GET", |_| account_path("export")).await;
    count_successes_until_busy(&server, &import, "POST", |_| account_path("reset")).await;
    expect_import_success(import).await;
    assert_eq!(count_tickets_once_free(&server).await, 1 + IMPORTED_TICKETS, "nothing was reset");
    let shown = send_until_not_busy(
        &server.base_url,
        &build_request("GET", &account_path("snapshots"), ""),
    )
    .await;
    let shown = parse_json("snapshots", &shown);
    assert_eq!(shown["snapshots"].as_array().map(Vec::len), Some(taken), "{shown}");
}

#[tokio::test]
async fn connection_stays_usable_after_busy_response() {
    let server = super::start_server(&SHORT_TIMEOUT_FLAGS);
    let import = start_import(&server);
    wait_until_busy(&server, &import).await;
    let headers =
        format!("Content-Type: {URLENCODED}\r\nContent-Length: {}\r\n", NEW_TICKET_FORM.len());
    let create =
        [&build_keep_alive_request("POST", LIST_PATH, &headers), NEW_TICKET_FORM.as_bytes()]
            .concat();
    let mut stream = connect_and_send(&server.base_url, b"").await;
    poll_until("it is done", async || {
        stream.write_all(&create).await.expect("it is open");
        let answer = read_response(&mut stream).await;
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        (answer.status == 200).then_some(())
    })
    .await;
    expect_import_success(import).await;
    assert_eq!(count_tickets_once_free(&server).await, 2 + IMPORTED_TICKETS);
}

#[tokio::test]
async fn busy_account_does_not_block_other_accounts() {
    let server = super::start_server(&[]);
    let made = send_request(
        "another",
        &server.base_url,
        &build_request_with_body("POST", ACCOUNTS_PATH, JSON, b"{}"),
    )
    .await;
    let made = parse_json("another", &made);
    let key = made["api_key"].as_str().expect("a key");
    let other = String::from_utf8(build_create_request())
        .expect("text")
        .replace(ACME_KEY, key)
        .into_bytes();
    let import = start_import(&server);
    let mut asked = 0;
    while !import.is_finished() {
        let answer = send_request("another account", &server.base_url, &other).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        asked += 1;
    }
    assert!(asked > 0);
    expect_import_success(import).await;
    assert_eq!(count_tickets_once_free(&server).await, 1 + IMPORTED_TICKETS);
}

#[tokio::test]
async fn slow_read_times_out_with_503() {
    let many: Vec<Value> = (1..=4_000).map(ticket_fixture).collect();
    let server =
        serve_seed_with_args(&acme_seed(many), &["--ephemeral", "--answer-timeout", "10ms"]);
    let all = build_request("GET", &format!("{LIST_PATH}?itemLimit=4000"), "");
    for _ in 0..5 {
        ACCOUNT_BUSY.assert_matches(
            "all",
            LIST_PATH,
            &send_request("all", &server.base_url, &all).await,
        );
    }
    let item = send_until_not_busy(&server.base_url, &build_request("GET", ITEM_PATH, "")).await;
    assert_eq!(item.status, 200, "{item:?}");
    assert_eq!(send_until_not_busy(&server.base_url, &build_create_request()).await.status, 200);
    assert_eq!(count_tickets_once_free(&server).await, 4_001);
}

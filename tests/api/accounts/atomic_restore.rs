//! Restore is atomic: concurrent requests see the old or the new state, never a mixture.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use reqwest::header::DATE;
use serde_json::{Value, json};

use crate::support::client::ApiClient;
use crate::support::control::Account;
use crate::support::files::create_temp_dir;
use crate::support::seed::{ACME_KEY, acme_seed, serve_seed_with_args, ticket_fixture};
use crate::support::ticket::NEW_TICKET_FORM;

const READER_COUNT: usize = 8;
const RESTORE_COUNT: usize = 20;
/// Paths whose responses depend on the tickets, the clock or the dialect.
const PATHS: [&str; 4] = [
    "/api/v2/ticket?itemStart=0",
    "/api/v2/ticket?status=closed",
    "/api/v2/ticket/7?getTicketHistory=true",
    "/api/v2/ticket/999?getTicketHistory=false",
];

/// Status, `Date` header and body of a response.
type ObservedResponse = (u16, String, String);

async fn observe(client: &ApiClient, path: &str) -> ObservedResponse {
    let response = client.request("GET", path).send().await.expect("the server responds");
    let status = response.status().as_u16();
    let date = response.headers()[DATE].to_str().expect("text").to_owned();
    (status, date, response.text().await.expect("the body arrives"))
}

/// Changes tickets, clock and dialect to values unique to `name`, and takes a snapshot of that state.
async fn create_state(
    account: &Account,
    name: &str,
    date: &str,
    unknown: u16,
) -> Vec<ObservedResponse> {
    let clock = json!({ "mode": "frozen", "at": date });
    let dialect = json!({ "list_type": name, "unknown_ticket_status": unknown });
    for (path, body) in [("/clock", clock), ("/dialect", dialect)] {
        assert_eq!(account.send_control_json("PUT", path, &body).await.status, 200);
    }
    let body = NEW_TICKET_FORM.replace("Printer", name);
    assert_eq!(account.client.send_form("POST", "/api/v2/ticket", &body).await.status, 200);
    let body = format!("status=closed&title={name}");
    assert_eq!(account.client.send_form("PUT", "/api/v2/ticket/7", &body).await.status, 200);
    assert_eq!(account.send_control("PUT", &format!("/snapshots/{name}")).await.status, 201);
    join_all(PATHS.iter().map(|path| observe(&account.client, path))).await
}

/// Reads until the restores are finished; each response must match one of the states. An unknown query parameter
/// makes each request unique, so no response comes from the cache.
async fn read_during_restores(
    client: &ApiClient,
    states: &[Vec<ObservedResponse>; 2],
    is_finished: &AtomicBool,
) {
    let mut request_number = 0;
    while !is_finished.load(Ordering::Relaxed) {
        for (number, path) in PATHS.iter().enumerate() {
            request_number += 1;
            let path = format!("{path}&fresh={request_number}");
            let now = observe(client, &path).await;
            let matches_a_state = states.iter().any(|state| state[number] == now);
            assert!(matches_a_state, "{path}: {now:?} matches neither state: {states:#?}");
        }
    }
}

/// Restores the snapshots alternately; a read after the acknowledgement sees the restored state.
async fn restore_alternately(
    account: &Account,
    states: &[Vec<ObservedResponse>; 2],
    is_finished: &AtomicBool,
) {
    for number in 0..RESTORE_COUNT {
        let name = ["one", "other"][number % 2];
        let restored = account.send_control("POST", &format!("/snapshots/{name}/restore")).await;
        assert_eq!(restored.status, 204, "{}", restored.body);
        for (path, expected) in PATHS.iter().zip(&states[number % 2]) {
            assert_eq!(observe(&account.client, path).await, *expected, "{path} in {name}");
        }
    }
    is_finished.store(true, Ordering::Relaxed);
}

async fn check_restore_is_atomic(ephemeral: bool) {
    let data = create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let server =
        serve_seed_with_args(&acme_seed([ticket_fixture(7), ticket_fixture(8)]), &["--data", path]);
    let spec: Value = json!({ "ephemeral": ephemeral });
    let account = Account::create(&server, &spec).await;
    let one = create_state(&account, "one", "2026-03-02T00:00:00Z", 400).await;
    let states = [one, create_state(&account, "other", "2026-04-20T00:00:00Z", 404).await];
    let is_finished = AtomicBool::new(false);
    let readers = join_all(
        (0..READER_COUNT).map(|_| read_during_restores(&account.client, &states, &is_finished)),
    );
    tokio::join!(restore_alternately(&account, &states, &is_finished), readers);
}

#[tokio::test]
async fn reads_during_restore_see_old_or_new_state_only() {
    check_restore_is_atomic(true).await;
    check_restore_is_atomic(false).await;
}

#[tokio::test]
async fn snapshot_succeeds_right_after_reads_and_writes() {
    let data = create_temp_dir();
    let path = data.path().to_str().expect("the path is UTF-8");
    let server = serve_seed_with_args(&acme_seed((1..=20).map(ticket_fixture)), &["--data", path]);
    let account = Account::new(&server, "acme", ACME_KEY);
    for number in 0..40 {
        for status in ["new", "open", "closed"] {
            server.get(&format!("/api/v2/ticket?status={status}&itemStart={number}")).await;
        }
        let title = format!("title={number}");
        assert_eq!(server.send_form("PUT", "/api/v2/ticket/7", &title).await.status, 200);
        let snapshot = account.send_control("PUT", &format!("/snapshots/{}", number % 3)).await;
        assert!([200, 201].contains(&snapshot.status), "{number}: {}", snapshot.body);
    }
}

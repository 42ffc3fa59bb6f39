//! A corrupt account file: requests of the account fail, the file is not modified, and other accounts work.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::data_dir::{
    CORRUPTIONS, Corruption, account_file, copy_data_dir, execute_sql, read_database_files,
    select_corruptions,
};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{
    UNREADABLE_DATA_MESSAGE, assert_account_usable, assert_control_server_error,
    assert_server_error, create_account_with_tickets, start_on, stop_and_check_log,
};
use crate::support::files;
use crate::support::ticket::{NEW_TICKET_FORM, dump_tickets};

/// The number of tickets of the corrupted account.
pub(super) const TICKET_COUNT: usize = 20;

/// Requests of each kind: method, path and body.
pub(super) const SAMPLE_REQUESTS: [(&str, &str, &str); 7] = [
    ("GET", "", ""),
    ("GET", "/1", ""),
    ("POST", "", NEW_TICKET_FORM),
    ("PUT", "/1", "title=Changed"),
    ("POST", "/setStatus", "status=closed&ticketIDs[]=1"),
    ("PUT", "/solveUnfinishedTickets", ""),
    ("DELETE", "/1", ""),
];

/// Creates a data directory of a stopped server, with two accounts that have their own files.
pub(super) async fn create_data_dir() -> (TempDir, [Account; 2]) {
    let data = files::create_temp_dir();
    let server = start_on(data.path());
    let acme = create_account_with_tickets(&server, "acme", TICKET_COUNT).await;
    let other = create_account_with_tickets(&server, "other", 3).await;
    server.stop_cleanly();
    (data, [acme, other])
}

/// Asserts that every request of the account fails with these messages, in both APIs.
pub(super) async fn assert_all_requests_fail(account: &Account, messages: &[&str], case: &str) {
    for (method, path, body) in SAMPLE_REQUESTS {
        let path = format!("/api/v2/ticket{path}");
        let reply = account.client.send_form(method, &path, body).await;
        for message in messages {
            assert_server_error(&reply, message, &format!("{case}: {method} {path}"));
        }
    }
    let export = account.send_control("GET", "/export").await;
    assert_control_server_error(
        &export,
        messages.last().expect("a message"),
        &format!("{case}: export"),
    );
}

async fn assert_corruption_is_contained(
    prepared: &(TempDir, [Account; 2]),
    (case, corruption): Corruption,
) {
    let (before, [acme, other]) = prepared;
    let data = copy_data_dir(before.path());
    let file = account_file(data.path(), "acme").await;
    let good = std::fs::read(&file).expect("the file exists");
    corruption(&file);
    let corrupted = read_database_files(&data.path().join("accounts"));
    let server = start_on(data.path());
    let acme = acme.clone().with_server(&server);
    let other_tickets = dump_tickets(&other.clone().with_server(&server).client).await;
    assert_all_requests_fail(&acme, &[UNREADABLE_DATA_MESSAGE, "damaged"], case).await;
    assert_eq!(
        dump_tickets(&other.clone().with_server(&server).client).await,
        other_tickets,
        "{case}: the other account"
    );
    let listed = fetch_response(server.request_without_key("GET", ACCOUNTS_PATH)).await;
    assert_eq!(listed.status, 200, "{case}: {}", listed.body);
    assert_eq!(
        acme.send_control("GET", "/keys").await.status,
        200,
        "{case}: the keys are in the catalogue"
    );
    stop_and_check_log(server, &[&file]);
    assert!(
        read_database_files(&data.path().join("accounts")) == corrupted,
        "{case}: a file was changed"
    );
    assert_account_recovers(data.path(), &acme, (&file, &good), case).await;
}

/// Asserts that an intact copy of the file restores the tickets, and that a reset switches to the intact base image.
async fn assert_account_recovers(
    data: &Path,
    acme: &Account,
    (file, good): (&Path, &[u8]),
    case: &str,
) {
    let bad = std::fs::read(file).ok();
    std::fs::write(file, good).expect("the intact copy is written");
    let server = start_on(data);
    let list = acme.clone().with_server(&server).client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], TICKET_COUNT, "{case}: an intact copy: {}", list.body);
    server.stop_cleanly();
    match bad {
        Some(bad) => std::fs::write(file, bad).expect("the file is corrupted again"),
        None => std::fs::remove_file(file).expect("the file is removed again"),
    }
    let server = start_on(data);
    let acme = acme.clone().with_server(&server);
    let reset = acme.send_control("POST", "/reset").await;
    assert_eq!(reset.status, 204, "{case}: {}", reset.body);
    let list = acme.client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], 0, "{case}: a reset: {}", list.body);
    assert_account_usable(&acme).await;
    server.stop_cleanly();
}

#[tokio::test]
async fn truncated_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    for corruption in CORRUPTIONS.into_iter().filter(|(case, _)| case.contains("truncated")) {
        assert_corruption_is_contained(&prepared, corruption).await;
    }
}

#[tokio::test]
async fn overwritten_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    for corruption in CORRUPTIONS.into_iter().filter(|(case, _)| case.contains("overwritten")) {
        assert_corruption_is_contained(&prepared, corruption).await;
    }
}

#[tokio::test]
async fn replaced_or_missing_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    let is_other =
        |(case, _): &Corruption| !(case.contains("truncated") || case.contains("overwritten"));
    for corruption in CORRUPTIONS.into_iter().filter(is_other) {
        assert_corruption_is_contained(&prepared, corruption).await;
    }
}

#[tokio::test]
async fn foreign_database_is_rejected_and_not_modified() {
    let (data, [acme, other]) = create_data_dir().await;
    let file = account_file(data.path(), "acme").await;
    std::fs::remove_file(&file).expect("the file is removed");
    execute_sql(&file, "CREATE TABLE diary (page); INSERT INTO diary VALUES ('Dear diary')").await;
    let before = read_database_files(&data.path().join("accounts"));
    let server = start_on(data.path());
    let case = "another program";
    assert_all_requests_fail(
        &acme.with_server(&server),
        &[UNREADABLE_DATA_MESSAGE, "damaged"],
        case,
    )
    .await;
    dump_tickets(&other.with_server(&server).client).await;
    stop_and_check_log(server, &[&file]);
    assert!(read_database_files(&data.path().join("accounts")) == before, "a file was changed");
}

#[tokio::test]
async fn corrupt_account_cannot_be_copied_but_can_be_removed() {
    let (before, [acme, other]) = create_data_dir().await;
    for (case, corrupt) in select_corruptions() {
        let data = copy_data_dir(before.path());
        corrupt(&account_file(data.path(), "acme").await);
        let server = start_on(data.path());
        let acme = acme.clone().with_server(&server);
        let fork = server.request_without_key("POST", ACCOUNTS_PATH);
        let fork =
            fetch_response(fork.json(&json!({ "from": "account:acme", "name": "fork" }))).await;
        assert_ne!(fork.status, 201, "{case}: the corrupt account was copied: {}", fork.body);
        let snapshot = acme.send_control("PUT", "/snapshots/one").await;
        assert!(
            snapshot.status >= 400,
            "{case}: a snapshot of the corrupt account was taken: {}",
            snapshot.body
        );
        let removed = acme.send_control("DELETE", "").await;
        assert_eq!(removed.status, 204, "{case}: {}", removed.body);
        assert_eq!(acme.client.get("/api/v2/ticket").await.status, 401, "{case}");
        assert_account_usable(&other.clone().with_server(&server)).await;
        server.stop_cleanly();
        assert_account_usable(&other.clone().with_server(&start_on(data.path()))).await;
    }
}

#[tokio::test]
async fn wal_of_lost_database_file_is_kept_until_file_is_restored() {
    let data = files::create_temp_dir();
    let server = start_on(data.path());
    let acme = create_account_with_tickets(&server, "acme", 5).await;
    let before = dump_tickets(&acme.client).await;
    server.kill();
    let file = data.path().join("accounts/acme.db");
    let wal = data.path().join("accounts/acme.db-wal");
    let saved = [&file, &wal].map(|path| std::fs::read(path).expect("the file exists"));
    for (case, corrupt) in CORRUPTIONS
        .into_iter()
        .filter(|(case, _)| case.ends_with("empty") || case.ends_with("missing"))
    {
        corrupt(&file);
        let server = start_on(data.path());
        assert_all_requests_fail(
            &acme.clone().with_server(&server),
            &[UNREADABLE_DATA_MESSAGE, "damaged"],
            case,
        )
        .await;
        server.stop_cleanly();
        assert!(
            std::fs::read(&wal).is_ok_and(|now| now == saved[1]),
            "{case}: the write-ahead log was changed"
        );
    }
    std::fs::write(&file, &saved[0]).expect("the file is restored");
    let server = start_on(data.path());
    assert_eq!(dump_tickets(&acme.with_server(&server).client).await, before);
    server.stop_cleanly();
}

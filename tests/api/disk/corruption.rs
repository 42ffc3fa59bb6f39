//! An account's file that cannot be used: its requests are refused, the file is left as it is, the others go on.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::data_dir::{
    CORRUPTIONS, Corruption, account_file, copy_data_dir, execute_sql, read_database_files,
    select_corruptions,
};
use super::{
    ServerProcess, UNREADABLE_DATA_MESSAGE, assert_account_usable, assert_control_server_error,
    assert_server_error, create_account_with_tickets, dump_tickets,
};
use crate::control_client::{ACCOUNTS_PATH, Account, fetch_response};
use crate::fixtures::{self, NEW_TICKET_FORM};

/// How many tickets the account has that is spoilt.
pub(super) const TICKET_COUNT: usize = 20;

/// Requests of every kind, each with its body.
pub(super) const SAMPLE_REQUESTS: [(&str, &str, &str); 7] = [
    ("GET", "", ""),
    ("GET", "/1", ""),
    ("POST", "", NEW_TICKET_FORM),
    ("PUT", "/1", "title=Changed"),
    ("POST", "/setStatus", "status=closed&ticketIDs[]=1"),
    ("PUT", "/solveUnfinishedTickets", ""),
    ("DELETE", "/1", ""),
];

/// A folder at rest with two accounts, each of which has tickets in a file of its own.
pub(super) async fn create_data_dir() -> (TempDir, [Account; 2]) {
    let data = fixtures::create_temp_dir();
    let server = ServerProcess::start_on(data.path());
    let acme = create_account_with_tickets(&server.client, "acme", TICKET_COUNT).await;
    let other = create_account_with_tickets(&server.client, "other", 3).await;
    server.stop();
    (data, [acme, other])
}

/// Every request of the account is refused with these words, in both APIs.
pub(super) async fn assert_all_requests_fail(account: &Account, messages: &[&str], case: &str) {
    for (method, path, body) in SAMPLE_REQUESTS {
        let path = format!("/api/v2/ticket{path}");
        let reply = account.client.send_form(method, &path, body).await;
        for word in messages {
            assert_server_error(&reply, word, &format!("{case}: {method} {path}"));
        }
    }
    let export = account.send_control("GET", "/export").await;
    assert_control_server_error(
        &export,
        messages.last().expect("words"),
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
    let good = std::fs::read(&file).expect("it is there");
    corruption(&file);
    let spoilt = read_database_files(&data.path().join("accounts"));
    let server = ServerProcess::start_on(data.path());
    let acme = acme.clone().with_server(&server.client);
    let others = dump_tickets(&other.clone().with_server(&server.client)).await;
    assert_all_requests_fail(&acme, &[UNREADABLE_DATA_MESSAGE, "damaged"], case).await;
    assert_eq!(
        dump_tickets(&other.clone().with_server(&server.client)).await,
        others,
        "{case}: the other account"
    );
    let listed = fetch_response(server.client.request_without_key("GET", ACCOUNTS_PATH)).await;
    assert_eq!(listed.status, 200, "{case}: {}", listed.body);
    assert_eq!(
        acme.send_control("GET", "/keys").await.status,
        200,
        "{case}: what the catalogue holds"
    );
    server.stop_and_check_log(&[&file]);
    assert!(
        read_database_files(&data.path().join("accounts")) == spoilt,
        "{case}: no file was changed"
    );
    assert_account_recovers(data.path(), &acme, (&file, &good), case).await;
}

/// A good copy gives the tickets back. A reset puts the account onto what it was made from, which is another file.
async fn assert_account_recovers(
    data: &Path,
    acme: &Account,
    (file, good): (&Path, &[u8]),
    case: &str,
) {
    let bad = std::fs::read(file).ok();
    std::fs::write(file, good).expect("a good copy is put in its place");
    let server = ServerProcess::start_on(data);
    let list = acme.clone().with_server(&server.client).client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], TICKET_COUNT, "{case}: a good copy: {}", list.body);
    server.stop();
    match bad {
        Some(bad) => std::fs::write(file, bad).expect("it is spoilt again"),
        None => std::fs::remove_file(file).expect("it is removed again"),
    }
    let server = ServerProcess::start_on(data);
    let acme = acme.clone().with_server(&server.client);
    let reset = acme.send_control("POST", "/reset").await;
    assert_eq!(reset.status, 204, "{case}: {}", reset.body);
    let list = acme.client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], 0, "{case}: a reset: {}", list.body);
    assert_account_usable(&acme).await;
    server.stop();
}

#[tokio::test]
async fn truncated_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    for harm in CORRUPTIONS.into_iter().filter(|(case, _)| case.contains("cut")) {
        assert_corruption_is_contained(&prepared, harm).await;
    }
}

#[tokio::test]
async fn overwritten_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    for harm in CORRUPTIONS.into_iter().filter(|(case, _)| case.contains("garbage")) {
        assert_corruption_is_contained(&prepared, harm).await;
    }
}

#[tokio::test]
async fn replaced_or_missing_file_is_rejected_and_not_modified() {
    let prepared = create_data_dir().await;
    let others = |(case, _): &Corruption| !(case.contains("cut") || case.contains("garbage"));
    for harm in CORRUPTIONS.into_iter().filter(others) {
        assert_corruption_is_contained(&prepared, harm).await;
    }
}

#[tokio::test]
async fn foreign_database_is_rejected_and_not_modified() {
    let (data, [acme, other]) = create_data_dir().await;
    let file = account_file(data.path(), "acme").await;
    std::fs::remove_file(&file).expect("it is removed");
    execute_sql(&file, "CREATE TABLE diary (page); INSERT INTO diary VALUES ('Dear diary')").await;
    let before = read_database_files(&data.path().join("accounts"));
    let server = ServerProcess::start_on(data.path());
    let case = "another program";
    assert_all_requests_fail(
        &acme.with_server(&server.client),
        &[UNREADABLE_DATA_MESSAGE, "damaged"],
        case,
    )
    .await;
    dump_tickets(&other.with_server(&server.client)).await;
    server.stop_and_check_log(&[&file]);
    assert!(read_database_files(&data.path().join("accounts")) == before, "no file was changed");
}

#[tokio::test]
async fn corrupt_account_cannot_be_copied_but_can_be_removed() {
    let (before, [acme, other]) = create_data_dir().await;
    for (case, harm) in select_corruptions() {
        let data = copy_data_dir(before.path());
        harm(&account_file(data.path(), "acme").await);
        let server = ServerProcess::start_on(data.path());
        let acme = acme.clone().with_server(&server.client);
        let fork = server.client.request_without_key("POST", ACCOUNTS_PATH);
        let fork =
            fetch_response(fork.json(&json!({ "from": "account:acme", "name": "fork" }))).await;
        assert_ne!(fork.status, 201, "{case}: there is nothing to copy: {}", fork.body);
        let snapshot = acme.send_control("PUT", "/snapshots/one").await;
        assert!(snapshot.status >= 400, "{case}: there is nothing to keep: {}", snapshot.body);
        let removed = acme.send_control("DELETE", "").await;
        assert_eq!(removed.status, 204, "{case}: {}", removed.body);
        assert_eq!(acme.client.get("/api/v2/ticket").await.status, 401, "{case}");
        assert_account_usable(&other.clone().with_server(&server.client)).await;
        server.stop();
        assert_account_usable(
            &other.clone().with_server(&ServerProcess::start_on(data.path()).client),
        )
        .await;
    }
}

#[tokio::test]
async fn wal_of_lost_database_file_is_kept_until_file_is_restored() {
    let data = fixtures::create_temp_dir();
    let server = ServerProcess::start_on(data.path());
    let acme = create_account_with_tickets(&server.client, "acme", 5).await;
    let before = dump_tickets(&acme).await;
    // Dropping it sends SIGKILL.
    drop(server);
    let file = data.path().join("accounts/acme.db");
    let log = data.path().join("accounts/acme.db-wal");
    let kept = [&file, &log].map(|path| std::fs::read(path).expect("it is there"));
    for (case, harm) in CORRUPTIONS
        .into_iter()
        .filter(|(case, _)| case.ends_with("empty") || case.ends_with("missing"))
    {
        harm(&file);
        let server = ServerProcess::start_on(data.path());
        assert_all_requests_fail(
            &acme.clone().with_server(&server.client),
            &[UNREADABLE_DATA_MESSAGE, "damaged"],
            case,
        )
        .await;
        server.stop();
        assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "{case}: it is left");
    }
    std::fs::write(&file, &kept[0]).expect("it is put back");
    let server = ServerProcess::start_on(data.path());
    assert_eq!(dump_tickets(&acme.with_server(&server.client)).await, before);
    server.stop();
}

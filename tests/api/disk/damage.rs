//! An account's file that cannot be used: its requests are refused, the file is left as it is, the others go on.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::files::{HARMS, Harm, alter, contents, copy, few_harms, of_account};
use super::{Serving, UNREADABLE, account, goes_on, refused, refused_control, whole};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{self, NEW_TICKET};

/// How many tickets the account has that is spoilt.
pub(super) const TICKETS: usize = 20;

/// Requests of every kind, each with its body.
pub(super) const REQUESTS: [(&str, &str, &str); 7] = [
    ("GET", "", ""),
    ("GET", "/1", ""),
    ("POST", "", NEW_TICKET),
    ("PUT", "/1", "title=Changed"),
    ("POST", "/setStatus", "status=closed&ticketIDs[]=1"),
    ("PUT", "/solveUnfinishedTickets", ""),
    ("DELETE", "/1", ""),
];

/// A folder at rest with two accounts, each of which has tickets in a file of its own.
pub(super) async fn prepared() -> (TempDir, [Account; 2]) {
    let data = fixtures::folder();
    let server = Serving::on(data.path());
    let acme = account(&server.client, "acme", TICKETS).await;
    let other = account(&server.client, "other", 3).await;
    server.stop();
    (data, [acme, other])
}

/// Every request of the account is refused with these words, in both APIs.
pub(super) async fn all_is_refused(account: &Account, words: &[&str], case: &str) {
    for (method, path, body) in REQUESTS {
        let path = format!("/api/v2/ticket{path}");
        let reply = account.client.form(method, &path, body).await;
        for word in words {
            refused(&reply, word, &format!("{case}: {method} {path}"));
        }
    }
    let export = account.control("GET", "/export").await;
    refused_control(&export, words.last().expect("words"), &format!("{case}: export"));
}

async fn spoilt(prepared: &(TempDir, [Account; 2]), (case, harm): Harm) {
    let (before, [acme, other]) = prepared;
    let data = copy(before.path());
    let file = of_account(data.path(), "acme").await;
    let good = std::fs::read(&file).expect("it is there");
    harm(&file);
    let spoilt = contents(&data.path().join("accounts"));
    let server = Serving::on(data.path());
    let acme = acme.clone().at(&server.client);
    let others = whole(&other.clone().at(&server.client)).await;
    all_is_refused(&acme, &[UNREADABLE, "damaged"], case).await;
    assert_eq!(whole(&other.clone().at(&server.client)).await, others, "{case}: the other account");
    let listed = answer(server.client.ask_without_key("GET", ACCOUNTS)).await;
    assert_eq!(listed.status, 200, "{case}: {}", listed.body);
    assert_eq!(acme.control("GET", "/keys").await.status, 200, "{case}: what the catalogue holds");
    server.stop_naming(&[&file]);
    assert!(contents(&data.path().join("accounts")) == spoilt, "{case}: no file was changed");
    mended(data.path(), &acme, (&file, &good), case).await;
}

/// A good copy gives the tickets back. A reset puts the account onto what it was made from, which is another file.
async fn mended(data: &Path, acme: &Account, (file, good): (&Path, &[u8]), case: &str) {
    let bad = std::fs::read(file).ok();
    std::fs::write(file, good).expect("a good copy is put in its place");
    let server = Serving::on(data);
    let list = acme.clone().at(&server.client).client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], TICKETS, "{case}: a good copy: {}", list.body);
    server.stop();
    match bad {
        Some(bad) => std::fs::write(file, bad).expect("it is spoilt again"),
        None => std::fs::remove_file(file).expect("it is removed again"),
    }
    let server = Serving::on(data);
    let acme = acme.clone().at(&server.client);
    let reset = acme.control("POST", "/reset").await;
    assert_eq!(reset.status, 204, "{case}: {}", reset.body);
    let list = acme.client.get("/api/v2/ticket").await;
    assert_eq!(list.body["itemTotal"], 0, "{case}: a reset: {}", list.body);
    goes_on(&acme).await;
    server.stop();
}

#[tokio::test]
async fn a_file_that_was_cut_is_refused_and_left_alone() {
    let prepared = prepared().await;
    for harm in HARMS.into_iter().filter(|(case, _)| case.contains("cut")) {
        spoilt(&prepared, harm).await;
    }
}

#[tokio::test]
async fn a_file_that_was_written_over_is_refused_and_left_alone() {
    let prepared = prepared().await;
    for harm in HARMS.into_iter().filter(|(case, _)| case.contains("garbage")) {
        spoilt(&prepared, harm).await;
    }
}

#[tokio::test]
async fn a_file_that_was_lost_is_refused_and_left_alone() {
    let prepared = prepared().await;
    let others = |(case, _): &Harm| !(case.contains("cut") || case.contains("garbage"));
    for harm in HARMS.into_iter().filter(others) {
        spoilt(&prepared, harm).await;
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let (data, [acme, other]) = prepared().await;
    let file = of_account(data.path(), "acme").await;
    std::fs::remove_file(&file).expect("it is removed");
    alter(&file, "CREATE TABLE diary (page); INSERT INTO diary VALUES ('Dear diary')").await;
    let before = contents(&data.path().join("accounts"));
    let server = Serving::on(data.path());
    let case = "another program";
    all_is_refused(&acme.at(&server.client), &[UNREADABLE, "damaged"], case).await;
    whole(&other.at(&server.client)).await;
    server.stop_naming(&[&file]);
    assert!(contents(&data.path().join("accounts")) == before, "no file was changed");
}

#[tokio::test]
async fn a_damaged_account_cannot_be_copied_and_can_be_removed() {
    let (before, [acme, other]) = prepared().await;
    for (case, harm) in few_harms() {
        let data = copy(before.path());
        harm(&of_account(data.path(), "acme").await);
        let server = Serving::on(data.path());
        let acme = acme.clone().at(&server.client);
        let fork = server.client.ask_without_key("POST", ACCOUNTS);
        let fork = answer(fork.json(&json!({ "from": "account:acme", "name": "fork" }))).await;
        assert_ne!(fork.status, 201, "{case}: there is nothing to copy: {}", fork.body);
        let snapshot = acme.control("PUT", "/snapshots/one").await;
        assert!(snapshot.status >= 400, "{case}: there is nothing to keep: {}", snapshot.body);
        let removed = acme.control("DELETE", "").await;
        assert_eq!(removed.status, 204, "{case}: {}", removed.body);
        assert_eq!(acme.client.get("/api/v2/ticket").await.status, 401, "{case}");
        goes_on(&other.clone().at(&server.client)).await;
        server.stop();
        goes_on(&other.clone().at(&Serving::on(data.path()).client)).await;
    }
}

#[tokio::test]
async fn what_a_killed_server_left_beside_a_lost_file_is_kept_for_when_it_is_put_back() {
    let data = fixtures::folder();
    let server = Serving::on(data.path());
    let acme = account(&server.client, "acme", 5).await;
    let before = whole(&acme).await;
    // Dropping it sends SIGKILL.
    drop(server);
    let file = data.path().join("accounts/acme.db");
    let log = data.path().join("accounts/acme.db-wal");
    let kept = [&file, &log].map(|path| std::fs::read(path).expect("it is there"));
    for (case, harm) in
        HARMS.into_iter().filter(|(case, _)| case.ends_with("empty") || case.ends_with("missing"))
    {
        harm(&file);
        let server = Serving::on(data.path());
        all_is_refused(&acme.clone().at(&server.client), &[UNREADABLE, "damaged"], case).await;
        server.stop();
        assert!(std::fs::read(&log).is_ok_and(|now| now == kept[1]), "{case}: it is left");
    }
    std::fs::write(&file, &kept[0]).expect("it is put back");
    let server = Serving::on(data.path());
    assert_eq!(whole(&acme.at(&server.client)).await, before);
    server.stop();
}

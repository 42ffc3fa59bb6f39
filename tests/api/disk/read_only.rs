//! A disk that cannot be written any more.

use serde_json::json;

use super::mount::Mount;
use super::{READ_ONLY, Serving, account, create, goes_on, refused, serve, whole};
use crate::control::{ACCOUNTS, Account, answer};
use crate::program::Running;

#[tokio::test]
async fn accounts_that_cannot_be_written_are_refused_until_they_can() {
    let Some(disk) = Mount::make() else { return };
    // What is open cannot be made read-only, and the catalogue always is; so the accounts have a disk of their own.
    let accounts = disk.path().join("accounts");
    let path = accounts.to_str().expect("text");
    disk.run(&["mkdir", path]);
    disk.run(&["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", path]);
    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let acme = account(&server.client, "acme", 3).await;
    let fresh = account(&server.client, "fresh", 0).await;
    let before = whole(&acme).await;
    server.stop();

    let server = Serving::start(&mut disk.server(&serve(disk.path())));
    let [acme, fresh] = [acme, fresh].map(|account| account.at(&server.client));
    disk.writable(&accounts, false);
    refused(&create(&acme).await, READ_ONLY, "an account at rest");
    refused(&create(&fresh).await, READ_ONLY, "an account without a file yet");
    let put = acme.client.form("PUT", "/api/v2/ticket/1", "title=Changed").await;
    refused(&put, READ_ONLY, "another change");
    let memory = Account::make(&server.client, &json!({ "ephemeral": true })).await;
    goes_on(&memory).await;
    let shown = answer(server.client.ask_without_key("GET", ACCOUNTS)).await;
    assert_eq!(shown.status, 200, "{}", shown.body);

    disk.writable(&accounts, true);
    assert_eq!(whole(&acme).await, before, "nothing was changed");
    goes_on(&acme).await;
    goes_on(&fresh).await;
    server.stop_naming(&[&accounts.join("acme.db"), &accounts.join("fresh.db")]);
}

#[tokio::test]
async fn a_server_on_a_folder_that_cannot_be_written_does_not_start_and_says_why() {
    let Some(disk) = Mount::make() else { return };
    let path = disk.path().to_str().expect("text");
    for used in [false, true] {
        if used {
            let server = Serving::start(&mut disk.server(&serve(disk.path())));
            account(&server.client, "acme", 1).await;
            server.stop();
        }
        disk.writable(disk.path(), false);
        let ended = Running::spawn(&mut disk.server(&serve(disk.path()))).finish();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(path), "the file is named: {ended:?}");
        assert!(!ended.text().contains("panicked"), "{ended:?}");
        disk.writable(disk.path(), true);
    }
}

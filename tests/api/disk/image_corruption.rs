//! A corrupt image: requests of its accounts fail, other accounts work, and the image is not modified.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::corruption::{TICKET_COUNT, assert_all_requests_fail, create_data_dir};
use super::data_dir::{account_file, copy_data_dir, read_database_files, select_corruptions};
use crate::support::control::{ACCOUNTS_PATH, Account, fetch_response};
use crate::support::disk::{
    UNREADABLE_DATA_MESSAGE, assert_account_usable, assert_control_server_error,
    create_account_with_tickets, start_on, stop_and_check_log,
};
use crate::support::ticket::dump_tickets;

use serde_json::json;

/// Creates a data directory of a stopped server, with two accounts. The first one uses the image of its snapshot `one`.
async fn create_image_backed_account() -> (TempDir, [Account; 2]) {
    let (data, [acme, other]) = create_data_dir().await;
    let server = start_on(data.path());
    let account = acme.clone().with_server(&server);
    assert_eq!(account.send_control("PUT", "/snapshots/one").await.status, 201);
    server.stop_cleanly();
    (data, [acme, other])
}

/// Reads the files of accounts and seeds.
fn read_account_and_seed_files(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = read_database_files(data);
    all.retain(|path, _| path.parent() != Some(data));
    all
}

#[tokio::test]
async fn account_on_corrupt_image_is_rejected_and_reset_keeps_image() {
    let (before, [acme, other]) = create_image_backed_account().await;
    for (case, corrupt) in select_corruptions() {
        let data = copy_data_dir(before.path());
        let image = account_file(data.path(), "acme").await;
        corrupt(&image);
        let corrupted = read_account_and_seed_files(data.path());
        let server = start_on(data.path());
        let [acme, other] = [&acme, &other].map(|account| account.clone().with_server(&server));
        assert_all_requests_fail(&acme, &[UNREADABLE_DATA_MESSAGE, "damaged"], case).await;
        dump_tickets(&other.client).await;
        stop_and_check_log(server, &[&image]);
        let mut after = read_account_and_seed_files(data.path());
        let added = after.len().saturating_sub(corrupted.len());
        assert!(added <= 1, "{case}: each attempt leaves a copy: {:?}", after.keys());
        after.retain(|path, _| corrupted.contains_key(path));
        assert!(after == corrupted, "{case}: a file was changed");

        let server = start_on(data.path());
        let acme = acme.with_server(&server);
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204, "{case}");
        assert_account_usable(&acme).await;
        server.stop_cleanly();
    }
}

#[tokio::test]
async fn account_recovers_when_corrupt_image_is_replaced() {
    let (before, [acme, _]) = create_image_backed_account().await;
    for (case, corrupt) in select_corruptions() {
        let data = copy_data_dir(before.path());
        let image = account_file(data.path(), "acme").await;
        let good = std::fs::read(&image).expect("the file exists");
        corrupt(&image);
        let server = start_on(data.path());
        assert_all_requests_fail(
            &acme.clone().with_server(&server),
            &[UNREADABLE_DATA_MESSAGE, "damaged"],
            case,
        )
        .await;
        server.stop_cleanly();
        std::fs::write(&image, good).expect("the intact copy is written");
        let server = start_on(data.path());
        let acme = acme.clone().with_server(&server);
        let list = acme.client.get("/api/v2/ticket").await;
        assert_eq!(list.body["itemTotal"], TICKET_COUNT, "{case}: {}", list.body);
        assert_account_usable(&acme).await;
        server.stop_cleanly();
    }
}

#[tokio::test]
async fn restore_of_corrupt_snapshot_can_be_undone_by_reset() {
    let (before, [acme, other]) = create_image_backed_account().await;
    for (case, corrupt) in select_corruptions() {
        let data = copy_data_dir(before.path());
        let image = account_file(data.path(), "acme").await;
        let server = start_on(data.path());
        assert_account_usable(&acme.clone().with_server(&server)).await;
        server.stop_cleanly();
        corrupt(&image);
        let server = start_on(data.path());
        let [acme, other] = [&acme, &other].map(|account| account.clone().with_server(&server));
        assert_account_usable(&acme).await;
        let restored = acme.send_control("POST", "/snapshots/one/restore").await;
        if restored.status < 300 {
            assert_all_requests_fail(&acme, &[UNREADABLE_DATA_MESSAGE, "damaged"], case).await;
        } else {
            assert_control_server_error(&restored, "damaged", case);
            assert_account_usable(&acme).await;
        }
        assert_account_usable(&other).await;
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204, "{case}");
        assert_account_usable(&acme).await;
        server.stop_cleanly();
    }
}

#[tokio::test]
async fn corrupt_seed_image_does_not_affect_existing_accounts() {
    let (before, [acme, other]) = create_data_dir().await;
    for (case, corrupt) in select_corruptions() {
        let data = copy_data_dir(before.path());
        let seeds = read_database_files(&data.path().join("seeds"));
        assert!(!seeds.is_empty());
        for seed in seeds.keys() {
            corrupt(seed);
        }
        let server = start_on(data.path());
        for account in [&acme, &other] {
            assert_account_usable(&account.clone().with_server(&server)).await;
        }
        let request = server.request_without_key("POST", ACCOUNTS_PATH);
        let created = fetch_response(request.json(&json!({ "name": "fresh" }))).await;
        if created.status == 201 {
            let key = created.body["api_key"].as_str().expect("a key");
            let fresh = Account::new(&server, "fresh", key);
            assert_all_requests_fail(&fresh, &[UNREADABLE_DATA_MESSAGE, "damaged"], case).await;
        } else {
            assert_control_server_error(&created, "damaged", case);
        }
        server.stop_cleanly();
    }
}

#[tokio::test]
async fn copied_account_does_not_depend_on_image_of_original() {
    let (data, [acme, _]) = create_data_dir().await;
    let server = start_on(data.path());
    let acme = acme.with_server(&server);
    let fork = Account::create(&server, &json!({ "from": "account:acme" })).await;
    assert_eq!(dump_tickets(&fork.client).await, dump_tickets(&acme.client).await);
    assert_eq!(acme.send_control("DELETE", "").await.status, 204);
    server.stop_cleanly();
    let server = start_on(data.path());
    assert_account_usable(&fork.with_server(&server)).await;
    assert_account_usable(&create_account_with_tickets(&server, "acme", 1).await).await;
    server.stop_cleanly();
}

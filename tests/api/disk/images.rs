//! An image that cannot be used: what stands on it is refused, all else goes on, and the image is left as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::damage::{TICKETS, all_is_refused, prepared};
use super::files::{contents, copy, few_harms, of_account};
use super::{Serving, UNREADABLE, account, goes_on, refused_control, whole};
use crate::control::{ACCOUNTS, Account, answer};

use serde_json::json;

/// A folder at rest with two accounts, the first of which stands on its snapshot `one`.
async fn on_an_image() -> (TempDir, [Account; 2]) {
    let (data, [acme, other]) = prepared().await;
    let server = Serving::on(data.path());
    let at = acme.clone().at(&server.client);
    assert_eq!(at.control("PUT", "/snapshots/one").await.status, 201);
    server.stop();
    (data, [acme, other])
}

/// The files of the folder that belong to accounts or seeds.
fn files(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = contents(data);
    all.retain(|path, _| path.parent() != Some(data));
    all
}

#[tokio::test]
async fn an_account_on_a_damaged_image_is_refused_and_a_reset_leaves_the_image() {
    let (before, [acme, other]) = on_an_image().await;
    for (case, harm) in few_harms() {
        let data = copy(before.path());
        let image = of_account(data.path(), "acme").await;
        harm(&image);
        let spoilt = files(data.path());
        let server = Serving::on(data.path());
        let [acme, other] = [&acme, &other].map(|account| account.clone().at(&server.client));
        all_is_refused(&acme, &[UNREADABLE, "damaged"], case).await;
        whole(&other).await;
        server.stop_naming(&[&image]);
        let mut after = files(data.path());
        let more = after.len().saturating_sub(spoilt.len());
        assert!(more <= 1, "{case}: each try leaves a copy: {:?}", after.keys());
        after.retain(|path, _| spoilt.contains_key(path));
        assert!(after == spoilt, "{case}: no file was changed");

        let server = Serving::on(data.path());
        let acme = acme.at(&server.client);
        assert_eq!(acme.control("POST", "/reset").await.status, 204, "{case}");
        goes_on(&acme).await;
        server.stop();
    }
}

#[tokio::test]
async fn an_account_goes_on_when_a_good_copy_of_its_image_is_put_in_its_place() {
    let (before, [acme, _]) = on_an_image().await;
    for (case, harm) in few_harms() {
        let data = copy(before.path());
        let image = of_account(data.path(), "acme").await;
        let good = std::fs::read(&image).expect("it is there");
        harm(&image);
        let server = Serving::on(data.path());
        all_is_refused(&acme.clone().at(&server.client), &[UNREADABLE, "damaged"], case).await;
        server.stop();
        std::fs::write(&image, good).expect("a good copy is put in its place");
        let server = Serving::on(data.path());
        let acme = acme.clone().at(&server.client);
        let list = acme.client.get("/api/v2/ticket").await;
        assert_eq!(list.body["itemTotal"], TICKETS, "{case}: {}", list.body);
        goes_on(&acme).await;
        server.stop();
    }
}

#[tokio::test]
async fn a_restore_of_a_damaged_snapshot_can_be_undone_by_a_reset() {
    let (before, [acme, other]) = on_an_image().await;
    for (case, harm) in few_harms() {
        let data = copy(before.path());
        let image = of_account(data.path(), "acme").await;
        let server = Serving::on(data.path());
        goes_on(&acme.clone().at(&server.client)).await;
        server.stop();
        harm(&image);
        let server = Serving::on(data.path());
        let [acme, other] = [&acme, &other].map(|account| account.clone().at(&server.client));
        goes_on(&acme).await;
        let restored = acme.control("POST", "/snapshots/one/restore").await;
        if restored.status < 300 {
            all_is_refused(&acme, &[UNREADABLE, "damaged"], case).await;
        } else {
            refused_control(&restored, "damaged", case);
            goes_on(&acme).await;
        }
        goes_on(&other).await;
        assert_eq!(acme.control("POST", "/reset").await.status, 204, "{case}");
        goes_on(&acme).await;
        server.stop();
    }
}

#[tokio::test]
async fn a_damaged_seed_spoils_no_account_that_has_begun() {
    let (before, [acme, other]) = prepared().await;
    for (case, harm) in few_harms() {
        let data = copy(before.path());
        let seeds = contents(&data.path().join("seeds"));
        assert!(!seeds.is_empty());
        for seed in seeds.keys() {
            harm(seed);
        }
        let server = Serving::on(data.path());
        for account in [&acme, &other] {
            goes_on(&account.clone().at(&server.client)).await;
        }
        let fresh = server.client.ask_without_key("POST", ACCOUNTS);
        let made = answer(fresh.json(&json!({ "name": "fresh" }))).await;
        if made.status == 201 {
            let key = made.body["api_key"].as_str().expect("a key");
            let fresh = Account::known(&server.client, "fresh", key);
            all_is_refused(&fresh, &[UNREADABLE, "damaged"], case).await;
        } else {
            refused_control(&made, "damaged", case);
        }
        server.stop();
    }
}

#[tokio::test]
async fn a_copy_of_an_account_does_not_need_what_that_stood_on() {
    let (data, [acme, _]) = prepared().await;
    let server = Serving::on(data.path());
    let acme = acme.at(&server.client);
    let fork = Account::make(&server.client, &json!({ "from": "account:acme" })).await;
    assert_eq!(whole(&fork).await, whole(&acme).await);
    assert_eq!(acme.control("DELETE", "").await.status, 204);
    server.stop();
    let server = Serving::on(data.path());
    goes_on(&fork.at(&server.client)).await;
    goes_on(&account(&server.client, "acme", 1).await).await;
    server.stop();
}

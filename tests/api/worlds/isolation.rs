//! Many accounts on one port, all busy at once, each as if it were alone.

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::act::{Act, act};
use super::life::Life;
use super::{block_on, modelled};
use crate::control::{ACCOUNTS, Account, answer};
use crate::fixtures::{KEY, folder, whole};
use crate::support::{Client, Server};

const AT_ONCE: usize = 64;

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 3, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn each_of_many_accounts_lives_as_if_it_were_alone(lives in vec(vec(act(), 16..24), AT_ONCE)) {
        block_on(live(&lives));
    }
}

async fn live(all: &[Vec<Act>]) {
    let data = folder();
    let flags = ["--data", data.path().to_str().expect("the path is text")];
    let (server, start) = modelled(&flags).await;
    let acme = Account::known(&server, "acme", KEY);
    assert_eq!(acme.control("PUT", "/snapshots/start").await.status, 201);
    let (before, shown) = (whole(&server).await, acme.shown().await);

    let accounts = join_all((0..all.len()).map(|number| make(&server, number))).await;
    let lived = accounts.into_iter().zip(all).enumerate().map(|(number, (account, acts))| {
        let start = start.clone().changed_by(&key_name(number));
        lead(account, acts, Life::new(start))
    });
    let lived = join_all(lived).await;
    join_all(lived.iter().map(|(account, life)| life.check(account))).await;

    assert_eq!(whole(&server).await, before, "acme was asked nothing");
    assert_eq!(acme.shown().await, shown);
    assert_eq!(count(&server).await, all.len() + 1, "and nobody else is there");
    assert!(server.stop().success());
    live_on(&flags, lived).await;
}

/// Another server on the same data has those that are kept there, as they were.
async fn live_on(flags: &[&str], lived: Vec<(Account, Life)>) {
    let server = Server::with(flags);
    let kept = lived.into_iter().enumerate().filter(|(number, _)| is_kept(*number));
    let kept: Vec<_> = kept.map(|(_, (account, life))| (account.at(&server), life)).collect();
    assert_eq!(count(&server).await, kept.len() + 2, "these, acme, and the account of a server");
    let checks = kept.into_iter().map(|(account, mut life)| async move {
        life.check(&account).await;
        life.go_back_everywhere(&account).await;
    });
    join_all(checks).await;
}

async fn count(client: &Client) -> usize {
    let listed = answer(client.ask_without_key("GET", ACCOUNTS)).await.body;
    listed["accounts"].as_array().expect("accounts").len()
}

/// An account that is like the first one in one of the ways that there are, and a key named after it.
async fn make(client: &Client, number: usize) -> Account {
    let mut wanted = origin(number);
    wanted["ephemeral"] = (!is_kept(number)).into();
    if number.is_multiple_of(2) {
        wanted["name"] = format!("world-{number}").into();
    }
    let account = Account::make(client, &wanted).await.with_key(&key_name(number)).await;
    if number.is_multiple_of(3) { account.through_its_key() } else { account }
}

/// Whether the account is kept in the data folder; the others are in memory.
fn is_kept(number: usize) -> bool {
    number.is_multiple_of(4)
}

fn origin(number: usize) -> Value {
    match number % 5 {
        0 => json!({ "from": "seed:acme" }),
        1 => json!({ "from": "account:acme" }),
        2 => json!({ "from": "snapshot:acme/start" }),
        3 => json!({ "from": "seed" }),
        _ => json!({}),
    }
}

fn key_name(number: usize) -> String {
    format!("agent {number}")
}

async fn lead(account: Account, acts: &[Act], mut life: Life) -> (Account, Life) {
    for act in acts {
        life.lead(&account, act).await;
    }
    (account, life)
}

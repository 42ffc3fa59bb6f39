//! Many accounts on one port, all busy at once, each as if it were alone.

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::account_model::AccountModel;
use super::action::{Action, any_action};
use super::{block_on, start_modelled_server};
use crate::control_client::{ACCOUNTS_PATH, Account, fetch_response};
use crate::fixtures::{ACME_KEY, create_temp_dir, dump_tickets};
use crate::support::{ApiClient, Server};

const ACCOUNT_COUNT: usize = 64;

fn limited_proptest_config() -> ProptestConfig {
    ProptestConfig { cases: 3, max_shrink_time: 60_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(limited_proptest_config())]

    #[test]
    fn concurrent_accounts_do_not_affect_each_other(lives in vec(vec(any_action(), 16..24), ACCOUNT_COUNT)) {
        block_on(run_accounts_concurrently(&lives));
    }
}

async fn run_accounts_concurrently(actions_by_account: &[Vec<Action>]) {
    let data = create_temp_dir();
    let flags = ["--data", data.path().to_str().expect("the path is text")];
    let (server, start) = start_modelled_server(&flags).await;
    let acme = Account::new(&server, "acme", ACME_KEY);
    assert_eq!(acme.send_control("PUT", "/snapshots/start").await.status, 201);
    let (before, shown) = (dump_tickets(&server).await, acme.read_all().await);

    let accounts =
        join_all((0..actions_by_account.len()).map(|number| create_account(&server, number))).await;
    let lived = accounts.into_iter().zip(actions_by_account).enumerate().map(
        |(number, (account, actions))| {
            let start = start.clone().with_key_name(&key_name(number));
            run_actions(account, actions, AccountModel::new(start))
        },
    );
    let lived = join_all(lived).await;
    join_all(lived.iter().map(|(account, life)| life.assert_matches(account))).await;

    assert_eq!(dump_tickets(&server).await, before, "acme was asked nothing");
    assert_eq!(acme.read_all().await, shown);
    assert_eq!(
        count_accounts(&server).await,
        actions_by_account.len() + 1,
        "and nobody else is there"
    );
    assert!(server.stop().success());
    check_after_restart(&flags, lived).await;
}

/// Another server on the same data has those that are kept there, as they were.
async fn check_after_restart(flags: &[&str], lived: Vec<(Account, AccountModel)>) {
    let server = Server::start_with_args(flags);
    let kept = lived.into_iter().enumerate().filter(|(number, _)| is_persistent(*number));
    let kept: Vec<_> =
        kept.map(|(_, (account, life))| (account.with_server(&server), life)).collect();
    assert_eq!(
        count_accounts(&server).await,
        kept.len() + 2,
        "these, acme, and the account of a server"
    );
    let checks = kept.into_iter().map(|(account, mut life)| async move {
        life.assert_matches(&account).await;
        life.restore_all_snapshots(&account).await;
    });
    join_all(checks).await;
}

async fn count_accounts(client: &ApiClient) -> usize {
    let listed = fetch_response(client.request_without_key("GET", ACCOUNTS_PATH)).await.body;
    listed["accounts"].as_array().expect("accounts").len()
}

/// An account that is like the first one in one of the ways that there are, and a key named after it.
async fn create_account(client: &ApiClient, number: usize) -> Account {
    let mut wanted = account_source(number);
    wanted["ephemeral"] = (!is_persistent(number)).into();
    if number.is_multiple_of(2) {
        wanted["name"] = format!("world-{number}").into();
    }
    let account = Account::create(client, &wanted).await.with_new_key(&key_name(number)).await;
    if number.is_multiple_of(3) { account.with_self_alias() } else { account }
}

/// Whether the account is kept in the data folder; the others are in memory.
fn is_persistent(number: usize) -> bool {
    number.is_multiple_of(4)
}

fn account_source(number: usize) -> Value {
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

async fn run_actions(
    account: Account,
    actions: &[Action],
    mut model: AccountModel,
) -> (Account, AccountModel) {
    for act in actions {
        model.run(&account, act).await;
    }
    (account, model)
}

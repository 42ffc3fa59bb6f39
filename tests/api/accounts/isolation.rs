//! Isolation of many busy accounts on one port.

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::account_model::AccountModel;
use super::action::{Action, any_action};
use super::start_modelled_server;
use crate::support::client::ApiClient;
use crate::support::control::{Account, count_accounts};
use crate::support::files::create_temp_dir;
use crate::support::property::proptest_config;
use crate::support::seed::ACME_KEY;
use crate::support::server::Server;
use crate::support::ticket::dump_tickets;
use crate::support::wait::block_on;

const ACCOUNT_COUNT: usize = 64;

proptest! {
    #![proptest_config(proptest_config(1))]

    #[test]
    fn concurrent_accounts_do_not_affect_each_other(actions_by_account in vec(vec(any_action(), 16..24), ACCOUNT_COUNT)) {
        block_on(run_accounts_concurrently(&actions_by_account));
    }
}

async fn run_accounts_concurrently(actions_by_account: &[Vec<Action>]) {
    let data = create_temp_dir();
    let flags = ["--data", data.path().to_str().expect("the path is UTF-8")];
    let (server, start) = start_modelled_server(&flags).await;
    let acme = Account::new(&server, "acme", ACME_KEY);
    assert_eq!(acme.send_control("PUT", "/snapshots/start").await.status, 201);
    let (before, before_control) = (dump_tickets(&server).await, acme.read_all().await);

    let accounts =
        join_all((0..actions_by_account.len()).map(|number| create_account(&server, number))).await;
    let results = accounts.into_iter().zip(actions_by_account).enumerate().map(
        |(number, (account, actions))| {
            let start = start.clone().with_key_name(&key_name(number));
            run_actions(account, actions, AccountModel::new(start))
        },
    );
    let results = join_all(results).await;
    join_all(results.iter().map(|(account, model)| model.assert_matches(account))).await;

    assert_eq!(dump_tickets(&server).await, before, "acme is unchanged");
    assert_eq!(acme.read_all().await, before_control);
    assert_eq!(
        count_accounts(&server).await,
        actions_by_account.len() + 1,
        "no other account exists"
    );
    assert_eq!(server.stop().exit_code, Some(0));
    check_after_restart(&flags, results).await;
}

/// Restarts the server and checks that the persistent accounts are unchanged.
async fn check_after_restart(flags: &[&str], results: Vec<(Account, AccountModel)>) {
    let server = Server::start_with_args(flags);
    let persistent = results.into_iter().enumerate().filter(|(number, _)| is_persistent(*number));
    let persistent: Vec<_> =
        persistent.map(|(_, (account, model))| (account.with_server(&server), model)).collect();
    assert_eq!(
        count_accounts(&server).await,
        persistent.len() + 2,
        "the persistent accounts, acme and the default account"
    );
    let checks = persistent.into_iter().map(|(account, mut model)| async move {
        model.assert_matches(&account).await;
        model.restore_all_snapshots(&account).await;
    });
    join_all(checks).await;
}

/// Creates an account; its source, storage and name depend on `number`.
async fn create_account(client: &ApiClient, number: usize) -> Account {
    let mut spec = account_source(number);
    spec["ephemeral"] = (!is_persistent(number)).into();
    if number.is_multiple_of(2) {
        spec["name"] = format!("world-{number}").into();
    }
    let account = Account::create(client, &spec).await.with_new_key(&key_name(number)).await;
    if number.is_multiple_of(3) { account.with_self_alias() } else { account }
}

/// Returns true if the account is stored in the data directory; the others are in memory.
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
    for action in actions {
        model.run(&account, action).await;
    }
    (account, model)
}

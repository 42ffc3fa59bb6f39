//! Actions that create and delete other accounts.

use omnidesk_mock_bench::BenchResult;
use serde_json::json;

use crate::{
    account::Account, check::check_equal, expected_tickets::ExpectedTickets,
    paced_client::PacedClient, random::Random, tickets,
};

const TITLE_PREFIX: &str = "temporary";

/// Creates an account from one of all sources, uses it and deletes it.
pub(crate) fn use_and_delete(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let snapshot = account.snapshots.first_key_value();
    let (source, tickets) = match (random.below(4), snapshot) {
        (0, _) => {
            ("empty".to_owned(), ExpectedTickets { next_id: 1, ..ExpectedTickets::default() })
        }
        (1, _) => (format!("account:{}", account.name), account.tickets.clone()),
        (2, Some((name, tickets))) => {
            (format!("snapshot:{}/{name}", account.name), tickets.clone())
        }
        _ => ("seed".to_owned(), account.initial_tickets.clone()),
    };
    let options = json!({ "from": source, "ttl": "5m", "ephemeral": random.is_once_in(2) });
    let mut temporary = Account::create(client, &options, TITLE_PREFIX)?;
    temporary.tickets = tickets;
    temporary.check_tickets(client)?;
    tickets::create(client, &mut temporary, random)?;
    tickets::update(client, &mut temporary, random)?;
    tickets::get(client, &mut temporary, random)?;
    delete(client, &temporary)
}

/// Creates an account that the server deletes itself.
pub(crate) fn let_expire(
    client: &mut PacedClient,
    _: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let options = json!({ "ttl": "2s", "ephemeral": random.is_once_in(2) });
    let mut temporary = Account::create(client, &options, TITLE_PREFIX)?;
    tickets::create(client, &mut temporary, random)
}

/// Imports the export of the account into another account.
pub(crate) fn import_export(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let seed = client.expect(&account.control("GET", "/export"), 200)?;
    let options = json!({ "from": "empty", "ttl": "5m" });
    let mut temporary = Account::create(client, &options, TITLE_PREFIX)?;
    let body = client.expect(&temporary.control_with_json("POST", "/import", &seed), 200)?;
    let count = Some(account.tickets.count().into());
    check_equal("number of imported tickets", body["added"]["tickets"].as_u64(), count)?;
    temporary.tickets = account.tickets.clone();
    temporary.check_tickets(client)?;
    delete(client, &temporary)
}

fn delete(client: &mut PacedClient, temporary: &Account) -> BenchResult<()> {
    client.expect(&temporary.control("DELETE", ""), 204)?;
    client.expect_problem(&temporary.control("GET", ""), 404, "unknown-account")?;
    client.expect_error(&temporary.get(""), 401, "unknown")
}

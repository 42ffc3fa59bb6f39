//! Actions on an account through the control API.

use omnidesk_mock_bench::BenchResult;
use serde_json::{Value, json};

use crate::{account::Account, check::check_equal, paced_client::PacedClient, random::Random};

const SNAPSHOT_NAMES: [&str; 2] = ["before", "after.2"];

const SETTINGS: [&str; 9] = [
    "/requests?limit=20&operation=ticket.get",
    "/requests?limit=20&status=4xx",
    "/changes?limit=20",
    "/keys",
    "/faults",
    "/rate-limits",
    "/strict",
    "/dialect",
    "/clock",
];

/// Reads the account itself, or its journal, its keys or one of its settings.
pub(crate) fn read_settings(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    if random.is_once_in(2) {
        let path = *random.pick(&SETTINGS);
        return client.expect(&account.control("GET", path), 200).map(drop);
    }
    let body = client.expect(&account.control("GET", ""), 200)?;
    check_equal("account name", body["account"].as_str(), Some(&*account.name))?;
    if !account.is_exclusive {
        return Ok(());
    }
    let list = client.expect(&account.control("GET", "/snapshots"), 200)?;
    let snapshots = list["snapshots"].as_array().map(Vec::len);
    check_equal("number of snapshots", snapshots, Some(account.snapshots.len()))?;
    let count = Some(account.tickets.count().into());
    check_equal("number of tickets", body["counts"]["tickets"].as_u64(), count)
}

/// Creates a key, uses it and deletes it.
pub(crate) fn create_and_delete_key(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let key = json!({ "name": account.next_title(), "permissions": ["TICKET_READ"] });
    let created = client.expect(&account.control_with_json("POST", "/keys", &key), 201)?;
    let (id, api_key) = (&created["id"], created["api_key"].as_str().unwrap_or_default());
    let read = account.replace_key(&account.get("?itemLimit=1"), api_key);
    client.expect(&read, 200)?;
    client.expect(&account.control("DELETE", &format!("/keys/{id}")), 204)?;
    client.expect_error(&read, 401, "unknown")
}

pub(crate) fn reset(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    client.expect(&account.control("POST", "/reset"), 204)?;
    account.tickets = account.initial_tickets.clone();
    account.check_tickets(client)
}

pub(crate) fn take_snapshot(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let name = *random.pick(&SNAPSHOT_NAMES);
    let status = if account.snapshots.contains_key(name) { 200 } else { 201 };
    let body = client.expect(&account.control("PUT", &format!("/snapshots/{name}")), status)?;
    account.snapshots.insert(name, account.tickets.clone());
    check_equal("snapshot name", body["name"].as_str(), Some(name))
}

pub(crate) fn restore_snapshot(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let name = *random.pick(&SNAPSHOT_NAMES);
    let request = account.control("POST", &format!("/snapshots/{name}/restore"));
    let Some(tickets) = account.snapshots.get(name) else {
        return client.expect_problem(&request, 404, "unknown-snapshot");
    };
    client.expect(&request, 204)?;
    account.tickets = tickets.clone();
    account.check_tickets(client)
}

pub(crate) fn delete_snapshot(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let name = *random.pick(&SNAPSHOT_NAMES);
    let request = account.control("DELETE", &format!("/snapshots/{name}"));
    if account.snapshots.remove(name).is_none() {
        return client.expect_problem(&request, 404, "unknown-snapshot");
    }
    client.expect(&request, 204).map(drop)
}

/// Freezes the clock, advances it by a day, and returns to real time.
pub(crate) fn move_clock(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let mut send = |method, rest, body: Value| {
        client.expect(&account.control_with_json(method, rest, &body), 200)
    };
    send("PUT", "/clock", json!({ "mode": "frozen", "at": "2026-03-02T00:00:00Z" }))?;
    let advanced = send("POST", "/clock/advance", json!({ "by": "1d" }))?;
    send("PUT", "/clock", json!({ "mode": "real" }))?;
    check_equal("clock", advanced["now"].as_str(), Some("2026-03-03T00:00:00Z"))
}

/// Imports up to three tickets.
pub(crate) fn import(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let titles: Vec<_> = (0..=random.below(3)).map(|_| account.next_title()).collect();
    let tickets = titles.iter().map(|title| json!({ "title": title, "brand_id": 1 }));
    let seed = json!({ "accounts": { "any": { "tickets": tickets.collect::<Value>() } } });
    let body = client.expect(&account.control_with_json("POST", "/import", &seed), 200)?;
    let added = body["added"]["tickets"].as_u64();
    check_equal("number of imported tickets", added, Some(titles.len() as u64))?;
    for title in titles {
        account.add_created(account.tickets.next_id, title)?;
    }
    account.check_tickets(client)
}

pub(crate) fn export(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let seed = client.expect(&account.control("GET", "/export"), 200)?;
    let tickets = seed["accounts"][&account.name]["tickets"].as_array().map(Vec::len);
    check_equal("number of exported tickets", tickets, Some(account.tickets.by_id.len()))
}

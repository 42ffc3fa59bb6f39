//! What the control API does with an account.

use serde_json::{Value, json};

use crate::{Outcome, account::Account, caller::Caller, line::must_be, random::Random};

const SNAPSHOTS: [&str; 2] = ["before", "after.2"];

/// Looks at what there is to see.
pub(crate) fn look(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    let looks = [
        "/requests?limit=20&operation=ticket.get",
        "/requests?limit=20&status=4xx",
        "/changes?limit=20",
        "/keys",
        "/faults",
        "/limits",
        "/strict",
        "/dialect",
        "/clock",
    ];
    if random.once_in(2) {
        let look = *random.pick(&looks);
        return caller.ask(&account.control("GET", look), 200).map(drop);
    }
    let shown = caller.ask(&account.control("GET", ""), 200)?;
    must_be("the name", shown["account"].as_str(), Some(&*account.name))?;
    if !account.is_own {
        return Ok(());
    }
    let kept = caller.ask(&account.control("GET", "/snapshots"), 200)?;
    let kept = kept["snapshots"].as_array().map(Vec::len);
    must_be("the number of snapshots", kept, Some(account.kept.len()))?;
    let count = Some(account.world.count().into());
    must_be("the number of tickets", shown["counts"]["tickets"].as_u64(), count)
}

/// Makes a key, uses it and takes it away.
pub(crate) fn keys(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let key = json!({ "name": account.title(), "permissions": ["TICKET_READ"] });
    let made = caller.ask(&account.control_with("POST", "/keys", &key), 201)?;
    let (id, key) = (&made["id"], made["api_key"].as_str().unwrap_or_default());
    let read = account.as_other(key, &account.get("?itemLimit=1"));
    caller.ask(&read, 200)?;
    caller.ask(&account.control("DELETE", &format!("/keys/{id}")), 204)?;
    caller.refuse(&read, 401, "unknown")
}

pub(crate) fn reset(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    caller.ask(&account.control("POST", "/reset"), 204)?;
    account.world = account.origin.clone();
    account.compare(caller)
}

pub(crate) fn snapshot(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let name = *random.pick(&SNAPSHOTS);
    let status = if account.kept.contains_key(name) { 200 } else { 201 };
    let taken = caller.ask(&account.control("PUT", &format!("/snapshots/{name}")), status)?;
    account.kept.insert(name, account.world.clone());
    must_be("the snapshot's name", taken["name"].as_str(), Some(name))
}

pub(crate) fn restore(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let name = *random.pick(&SNAPSHOTS);
    let request = account.control("POST", &format!("/snapshots/{name}/restore"));
    let Some(world) = account.kept.get(name) else {
        return caller.deny(&request, 404, "unknown-snapshot");
    };
    caller.ask(&request, 204)?;
    account.world = world.clone();
    account.compare(caller)
}

pub(crate) fn forget(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let name = *random.pick(&SNAPSHOTS);
    let request = account.control("DELETE", &format!("/snapshots/{name}"));
    if account.kept.remove(name).is_none() {
        return caller.deny(&request, 404, "unknown-snapshot");
    }
    caller.ask(&request, 204).map(drop)
}

/// Stops the clock, lets a day pass, and lets it go again.
pub(crate) fn clock(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let mut set =
        |method, rest, clock: Value| caller.ask(&account.control_with(method, rest, &clock), 200);
    set("PUT", "/clock", json!({ "mode": "frozen", "at": "2026-03-02T00:00:00Z" }))?;
    let later = set("POST", "/clock/advance", json!({ "by": "1d" }))?;
    set("PUT", "/clock", json!({ "mode": "real" }))?;
    must_be("the clock", later["now"].as_str(), Some("2026-03-03T00:00:00Z"))
}

/// Adds some tickets at once.
pub(crate) fn import(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let titles: Vec<_> = (0..=random.below(3)).map(|_| account.title()).collect();
    let tickets = titles.iter().map(|title| json!({ "title": title, "brand_id": 1 }));
    let fixture = json!({ "accounts": { "any": { "tickets": tickets.collect::<Value>() } } });
    let imported = caller.ask(&account.control_with("POST", "/import", &fixture), 200)?;
    let added = imported["added"]["tickets"].as_u64();
    must_be("the number of new tickets", added, Some(titles.len() as u64))?;
    for title in titles {
        account.made(account.world.next, title)?;
    }
    account.compare(caller)
}

pub(crate) fn export(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let seed = caller.ask(&account.control("GET", "/export"), 200)?;
    let tickets = seed["accounts"][&account.name]["tickets"].as_array().map(Vec::len);
    must_be("the number of tickets", tickets, Some(account.world.tickets.len()))
}

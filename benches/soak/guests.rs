//! Accounts that do not stay.

use serde_json::json;

use crate::{
    Outcome, account::Account, caller::Caller, line::must_be, random::Random, tickets, world::World,
};

/// What the titles of tickets begin with there.
const MARK: &str = "guest";

/// Makes an account from something, works in it for a moment, and removes it.
pub(crate) fn visit(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let kept = account.kept.first_key_value();
    let (from, world) = match (random.below(4), kept) {
        (0, _) => ("empty".to_owned(), World { next: 1, ..World::default() }),
        (1, _) => (format!("account:{}", account.name), account.world.clone()),
        (2, Some((name, world))) => (format!("snapshot:{}/{name}", account.name), world.clone()),
        _ => ("seed".to_owned(), account.origin.clone()),
    };
    let options = json!({ "from": from, "ttl": "5m", "ephemeral": random.once_in(2) });
    let mut guest = Account::make(caller, &options, MARK)?;
    guest.world = world;
    guest.compare(caller)?;
    tickets::create(caller, &mut guest, random)?;
    tickets::update(caller, &mut guest, random)?;
    tickets::get(caller, &mut guest, random)?;
    remove(caller, &guest)
}

/// Makes an account that the server is to remove by itself.
pub(crate) fn forsake(caller: &mut Caller, _: &mut Account, random: &mut Random) -> Outcome<()> {
    let options = json!({ "ttl": "2s", "ephemeral": random.once_in(2) });
    let mut guest = Account::make(caller, &options, MARK)?;
    tickets::create(caller, &mut guest, random)
}

/// Brings all that an account has into another one.
pub(crate) fn carry(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let seed = caller.ask(&account.control("GET", "/export"), 200)?;
    let mut guest = Account::make(caller, &json!({ "from": "empty", "ttl": "5m" }), MARK)?;
    let imported = caller.ask(&guest.control_with("POST", "/import", &seed), 200)?;
    let count = Some(account.world.count().into());
    must_be("the number of new tickets", imported["added"]["tickets"].as_u64(), count)?;
    guest.world = account.world.clone();
    guest.compare(caller)?;
    remove(caller, &guest)
}

fn remove(caller: &mut Caller, guest: &Account) -> Outcome<()> {
    caller.ask(&guest.control("DELETE", ""), 204)?;
    caller.deny(&guest.control("GET", ""), 404, "unknown-account")?;
    caller.refuse(&guest.get(""), 401, "unknown")
}

//! What there is to see of requests: verified, waited for, followed.

use serde_json::{Value, json};

use crate::{
    Outcome,
    account::Account,
    caller::Caller,
    line::{Line, must_be},
    random::Random,
};

/// In vain nobody waits for longer.
const SHORTLY: &str = "20ms";
const LONG: &str = "10s";

/// Gives a ticket a title that no other request has.
fn rename(caller: &mut Caller, account: &mut Account, id: u32, title: &str) -> Outcome<()> {
    caller.ask(&account.form("PUT", &format!("/{id}"), &format!("title={title}")), 200)?;
    account.world.change(&[id], |ticket| title.clone_into(&mut ticket.title));
    Ok(())
}

/// Expects a request that came, and one that did not.
pub(crate) fn verify(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (id, title) = (account.world.any(random), account.title());
    // No key has this name, so there is only the place where the journal ends.
    let place = caller.ask(&account.control("GET", "/requests?key=nobody"), 200)?;
    rename(caller, account, id, &title)?;
    let expected = |title: &str| {
        json!({
            "operation": "ticket.update",
            "fields": { "title": title, "ticketID": id.to_string() },
            "count": { "exactly": 1 },
            "since": place["cursor"],
        })
    };
    let request = |title: &str| account.control_with("POST", "/verify", &expected(title));
    must_be("the count", caller.ask(&request(&title), 200)?["count"].as_u64(), Some(1))?;
    caller.deny(&request("was-never-sent"), 409, "not-verified")
}

/// Begins to wait.
fn wait(caller: &mut Caller, account: &Account, what: &str, time: &str) -> Outcome<Line> {
    let mut line = caller.connect()?;
    line.send(&account.control("GET", &format!("/wait?{what}&timeout={time}")))?;
    Ok(line)
}

pub(crate) fn wait_for_request(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (id, title) = (account.world.any(random), account.title());
    let what = format!("operation=ticket.update&field.title={title}");
    let mut line = wait(caller, account, &what, LONG)?;
    rename(caller, account, id, &title)?;
    let found = line.answer()?.expect(200)?;
    must_be("the title", found["requests"][0]["fields"]["title"].as_str(), Some(&*title))
}

pub(crate) fn wait_for_ticket(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (id, title) = (account.world.any(random), account.title());
    if random.once_in(4) {
        let mut line = wait(caller, account, &format!("ticket={id}&deleted=true"), LONG)?;
        caller.ask(&account.bare("DELETE", &format!("/{id}")), 200)?;
        account.world.tickets.remove(&id);
        return must_be("the ticket", &line.answer()?.expect(200)?["ticket"], &Value::Null);
    }
    let mut line = wait(caller, account, &format!("ticket={id}&title={title}"), LONG)?;
    rename(caller, account, id, &title)?;
    account.world.tickets[&id].must_be(id, &line.answer()?.expect(200)?["ticket"])
}

pub(crate) fn wait_in_vain(
    caller: &mut Caller,
    account: &mut Account,
    _: &mut Random,
) -> Outcome<()> {
    let what = "operation=ticket.update&field.title=was-never-sent";
    let problem = wait(caller, account, what, SHORTLY)?.answer()?.expect(409)?;
    must_be("the problem", problem["type"].as_str(), Some("/docs/control#wait-over"))
}

/// Follows the journal, and leaves when it has begun.
pub(crate) fn follow(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let mut line = caller.connect()?;
    line.send(&account.control("GET", "/requests/stream"))?;
    must_be("the status of the stream", line.status()?, 200)
}

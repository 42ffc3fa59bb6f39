//! Faults, budgets and strictness: requests that go wrong because somebody asked for it.

use serde_json::{Value, json};

use crate::{
    Outcome, account::Account, caller::Caller, line::is_end, line::must_be, random::Random,
};

/// What comes in place of an ordinary answer.
#[derive(Clone, Copy)]
enum Heard {
    Status(u16),
    Garbage,
    /// The connection ends before the answer does.
    End,
}

/// An effect, what comes of it, and whether the request is carried out.
const EFFECTS: [(&str, Heard, bool); 11] = [
    (r#"{"delay":"5ms"}"#, Heard::Status(200), true),
    (r#"{"delay":"5ms","when":"after"}"#, Heard::Status(200), true),
    (r#"{"status":503,"message":"Out for lunch.","retry_after":"2s"}"#, Heard::Status(503), false),
    (r#"{"status":429}"#, Heard::Status(429), false),
    (r#"{"reset":true}"#, Heard::End, false),
    (r#"{"cut":7}"#, Heard::End, true),
    (r#"{"garbage":true}"#, Heard::Garbage, true),
    (r#"{"drip":"1ms"}"#, Heard::Status(200), true),
    (r#"{"hang":"20ms"}"#, Heard::End, false),
    (r#"{"lose_answer":"reset"}"#, Heard::End, true),
    (r#"{"lose_answer":502}"#, Heard::Status(502), true),
];

/// Lets one request meet a fault.
pub(crate) fn fault(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (effect, heard, is_done) = *random.pick(&EFFECTS);
    let (id, title) = (account.world.any(random), account.title());
    let rule = json!({
        "operation": "ticket.update",
        "first": 1,
        "effect": serde_json::from_str::<Value>(effect)?,
    });
    let added = caller.ask(&account.control_with("POST", "/faults", &rule), 201)?;
    let place = format!("/{id}");
    let answer = caller.provoke(&account.form("PUT", &place, &format!("title={title}")));
    match (heard, answer) {
        (Heard::Status(status), Ok(answer)) => drop(answer.expect(status)?),
        (Heard::Garbage, Ok(answer)) if answer.expect(200).is_err() && answer.status == 200 => {}
        (Heard::End, Err(error)) if is_end(&error) => {}
        (_, Err(error)) => return Err(format!("{error} under {effect}").into()),
        (_, Ok(answer)) => return Err(format!("{} under {effect}", answer.status).into()),
    }
    if is_done {
        account.world.change(&[id], |ticket| title.clone_into(&mut ticket.title));
    }
    let rule = format!("/faults/{}", added["id"]);
    caller.ask(&account.control("DELETE", &rule), 204)?;
    let item = caller.ask(&account.get(&place), 200)?;
    let kept = account.world.tickets[&id].must_be(id, &item["item"]);
    kept.map_err(|error| format!("{error} after {effect}").into())
}

/// Lets a key make no more than one request.
pub(crate) fn limits(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random);
    let request = account.get(&format!("/{id}"));
    let limits = |limits: Value| account.control_with("PUT", "/limits", &limits);
    caller.ask(&limits(json!({ "requests": 1, "per": "1h" })), 200)?;
    caller.ask(&request, 200)?;
    caller.refuse(&request, 429, "exceeded its rate limit")?;
    caller.ask(&limits(json!({})), 200)?;
    caller.ask(&request, 200).map(drop)
}

/// Has the account refuse a field that no document names.
pub(crate) fn strict(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (id, title) = (account.world.any(random), account.title());
    let request = account.form("PUT", &format!("/{id}"), &format!("title={title}&colour=red"));
    let strict =
        |strict: bool| account.control_with("PUT", "/strict", &json!({ "strict": strict }));
    caller.ask(&strict(true), 200)?;
    caller.refuse(&request, 400, "colour")?;
    caller.ask(&strict(false), 200)?;
    let item = caller.ask(&account.get(&format!("/{id}")), 200)?;
    account.world.tickets[&id].must_be(id, &item["item"])?;
    let updated = caller.ask(&request, 200)?;
    account.world.change(&[id], |ticket| title.clone_into(&mut ticket.title));
    must_be("the message", updated["message"].as_str(), Some("Ticket updated."))
}

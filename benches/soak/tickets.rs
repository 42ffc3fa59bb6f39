//! The eleven operations on tickets, as they should go.

use serde_json::{Value, json};

use crate::{
    Outcome, account::Account, caller::Caller, line::must_be, random::Random, world::Ticket,
};

const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];

fn done(answer: &Value, message: &str) -> Outcome<()> {
    must_be("the type", answer["type"].as_str(), Some("result"))?;
    must_be("the message", answer["message"].as_str(), Some(message))
}

fn tickets(ids: &[u32]) -> String {
    if ids.len() == 1 { "1 ticket".to_owned() } else { format!("{} tickets", ids.len()) }
}

fn joined(ids: &[u32], between: &str) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(between)
}

/// A ticket, with a name for nobody.
fn new(title: &str) -> [(&'static str, &str); 7] {
    [
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("fromName", "Ada Example"),
        ("to", "desk@example.test"),
        ("title", title),
    ]
}

pub(crate) fn create(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let title = account.title();
    let fields = new(&title);
    let request = match random.below(4) {
        0 => account.json("POST", "", &fields.into_iter().collect::<Value>()),
        1 => account.form(
            "POST",
            "",
            &fields.map(|(name, value)| format!("{name}={value}")).join("&"),
        ),
        _ => account.parts("", &fields),
    };
    let answer = caller.ask(&request, 200)?;
    done(&answer, "Ticket created.")?;
    let id = answer["ticketID"].as_u64().ok_or("no ticketID")?;
    account.made(u32::try_from(id)?, title)
}

pub(crate) fn get(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    let id = account.world.any(random);
    let history = ["", "?getTicketHistory=true", "?getTicketHistory=false"];
    let answer = caller.ask(&account.get(&format!("/{id}{}", random.pick(&history))), 200)?;
    must_be("the type", answer["type"].as_str(), Some("item"))?;
    account.world.tickets[&id].must_be(id, &answer["item"])
}

pub(crate) fn list(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    let status = *random.pick(&STATUSES);
    let (query, total) = match random.below(4) {
        0 => (String::new(), None),
        1 => ("?applyView=open&itemLimit=5".to_owned(), None),
        2 => {
            let with = account.world.tickets.values().filter(|ticket| ticket.status == status);
            (format!("?status={status}&searchArchived=yes&itemLimit=5"), Some(with.count() as u64))
        }
        _ => {
            let start = random.below(10);
            let query = format!("?searchArchived=yes&itemStart={start}&itemLimit=5");
            (query, Some(account.world.count().into()))
        }
    };
    let answer = caller.ask(&account.get(&query), 200)?;
    must_be("the type", answer["type"].as_str(), Some("items"))?;
    let is = answer["itemTotal"].as_u64().ok_or("no itemTotal")?;
    match total {
        Some(total) if account.is_own => must_be("itemTotal", is, total),
        _ => Ok(()),
    }
}

pub(crate) fn search(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random);
    let ticket = &account.world.tickets[&id];
    let title = ticket.title.to_uppercase().replace(' ', "+");
    let answer = caller.ask(&account.get(&format!("?searchArchived=yes&query={title}")), 200)?;
    must_be("itemTotal", answer["itemTotal"].as_u64(), Some(1))?;
    ticket.must_be(id, &answer["items"][0])
}

pub(crate) fn update(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random);
    let title = account.title();
    let status = *random.pick(&STATUSES[4..]);
    let customer = random.below(5);
    let (body, change): (_, &dyn Fn(&mut Ticket)) = match random.below(4) {
        0 => (format!("externalPrimaryID=C-{customer}"), &|_| ()),
        1 => (format!("status={status}"), &|ticket| status.clone_into(&mut ticket.status)),
        _ => (format!("title={title}"), &|ticket| title.clone_into(&mut ticket.title)),
    };
    done(&caller.ask(&account.form("PUT", &format!("/{id}"), &body), 200)?, "Ticket updated.")?;
    account.world.change(&[id], change);
    Ok(())
}

pub(crate) fn delete(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random);
    let answer = caller.ask(&account.bare("DELETE", &format!("/{id}")), 200)?;
    account.world.tickets.remove(&id);
    done(&answer, "Ticket deleted.")?;
    if random.once_in(4) {
        return caller.refuse(&account.get(&format!("/{id}")), 400, "does not exist");
    }
    Ok(())
}

pub(crate) fn delete_multi(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let ids = account.world.some(random);
    let fields = format!("ticketIDs[]={}", joined(&ids, "&ticketIDs[]="));
    let request = if random.once_in(2) {
        account.form("DELETE", "/multi", &fields)
    } else {
        account.bare("DELETE", &format!("/multi?{fields}"))
    };
    let answer = caller.ask(&request, 200)?;
    account.world.tickets.retain(|id, _| !ids.contains(id));
    done(&answer, &format!("{} deleted.", tickets(&ids)))
}

/// A field, and the tickets that it is about.
fn about<'a>(field: (&'a str, &'a str), ids: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
    [field].into_iter().chain(ids).collect()
}

pub(crate) fn set_status(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (status, ids) = (*random.pick(&STATUSES), account.world.some(random));
    let texts: Vec<_> = ids.iter().map(u32::to_string).collect();
    let answer =
        caller.ask(&account.parts("/setStatus", &about(("status", status), &texts)), 200)?;
    account.world.change(&ids, |ticket| status.clone_into(&mut ticket.status));
    done(&answer, &format!("Status of {} set to {status}.", tickets(&ids)))
}

pub(crate) fn set_priority(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (priority, ids) = (*random.pick(&PRIORITIES), account.world.some(random));
    let body = json!({ "priority": priority, "ticketIDs": ids });
    let answer = caller.ask(&account.json("POST", "/setPriority", &body), 200)?;
    account.world.change(&ids, |ticket| priority.clone_into(&mut ticket.priority));
    done(&answer, &format!("Priority of {} set to {priority}.", tickets(&ids)))
}

pub(crate) fn solve(caller: &mut Caller, account: &mut Account, _: &mut Random) -> Outcome<()> {
    let unfinished = account.world.tickets.iter().filter(|(_, ticket)| ticket.is_unfinished());
    let ids: Vec<_> = unfinished.map(|(id, _)| *id).collect();
    let answer = caller.ask(&account.bare("PUT", "/solveUnfinishedTickets"), 200)?;
    account.world.change(&ids, |ticket| "solved".clone_into(&mut ticket.status));
    done(&answer, &format!("{} solved.", tickets(&ids)))?;
    account.compare(caller)
}

pub(crate) fn unlink(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random).to_string();
    let request = account.parts("/unlinkCustomerFromTicket", &[("ticketID", &id)]);
    done(&caller.ask(&request, 200)?, "Customer unlinked from ticket.")
}

pub(crate) fn batch(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let ids = account.world.some(random);
    let (status, priority) = (*random.pick(&STATUSES), *random.pick(&PRIORITIES));
    let fields = [
        ("TicketIDs", joined(&ids, ", ")),
        ("actions[0][actionType]", "priority".to_owned()),
        ("actions[0][value]", priority.to_owned()),
        ("actions[1][actionType]", "status".to_owned()),
        ("actions[1][value]", status.to_owned()),
        ("actions[2][actionType]", "assigned_group_id".to_owned()),
        ("actions[2][value]", "10003".to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = caller.ask(&account.parts("/batch", &fields), 200)?;
    account.world.change(&ids, |ticket| {
        status.clone_into(&mut ticket.status);
        priority.clone_into(&mut ticket.priority);
    });
    done(&answer, &format!("3 actions performed on {}.", tickets(&ids)))
}

//! Requests that must be refused, and change nothing.

use serde_json::json;

use crate::{
    Outcome,
    account::{Account, TICKETS},
    caller::Caller,
    message::{URLENCODED, message},
    random::Random,
};

/// No ticket has it.
const UNKNOWN: u32 = 4_000_000_000;

/// Method, place below the tickets, content type, body, status, words of the message. `{id}` stands for a ticket's.
type Case = (&'static str, &'static str, &'static str, &'static str, u16, &'static str);

const JSON: &str = "application/json";

const FIELDS: [Case; 11] = [
    ("POST", "", URLENCODED, "brandID=1&channelID=1&direction=inbound&from=a&to=b", 400, "title"),
    ("POST", "", JSON, r#"{"brandID":"one","title":"x"}"#, 400, "brandID"),
    ("POST", "", JSON, r#"{"brandID":1,"#, 400, "JSON"),
    ("POST", "", "text/plain", "title=x", 415, "Content-Type"),
    ("PUT", "/{id}", URLENCODED, "status=open", 400, "status"),
    ("PUT", "/none", URLENCODED, "title=x", 400, "ticketID"),
    ("POST", "/setStatus", URLENCODED, "status=Solved&ticketIDs[]={id}", 400, "status"),
    (
        "POST",
        "/setStatus",
        URLENCODED,
        "status=open&ticketIDs[]={id}&ticketIDs[]={id}",
        400,
        "ticketIDs",
    ),
    ("POST", "/setPriority", JSON, r#"{"priority":"high","ticketIDs":[]}"#, 400, "ticketIDs"),
    (
        "POST",
        "/batch",
        URLENCODED,
        "TicketIDs={id}&actions[0][actionType]=status&actions[0][value]=lost",
        400,
        "actions[0][value]",
    ),
    (
        "POST",
        "/batch",
        URLENCODED,
        "TicketIDs={id}&actions[1][actionType]=title&actions[1][value]=x",
        400,
        "actions",
    ),
];

/// Queries of a list, with the field that is wrong.
const QUERIES: [(&str, &str); 4] = [
    ("?itemLimit=-1", "itemLimit"),
    ("?itemLimit=10000", "itemLimit"),
    ("?status=lost", "status"),
    ("?applyView=no-such-view", "applyView"),
];

/// What is refused because of a ticket that does not exist. `{id}` stands for one that does, `{none}` for it.
const IDS: [Case; 7] = [
    ("GET", "/{none}", "", "", 400, "does not exist"),
    ("PUT", "/{none}", URLENCODED, "title=x", 400, "does not exist"),
    ("DELETE", "/{none}", "", "", 400, "does not exist"),
    (
        "POST",
        "/setStatus",
        URLENCODED,
        "status=open&ticketIDs[]={id}&ticketIDs[]={none}",
        400,
        "exist",
    ),
    ("DELETE", "/multi", URLENCODED, "ticketIDs[]={id}&ticketIDs[]={none}", 400, "exist"),
    ("POST", "/unlinkCustomerFromTicket", URLENCODED, "ticketID={none}", 400, "does not exist"),
    (
        "POST",
        "/batch",
        URLENCODED,
        "TicketIDs={id},{none}&actions[0][actionType]=title&actions[0][value]=x",
        400,
        "exist",
    ),
];

/// What a key that may only read must not do, with the permission that it lacks.
const FORBIDDEN: [Case; 5] = [
    ("PUT", "/{id}", URLENCODED, "title=x", 403, "TICKET_UPDATE"),
    ("DELETE", "/{id}", "", "", 403, "TICKET_DELETE"),
    ("POST", "", URLENCODED, "title=x", 403, "TICKET_CREATE"),
    ("POST", "/setStatus", URLENCODED, "status=open&ticketIDs[]={id}", 403, "SET_STATUS"),
    ("PUT", "/solveUnfinishedTickets", "", "", 403, "SET_STATUS"),
];

/// The request of a case about this ticket.
fn request(account: &Account, case: Case, id: u32) -> String {
    let (method, rest, content_type, body, ..) = case;
    let (id, none) = (id.to_string(), UNKNOWN.to_string());
    let fill = |text: &str| text.replace("{id}", &id).replace("{none}", &none);
    if content_type.is_empty() {
        return account.bare(method, &fill(rest));
    }
    account.with(method, &fill(rest), (content_type, &fill(body)))
}

/// Holds the ticket that a refused request was about against what is known of it.
fn unchanged(caller: &mut Caller, account: &Account, id: u32) -> Outcome<()> {
    let answer = caller.ask(&account.get(&format!("/{id}")), 200)?;
    account.world.tickets[&id].must_be(id, &answer["item"])
}

pub(crate) fn fields(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let id = account.world.any(random);
    if random.once_in(3) {
        let (query, field) = *random.pick(&QUERIES);
        return caller.refuse(&account.get(query), 400, field);
    }
    let case = *random.pick(&FIELDS);
    caller.refuse(&request(account, case, id), case.4, case.5)?;
    unchanged(caller, account, id)
}

pub(crate) fn ids(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    let (id, case) = (account.world.any(random), *random.pick(&IDS));
    caller.refuse(&request(account, case, id), case.4, case.5)?;
    unchanged(caller, account, id)
}

pub(crate) fn permission(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let (id, case) = (account.world.any(random), *random.pick(&FORBIDDEN));
    let request = account.as_other(&account.reader, &request(account, case, id));
    caller.refuse(&request, case.4, case.5)?;
    let read = account.as_other(&account.reader, &account.get(&format!("/{id}")));
    account.world.tickets[&id].must_be(id, &caller.ask(&read, 200)?["item"])
}

pub(crate) fn key(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    let request = account.get("");
    if random.once_in(2) {
        let without = request.replacen(&format!("apiKey: {}\r\n", account.key), "", 1);
        return caller.refuse(&without, 401, "No API key");
    }
    let unknown = format!("nobody-has-this-key-{}", random.below(1_000));
    caller.refuse(&account.as_other(&unknown, &request), 401, "unknown")
}

pub(crate) fn path(caller: &mut Caller, account: &mut Account, random: &mut Random) -> Outcome<()> {
    match random.below(3) {
        0 => caller.refuse(&account.get("s"), 404, "does not exist"),
        1 => caller.refuse(&account.bare("PATCH", "/1"), 405, "PATCH"),
        _ => caller.refuse(&account.get("/1/2/3"), 404, "does not exist"),
    }
}

pub(crate) fn control(
    caller: &mut Caller,
    account: &mut Account,
    random: &mut Random,
) -> Outcome<()> {
    let at = |method: &str, path: &str, content| {
        message(caller.address(), &account.key, method, path, content)
    };
    let unknown = "/_control/accounts/nobody";
    match random.below(7) {
        0 => caller.deny(&at("GET", unknown, None), 404, "unknown-account"),
        1 => caller.deny(&at("POST", unknown, None), 405, "wrong-method"),
        2 => caller.deny(&at("GET", "/_control/nothing", None), 404, "unknown-path"),
        3 => {
            let broken = at("POST", "/_control/accounts", Some((JSON, "{\"ttl\":")));
            caller.deny(&broken, 400, "invalid")
        }
        4 => {
            let name = json!({ "name": account.name });
            let again = at("POST", "/_control/accounts", Some((JSON, &name.to_string())));
            caller.deny(&again, 409, "name-taken")
        }
        5 => caller.deny(&account.control("DELETE", "/snapshots/none"), 404, "unknown-snapshot"),
        _ => {
            let host = format!("Host: {}", caller.address());
            let foreign = at("GET", TICKETS, None).replacen(&host, "Host: desk.example.test", 1);
            caller.ask(&foreign, 200)?;
            let foreign = foreign.replacen(TICKETS, "/_control/accounts", 1);
            caller.deny(&foreign, 403, "foreign-host")
        }
    }
}

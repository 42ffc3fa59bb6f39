//! The operations of the Ticket API with valid requests.

use omnidesk_mock_bench::{
    BenchResult,
    seed::{PRIORITIES, STATUSES},
};
use serde_json::{Value, json};

use crate::{
    account::Account, check::check_equal, expected_tickets::ExpectedTicket,
    paced_client::PacedClient, random::Random,
};

fn check_result(body: &Value, message: &str) -> BenchResult<()> {
    check_equal("type", body["type"].as_str(), Some("result"))?;
    check_equal("message", body["message"].as_str(), Some(message))
}

/// `1 ticket`, `2 tickets`
fn format_count(ids: &[u32]) -> String {
    if ids.len() == 1 { "1 ticket".to_owned() } else { format!("{} tickets", ids.len()) }
}

fn join(ids: &[u32], separator: &str) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(separator)
}

/// The fields of a new ticket.
fn new_ticket(title: &str) -> [(&'static str, &str); 7] {
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
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let title = account.next_title();
    let fields = new_ticket(&title);
    let request = match random.below(4) {
        0 => account.with_json("POST", "", &fields.into_iter().collect::<Value>()),
        1 => account.with_form(
            "POST",
            "",
            &fields.map(|(name, value)| format!("{name}={value}")).join("&"),
        ),
        _ => account.with_multipart("", &fields),
    };
    let body = client.expect(&request, 200)?;
    check_result(&body, "Ticket created.")?;
    let id = body["ticketID"].as_u64().ok_or("no ticketID")?;
    account.add_created(u32::try_from(id)?, title)
}

pub(crate) fn get(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    let history = ["", "?getTicketHistory=true", "?getTicketHistory=false"];
    let body = client.expect(&account.get(&format!("/{id}{}", random.pick(&history))), 200)?;
    check_equal("type", body["type"].as_str(), Some("item"))?;
    account.tickets.check_item(id, &body["item"])
}

pub(crate) fn list(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let status = *random.pick(&STATUSES);
    let (query, total) = match random.below(4) {
        0 => (String::new(), None),
        1 => ("?applyView=open&itemLimit=5".to_owned(), None),
        2 => {
            let matches = account.tickets.by_id.values().filter(|ticket| ticket.status == status);
            (
                format!("?status={status}&searchArchived=yes&itemLimit=5"),
                Some(matches.count() as u64),
            )
        }
        _ => {
            let start = random.below(10);
            let query = format!("?searchArchived=yes&itemStart={start}&itemLimit=5");
            (query, Some(account.tickets.count().into()))
        }
    };
    let body = client.expect(&account.get(&query), 200)?;
    check_equal("type", body["type"].as_str(), Some("items"))?;
    let actual = body["itemTotal"].as_u64().ok_or("no itemTotal")?;
    match total {
        Some(total) if account.is_exclusive => check_equal("itemTotal", actual, total),
        _ => Ok(()),
    }
}

pub(crate) fn search(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    let ticket = &account.tickets.by_id[&id];
    let title = ticket.title.to_uppercase().replace(' ', "+");
    let body = client.expect(&account.get(&format!("?searchArchived=yes&query={title}")), 200)?;
    check_equal("itemTotal", body["itemTotal"].as_u64(), Some(1))?;
    ticket.check(id, &body["items"][0])
}

pub(crate) fn update(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    let title = account.next_title();
    let status = *random.pick(&STATUSES[4..]);
    let customer = random.below(5);
    let (form, change): (_, &dyn Fn(&mut ExpectedTicket)) = match random.below(4) {
        0 => (format!("externalPrimaryID=C-{customer}"), &|_| ()),
        1 => (format!("status={status}"), &|ticket| status.clone_into(&mut ticket.status)),
        _ => (format!("title={title}"), &|ticket| title.clone_into(&mut ticket.title)),
    };
    check_result(
        &client.expect(&account.with_form("PUT", &format!("/{id}"), &form), 200)?,
        "Ticket updated.",
    )?;
    account.tickets.update(&[id], change);
    Ok(())
}

pub(crate) fn delete(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random);
    let body = client.expect(&account.without_body("DELETE", &format!("/{id}")), 200)?;
    account.tickets.by_id.remove(&id);
    check_result(&body, "Ticket deleted.")?;
    if random.is_once_in(4) {
        return client.expect_error(&account.get(&format!("/{id}")), 400, "does not exist");
    }
    Ok(())
}

pub(crate) fn delete_multi(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let ids = account.tickets.pick_ids(random);
    let fields = format!("ticketIDs[]={}", join(&ids, "&ticketIDs[]="));
    let request = if random.is_once_in(2) {
        account.with_form("DELETE", "/multi", &fields)
    } else {
        account.without_body("DELETE", &format!("/multi?{fields}"))
    };
    let body = client.expect(&request, 200)?;
    account.tickets.by_id.retain(|id, _| !ids.contains(id));
    check_result(&body, &format!("{} deleted.", format_count(&ids)))
}

/// The fields of a request that sets a field of several tickets.
fn field_and_ids<'a>(field: (&'a str, &'a str), ids: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
    [field].into_iter().chain(ids).collect()
}

pub(crate) fn set_status(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (status, ids) = (*random.pick(&STATUSES), account.tickets.pick_ids(random));
    let texts: Vec<_> = ids.iter().map(u32::to_string).collect();
    let body = client.expect(
        &account.with_multipart("/setStatus", &field_and_ids(("status", status), &texts)),
        200,
    )?;
    account.tickets.update(&ids, |ticket| status.clone_into(&mut ticket.status));
    check_result(&body, &format!("Status of {} set to {status}.", format_count(&ids)))
}

pub(crate) fn set_priority(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let (priority, ids) = (*random.pick(&PRIORITIES), account.tickets.pick_ids(random));
    let body = json!({ "priority": priority, "ticketIDs": ids });
    let body = client.expect(&account.with_json("POST", "/setPriority", &body), 200)?;
    account.tickets.update(&ids, |ticket| priority.clone_into(&mut ticket.priority));
    check_result(&body, &format!("Priority of {} set to {priority}.", format_count(&ids)))
}

pub(crate) fn solve_unfinished(
    client: &mut PacedClient,
    account: &mut Account,
    _: &mut Random,
) -> BenchResult<()> {
    let unfinished = account.tickets.by_id.iter().filter(|(_, ticket)| ticket.is_unfinished());
    let ids: Vec<_> = unfinished.map(|(id, _)| *id).collect();
    let body = client.expect(&account.without_body("PUT", "/solveUnfinishedTickets"), 200)?;
    account.tickets.update(&ids, |ticket| "solved".clone_into(&mut ticket.status));
    check_result(&body, &format!("{} solved.", format_count(&ids)))?;
    account.check_tickets(client)
}

pub(crate) fn unlink_customer(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let id = account.tickets.pick_id(random).to_string();
    let request = account.with_multipart("/unlinkCustomerFromTicket", &[("ticketID", &id)]);
    check_result(&client.expect(&request, 200)?, "Customer unlinked from ticket.")
}

pub(crate) fn batch(
    client: &mut PacedClient,
    account: &mut Account,
    random: &mut Random,
) -> BenchResult<()> {
    let ids = account.tickets.pick_ids(random);
    let (status, priority) = (*random.pick(&STATUSES), *random.pick(&PRIORITIES));
    let fields = [
        ("TicketIDs", join(&ids, ", ")),
        ("actions[0][actionType]", "priority".to_owned()),
        ("actions[0][value]", priority.to_owned()),
        ("actions[1][actionType]", "status".to_owned()),
        ("actions[1][value]", status.to_owned()),
        ("actions[2][actionType]", "assigned_group_id".to_owned()),
        ("actions[2][value]", "10003".to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let body = client.expect(&account.with_multipart("/batch", &fields), 200)?;
    account.tickets.update(&ids, |ticket| {
        status.clone_into(&mut ticket.status);
        priority.clone_into(&mut ticket.priority);
    });
    check_result(&body, &format!("3 actions performed on {}.", format_count(&ids)))
}

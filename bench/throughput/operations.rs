//! The operations under load, and the requests of each. They are encoded once, and wrk sends the same bytes to all servers.

use omnidesk_mock_bench::prelude::*;

/// Name, and the requests of one round, which are sent in turn, over and over: for an account with this number of tickets,
/// and with the number of the server's round.
///
/// Setting the current value again changes nothing and costs less. So each write sets another value than the previous
/// write to the same ticket, within a round and from one round to the next.
pub(crate) type Operation = (&'static str, fn(u32, u32) -> Vec<String>);

pub(crate) const GET_ITEM: Operation =
    ("GET item", |tickets, _| (1..=tickets).map(|id| KEY.get_ticket(id)).collect());
pub(crate) const LIST: Operation = ("GET list of 15", |_, _| vec![KEY.get(TICKETS)]);
pub(crate) const UPDATE: Operation = ("PUT item, urlencoded", |tickets, round| {
    (0..2 * tickets).map(|index| update(index % tickets + 1, round, index / tickets)).collect()
});
pub(crate) const CREATE: Operation =
    ("POST create, multipart", |_, _| (1..=100).map(create).collect());

/// Reads come first, because writes make the timelines longer. `CREATE` comes last, because it makes the account larger.
pub(crate) const OPERATIONS: [Operation; 11] = [
    GET_ITEM,
    LIST,
    // Finds one ticket in forty.
    ("GET list, the same query", |_, _| vec![KEY.get("/api/v2/ticket?query=on+floor+7+of")]),
    ("9 GET item, 1 PUT item", |tickets, round| mix(tickets, round, |id| KEY.get_ticket(id))),
    ("9 GET list, 1 PUT item", |tickets, round| mix(tickets, round, |_| KEY.get(TICKETS))),
    UPDATE,
    ("POST setStatus of 1", |tickets, round| set_status(tickets, 1, round)),
    ("POST setStatus of 10", |tickets, round| set_status(tickets, 10, round)),
    ("POST setStatus of 1,000", |tickets, round| set_status(tickets, 1_000, round)),
    ("POST batch, 2 actions on 10", batch),
    CREATE,
];

/// The title of a created ticket.
pub(crate) fn new_title(number: u32) -> String {
    format!("Order {number} arrived with a broken screen and without its charger")
}

/// The title of an updated ticket.
pub(crate) fn updated_title(id: u32, round: u32, pass: u32) -> String {
    format!("Ticket {id} was renamed in round {round}, pass {pass}")
}

fn create(number: u32) -> String {
    let title = new_title(number);
    KEY.multipart(TICKETS, &[&new_ticket(&title)[..], &[("assignedGroupID", "10003")]].concat())
}

fn update(id: u32, round: u32, pass: u32) -> String {
    KEY.update_title(id, &updated_title(id, round, pass).replace(' ', "+"))
}

/// Every tenth request updates one of the last tenth of the tickets; the other requests read the others.
fn mix(tickets: u32, round: u32, read: fn(u32) -> String) -> Vec<String> {
    let updated_tickets = tickets / 10;
    let ten_requests = |number: u32| {
        let (pass, index) = (number / updated_tickets, number % updated_tickets);
        let write = update(tickets - updated_tickets + index + 1, round, pass);
        (1..=9).map(move |n| read(index * 9 + n)).chain(iter::once(write))
    };
    (0..2 * updated_tickets).flat_map(ten_requests).collect()
}

fn set_status(tickets: u32, size: usize, round: u32) -> Vec<String> {
    change_groups(tickets, &STATUSES, size, round, |ids, status, _| KEY.set("status", status, ids))
}

/// The assigned group is another one in each pass, so that both actions change every ticket.
fn batch(tickets: u32, round: u32) -> Vec<String> {
    change_groups(tickets, &PRIORITIES, 10, round, |ids, priority, step| {
        let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let fields = [
            ("TicketIDs", ids.as_str()),
            ("actions[0][actionType]", "priority"),
            ("actions[0][value]", priority),
            ("actions[1][actionType]", "assigned_group_id"),
            ("actions[1][value]", &(20_000 + step).to_string()),
        ];
        KEY.multipart("/api/v2/ticket/batch", &fields)
    })
}

/// Two passes over the tickets, `size` tickets in a request. The tickets of a request have the same initial value in the
/// seed, which assigns the values in a cycle. Each pass sets the next value of the cycle, so every request changes all of
/// its tickets.
fn change_groups(
    tickets: u32,
    values: &[&str],
    size: usize,
    round: u32,
    request: fn(&[u32], &str, u32) -> String,
) -> Vec<String> {
    let mut requests = Vec::new();
    for pass in 1..=2 {
        for first in (1..=tickets).take(values.len()) {
            let ids: Vec<_> = (first..=tickets).step_by(values.len()).collect();
            let step = first + 2 * round + pass;
            let value = values[step as usize % values.len()];
            requests.extend(ids.chunks_exact(size).map(|ids| request(ids, value, step)));
        }
    }
    requests
}

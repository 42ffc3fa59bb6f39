//! The operations under load, and the requests of each.
//!
//! The requests are encoded once, here, and wrk sends the same bytes to all servers.

use std::{iter, net::SocketAddr};

use omnidesk_mock_bench::{
    request::RequestEncoder,
    seed::{API_KEY, PRIORITIES, STATUSES},
};

/// Tickets in one batch.
const BATCH_SIZE: usize = 10;

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    GetItem,
    List,
    Search,
    /// Nine `GetItem`, and an update of another ticket.
    MixedItem,
    /// Nine `List`, and an update.
    MixedList,
    Update,
    SetStatusOf1,
    SetStatusOf10,
    SetStatusOf1000,
    Batch,
    Create,
}

impl Operation {
    /// Reads come first, because writes make the timelines longer. `Create` comes last, because it makes the account
    /// larger.
    pub(crate) const ALL: [Self; 11] = [
        Self::GetItem,
        Self::List,
        Self::Search,
        Self::MixedItem,
        Self::MixedList,
        Self::Update,
        Self::SetStatusOf1,
        Self::SetStatusOf10,
        Self::SetStatusOf1000,
        Self::Batch,
        Self::Create,
    ];

    /// Response sizes for the bare server, if only an item, a list, an update and a creation are measured.
    pub(crate) fn bare_sizes(
        [item, list, updated, created]: [usize; 4],
    ) -> [usize; Self::ALL.len()] {
        Self::ALL.map(|operation| match operation {
            Self::GetItem => item,
            Self::List => list,
            Self::Create => created,
            _ => updated,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetItem => "GET item",
            Self::List => "GET list of 15",
            Self::Search => "GET list, the same query",
            Self::MixedItem => "9 GET item, 1 PUT item",
            Self::MixedList => "9 GET list, 1 PUT item",
            Self::Update => "PUT item, urlencoded",
            Self::SetStatusOf1 => "POST setStatus of 1",
            Self::SetStatusOf10 => "POST setStatus of 10",
            Self::SetStatusOf1000 => "POST setStatus of 1,000",
            Self::Batch => "POST batch, 2 actions on 10",
            Self::Create => "POST create, multipart",
        }
    }

    /// Length of a round. A slow operation needs a longer one, because requests that are not finished at its end do not
    /// count.
    pub(crate) fn round_seconds(self, default: u32) -> u32 {
        if matches!(self, Self::SetStatusOf1000) { 3 * default } else { default }
    }

    /// The requests of one round, which are sent in turn, over and over. `round` is the number of the server's round.
    ///
    /// Setting the current value again changes nothing and costs less. So each write sets another value than the previous
    /// write to the same ticket, within a round and from one round to the next.
    pub(crate) fn requests(self, address: SocketAddr, tickets: u32, round: u32) -> Vec<String> {
        let requests = RequestEncoder::new(address, API_KEY);
        match self {
            Self::GetItem => (1..=tickets).map(|id| requests.get_ticket(id)).collect(),
            Self::List => vec![requests.list_tickets()],
            Self::Search => vec![requests.get(SEARCH)],
            Self::MixedItem => mix(requests, tickets, round, |id| requests.get_ticket(id)),
            Self::MixedList => mix(requests, tickets, round, |_| requests.list_tickets()),
            Self::Update => (0..2 * tickets)
                .map(|index| update(requests, index % tickets + 1, round, index / tickets))
                .collect(),
            Self::SetStatusOf1 => set_status(requests, tickets, 1, round),
            Self::SetStatusOf10 => set_status(requests, tickets, 10, round),
            Self::SetStatusOf1000 => set_status(requests, tickets, 1000, round),
            Self::Batch => batch(requests, tickets, round),
            Self::Create => (1..=100).map(|number| create(requests, number)).collect(),
        }
    }
}

/// Finds one ticket in forty.
const SEARCH: &str = "/api/v2/ticket?query=on+floor+7+of";

fn create(requests: RequestEncoder, number: u32) -> String {
    requests.create_ticket(&[
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("fromName", "Ada Example"),
        ("to", "desk@example.test"),
        ("title", &new_title(number)),
        ("assignedGroupID", "10003"),
    ])
}

/// The title of a created ticket.
pub(crate) fn new_title(number: u32) -> String {
    format!("Order {number} arrived with a broken screen and without its charger")
}

fn update(requests: RequestEncoder, id: u32, round: u32, pass: u32) -> String {
    requests.update_title(id, &updated_title(id, round, pass).replace(' ', "+"))
}

/// The title of an updated ticket.
pub(crate) fn updated_title(id: u32, round: u32, pass: u32) -> String {
    format!("Ticket {id} was renamed in round {round}, pass {pass}")
}

/// Every tenth request updates one of the last tenth of the tickets; the other requests read the others.
fn mix(
    requests: RequestEncoder,
    tickets: u32,
    round: u32,
    read: impl Fn(u32) -> String,
) -> Vec<String> {
    let updated_tickets = tickets / 10;
    let ten_requests = |number: u32| {
        let (pass, index) = (number / updated_tickets, number % updated_tickets);
        let write = update(requests, tickets - updated_tickets + index + 1, round, pass);
        let reads = (1..=9).map(move |n| index * 9 + n);
        reads.map(&read).chain(iter::once(write)).collect::<Vec<_>>()
    };
    (0..2 * updated_tickets).flat_map(ten_requests).collect()
}

fn set_status(requests: RequestEncoder, tickets: u32, size: usize, round: u32) -> Vec<String> {
    let request =
        |ids: &[u32], step: u32| requests.set_status(STATUSES[step as usize % STATUSES.len()], ids);
    change_groups(tickets, STATUSES.len(), size, round, request)
}

/// The assigned group is another one in each pass, so that both actions change every ticket.
fn batch(requests: RequestEncoder, tickets: u32, round: u32) -> Vec<String> {
    let request = |ids: &[u32], step: u32| {
        let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let group = (20_000 + step).to_string();
        let fields = [
            ("TicketIDs", ids.as_str()),
            ("actions[0][actionType]", "priority"),
            ("actions[0][value]", PRIORITIES[step as usize % PRIORITIES.len()]),
            ("actions[1][actionType]", "assigned_group_id"),
            ("actions[1][value]", &group),
        ];
        requests.with_multipart("/api/v2/ticket/batch", &fields)
    };
    change_groups(tickets, PRIORITIES.len(), BATCH_SIZE, round, request)
}

/// Two passes over the tickets, `size` tickets in a request. The tickets of a request have the same initial value in the
/// seed, which assigns `values` different values in a cycle. Each pass sets the next value of the cycle, so every request
/// changes all of its tickets.
fn change_groups(
    tickets: u32,
    values: usize,
    size: usize,
    round: u32,
    request: impl Fn(&[u32], u32) -> String,
) -> Vec<String> {
    let mut requests = Vec::new();
    for pass in 1..=2 {
        for first in (1..=tickets).take(values) {
            let ids: Vec<_> = (first..=tickets).step_by(values).collect();
            let step = first + 2 * round + pass;
            requests.extend(ids.chunks_exact(size).map(|ids| request(ids, step)));
        }
    }
    requests
}

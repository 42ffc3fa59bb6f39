//! The operations under load, and the bytes that a client sends for each.
//!
//! The bytes are made once, here, and sent by wrk to both servers, so no two clients can differ.

use std::net::SocketAddr;

use crate::{
    message::{URLENCODED, message, multipart},
    seed::{KEY, PRIORITIES, STATUSES},
};

/// Tickets in one batch.
const BATCH: usize = 10;

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    GetItem,
    List,
    Search,
    /// Nine times `GetItem`, and an update of a ticket that is not among those.
    MixedItem,
    /// Nine times `List`, and an update.
    MixedList,
    Update,
    SetStatusOf1,
    SetStatusOf10,
    SetStatusOf1000,
    Batch,
    Create,
}

impl Operation {
    /// The reads come first, since the writes make the tickets' timelines longer; and creating comes
    /// last, since it makes the account larger.
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

    /// Sizes of answers as the bare server wants them, of which only those to an item, a list, an update and a creation matter.
    pub(crate) fn sizes([item, list, updated, created]: [usize; 4]) -> [usize; Self::ALL.len()] {
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

    /// Length of a round. What takes long needs more of it: the requests that are under way at its end do not count.
    pub(crate) fn seconds(self, usual: u32) -> u32 {
        if matches!(self, Self::SetStatusOf1000) { 3 * usual } else { usual }
    }

    /// The requests of one load, to be sent in turn and over again. `load` is another for each load of a server.
    ///
    /// Setting what is set already is no change and costs less, so each write differs from the
    /// one before it on the same ticket, within a load and from one load to the next.
    pub(crate) fn requests(self, host: SocketAddr, tickets: u32, load: u32) -> Vec<String> {
        let list = |_| get(host, "/api/v2/ticket");
        match self {
            Self::GetItem => (1..=tickets).map(|id| read_item(host, id)).collect(),
            Self::List => vec![list(0)],
            Self::Search => vec![get(host, SEARCH)],
            Self::MixedItem => mixed(host, tickets, load, |id| read_item(host, id)),
            Self::MixedList => mixed(host, tickets, load, list),
            Self::Update => (0..2 * tickets)
                .map(|turn| update(host, turn % tickets + 1, load, turn / tickets))
                .collect(),
            Self::SetStatusOf1 => set_status(host, tickets, 1, load),
            Self::SetStatusOf10 => set_status(host, tickets, 10, load),
            Self::SetStatusOf1000 => set_status(host, tickets, 1000, load),
            Self::Batch => batch(host, tickets, load),
            Self::Create => (1..=100).map(|number| create(host, number)).collect(),
        }
    }
}

/// Finds one ticket in forty.
const SEARCH: &str = "/api/v2/ticket?query=on+floor+7+of";

/// The list as a first question: who gets a `200` knows that server, storage and key work.
pub(crate) fn first_question(host: SocketAddr, key: &str) -> String {
    message(host, key, "GET", "/api/v2/ticket", None)
}

/// A ticket of the seeded account.
pub(crate) fn read_item(host: SocketAddr, id: u32) -> String {
    get(host, &item(id))
}

/// A part of the seeded account's list.
pub(crate) fn read_page(host: SocketAddr, start: u32, limit: u32) -> String {
    get(host, &format!("/api/v2/ticket?itemStart={start}&itemLimit={limit}"))
}

fn item(id: u32) -> String {
    format!("/api/v2/ticket/{id}")
}

fn get(host: SocketAddr, path: &str) -> String {
    message(host, KEY, "GET", path, None)
}

fn create(host: SocketAddr, number: u32) -> String {
    let title = format!("Order {number} arrived with a broken screen and without its charger");
    let fields = [
        ("brandID", "1"),
        ("channelID", "1"),
        ("direction", "inbound"),
        ("from", "ada@example.test"),
        ("fromName", "Ada Example"),
        ("to", "desk@example.test"),
        ("title", &title),
        ("assignedGroupID", "10003"),
    ];
    multipart(host, KEY, "/api/v2/ticket", &fields)
}

fn update(host: SocketAddr, id: u32, load: u32, pass: u32) -> String {
    let body = format!("title=Ticket+{id}+was+renamed+in+load+{load},+pass+{pass}");
    message(host, KEY, "PUT", &item(id), Some((URLENCODED, &body)))
}

/// Every tenth request renames one of the last tenth of the tickets; the others read, of items one of the rest.
fn mixed(host: SocketAddr, tickets: u32, load: u32, read: impl Fn(u32) -> String) -> Vec<String> {
    let written = tickets / 10;
    let ten = |turn: u32| {
        let (pass, place) = (turn / written, turn % written);
        let write = update(host, tickets - written + place + 1, load, pass);
        let reads = (1..=9).map(move |n| place * 9 + n);
        reads.map(&read).chain([write]).collect::<Vec<_>>()
    };
    (0..2 * written).flat_map(ten).collect()
}

fn set_status(host: SocketAddr, tickets: u32, size: usize, load: u32) -> Vec<String> {
    let request = |ids: &[String], step: u32| {
        let status = STATUSES[step as usize % STATUSES.len()];
        let ids = ids.iter().map(|id| ("ticketIDs[]", id.as_str()));
        let fields: Vec<_> = [("status", status)].into_iter().chain(ids).collect();
        multipart(host, KEY, "/api/v2/ticket/setStatus", &fields)
    };
    by_classes(tickets, STATUSES.len(), size, load, request)
}

/// The group is another in each pass, so that every batch changes both.
fn batch(host: SocketAddr, tickets: u32, load: u32) -> Vec<String> {
    let request = |ids: &[String], step: u32| {
        let (ids, group) = (ids.join(","), (20_000 + step).to_string());
        let fields = [
            ("TicketIDs", ids.as_str()),
            ("actions[0][actionType]", "priority"),
            ("actions[0][value]", PRIORITIES[step as usize % PRIORITIES.len()]),
            ("actions[1][actionType]", "assigned_group_id"),
            ("actions[1][value]", &group),
        ];
        multipart(host, KEY, "/api/v2/ticket/batch", &fields)
    };
    by_classes(tickets, PRIORITIES.len(), BATCH, load, request)
}

/// Two passes over the tickets, so many to a request. Those in one request have begun with the same word of a
/// cycle, and each pass goes a step further in it: so none gets the word that it has.
fn by_classes(
    tickets: u32,
    cycle: usize,
    size: usize,
    load: u32,
    request: impl Fn(&[String], u32) -> String,
) -> Vec<String> {
    let mut requests = Vec::new();
    for pass in 1..=2 {
        for class in 1..=u32::try_from(cycle).expect("a few") {
            let ids: Vec<_> = (class..=tickets).step_by(cycle).map(|id| id.to_string()).collect();
            let step = class + 2 * load + pass;
            requests.extend(ids.chunks_exact(size).map(|ids| request(ids, step)));
        }
    }
    requests
}

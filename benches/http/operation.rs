//! The operations under load, and the bytes that a client sends for each.
//!
//! The bytes are made once, here, and sent by wrk to both servers, so no two clients can differ.

use std::net::SocketAddr;

use crate::{
    message::{URLENCODED, message, multipart},
    seed::KEY,
};

/// Tickets in one `setStatus`.
const BATCH: u32 = 10;

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    GetItem,
    List,
    Create,
    Update,
    SetStatus,
}

impl Operation {
    /// The reads come first: the writes after them make the account larger.
    pub(crate) const ALL: [Self; 5] =
        [Self::GetItem, Self::List, Self::Create, Self::Update, Self::SetStatus];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetItem => "GET item",
            Self::List => "GET list of 15",
            Self::Create => "POST create, multipart",
            Self::Update => "PUT item, urlencoded",
            Self::SetStatus => "POST setStatus of 10, multipart",
        }
    }

    /// The requests of one round, to be sent in turn and over again.
    ///
    /// Setting what is set already is no change and costs less, so each write differs from the
    /// one before it on the same ticket, within a round and from one round to the next.
    pub(crate) fn requests(self, host: SocketAddr, tickets: u32, round: u32) -> Vec<String> {
        match self {
            Self::GetItem => (1..=tickets).map(|id| get(host, &item(id))).collect(),
            Self::List => vec![get(host, "/api/v2/ticket")],
            Self::Create => (1..=100).map(|number| create(host, number)).collect(),
            Self::Update => (0..2 * tickets)
                .map(|turn| update(host, turn % tickets + 1, round, turn / tickets))
                .collect(),
            Self::SetStatus => {
                let statuses = [["open", "pending"], ["holding", "solved"]][round as usize % 2];
                let passes = statuses.into_iter();
                passes.flat_map(|status| set_status(host, tickets, status)).collect()
            }
        }
    }
}

/// The list as a first question: who gets a `200` knows that server, storage and key work.
pub(crate) fn first_question(host: SocketAddr, key: &str) -> String {
    message(host, key, "GET", "/api/v2/ticket", None)
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

fn update(host: SocketAddr, id: u32, round: u32, pass: u32) -> String {
    let body = format!("title=Ticket+{id}+was+renamed+in+round+{round},+pass+{pass}");
    message(host, KEY, "PUT", &item(id), Some((URLENCODED, &body)))
}

/// Every ticket once, by tens.
fn set_status(host: SocketAddr, tickets: u32, status: &str) -> impl Iterator<Item = String> {
    (0..tickets / BATCH).map(move |batch| {
        let ids: Vec<_> = (1..=BATCH).map(|n| (batch * BATCH + n).to_string()).collect();
        let mut fields = vec![("status", status)];
        fields.extend(ids.iter().map(|id| ("ticketIDs[]", id.as_str())));
        multipart(host, KEY, "/api/v2/ticket/setStatus", &fields)
    })
}

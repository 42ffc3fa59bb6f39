//! What requests ask of the tickets, and what comes of it. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::ticket::{Change, Direction, searchable, searchable_all};
use crate::clock::Zone;
use crate::dialect::{UnknownCustomer, UnknownIds};
use crate::storage::StorageError;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) deed: Deed,
    /// The account's date, as it is stored.
    pub(crate) now: String,
    /// The zone that the journal shows dates in.
    pub(crate) zone: Zone,
    /// The name of the key that asks.
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) enum Deed {
    /// Makes a ticket.
    Create(Box<NewTicket>),
    /// Makes the changes to each of the tickets. Those that change nothing leave no trace.
    Change { tickets: Those, changes: Vec<Change>, link: Option<Link> },
    /// Solves every ticket that is unfinished.
    SolveUnfinished,
    /// Removes tickets with all their data.
    Delete(Those),
}

/// Several tickets, each named once.
#[derive(Debug)]
pub(crate) struct Those {
    pub(crate) ids: Vec<i64>,
    /// What becomes of those that do not exist.
    pub(crate) unknown: UnknownIds,
}

impl Those {
    /// One ticket, which must exist.
    pub(crate) fn one(id: i64) -> Self {
        Self { ids: vec![id], unknown: UnknownIds::Refuse }
    }
}

/// The customer with this external primary id, whom the tickets are linked to before all else.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) external: String,
    pub(crate) unknown: UnknownCustomer,
}

/// A ticket that `POST` index makes; its fields obeyed their rules.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTicket {
    #[serde(rename = "brandID")]
    pub(crate) brand_id: i64,
    #[serde(rename = "channelID")]
    pub(crate) channel_id: i64,
    pub(crate) direction: Direction,
    pub(crate) from: String,
    #[serde(rename = "fromName")]
    pub(crate) from_name: String,
    pub(crate) to: String,
    pub(crate) title: String,
    #[serde(rename = "assignedGroupID")]
    pub(crate) assigned_group_id: i64,
    #[serde(rename = "formID")]
    pub(crate) form_id: Option<i64>,
}

/// The columns that a new ticket is written with; the others hold their defaults.
pub(crate) const GIVEN: [&str; 17] = [
    "id",
    "external_id",
    "brand_id",
    "channel_id",
    "direction",
    "from",
    "from_name",
    "to",
    "title",
    "assigned_group_id",
    "form_id",
    "created_at",
    "last_update",
    "last_update_customer",
    "last_update_agent",
    "search_title",
    "search_rest",
];

/// What those columns hold, in their order.
pub(crate) type Given = [Value; GIVEN.len()];

impl NewTicket {
    /// What the ticket with this id is written with.
    pub(crate) fn given(&self, id: i64, now: &str) -> Given {
        let external_id = external_id(id);
        let (by_customer, by_agent) = match self.direction {
            Direction::Inbound => (now.into(), Value::Null),
            Direction::Outbound => (Value::Null, now.into()),
        };
        let rest = searchable_all(&[&self.from, &self.from_name, &self.to, &external_id]);
        [
            id.into(),
            external_id.into(),
            self.brand_id.into(),
            self.channel_id.into(),
            self.direction.name().into(),
            self.from.as_str().into(),
            self.from_name.as_str().into(),
            self.to.as_str().into(),
            self.title.as_str().into(),
            self.assigned_group_id.into(),
            self.form_id.into(),
            now.into(),
            now.into(),
            by_customer,
            by_agent,
            searchable(&self.title).into(),
            rest.into(),
        ]
    }
}

/// The external id of a ticket that came with none (chosen: the sample's form, made from the id so that it is
/// the same in every run).
pub(crate) fn external_id(id: i64) -> String {
    format!("{id:08X}-0000-4000-8000-{id:012X}.1")
}

/// Why nothing of a request was done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// These tickets do not exist.
    Unknown(Vec<i64>),
    /// There is no customer with this external primary id.
    NoCustomer(String),
    Storage(StorageError),
}

impl From<StorageError> for Refused {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

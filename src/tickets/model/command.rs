//! Ticket commands: the writes that requests make. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::ticket::{Direction, TicketChange, join_search_texts, normalize_search_text};
use crate::clock::Zone;
use crate::contract::dialect::{UnknownCustomer, UnknownIds};
use crate::storage::StorageError;

/// The write of one request.
#[derive(Debug)]
pub(crate) struct TicketCommand {
    pub(crate) kind: TicketCommandKind,
    /// The account's current date, in UTC.
    pub(crate) now: String,
    /// The time zone of dates in the journal.
    pub(crate) zone: Zone,
    /// The name of the API key.
    pub(crate) key_name: String,
}

#[derive(Debug)]
pub(crate) enum TicketCommandKind {
    Create(Box<NewTicket>),
    /// Applies the changes to each ticket. A change to the current value records nothing.
    Update {
        tickets: TicketSelection,
        changes: Vec<TicketChange>,
        link: Option<CustomerLink>,
    },
    /// Solves every ticket that is unfinished.
    SolveUnfinished,
    /// Deletes tickets with all their data.
    Delete(TicketSelection),
}

/// Tickets by id, without duplicates.
#[derive(Debug)]
pub(crate) struct TicketSelection {
    pub(crate) ids: Vec<i64>,
    /// What to do about ids that do not exist.
    pub(crate) unknown_ids: UnknownIds,
}

impl TicketSelection {
    /// Selects one ticket, which must exist.
    pub(crate) fn from_id(id: i64) -> Self {
        Self { ids: vec![id], unknown_ids: UnknownIds::Refuse }
    }
}

/// The customer that the tickets are linked to before any other change is applied.
#[derive(Debug)]
pub(crate) struct CustomerLink {
    pub(crate) external_primary_id: String,
    pub(crate) unknown_customer: UnknownCustomer,
}

/// The ticket of a validated `POST` index request.
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

/// The columns of a new ticket's INSERT; the others have their defaults.
pub(crate) const NEW_TICKET_COLUMNS: [&str; 17] = [
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

/// The values of those columns, in order.
pub(crate) type NewTicketRow = [Value; NEW_TICKET_COLUMNS.len()];

impl NewTicket {
    /// Returns the row to insert for this id.
    pub(crate) fn to_row(&self, id: i64, now: &str) -> NewTicketRow {
        let external_id = derive_external_id(id);
        let (last_update_customer, last_update_agent) = match self.direction {
            Direction::Inbound => (now.into(), Value::Null),
            Direction::Outbound => (Value::Null, now.into()),
        };
        let search_rest = join_search_texts(&[&self.from, &self.from_name, &self.to, &external_id]);
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
            last_update_customer,
            last_update_agent,
            normalize_search_text(&self.title).into(),
            search_rest.into(),
        ]
    }
}

/// Derives a default external id (our choice; undocumented): in the sample's format, and from the id so that it is
/// the same in every run.
pub(crate) fn derive_external_id(id: i64) -> String {
    format!("{id:08X}-0000-4000-8000-{id:012X}.1")
}

/// Why a command changed nothing.
#[derive(Debug)]
pub(crate) enum TicketCommandError {
    /// These tickets do not exist.
    UnknownTickets(Vec<i64>),
    /// No customer has this external primary id.
    UnknownCustomer(String),
    Storage(StorageError),
}

impl From<StorageError> for TicketCommandError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

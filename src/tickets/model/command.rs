//! Ticket commands: the writes that requests make. Pure.

use serde::Deserialize;

use super::row::row;
use super::search_text::{join_search_texts, normalize_search_text};
use super::ticket::{Direction, Priority, Status, TicketChange};
use super::ticket_state::MutableColumns;
use crate::clock::Zone;
use crate::contract::dialect::{UnknownCustomer, UnknownIds};

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
    /// How to handle unknown ids.
    pub(crate) unknown_ids: UnknownIds,
}

impl TicketSelection {
    /// Selects one ticket, which must exist.
    pub(crate) fn from_id(id: i64) -> Self {
        Self { ids: vec![id], unknown_ids: UnknownIds::Reject }
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

row! {
    /// A new ticket's row; the other columns have their defaults.
    #[derive(Debug)]
    struct NewTicketRow {
        id: i64,
        external_id: String,
        brand_id: i64,
        channel_id: i64,
        direction: Direction,
        from: String,
        from_name: String,
        to: String,
        title: String,
        assigned_group_id: i64,
        form_id: Option<i64>,
        created_at: String,
        last_update: String,
        last_update_customer: Option<String>,
        last_update_agent: Option<String>,
        search_title: String,
        search_rest: String,
    }
}

impl NewTicket {
    /// Returns the row to insert for this id.
    pub(super) fn to_row(&self, id: i64, now: &str) -> NewTicketRow {
        let external_id = derive_external_id(id);
        let date_if = |direction| (self.direction == direction).then(|| now.to_owned());
        NewTicketRow {
            id,
            brand_id: self.brand_id,
            channel_id: self.channel_id,
            direction: self.direction,
            from: self.from.clone(),
            from_name: self.from_name.clone(),
            to: self.to.clone(),
            title: self.title.clone(),
            assigned_group_id: self.assigned_group_id,
            form_id: self.form_id,
            created_at: now.to_owned(),
            last_update: now.to_owned(),
            last_update_customer: date_if(Direction::Inbound),
            last_update_agent: date_if(Direction::Outbound),
            search_title: normalize_search_text(&self.title),
            search_rest: join_search_texts(&[&self.from, &self.from_name, &self.to, &external_id]),
            external_id,
        }
    }
}

impl NewTicketRow {
    /// Returns the columns that changes can update; a column missing in the row has its default.
    pub(super) fn to_mutable_columns(&self) -> MutableColumns {
        MutableColumns {
            status: Status::New,
            priority: Priority::Medium,
            assigned_group_id: self.assigned_group_id,
            assigned_user_id: 0,
            title: Some(self.title.clone()),
            customer_id: 0,
            closed_at: None,
            last_update: self.last_update.clone(),
        }
    }
}

row! {
    /// A customer's row.
    #[derive(Debug)]
    struct CustomerRow {
        id: i64,
        external_primary_id: String,
        firstname: String,
        lastname: String,
        brand_id: i64,
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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tickets::model::columns;
    use crate::tickets::model::row::Row as _;

    const NOW: &str = "2026-07-01 10:00:00";

    fn new_ticket(direction: Direction) -> NewTicket {
        NewTicket {
            brand_id: 2,
            channel_id: 3,
            direction,
            from: "FROM".to_owned(),
            from_name: "FROM NAME".to_owned(),
            to: "TO".to_owned(),
            title: "TITLE".to_owned(),
            assigned_group_id: 4,
            form_id: Some(5),
        }
    }

    #[test]
    fn row_has_each_value_in_its_column() {
        let row = |direction| new_ticket(direction).to_row(1, NOW).to_object();
        let mut expected = json!({
            "id": 1, "external_id": "00000001-0000-4000-8000-000000000001.1", "brand_id": 2, "channel_id": 3,
            "direction": "inbound", "from": "FROM", "from_name": "FROM NAME", "to": "TO", "title": "TITLE",
            "assigned_group_id": 4, "form_id": 5, "created_at": NOW, "last_update": NOW,
            "last_update_customer": NOW, "last_update_agent": null, "search_title": "title",
            "search_rest": "from\u{1f}from name\u{1f}to\u{1f}00000001-0000-4000-8000-000000000001.1",
        });
        assert_eq!(row(Direction::Inbound), expected);
        expected["direction"] = "outbound".into();
        expected["last_update_customer"] = Value::Null;
        expected["last_update_agent"] = NOW.into();
        assert_eq!(row(Direction::Outbound), expected);
    }

    #[test]
    fn columns_without_a_value_have_their_defaults() {
        let row = new_ticket(Direction::Inbound).to_row(1, NOW);
        let inserted = row.cells();
        for cell in row.to_mutable_columns().cells() {
            let value = inserted.iter().find(|inserted| inserted.column == cell.column);
            let column = columns::find_ticket_column(cell.column).expect("a ticket column");
            let expected =
                value.map_or(Value::from(column.default), |cell| cell.value.clone().into());
            assert_eq!(Value::from(cell.value), expected, "{}", cell.column);
        }
    }

    #[test]
    fn external_id_is_derived_from_the_ticket_id() {
        for (id, expected) in [
            (7, "00000007-0000-4000-8000-000000000007.1"),
            (0xabcd, "0000ABCD-0000-4000-8000-00000000ABCD.1"),
            (0x1_2345_6789, "123456789-0000-4000-8000-000123456789.1"),
        ] {
            assert_eq!(derive_external_id(id), expected);
        }
    }

    #[test]
    fn ticket_selected_by_its_id_must_exist() {
        let TicketSelection { ids, unknown_ids } = TicketSelection::from_id(7);
        assert_eq!((ids.as_slice(), unknown_ids), (&[7][..], UnknownIds::Reject));
    }
}

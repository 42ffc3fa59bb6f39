//! Derives timeline events from changes. Pure.

use super::reference::{ReferenceKey, ReferenceKind};
use super::row::{RowForTickets, row};
use super::ticket::TicketChange;

/// One event for the timelines of several tickets.
pub(crate) type TimelineEvent = RowForTickets<EventRow>;

row! {
    /// The columns of an event, except those of its ticket.
    #[derive(Debug, PartialEq, Eq)]
    struct EventRow {
        /// The id for the first ticket; the other tickets have the ids after it.
        id: i64,
        item_type: &'static str,
        item_type_id: String,
        description: String,
        initiated_by: String,
        created_at: String,
    }
}

impl EventRow {
    /// Creates the event of a change; `name` is the new value's name in the reference data.
    pub(crate) fn from_change(
        id: i64,
        change: &TicketChange,
        name: Option<&str>,
        key_name: &str,
        now: &str,
    ) -> Self {
        Self {
            id,
            item_type: item_type(change),
            item_type_id: item_type_id(change),
            description: description(change, name),
            initiated_by: initiated_by(key_name),
            created_at: now.to_owned(),
        }
    }
}

/// Returns the key of the reference that names the new value.
pub(crate) const fn reference_key(change: &TicketChange) -> Option<ReferenceKey> {
    match change {
        TicketChange::AssignedGroup(id) if *id != 0 => {
            Some(ReferenceKey { kind: ReferenceKind::Group, id: *id })
        }
        TicketChange::AssignedUser(id) if *id != 0 => {
            Some(ReferenceKey { kind: ReferenceKind::User, id: *id })
        }
        _ => None,
    }
}

/// Returns the event's `item_type`: the changed column.
const fn item_type(change: &TicketChange) -> &'static str {
    match change {
        TicketChange::Status(_) => "status",
        TicketChange::Priority(_) => "priority",
        TicketChange::AssignedGroup(_) => "assigned_group_id",
        TicketChange::AssignedUser(_) => "assigned_user_id",
        TicketChange::Title(_) => "title",
        TicketChange::LinkCustomer { .. } | TicketChange::UnlinkCustomer => "customer_id",
    }
}

/// Returns the event's `item_type_id`: the new value as text (our choice; the sample has an id there).
fn item_type_id(change: &TicketChange) -> String {
    match change {
        TicketChange::Status(status) => status.name().to_owned(),
        TicketChange::Priority(priority) => priority.name().to_owned(),
        TicketChange::Title(title) => title.clone(),
        TicketChange::AssignedGroup(id)
        | TicketChange::AssignedUser(id)
        | TicketChange::LinkCustomer { id, .. } => id.to_string(),
        TicketChange::UnlinkCustomer => "0".to_owned(),
    }
}

/// Returns the event's `description` (the sample documents "Assigned to …"; the others are our choice).
fn description(change: &TicketChange, name: Option<&str>) -> String {
    match (change, name) {
        (TicketChange::AssignedGroup(0), _) => "Unassigned from group".to_owned(),
        (TicketChange::AssignedUser(0), _) => "Unassigned from user".to_owned(),
        (TicketChange::AssignedGroup(_) | TicketChange::AssignedUser(_), Some(name)) => {
            format!("Assigned to {name}")
        }
        (TicketChange::AssignedGroup(id), None) => format!("Assigned to group {id}"),
        (TicketChange::AssignedUser(id), None) => format!("Assigned to user {id}"),
        (TicketChange::Status(status), _) => format!("Status set to {}", status.name()),
        (TicketChange::Priority(priority), _) => format!("Priority set to {}", priority.name()),
        (TicketChange::Title(title), _) => format!("Title set to {title}"),
        (TicketChange::LinkCustomer { external_primary_id, .. }, _) => {
            format!("Linked to customer {external_primary_id}")
        }
        (TicketChange::UnlinkCustomer, _) => "Unlinked from customer".to_owned(),
    }
}

/// Returns the event's `initiated_by` (our choice; the sample names a trigger the same way).
fn initiated_by(key_name: &str) -> String {
    format!("api: {key_name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tickets::model::ticket::{Priority, Status};

    fn link(id: i64) -> TicketChange {
        TicketChange::LinkCustomer { id, external_primary_id: "customer-9".to_owned() }
    }

    #[test]
    fn event_describes_the_change() {
        let title = TicketChange::Title("Title, NEW".to_owned());
        for (change, name, expected) in [
            (TicketChange::Status(Status::Open), None, ["status", "open", "Status set to open"]),
            (
                TicketChange::Priority(Priority::Urgent),
                None,
                ["priority", "urgent", "Priority set to urgent"],
            ),
            (title, None, ["title", "Title, NEW", "Title set to Title, NEW"]),
            (
                TicketChange::AssignedGroup(7),
                None,
                ["assigned_group_id", "7", "Assigned to group 7"],
            ),
            (
                TicketChange::AssignedGroup(7),
                Some("Support"),
                ["assigned_group_id", "7", "Assigned to Support"],
            ),
            (
                TicketChange::AssignedGroup(0),
                None,
                ["assigned_group_id", "0", "Unassigned from group"],
            ),
            (
                TicketChange::AssignedGroup(0),
                Some("Support"),
                ["assigned_group_id", "0", "Unassigned from group"],
            ),
            (TicketChange::AssignedUser(8), None, ["assigned_user_id", "8", "Assigned to user 8"]),
            (
                TicketChange::AssignedUser(8),
                Some("Ada"),
                ["assigned_user_id", "8", "Assigned to Ada"],
            ),
            (
                TicketChange::AssignedUser(0),
                Some("Ada"),
                ["assigned_user_id", "0", "Unassigned from user"],
            ),
            (link(5), None, ["customer_id", "5", "Linked to customer customer-9"]),
            (TicketChange::UnlinkCustomer, None, ["customer_id", "0", "Unlinked from customer"]),
        ] {
            let event = EventRow::from_change(3, &change, name, "ci", "2026-07-01 10:00:00");
            let [item_type, item_type_id, description] = expected;
            let expected = EventRow {
                id: 3,
                item_type,
                item_type_id: item_type_id.to_owned(),
                description: description.to_owned(),
                initiated_by: "api: ci".to_owned(),
                created_at: "2026-07-01 10:00:00".to_owned(),
            };
            assert_eq!(event, expected, "{change:?} {name:?}");
        }
    }

    #[test]
    fn assignment_references_its_group_or_user() {
        let key = |kind, id| Some(ReferenceKey { kind, id });
        for (change, expected) in [
            (TicketChange::AssignedGroup(7), key(ReferenceKind::Group, 7)),
            (TicketChange::AssignedUser(8), key(ReferenceKind::User, 8)),
            (TicketChange::AssignedGroup(0), None),
            (TicketChange::AssignedUser(0), None),
            (TicketChange::Status(Status::Open), None),
            (TicketChange::Priority(Priority::Low), None),
            (TicketChange::Title("7".to_owned()), None),
            (link(7), None),
            (TicketChange::UnlinkCustomer, None),
        ] {
            assert_eq!(reference_key(&change), expected, "{change:?}");
        }
    }
}

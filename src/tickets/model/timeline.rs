//! Derives the fields of timeline events from changes. Pure.

use super::ticket::{ColumnValue, TicketChange};

/// Returns the kind and id of the reference that names the new value.
pub(crate) const fn reference_key(change: &TicketChange) -> Option<(&'static str, i64)> {
    match change {
        TicketChange::AssignedGroup(id) if *id != 0 => Some(("group", *id)),
        TicketChange::AssignedUser(id) if *id != 0 => Some(("user", *id)),
        _ => None,
    }
}

/// Returns the event's `item_type_id`: the new value as text (our choice; the sample has an id there).
pub(crate) fn item_type_id(change: &TicketChange) -> String {
    match change.new_value() {
        ColumnValue::Number(number) => number.to_string(),
        ColumnValue::Text(text) => text,
    }
}

/// Returns the event's `description` (the sample documents "Assigned to …"; the others are our choice).
/// `name` is the new value's name in the reference data.
pub(crate) fn description(change: &TicketChange, name: Option<&str>) -> String {
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
        (TicketChange::LinkCustomer(_, external), _) => format!("Linked to customer {external}"),
        (TicketChange::UnlinkCustomer, _) => "Unlinked from customer".to_owned(),
    }
}

/// Returns the event's `initiated_by` (our choice; the sample names a trigger the same way).
pub(crate) fn initiated_by(key_name: &str) -> String {
    format!("api: {key_name}")
}

//! The events that changes leave in a ticket's timeline. Pure.

use super::ticket::{Cell, Change};

/// Which reference data names the new value of a change, and its id.
pub(crate) const fn named_by(change: &Change) -> Option<(&'static str, i64)> {
    match change {
        Change::AssignedGroup(id) if *id != 0 => Some(("group", *id)),
        Change::AssignedUser(id) if *id != 0 => Some(("user", *id)),
        _ => None,
    }
}

/// `item_type_id` of the event: the new value as text (chosen: the sample's event has an id there).
pub(crate) fn item_type_id(change: &Change) -> String {
    match change.cell() {
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text,
    }
}

/// `description` of the event (documented: the sample's "Assigned to …"; the others are chosen).
/// `name` is what the reference data call the new value.
pub(crate) fn description(change: &Change, name: Option<&str>) -> String {
    match (change, name) {
        (Change::AssignedGroup(0), _) => "Unassigned from group".to_owned(),
        (Change::AssignedUser(0), _) => "Unassigned from user".to_owned(),
        (Change::AssignedGroup(_) | Change::AssignedUser(_), Some(name)) => {
            format!("Assigned to {name}")
        }
        (Change::AssignedGroup(id), None) => format!("Assigned to group {id}"),
        (Change::AssignedUser(id), None) => format!("Assigned to user {id}"),
        (Change::Status(status), _) => format!("Status set to {}", status.name()),
        (Change::Priority(priority), _) => format!("Priority set to {}", priority.name()),
        (Change::Title(title), _) => format!("Title set to {title}"),
        (Change::Customer(_, external), _) => format!("Linked to customer {external}"),
        (Change::NoCustomer, _) => "Unlinked from customer".to_owned(),
    }
}

/// `initiated_by` of the event (chosen: the sample names a trigger in the same way).
pub(crate) fn initiated_by(key: &str) -> String {
    format!("api: {key}")
}

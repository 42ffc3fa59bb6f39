//! Parses the actions of a batch into ticket changes. Pure.

use serde::de::IntoDeserializer;
use serde::de::value::Error as NameError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::ticket::{Priority, Status, TicketChange};
use crate::contract::{MAX_SAFE_INTEGER, Violation, ViolationKind, parse_decimal_u64, quote_value};

/// Action types (our choice; undocumented): the columns that events name and other operations change.
pub(crate) const ACTION_TYPES: &[&str] =
    &["status", "priority", "assigned_group_id", "assigned_user_id", "title"];

/// Action limit per batch (our choice; undocumented).
pub(crate) const MAX_ACTIONS_PER_BATCH: usize = 100;
/// Change limit per batch, tickets times actions (our choice; undocumented).
pub(crate) const MAX_CHANGES_PER_BATCH: usize = 50_000;

/// An action from the request.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchAction {
    #[serde(rename = "actionType")]
    pub(crate) action_type: String,
    pub(crate) value: String,
}

/// Parses the actions into changes, in order; `ticket_count` is for the change limit.
///
/// # Errors
/// Every value that is invalid for its action type; too many changes in total.
pub(crate) fn parse_changes(
    actions: &[BatchAction],
    ticket_count: usize,
) -> Result<Vec<TicketChange>, Vec<Violation>> {
    let (mut changes, mut violations) = (Vec::new(), Vec::new());
    for (index, action) in actions.iter().enumerate() {
        match parse_change(action) {
            Ok(change) => changes.push(change),
            Err(kind) => {
                let rejected_value = Some(quote_value(&Value::from(action.value.as_str())));
                violations.push(Violation {
                    path: format!("actions[{index}][value]"),
                    kind,
                    rejected_value,
                });
            }
        }
    }
    let total_changes = ticket_count * actions.len();
    if total_changes > MAX_CHANGES_PER_BATCH {
        let rule =
            format!("must make at most {MAX_CHANGES_PER_BATCH} changes (actions times TicketIDs)");
        violations.push(Violation::custom("actions", rule, &total_changes.into()));
    }
    if violations.is_empty() { Ok(changes) } else { Err(violations) }
}

fn parse_change(action: &BatchAction) -> Result<TicketChange, ViolationKind> {
    let value = action.value.as_str();
    match action.action_type.as_str() {
        "status" => parse_name(value, Status::NAMES).map(TicketChange::Status),
        "priority" => parse_name(value, Priority::NAMES).map(TicketChange::Priority),
        "assigned_group_id" => parse_id(value).map(TicketChange::AssignedGroup),
        "assigned_user_id" => parse_id(value).map(TicketChange::AssignedUser),
        _ => Ok(TicketChange::Title(value.to_owned())),
    }
}

fn parse_name<T: DeserializeOwned>(
    name: &str,
    names: &'static [&'static str],
) -> Result<T, ViolationKind> {
    let parsed: Result<T, NameError> = T::deserialize(name.into_deserializer());
    parsed.map_err(|_| ViolationKind::NotInEnum { values: names, documented_as: "" })
}

fn parse_id(value: &str) -> Result<i64, ViolationKind> {
    let id = parse_decimal_u64(value).filter(|id| *id <= MAX_SAFE_INTEGER);
    let id = id.and_then(|id| i64::try_from(id).ok());
    id.ok_or(ViolationKind::InvalidInteger { min: 0, max: MAX_SAFE_INTEGER })
}

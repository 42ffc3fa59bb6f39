//! The actions of a batch: what they are called, and what they change. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::ticket::{Change, Priority, Status};
use crate::rules::{LARGEST_NUMBER, Problem, Violation, quoted, whole_number};

/// The action types (chosen: the columns that events name, and what the other operations change).
pub(crate) const ACTION_TYPES: &[&str] =
    &["status", "priority", "assigned_group_id", "assigned_user_id", "title"];

/// The most changes of one batch: its tickets times its actions (chosen).
pub(super) const MOST_CHANGES: usize = 50_000;

/// An action as it was sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    #[serde(rename = "actionType")]
    pub(crate) action_type: String,
    pub(crate) value: String,
}

/// The changes that the actions ask for of each of so many tickets, in their order.
///
/// # Errors
/// Every value that does not fit its type; more changes than one batch may make.
pub(crate) fn changes(actions: &[Action], tickets: usize) -> Result<Vec<Change>, Vec<Violation>> {
    let (mut changes, mut broken) = (Vec::new(), Vec::new());
    for (index, action) in actions.iter().enumerate() {
        match change(action) {
            Ok(change) => changes.push(change),
            Err(problem) => {
                let sent = Some(quoted(&Value::from(action.value.as_str())));
                broken.push(Violation { path: format!("actions[{index}][value]"), problem, sent });
            }
        }
    }
    let all = tickets * actions.len();
    if all > MOST_CHANGES {
        let rule = format!("and TicketIDs must not make more than {MOST_CHANGES} changes together");
        broken.push(Violation::other("actions", rule, &all.into()));
    }
    if broken.is_empty() { Ok(changes) } else { Err(broken) }
}

fn change(action: &Action) -> Result<Change, Problem> {
    let value = action.value.as_str();
    match action.action_type.as_str() {
        "status" => one_of(Status::named(value), Status::NAMES).map(Change::Status),
        "priority" => one_of(Priority::named(value), Priority::NAMES).map(Change::Priority),
        "assigned_group_id" => id(value).map(Change::AssignedGroup),
        "assigned_user_id" => id(value).map(Change::AssignedUser),
        _ => Ok(Change::Title(value.to_owned())),
    }
}

fn one_of<T>(found: Option<T>, names: &'static [&'static str]) -> Result<T, Problem> {
    found.ok_or(Problem::NotOneOf { names, written: "" })
}

fn id(value: &str) -> Result<i64, Problem> {
    let id = whole_number(value).filter(|id| *id <= LARGEST_NUMBER);
    let id = id.and_then(|id| i64::try_from(id).ok());
    id.ok_or(Problem::NotNumber { min: 0, max: LARGEST_NUMBER })
}

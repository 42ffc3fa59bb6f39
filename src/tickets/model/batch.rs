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

#[cfg(test)]
mod tests {
    use super::*;

    fn action(action_type: &str, value: &str) -> BatchAction {
        BatchAction { action_type: action_type.to_owned(), value: value.to_owned() }
    }

    fn messages(actions: &[BatchAction], ticket_count: usize) -> Vec<String> {
        let violations = parse_changes(actions, ticket_count).expect_err("invalid actions");
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_action_type_becomes_its_change() {
        for (action_type, value, expected) in [
            ("status", "new", TicketChange::Status(Status::New)),
            ("status", "closed", TicketChange::Status(Status::Closed)),
            ("priority", "low", TicketChange::Priority(Priority::Low)),
            ("priority", "urgent", TicketChange::Priority(Priority::Urgent)),
            ("assigned_group_id", "0", TicketChange::AssignedGroup(0)),
            (
                "assigned_group_id",
                "9007199254740991",
                TicketChange::AssignedGroup(9_007_199_254_740_991),
            ),
            ("assigned_user_id", "7", TicketChange::AssignedUser(7)),
            ("title", " Any text, even 7", TicketChange::Title(" Any text, even 7".to_owned())),
        ] {
            let changes = parse_changes(&[action(action_type, value)], 1);
            assert_eq!(changes, Ok(vec![expected]), "{action_type} {value}");
        }
    }

    #[test]
    fn only_the_title_may_be_any_text() {
        for action_type in ACTION_TYPES.iter().filter(|action_type| **action_type != "title") {
            let changes = parse_changes(&[action(action_type, "any text")], 1);
            assert!(changes.is_err(), "{action_type} is read as a title");
        }
    }

    #[test]
    fn invalid_value_is_rejected_with_the_rule_of_its_action_type() {
        const STATUS_RULE: &str = "must be new, open, pending, holding, solved or closed";
        const PRIORITY_RULE: &str = "must be low, medium, high or urgent";
        const ID_RULE: &str = "must be a whole number from 0 to 9007199254740991, in digits without sign, fraction or leading zero";
        for (action_type, value, rule) in [
            ("status", "done", STATUS_RULE),
            ("status", "Open", STATUS_RULE),
            ("status", "low", STATUS_RULE),
            ("priority", "open", PRIORITY_RULE),
            ("priority", "", PRIORITY_RULE),
            ("assigned_group_id", "9007199254740992", ID_RULE),
            ("assigned_group_id", "9223372036854775808", ID_RULE),
            ("assigned_group_id", "-1", ID_RULE),
            ("assigned_group_id", "07", ID_RULE),
            ("assigned_user_id", "7.0", ID_RULE),
            ("assigned_user_id", "ada", ID_RULE),
            ("assigned_user_id", "", ID_RULE),
        ] {
            let expected = format!("actions[0][value] {rule}; \"{value}\" was sent.");
            assert_eq!(messages(&[action(action_type, value)], 1), [expected], "{action_type}");
        }
    }

    #[test]
    fn changes_keep_the_order_of_the_actions() {
        let actions = [action("title", "first"), action("status", "open"), action("title", "last")];
        let expected = vec![
            TicketChange::Title("first".to_owned()),
            TicketChange::Status(Status::Open),
            TicketChange::Title("last".to_owned()),
        ];
        assert_eq!(parse_changes(&actions, 1), Ok(expected));
    }

    #[test]
    fn every_invalid_action_is_named_by_its_index() {
        let actions = [
            action("title", "valid"),
            action("priority", "none"),
            action("status", "open"),
            action("assigned_user_id", "none"),
        ];
        let violations = parse_changes(&actions, 1).expect_err("invalid actions");
        let paths: Vec<&str> = violations.iter().map(|violation| &*violation.path).collect();
        assert_eq!(paths, ["actions[1][value]", "actions[3][value]"]);
    }

    #[test]
    fn batch_has_at_most_50000_changes() {
        const RULE: &str =
            "actions must make at most 50000 changes (actions times TicketIDs); {} was sent.";
        for (tickets, actions, total) in [
            (500, 100, None),
            (50_000, 1, None),
            (1, 100, None),
            (50_001, 1, Some("50001")),
            (501, 100, Some("50100")),
        ] {
            let actions: Vec<_> = (0..actions).map(|_| action("title", "x")).collect();
            match total {
                None => {
                    let changes = parse_changes(&actions, tickets).expect("within the limit");
                    assert_eq!(changes.len(), actions.len());
                }
                Some(total) => {
                    assert_eq!(messages(&actions, tickets), [RULE.replace("{}", total)]);
                }
            }
        }
        let both = messages(&[action("status", "done")], 50_001);
        assert_eq!(both.len(), 2, "an invalid value hides no other violation: {both:?}");
    }
}

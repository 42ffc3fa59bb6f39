//! A ticket's state in memory: its columns as stored and as changed. Pure.

use serde::Deserialize;

use super::row::{Cell, Row, row};
use super::ticket::{Priority, Status, TicketChange};
use crate::journal::ColumnDiff;

row! {
    /// The ticket columns that a change can update.
    #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
    struct MutableColumns {
        status: Status,
        priority: Priority,
        assigned_group_id: i64,
        assigned_user_id: i64,
        /// None if not loaded: few commands need the longest column.
        title: Option<String>,
        customer_id: i64,
        closed_at: Option<String>,
        last_update: String,
    }
}

impl MutableColumns {
    /// Applies a change; returns false if it has no effect.
    fn apply(&mut self, change: &TicketChange, now: &str) -> bool {
        let has_effect = match change {
            TicketChange::Status(status) => {
                let has_effect = replace(&mut self.status, *status);
                if has_effect {
                    // closed_at is set when the status becomes closed, and null after any other (our choice).
                    self.closed_at = (*status == Status::Closed).then(|| now.to_owned());
                }
                has_effect
            }
            TicketChange::Priority(priority) => replace(&mut self.priority, *priority),
            TicketChange::AssignedGroup(id) => replace(&mut self.assigned_group_id, *id),
            TicketChange::AssignedUser(id) => replace(&mut self.assigned_user_id, *id),
            TicketChange::Title(title) => replace(&mut self.title, Some(title.clone())),
            TicketChange::LinkCustomer { id, .. } => replace(&mut self.customer_id, *id),
            TicketChange::UnlinkCustomer => replace(&mut self.customer_id, 0),
        };
        if has_effect {
            now.clone_into(&mut self.last_update);
        }
        has_effect
    }

    /// Returns the columns that differ from those `before`.
    pub(super) fn diff(&self, before: &Self) -> Vec<ColumnDiff> {
        let pairs = before.cells().into_iter().zip(self.cells());
        let changed = pairs.filter(|(before, after)| before != after);
        let diffs = changed.map(|(before, after)| ColumnDiff {
            column: after.column,
            before: before.value.into(),
            after: after.value.into(),
        });
        diffs.collect()
    }
}

/// Replaces a value; returns whether it differed.
fn replace<T: PartialEq>(value: &mut T, new: T) -> bool {
    let differs = *value != new;
    *value = new;
    differs
}

/// The key of a row of the `tally` table, which has the ticket count of each key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TallyKey {
    status: Status,
    priority: Priority,
    is_assigned: bool,
    /// The day of `closed_at` in UTC, or empty.
    closed_on: String,
}

row! {
    /// A change of the ticket count of a tally key.
    #[derive(Debug)]
    struct TallyDelta {
        status: Status,
        priority: Priority,
        is_assigned: bool,
        closed_on: String,
        tickets: i64,
    }
}

impl TallyDelta {
    pub(super) fn new(key: TallyKey, tickets: i64) -> Self {
        let TallyKey { status, priority, is_assigned, closed_on } = key;
        Self { status, priority, is_assigned, closed_on, tickets }
    }
}

impl From<&MutableColumns> for TallyKey {
    fn from(columns: &MutableColumns) -> Self {
        let closed_on = columns.closed_at.as_deref().and_then(|date| date.get(..10));
        Self {
            status: columns.status,
            priority: columns.priority,
            is_assigned: columns.assigned_group_id != 0 || columns.assigned_user_id != 0,
            closed_on: closed_on.unwrap_or_default().to_owned(),
        }
    }
}

/// A ticket of a unit of work.
#[derive(Debug)]
pub(crate) struct TicketState {
    pub(super) brand_id: i64,
    /// Not in the database yet.
    pub(super) is_new: bool,
    pub(super) current: MutableColumns,
    /// The columns as loaded or inserted; None if no change had an effect.
    original: Option<Box<MutableColumns>>,
}

impl TicketState {
    /// Creates the state of a stored ticket.
    pub(crate) const fn from_stored(brand_id: i64, current: MutableColumns) -> Self {
        Self { brand_id, is_new: false, current, original: None }
    }

    /// Creates the state of a ticket to insert.
    pub(super) const fn from_new(brand_id: i64, current: MutableColumns) -> Self {
        Self { brand_id, is_new: true, current, original: None }
    }

    /// Returns the columns as loaded or inserted.
    pub(super) fn original(&self) -> &MutableColumns {
        self.original.as_deref().unwrap_or(&self.current)
    }

    /// Returns the new values of the columns that differ from those loaded or inserted.
    pub(super) fn changed_cells(&self) -> Vec<Cell<'_>> {
        let Some(original) = &self.original else { return Vec::new() };
        let pairs = original.cells().into_iter().zip(self.current.cells());
        pairs.filter(|(before, after)| before != after).map(|(_, after)| after).collect()
    }

    /// Applies a change; returns false if it has no effect.
    pub(super) fn apply(&mut self, change: &TicketChange, now: &str) -> bool {
        let before = self.original.is_none().then(|| Box::new(self.current.clone()));
        let has_effect = self.current.apply(change, now);
        if has_effect && before.is_some() {
            self.original = before;
        }
        has_effect
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tickets::model::timeline::EventRow;

    fn columns() -> MutableColumns {
        MutableColumns {
            status: Status::Closed,
            priority: Priority::Low,
            assigned_group_id: 1,
            assigned_user_id: 2,
            title: Some("old".to_owned()),
            customer_id: 3,
            closed_at: Some("2026-07-01 10:00:00".to_owned()),
            last_update: "2026-07-02 10:00:00".to_owned(),
        }
    }

    #[test]
    fn change_updates_its_columns_and_its_event_names_the_first() {
        let now = "2026-08-01 10:00:00";
        let link = TicketChange::LinkCustomer { id: 4, external_primary_id: "external".to_owned() };
        for (change, expected) in [
            (TicketChange::Status(Status::Open), json!({ "status": "open", "closed_at": null })),
            (TicketChange::Priority(Priority::High), json!({ "priority": "high" })),
            (TicketChange::AssignedGroup(4), json!({ "assigned_group_id": 4 })),
            (TicketChange::AssignedUser(4), json!({ "assigned_user_id": 4 })),
            (TicketChange::Title("new".to_owned()), json!({ "title": "new" })),
            (link, json!({ "customer_id": 4 })),
            (TicketChange::UnlinkCustomer, json!({ "customer_id": 0 })),
        ] {
            let (before, mut state) = (columns(), TicketState::from_stored(0, columns()));
            assert!(state.apply(&change, now) && !state.apply(&change, now), "{change:?}");
            let (before, after) = (before.to_object(), state.current.to_object());
            let mut expected_row = before.clone();
            let expected = expected.as_object().expect("an object");
            for (column, value) in expected {
                expected_row[column] = value.clone();
            }
            expected_row["last_update"] = now.into();
            assert_eq!(after, expected_row, "{change:?}");

            let diffs = state.current.diff(state.original());
            assert_eq!(diffs.len(), expected.len() + 1, "{change:?}");
            for diff in &diffs {
                assert_eq!(
                    (&diff.before, &diff.after),
                    (&before[diff.column], &after[diff.column]),
                    "{}",
                    diff.column
                );
            }
            let cells = state.changed_cells().into_iter();
            let cells = cells.map(|cell| (cell.column, Value::from(cell.value)));
            assert!(
                cells.eq(diffs.into_iter().map(|diff| (diff.column, diff.after))),
                "{change:?}"
            );
            let event = EventRow::from_change(1, &change, None, "key", now);
            assert_eq!(event.item_type, expected.keys().next().expect("a column"));
            let value = &after[event.item_type];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(event.item_type_id, text, "{change:?}");
        }
    }

    #[test]
    fn closing_sets_the_date_of_closing() {
        let mut state = columns();
        state.apply(&TicketChange::Status(Status::Solved), "2026-08-01 10:00:00");
        state.apply(&TicketChange::Status(Status::Closed), "2026-09-01 10:00:00");
        assert_eq!(state.closed_at.as_deref(), Some("2026-09-01 10:00:00"));
    }

    #[test]
    fn original_values_are_those_before_the_first_change() {
        let mut state = TicketState::from_stored(0, columns());
        assert!(!state.apply(&TicketChange::Priority(Priority::Low), "2026-08-01 10:00:00"));
        assert_eq!((&state.current, state.original()), (&columns(), &columns()));
        assert!(state.changed_cells().is_empty());
        for (priority, now) in
            [(Priority::High, "2026-08-01 10:00:00"), (Priority::Urgent, "2026-08-02 10:00:00")]
        {
            assert!(state.apply(&TicketChange::Priority(priority), now));
            assert_eq!(state.original(), &columns());
        }
        assert!(state.apply(&TicketChange::Priority(Priority::Low), "2026-08-03 10:00:00"));
        assert_eq!(state.original(), &columns());
        let changed: Vec<&str> = state.changed_cells().iter().map(|cell| cell.column).collect();
        assert_eq!(changed, ["last_update"], "the priority is again as it was loaded");
    }

    #[test]
    fn tally_key_has_the_usual_filters() {
        let key = |group: i64, user: i64, closed_at: Option<&str>| {
            let columns = MutableColumns {
                assigned_group_id: group,
                assigned_user_id: user,
                closed_at: closed_at.map(str::to_owned),
                ..columns()
            };
            TallyDelta::new(TallyKey::from(&columns), -2).to_object()
        };
        let expected = |is_assigned: bool, closed_on: &str| {
            json!({
                "status": "closed", "priority": "low", "is_assigned": is_assigned, "closed_on": closed_on,
                "tickets": -2,
            })
        };
        let closed_at = Some("2026-07-01 23:59:59");
        assert_eq!(key(0, 0, closed_at), expected(false, "2026-07-01"));
        assert_eq!(key(1, 0, closed_at), expected(true, "2026-07-01"));
        assert_eq!(key(0, 2, closed_at), expected(true, "2026-07-01"));
        assert_eq!(key(1, 2, None), expected(true, ""));
    }
}

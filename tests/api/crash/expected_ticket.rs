//! The expected state of one ticket: the last item that the API returned, plus later changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::support::seed::ACME_NOW;

/// Tickets by their ids.
pub(super) type ExpectedTickets = BTreeMap<u64, ExpectedTicket>;

#[derive(Clone, Debug)]
pub(super) struct ExpectedTicket {
    columns: Map<String, Value>,
    timeline: Vec<Value>,
}

impl ExpectedTicket {
    /// Returns a new ticket; its other columns are unknown until the API returns them.
    pub(super) fn new(id: u64, title: &str) -> Self {
        Self::from_item(&json!({
            "id": id, "title": title, "status": "new", "priority": "medium",
            "direction": "inbound", "from": "ada@example.test", "to": "desk@example.test",
            "brand_id": 1, "channel_id": 1, "customer_id": 0,
            "assigned_group_id": 0, "assigned_user_id": 0, "closed_at": null,
            "created_at": ACME_NOW, "last_update": ACME_NOW, "last_update_customer": ACME_NOW,
            "timeline": [],
        }))
    }

    /// Returns the ticket of an API item.
    pub(super) fn from_item(item: &Value) -> Self {
        let mut columns = item.as_object().expect("the item is an object").clone();
        let timeline = columns.remove("timeline").expect("the item has a timeline");
        Self { columns, timeline: timeline.as_array().expect("a list").clone() }
    }

    pub(super) fn column_text(&self, column: &str) -> &str {
        self.columns[column].as_str().unwrap_or_default()
    }

    /// Sets a column, which adds a timeline event unless the value is unchanged.
    pub(super) fn set_column(&mut self, column: &str, value: &str) {
        let (cell, what) = match column {
            "status" => (value.into(), "Status set to"),
            "priority" => (value.into(), "Priority set to"),
            "title" => (value.into(), "Title set to"),
            _ => (json!(value.parse::<u64>().expect("an id")), "Assigned to group"),
        };
        if self.columns[column] == cell {
            return;
        }
        self.timeline.push(json!({
            "ticket_id": self.columns["id"], "item_type": column, "item_type_id": value,
            "description": format!("{what} {value}"), "initiated_by": "api: ci",
            "created_at": ACME_NOW, "type": "event",
        }));
        self.columns.insert(column.to_owned(), cell);
        self.columns.insert("last_update".to_owned(), ACME_NOW.into());
        if column == "status" {
            let closed_at = if value == "closed" { ACME_NOW.into() } else { Value::Null };
            self.columns.insert("closed_at".to_owned(), closed_at);
        }
    }

    /// Returns the first difference between this ticket and the item.
    fn find_mismatch(&self, item: &Value) -> Option<String> {
        let id = &self.columns["id"];
        let timeline = item["timeline"].as_array().expect("the item has a timeline");
        if let Some((column, value)) = find_differing_field(&self.columns, item) {
            return Some(format!("{column} of {id} is {}, not {value}", item[column]));
        }
        if timeline.len() != self.timeline.len() {
            return Some(format!(
                "{id} has {} entries, not {}: {timeline:?} for {:?}",
                timeline.len(),
                self.timeline.len(),
                self.timeline
            ));
        }
        let mut pairs = self.timeline.iter().zip(timeline);
        let (expected, entry) = pairs.find(|(expected, entry)| {
            find_differing_field(expected.as_object().expect("an object"), entry).is_some()
        })?;
        Some(format!("an entry of {id} is {entry}, not {expected}"))
    }
}

/// Returns the first expected field whose actual value differs.
pub(super) fn find_differing_field<'map>(
    expected: &'map Map<String, Value>,
    actual: &Value,
) -> Option<(&'map String, &'map Value)> {
    expected.iter().find(|(name, value)| actual.get(name.as_str()) != Some(*value))
}

/// Returns the first difference between the expected tickets and the actual items.
pub(super) fn find_difference(
    expected: &ExpectedTickets,
    actual: &BTreeMap<u64, Value>,
) -> Option<String> {
    let unexpected = actual.keys().find(|id| !expected.contains_key(id));
    if let Some(id) = unexpected {
        return Some(format!("ticket {id} is unexpected"));
    }
    expected.iter().find_map(|(id, ticket)| match actual.get(id) {
        Some(item) => ticket.find_mismatch(item),
        None => Some(format!("ticket {id} is missing")),
    })
}

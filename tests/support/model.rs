//! The model of a ticket: its columns and timeline, how a change affects both, and how the API shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ticket::NEW_TICKET_FIELDS;

/// The time of a change and the name of the API key that makes it.
#[derive(Clone, Debug)]
pub(crate) struct ChangeContext {
    pub(crate) now: String,
    pub(crate) key_name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct TicketModel {
    /// The columns that are known; the API may return more.
    pub(crate) columns: Map<String, Value>,
    /// Events and notes in creation order.
    pub(crate) timeline: Vec<Value>,
}

impl TicketModel {
    /// Returns a new ticket with default columns.
    pub(crate) fn new(now: &str) -> Self {
        Self { columns: default_columns(now), timeline: Vec::new() }
    }

    /// Returns the ticket that a request with the required fields creates. Its external id is unknown: the format is the
    /// server's own.
    pub(crate) fn new_from_required_fields(id: u64, title: &str, now: &str) -> Self {
        let mut ticket = Self::new(now);
        for (field, value) in NEW_TICKET_FIELDS {
            if ["direction", "from", "to"].contains(&field) {
                ticket.set(field, value);
            }
        }
        ticket.set("title", title);
        ticket.set("id", id);
        ticket.set("last_update_customer", now);
        ticket.columns.remove("external_id");
        ticket
    }

    /// Returns the ticket of an API item.
    pub(crate) fn from_item(item: &Value) -> Self {
        let mut columns = item.as_object().expect("the item is an object").clone();
        let timeline = columns.remove("timeline").expect("the item has a timeline");
        Self { columns, timeline: timeline.as_array().expect("a list").clone() }
    }

    /// Sets a column without an event.
    pub(crate) fn set(&mut self, column: &str, value: impl Into<Value>) {
        self.columns.insert(column.to_owned(), value.into());
    }

    pub(crate) fn column_text(&self, column: &str) -> &str {
        self.columns[column].as_str().unwrap_or_default()
    }

    pub(crate) fn is_unsolved(&self) -> bool {
        !["solved", "closed"].contains(&self.column_text("status"))
    }

    /// Returns the ticket as an API item, without columns unknown to the model.
    pub(crate) fn to_item(&self, with_events: bool) -> Value {
        let is_included = |entry: &&Value| with_events || entry["type"] != "event";
        let mut timeline: Vec<&Value> = self.timeline.iter().filter(is_included).collect();
        timeline.sort_by_key(|entry| entry["created_at"].as_str());
        let mut item = json!(self.columns);
        item["timeline"] = json!(timeline);
        item
    }

    pub(crate) fn set_column(
        &mut self,
        column: &str,
        value: Value,
        description: &str,
        context: &ChangeContext,
    ) {
        if self.columns[column] == value {
            return;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let now = Value::from(&*context.now);
        self.timeline.push(json!({
            "ticket_id": self.columns["id"], "item_type": column, "item_type_id": text,
            "description": description, "initiated_by": format!("api: {}", context.key_name),
            "created_at": now, "type": "event",
        }));
        self.set(column, value);
        self.set("last_update", now.clone());
        if column == "status" {
            let closed_at = if self.column_text("status") == "closed" { now } else { Value::Null };
            self.set("closed_at", closed_at);
        }
    }

    pub(crate) fn set_text(&mut self, column: &str, value: &str, context: &ChangeContext) {
        let label = match column {
            "status" => "Status",
            "priority" => "Priority",
            _ => "Title",
        };
        self.set_column(column, value.into(), &format!("{label} set to {value}"), context);
    }

    fn assign(&mut self, column: &str, to: u64, context: &ChangeContext) {
        let kind = if column == "assigned_group_id" { "group" } else { "user" };
        let description = match (kind, to) {
            (_, 0) => format!("Unassigned from {kind}"),
            ("group", 10003) => "Assigned to Service".to_owned(),
            ("user", 254) => "Assigned to agent".to_owned(),
            _ => format!("Assigned to {kind} {to}"),
        };
        self.set_column(column, to.into(), &description, context);
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

    pub(crate) fn apply_action(&mut self, kind: &str, value: &str, context: &ChangeContext) {
        let id = || value.parse().expect("the value is a valid id");
        match kind {
            "status" => self.set_text("status", value, context),
            "priority" => self.set_text("priority", value, context),
            "title" => self.set_text("title", value, context),
            "assigned_group_id" => self.assign("assigned_group_id", id(), context),
            _ => self.assign("assigned_user_id", id(), context),
        }
    }
}

/// Returns the columns of a new ticket.
fn default_columns(now: &str) -> Map<String, Value> {
    let columns = json!({
        "id": 0, "external_id": null, "status": "new", "priority": "medium", "title": "",
        "direction": "", "from": "", "from_name": "", "to": "", "to_name": "",
        "brand_id": 1, "brand_name": brand_name(1), "channel_id": 1, "channel_name": channel_name(1),
        "assigned_group_id": 0, "assigned_user_id": 0, "customer_id": 0, "form_id": null,
        "created_at": now, "last_update": now, "closed_at": null,
        "last_update_agent": null, "last_update_customer": null,
    });
    columns.as_object().expect("an object").clone()
}

/// Returns the name of a brand: from the seed, or the placeholder of an unknown id.
pub(crate) fn brand_name(brand: u64) -> String {
    if brand == 1 { "MyBrand".to_owned() } else { format!("Brand {brand}") }
}

/// Returns the name of a channel: from the seed, or the placeholder of an unknown id.
pub(crate) fn channel_name(channel: u64) -> String {
    match channel {
        1 => "e-mail".to_owned(),
        8 => "live chat".to_owned(),
        other => format!("channel {other}"),
    }
}

/// Returns the first expected field whose actual value differs.
pub(crate) fn find_differing_field<'map>(
    expected: &'map Map<String, Value>,
    actual: &Value,
) -> Option<(&'map String, &'map Value)> {
    expected.iter().find(|(name, value)| actual.get(name.as_str()) != Some(*value))
}

/// Returns the first difference between the expected tickets and the actual items.
pub(crate) fn find_difference(
    expected: &BTreeMap<u64, TicketModel>,
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

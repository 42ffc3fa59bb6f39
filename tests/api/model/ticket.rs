//! Model of one ticket: its columns and timeline, and how a change affects both.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The time of a change and the name of the API key that makes it.
#[derive(Clone, Debug)]
pub(crate) struct ChangeContext {
    pub(crate) now: String,
    pub(crate) key_name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct TicketModel {
    pub(crate) columns: BTreeMap<&'static str, Value>,
    /// Events and notes in creation order.
    pub(crate) timeline: Vec<Value>,
}

impl TicketModel {
    /// Returns a new ticket with default columns.
    pub(crate) fn new(now: &str) -> Self {
        Self { columns: default_columns(now), timeline: Vec::new() }
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
        column: &'static str,
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
        self.columns.insert(column, value);
        self.columns.insert("last_update", now.clone());
        if column == "status" {
            let closed_at = if self.column_text("status") == "closed" { now } else { Value::Null };
            self.columns.insert("closed_at", closed_at);
        }
    }

    pub(crate) fn set_text(&mut self, column: &'static str, value: &str, context: &ChangeContext) {
        let label = match column {
            "status" => "Status",
            "priority" => "Priority",
            _ => "Title",
        };
        self.set_column(column, value.into(), &format!("{label} set to {value}"), context);
    }

    fn assign(&mut self, column: &'static str, to: u64, context: &ChangeContext) {
        let kind = if column == "assigned_group_id" { "group" } else { "user" };
        let description = match (kind, to) {
            (_, 0) => format!("Unassigned from {kind}"),
            ("group", 10003) => "Assigned to Service".to_owned(),
            ("user", 254) => "Assigned to agent".to_owned(),
            _ => format!("Assigned to {kind} {to}"),
        };
        self.set_column(column, to.into(), &description, context);
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
fn default_columns(now: &str) -> BTreeMap<&'static str, Value> {
    let texts = ["direction", "from", "from_name", "title", "to", "to_name"];
    let nulls =
        ["closed_at", "form_id", "last_update_agent", "last_update_customer", "external_id"];
    let numbers = ["assigned_group_id", "assigned_user_id", "customer_id", "id"];
    let mut columns: BTreeMap<&'static str, Value> = BTreeMap::new();
    columns.extend(texts.map(|column| (column, "".into())));
    columns.extend(nulls.map(|column| (column, Value::Null)));
    columns.extend(numbers.map(|column| (column, 0.into())));
    columns.extend(["created_at", "last_update"].map(|column| (column, now.into())));
    columns.insert("status", "new".into());
    columns.insert("priority", "medium".into());
    columns.insert("brand_id", 1.into());
    columns.insert("channel_id", 1.into());
    set_reference_names(&mut columns, 1, 1);
    columns
}

/// Sets the names of brand and channel: from the seed, or the placeholders of unknown ids.
pub(crate) fn set_reference_names(
    columns: &mut BTreeMap<&'static str, Value>,
    brand: u64,
    channel: u64,
) {
    let brand = if brand == 1 { "MyBrand".to_owned() } else { format!("Brand {brand}") };
    let channel = match channel {
        1 => "e-mail".to_owned(),
        8 => "live chat".to_owned(),
        other => format!("channel {other}"),
    };
    columns.insert("brand_name", brand.into());
    columns.insert("channel_name", channel.into());
}

//! One ticket: its columns, its events, and how a change makes both.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// When and by which key something is changed.
#[derive(Clone, Debug)]
pub(crate) struct ChangeContext {
    pub(crate) now: String,
    pub(crate) key_name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct TicketModel {
    pub(crate) columns: BTreeMap<&'static str, Value>,
    /// Events and notes, in the order in which they were made.
    pub(crate) timeline: Vec<Value>,
}

impl TicketModel {
    /// A ticket as a creation leaves it, but for what was sent.
    pub(crate) fn new(now: &str) -> Self {
        Self { columns: default_columns(now), timeline: Vec::new() }
    }

    pub(crate) fn column_text(&self, column: &str) -> &str {
        self.columns[column].as_str().unwrap_or_default()
    }

    pub(crate) fn is_unsolved(&self) -> bool {
        !["solved", "closed"].contains(&self.column_text("status"))
    }

    /// The item that shows this ticket, as far as the model knows it.
    pub(crate) fn to_item(&self, with_events: bool) -> Value {
        let shown = |entry: &&Value| with_events || entry["type"] != "event";
        let mut timeline: Vec<&Value> = self.timeline.iter().filter(shown).collect();
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
        stamp: &ChangeContext,
    ) {
        if self.columns[column] == value {
            return;
        }
        let as_text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let now = Value::from(&*stamp.now);
        self.timeline.push(json!({
            "ticket_id": self.columns["id"], "item_type": column, "item_type_id": as_text,
            "description": description, "initiated_by": format!("api: {}", stamp.key_name),
            "created_at": now, "type": "event",
        }));
        self.columns.insert(column, value);
        self.columns.insert("last_update", now.clone());
        if column == "status" {
            let closed = if self.column_text("status") == "closed" { now } else { Value::Null };
            self.columns.insert("closed_at", closed);
        }
    }

    pub(crate) fn set_text(&mut self, column: &'static str, value: &str, stamp: &ChangeContext) {
        let what = match column {
            "status" => "Status",
            "priority" => "Priority",
            _ => "Title",
        };
        self.set_column(column, value.into(), &format!("{what} set to {value}"), stamp);
    }

    fn assign(&mut self, column: &'static str, to: u64, stamp: &ChangeContext) {
        let what = if column == "assigned_group_id" { "group" } else { "user" };
        let description = match (what, to) {
            (_, 0) => format!("Unassigned from {what}"),
            ("group", 10003) => "Assigned to Service".to_owned(),
            ("user", 254) => "Assigned to agent".to_owned(),
            _ => format!("Assigned to {what} {to}"),
        };
        self.set_column(column, to.into(), &description, stamp);
    }

    pub(crate) fn apply_action(&mut self, kind: &str, value: &str, stamp: &ChangeContext) {
        let id = || value.parse().expect("checked");
        match kind {
            "status" => self.set_text("status", value, stamp),
            "priority" => self.set_text("priority", value, stamp),
            "title" => self.set_text("title", value, stamp),
            "assigned_group_id" => self.assign("assigned_group_id", id(), stamp),
            _ => self.assign("assigned_user_id", id(), stamp),
        }
    }
}

/// The columns of a ticket that nobody has touched.
fn default_columns(now: &str) -> BTreeMap<&'static str, Value> {
    let texts = ["direction", "from", "from_name", "title", "to", "to_name"];
    let unknown =
        ["closed_at", "form_id", "last_update_agent", "last_update_customer", "external_id"];
    let numbers = ["assigned_group_id", "assigned_user_id", "customer_id", "id"];
    let mut columns: BTreeMap<&'static str, Value> = BTreeMap::new();
    columns.extend(texts.map(|column| (column, "".into())));
    columns.extend(unknown.map(|column| (column, Value::Null)));
    columns.extend(numbers.map(|column| (column, 0.into())));
    columns.extend(["created_at", "last_update"].map(|column| (column, now.into())));
    columns.insert("status", "new".into());
    columns.insert("priority", "medium".into());
    columns.insert("brand_id", 1.into());
    columns.insert("channel_id", 1.into());
    set_reference_names(&mut columns, 1, 1);
    columns
}

/// The names that the seed has for brand and channel, or those of unknown ones.
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

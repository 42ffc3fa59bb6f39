//! Declares the columns of tickets and timelines, in the order of the documented sample.
//!
//! The SELECT lists, response schemas, seed fields and view facts are derived from them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::ticket::{Direction, Priority, Status};
use crate::contract::{DATETIME_PATTERN, Field, FieldType, Literal, optional, required};

/// The type of a column, as in the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Number,
    NumberOrNull,
    /// 0 or 1.
    Flag,
    Text,
    TextOrNull,
    /// A number, written as text.
    NumericText,
    Date,
    DateOrNull,
    Enum(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) data_type: ColumnType,
    /// The value if a row sets none.
    pub(crate) default: Literal,
}

const fn column(name: &'static str, data_type: ColumnType, default: Literal) -> Column {
    Column { name, data_type, default }
}

const fn null_column(name: &'static str, data_type: ColumnType) -> Column {
    column(name, data_type, Literal::Null)
}

const fn number_column(name: &'static str) -> Column {
    column(name, ColumnType::Number, Literal::Number(0))
}

const fn text_column(name: &'static str) -> Column {
    column(name, ColumnType::Text, Literal::Text(""))
}

/// Ticket columns and their types (documented: the sample response of `GET` item).
pub(crate) static TICKET_COLUMNS: &[Column] = &[
    number_column("assigned_group_id"),
    number_column("assigned_user_id"),
    column("channel_account_id", ColumnType::NumericText, Literal::Text("0")),
    column("channel_id", ColumnType::Number, Literal::Number(1)),
    null_column("closed_at", ColumnType::DateOrNull),
    null_column("created_at", ColumnType::Date),
    number_column("customer_id"),
    column("direction", ColumnType::Enum(Direction::NAMES), Literal::Text("inbound")),
    null_column("external_gui_url", ColumnType::Text),
    null_column("external_id", ColumnType::Text),
    null_column("form_id", ColumnType::NumberOrNull),
    text_column("from"),
    text_column("from_name"),
    null_column("grade_by_customer", ColumnType::NumberOrNull),
    null_column("icon", ColumnType::Text),
    null_column("last_update", ColumnType::Date),
    null_column("last_update_agent", ColumnType::DateOrNull),
    null_column("last_update_customer", ColumnType::DateOrNull),
    column("priority", ColumnType::Enum(Priority::NAMES), Literal::Text("medium")),
    column("show_timeline", ColumnType::Flag, Literal::Number(1)),
    null_column("sla_breach_customer_wait_time", ColumnType::DateOrNull),
    null_column("sla_breach_first_reply_time", ColumnType::DateOrNull),
    null_column("sla_breach_next_reply_time", ColumnType::DateOrNull),
    null_column("sla_breach_user_work_time", ColumnType::DateOrNull),
    null_column("sla_next_breach", ColumnType::DateOrNull),
    null_column("sla_next_breach_current_status", ColumnType::TextOrNull),
    null_column("sla_policy_id", ColumnType::NumberOrNull),
    null_column("snooze_time", ColumnType::DateOrNull),
    null_column("snooze_time_sent", ColumnType::DateOrNull),
    text_column("title"),
    text_column("to"),
    text_column("to_name"),
    column("status", ColumnType::Enum(Status::NAMES), Literal::Text("new")),
    null_column("id", ColumnType::Number),
    null_column("channel_name", ColumnType::Text),
    null_column("channel_icon", ColumnType::Text),
    null_column("brand_name", ColumnType::Text),
    number_column("brand_id"),
];

/// Event columns (documented: the sample).
pub(crate) static EVENT_COLUMNS: &[Column] = &[
    null_column("id", ColumnType::Number),
    null_column("ticket_id", ColumnType::Number),
    text_column("item_type"),
    text_column("item_type_id"),
    text_column("description"),
    text_column("initiated_by"),
    null_column("created_at", ColumnType::Date),
    column("type", ColumnType::Enum(&["event"]), Literal::Text("event")),
];

/// Note columns (documented: the sample, which is cut off in `in_queue`; that type is our choice).
pub(crate) static NOTE_COLUMNS: &[Column] = &[
    null_column("to", ColumnType::TextOrNull),
    null_column("from", ColumnType::TextOrNull),
    text_column("image"),
    null_column("created_at", ColumnType::Date),
    column("pinned", ColumnType::Flag, Literal::Number(0)),
    null_column("id", ColumnType::NumericText),
    null_column("channel_name", ColumnType::TextOrNull),
    null_column("channel_icon", ColumnType::TextOrNull),
    column("type", ColumnType::Enum(&["note"]), Literal::Text("note")),
    null_column("status_new", ColumnType::TextOrNull),
    number_column("user_id"),
    text_column("user_name"),
    text_column("user_avatar"),
    number_column("channel_id"),
    text_column("direction"),
    text_column("content"),
    null_column("ticket_id", ColumnType::Number),
    null_column("external_id", ColumnType::TextOrNull),
    text_column("from_name"),
    text_column("to_name"),
    column("meta_data", ColumnType::Text, Literal::Text("[]")),
    column("in_queue", ColumnType::Flag, Literal::Number(0)),
];

/// Finds a ticket column by name.
pub(crate) fn find_ticket_column(name: &str) -> Option<&'static Column> {
    TICKET_COLUMNS.iter().find(|column| column.name == name)
}

/// Returns whether ticket, event or note columns of this name hold dates.
pub(crate) fn is_date_column(name: &str) -> bool {
    static DATE_COLUMNS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let all = TICKET_COLUMNS.iter().chain(EVENT_COLUMNS).chain(NOTE_COLUMNS);
        all.filter(|column| column.data_type.is_date()).map(|column| column.name).collect()
    });
    DATE_COLUMNS.contains(name)
}

/// Returns all ticket column names.
pub(crate) fn ticket_column_names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| column_names(TICKET_COLUMNS));
    &NAMES
}

/// Returns the names of columns.
pub(crate) fn column_names(columns: &[Column]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

/// Returns the columns of events and notes, each once.
pub(crate) fn timeline_columns() -> impl Iterator<Item = &'static Column> {
    let is_note_only =
        |column: &&Column| EVENT_COLUMNS.iter().all(|event| event.name != column.name);
    EVENT_COLUMNS.iter().chain(NOTE_COLUMNS.iter().filter(is_note_only))
}

/// Returns a fixture's fields for these columns, all optional.
pub(crate) fn fixture_fields(columns: &'static [Column]) -> impl Iterator<Item = Field> {
    columns.iter().map(Column::fixture_field)
}

impl Column {
    /// Returns a fixture's field for the column.
    fn fixture_field(&self) -> Field {
        optional(self.name, self.data_type.field_type()).default_value(self.default)
    }
}

/// Returns a fixture's fields for a timeline entry.
pub(crate) fn timeline_entry_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let without_type = timeline_columns().filter(|column| column.name != "type");
        let without_type = without_type.map(Column::fixture_field);
        let type_field =
            required("type", FieldType::TextEnum { values: &["event", "note"], documented_as: "" });
        without_type.chain([type_field]).collect()
    });
    &FIELDS
}

static DIGITS_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9]{1,18}$").expect("valid regex"));

impl ColumnType {
    const fn field_type(self) -> FieldType {
        match self {
            Self::Number | Self::NumberOrNull => FieldType::INTEGER,
            Self::Flag => FieldType::IntegerEnum(&[0, 1]),
            Self::Text | Self::TextOrNull => FieldType::TEXT,
            Self::NumericText => FieldType::text_matching(&DIGITS_PATTERN),
            Self::Date | Self::DateOrNull => FieldType::DateTimeOrUtc,
            Self::Enum(names) => FieldType::TextEnum { values: names, documented_as: "" },
        }
    }

    /// Returns whether it is stored as a number.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::NumberOrNull | Self::Flag)
    }

    /// Returns whether it is a date, which is stored in UTC.
    pub(crate) const fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateOrNull)
    }

    fn schema(self) -> Value {
        match self {
            Self::Number => json!({ "type": "integer" }),
            Self::NumberOrNull => json!({ "type": ["integer", "null"] }),
            Self::Flag => json!({ "type": "integer", "enum": [0, 1] }),
            Self::Text => json!({ "type": "string" }),
            Self::TextOrNull => json!({ "type": ["string", "null"] }),
            Self::NumericText => json!({ "type": "string", "pattern": DIGITS_PATTERN.as_str() }),
            Self::Date => json!({ "type": "string", "pattern": DATETIME_PATTERN }),
            Self::DateOrNull => json!({ "type": ["string", "null"], "pattern": DATETIME_PATTERN }),
            Self::Enum(names) => json!({ "type": "string", "enum": names }),
        }
    }
}

/// Returns the schema of a ticket in a list.
pub(crate) fn list_item_schema() -> Value {
    object_schema(&property_schemas(TICKET_COLUMNS))
}

/// Returns the schema of a ticket with its timeline.
pub(crate) fn item_schema() -> Value {
    let mut properties = property_schemas(TICKET_COLUMNS);
    let timeline_items = json!({ "oneOf": [object_schema(&property_schemas(EVENT_COLUMNS)), object_schema(&property_schemas(NOTE_COLUMNS))] });
    properties.insert("timeline".to_owned(), json!({ "type": "array", "items": timeline_items }));
    object_schema(&properties)
}

fn property_schemas(columns: &[Column]) -> Map<String, Value> {
    columns.iter().map(|column| (column.name.to_owned(), column.data_type.schema())).collect()
}

fn object_schema(properties: &Map<String, Value>) -> Value {
    let names: Vec<String> = properties.keys().cloned().collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

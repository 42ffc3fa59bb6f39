//! The columns of a ticket and of its timeline, in the order of the documented sample.
//!
//! What is selected, the schema of the answers, the fields of a seed and the facts of a view are derived from here.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::ticket::{Direction, Priority, Status};
use crate::rules::{DATE, Field, Kind, Literal, optional, required};

/// The type of a column, as the sample shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Number,
    NumberOrNull,
    /// 0 or 1.
    Flag,
    Text,
    TextOrNull,
    /// A number, written as text.
    Digits,
    Date,
    DateOrNull,
    OneOf(&'static [&'static str]),
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What it holds when nothing is known.
    pub(crate) default: Literal,
}

const fn column(name: &'static str, shape: Shape, default: Literal) -> Column {
    Column { name, shape, default }
}

const fn null(name: &'static str, shape: Shape) -> Column {
    column(name, shape, Literal::Null)
}

const fn number(name: &'static str) -> Column {
    column(name, Shape::Number, Literal::Number(0))
}

const fn text(name: &'static str) -> Column {
    column(name, Shape::Text, Literal::Text(""))
}

/// The columns of a ticket (documented: the sample response of `GET` item, and its types).
pub(crate) static TICKET: &[Column] = &[
    number("assigned_group_id"),
    number("assigned_user_id"),
    column("channel_account_id", Shape::Digits, Literal::Text("0")),
    column("channel_id", Shape::Number, Literal::Number(1)),
    null("closed_at", Shape::DateOrNull),
    null("created_at", Shape::Date),
    number("customer_id"),
    column("direction", Shape::OneOf(Direction::NAMES), Literal::Text("inbound")),
    null("external_gui_url", Shape::Text),
    null("external_id", Shape::Text),
    null("form_id", Shape::NumberOrNull),
    text("from"),
    text("from_name"),
    null("grade_by_customer", Shape::NumberOrNull),
    null("icon", Shape::Text),
    null("last_update", Shape::Date),
    null("last_update_agent", Shape::DateOrNull),
    null("last_update_customer", Shape::DateOrNull),
    column("priority", Shape::OneOf(Priority::NAMES), Literal::Text("medium")),
    column("show_timeline", Shape::Flag, Literal::Number(1)),
    null("sla_breach_customer_wait_time", Shape::DateOrNull),
    null("sla_breach_first_reply_time", Shape::DateOrNull),
    null("sla_breach_next_reply_time", Shape::DateOrNull),
    null("sla_breach_user_work_time", Shape::DateOrNull),
    null("sla_next_breach", Shape::DateOrNull),
    null("sla_next_breach_current_status", Shape::TextOrNull),
    null("sla_policy_id", Shape::NumberOrNull),
    null("snooze_time", Shape::DateOrNull),
    null("snooze_time_sent", Shape::DateOrNull),
    text("title"),
    text("to"),
    text("to_name"),
    column("status", Shape::OneOf(Status::NAMES), Literal::Text("new")),
    null("id", Shape::Number),
    null("channel_name", Shape::Text),
    null("channel_icon", Shape::Text),
    null("brand_name", Shape::Text),
    number("brand_id"),
];

/// The columns of an event (documented: the sample).
pub(crate) static EVENT: &[Column] = &[
    null("id", Shape::Number),
    null("ticket_id", Shape::Number),
    text("item_type"),
    text("item_type_id"),
    text("description"),
    text("initiated_by"),
    null("created_at", Shape::Date),
    column("type", Shape::OneOf(&["event"]), Literal::Text("event")),
];

/// The columns of a note (documented: the sample, which ends within `in_queue`; its type is chosen).
pub(crate) static NOTE: &[Column] = &[
    null("to", Shape::TextOrNull),
    null("from", Shape::TextOrNull),
    text("image"),
    null("created_at", Shape::Date),
    column("pinned", Shape::Flag, Literal::Number(0)),
    null("id", Shape::Digits),
    null("channel_name", Shape::TextOrNull),
    null("channel_icon", Shape::TextOrNull),
    column("type", Shape::OneOf(&["note"]), Literal::Text("note")),
    null("status_new", Shape::TextOrNull),
    number("user_id"),
    text("user_name"),
    text("user_avatar"),
    number("channel_id"),
    text("direction"),
    text("content"),
    null("ticket_id", Shape::Number),
    null("external_id", Shape::TextOrNull),
    text("from_name"),
    text("to_name"),
    column("meta_data", Shape::Text, Literal::Text("[]")),
    column("in_queue", Shape::Flag, Literal::Number(0)),
];

/// The ticket column with this name.
pub(crate) fn named(name: &str) -> Option<&'static Column> {
    TICKET.iter().find(|column| column.name == name)
}

/// Whether columns with this name hold dates: of a ticket, an event or a note.
pub(crate) fn is_date(name: &str) -> bool {
    static DATES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let all = TICKET.iter().chain(EVENT).chain(NOTE);
        all.filter(|column| column.shape.is_date()).map(|column| column.name).collect()
    });
    DATES.contains(name)
}

/// The names of all ticket columns.
pub(crate) fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&str>> =
        LazyLock::new(|| TICKET.iter().map(|column| column.name).collect());
    &NAMES
}

/// What a fixture may give of these columns: everything, and nothing it must.
pub(crate) fn fields_of(columns: &'static [Column]) -> impl Iterator<Item = Field> {
    columns.iter().map(|column| optional(column.name, column.shape.kind()).or(column.default))
}

/// What a fixture may give of an entry of the timeline.
pub(crate) fn timeline_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let both = fields_of(EVENT)
            .chain(fields_of(NOTE).filter(|field| EVENT.iter().all(|own| own.name != field.name)));
        let both = both.filter(|field| field.name != "type");
        let kind = required("type", Kind::OneOf { names: &["event", "note"], written: "" });
        both.chain([kind]).collect()
    });
    &FIELDS
}

static DIGITS: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[0-9]{1,18}$").expect("a regex"));

impl Shape {
    const fn kind(self) -> Kind {
        match self {
            Self::Number | Self::NumberOrNull => Kind::NUMBER,
            Self::Flag => Kind::NumberIn(&[0, 1]),
            Self::Text | Self::TextOrNull => Kind::TEXT,
            Self::Digits => Kind::matching(&DIGITS),
            Self::Date | Self::DateOrNull => Kind::DateOrUtc,
            Self::OneOf(names) => Kind::OneOf { names, written: "" },
        }
    }

    /// Whether its values are numbers in the database.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::NumberOrNull | Self::Flag)
    }

    /// Whether its values are dates, which are stored in UTC.
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
            Self::Digits => json!({ "type": "string", "pattern": DIGITS.as_str() }),
            Self::Date => json!({ "type": "string", "pattern": DATE }),
            Self::DateOrNull => json!({ "type": ["string", "null"], "pattern": DATE }),
            Self::OneOf(names) => json!({ "type": "string", "enum": names }),
        }
    }
}

/// The schema of a ticket as a list shows it.
pub(crate) fn entry_schema() -> Value {
    object(&properties(TICKET))
}

/// The schema of a ticket with its timeline.
pub(crate) fn item_schema() -> Value {
    let mut all = properties(TICKET);
    let entries = json!({ "oneOf": [object(&properties(EVENT)), object(&properties(NOTE))] });
    all.insert("timeline".to_owned(), json!({ "type": "array", "items": entries }));
    object(&all)
}

fn properties(columns: &[Column]) -> Map<String, Value> {
    columns.iter().map(|column| (column.name.to_owned(), column.shape.schema())).collect()
}

fn object(properties: &Map<String, Value>) -> Value {
    let names: Vec<String> = properties.keys().cloned().collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

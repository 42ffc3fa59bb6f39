//! Declares the columns of tickets and timelines, in the order of the documented sample.
//!
//! The SELECT lists, response schemas, seed fields and view facts are derived from them.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::ticket::{Direction, Priority, Status};
use crate::contract::openapi::{NamedSchema, schema_path, schema_ref};
use crate::contract::{DATETIME_PATTERN, Example, Field, FieldType, Literal, optional, required};

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
    /// A valid value: that of the documented sample where it has one.
    pub(crate) example: Example,
}

const fn column(name: &'static str, data_type: ColumnType, default: Literal) -> Column {
    Column { name, data_type, default, example: Example::None }
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
    number_column("assigned_group_id").example(Example::Number(10_003)),
    number_column("assigned_user_id").example(Example::Number(254)),
    column("channel_account_id", ColumnType::NumericText, Literal::Text("0"))
        .example(Example::Text("0")),
    column("channel_id", ColumnType::Number, Literal::Number(1)).example(Example::Number(1)),
    null_column("closed_at", ColumnType::DateOrNull).example(Example::Text("2019-10-01 09:30:00")),
    null_column("created_at", ColumnType::Date).example(Example::Text("2019-09-28 22:06:16")),
    number_column("customer_id").example(Example::Number(626_822)),
    column("direction", ColumnType::Enum(Direction::NAMES), Literal::Text("inbound"))
        .example(Example::Text("inbound")),
    null_column("external_gui_url", ColumnType::Text)
        .example(Example::Text("https://guiurl.brand.com/?ticketID=858462#20164564646592575")),
    null_column("external_id", ColumnType::Text)
        .example(Example::Text("BFFDAFF1-6E3F-2244-93EE-65A9CF3D0ECE.1")),
    null_column("form_id", ColumnType::NumberOrNull).example(Example::Number(3)),
    text_column("from").example(Example::Text("thomas@test.com")),
    text_column("from_name").example(Example::Text("Thomas")),
    null_column("grade_by_customer", ColumnType::NumberOrNull).example(Example::Number(8)),
    null_column("icon", ColumnType::Text).example(Example::Text("e-mail")),
    null_column("last_update", ColumnType::Date).example(Example::Text("2019-10-01 09:30:00")),
    null_column("last_update_agent", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 09:30:00")),
    null_column("last_update_customer", ColumnType::DateOrNull)
        .example(Example::Text("2019-09-28 22:06:16")),
    column("priority", ColumnType::Enum(Priority::NAMES), Literal::Text("medium"))
        .example(Example::Text("medium")),
    column("show_timeline", ColumnType::Flag, Literal::Number(1)).example(Example::Number(1)),
    null_column("sla_breach_customer_wait_time", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 12:00:00")),
    null_column("sla_breach_first_reply_time", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 12:00:00")),
    null_column("sla_breach_next_reply_time", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 12:00:00")),
    null_column("sla_breach_user_work_time", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 12:00:00")),
    null_column("sla_next_breach", ColumnType::DateOrNull)
        .example(Example::Text("2019-10-01 12:00:00")),
    null_column("sla_next_breach_current_status", ColumnType::TextOrNull)
        .example(Example::Text("active")),
    null_column("sla_policy_id", ColumnType::NumberOrNull).example(Example::Number(5)),
    null_column("snooze_time", ColumnType::DateOrNull)
        .example(Example::Text("2019-09-30 08:00:00")),
    null_column("snooze_time_sent", ColumnType::DateOrNull)
        .example(Example::Text("2019-09-30 08:00:00")),
    text_column("title").example(Example::Text("The printer is broken")),
    text_column("to").example(Example::Text("service@mybrand.com")),
    text_column("to_name").example(Example::Text("Service")),
    column("status", ColumnType::Enum(Status::NAMES), Literal::Text("new"))
        .example(Example::Text("closed")),
    null_column("id", ColumnType::Number).example(Example::Number(858_462)),
    null_column("channel_name", ColumnType::Text).example(Example::Text("e-mail")),
    null_column("channel_icon", ColumnType::Text).example(Example::Text("e-mail")),
    null_column("brand_name", ColumnType::Text).example(Example::Text("MyBrand")),
    number_column("brand_id").example(Example::Number(2)),
];

/// Event columns (documented: the sample).
pub(crate) static EVENT_COLUMNS: &[Column] = &[
    null_column("id", ColumnType::Number).example(Example::Number(4_090_647)),
    null_column("ticket_id", ColumnType::Number).example(Example::Number(858_462)),
    text_column("item_type").example(Example::Text("assigned_group_id")),
    text_column("item_type_id").example(Example::Text("10003")),
    text_column("description").example(Example::Text("Assigned to Service")),
    text_column("initiated_by").example(Example::Text("trigger: Assign to service")),
    null_column("created_at", ColumnType::Date).example(Example::Text("2019-09-28 22:06:23")),
    column("type", ColumnType::Enum(&["event"]), Literal::Text("event"))
        .example(Example::Text("event")),
];

/// Note columns (documented: the sample, which is cut off in `in_queue`; that type is our choice).
pub(crate) static NOTE_COLUMNS: &[Column] = &[
    null_column("to", ColumnType::TextOrNull).example(Example::Text("service@mybrand.com")),
    null_column("from", ColumnType::TextOrNull).example(Example::Text("thomas@test.com")),
    text_column("image").example(Example::Text("")),
    null_column("created_at", ColumnType::Date).example(Example::Text("2019-09-28 23:30:13")),
    column("pinned", ColumnType::Flag, Literal::Number(0)).example(Example::Number(0)),
    null_column("id", ColumnType::NumericText).example(Example::Text("3143281")),
    null_column("channel_name", ColumnType::TextOrNull).example(Example::Text("e-mail")),
    null_column("channel_icon", ColumnType::TextOrNull).example(Example::Text("e-mail")),
    column("type", ColumnType::Enum(&["note"]), Literal::Text("note"))
        .example(Example::Text("note")),
    null_column("status_new", ColumnType::TextOrNull).example(Example::Text("open")),
    number_column("user_id").example(Example::Number(254)),
    text_column("user_name").example(Example::Text("marleen")),
    text_column("user_avatar").example(Example::Text("")),
    number_column("channel_id").example(Example::Number(0)),
    text_column("direction").example(Example::Text("")),
    text_column("content").example(Example::Text("My intern note on this ticket")),
    null_column("ticket_id", ColumnType::Number).example(Example::Number(858_462)),
    null_column("external_id", ColumnType::TextOrNull)
        .example(Example::Text("BFFDAFF1-6E3F-2244-93EE-65A9CF3D0ECE.2")),
    text_column("from_name").example(Example::Text("Thomas")),
    text_column("to_name").example(Example::Text("Service")),
    column("meta_data", ColumnType::Text, Literal::Text("[]")).example(Example::Text("[]")),
    column("in_queue", ColumnType::Flag, Literal::Number(0)).example(Example::Number(0)),
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
    /// Sets the example.
    const fn example(mut self, value: Example) -> Self {
        self.example = value;
        self
    }

    /// Returns the schema of its values in responses, with the example.
    fn schema(&self) -> Value {
        let mut schema = self.data_type.schema();
        if let Some(example) = self.example.to_value() {
            schema["example"] = example;
        }
        schema
    }

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
            Self::Number => json!({ "type": "integer", "format": "int64" }),
            Self::NumberOrNull => json!({ "type": ["integer", "null"], "format": "int64" }),
            Self::Flag => json!({ "type": "integer", "format": "int64", "enum": [0, 1] }),
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
    object_schema("A ticket in a list.", &property_schemas(TICKET_COLUMNS))
}

/// Returns the schema of a ticket with its timeline.
pub(crate) fn item_schema() -> Value {
    let mut properties = property_schemas(TICKET_COLUMNS);
    let timeline = json!({ "type": "array", "items": schema_ref(TIMELINE_ENTRY) });
    properties.insert("timeline".to_owned(), timeline);
    object_schema("A ticket with its timeline.", &properties)
}

const TIMELINE_ENTRY: &str = "TimelineEntry";
const TIMELINE_EVENT: &str = "TimelineEvent";
const TIMELINE_NOTE: &str = "TimelineNote";

/// The schemas of a timeline.
pub(crate) static TIMELINE_SCHEMAS: &[NamedSchema] = &[
    NamedSchema { name: TIMELINE_ENTRY, build: timeline_entry_schema },
    NamedSchema { name: TIMELINE_EVENT, build: event_schema },
    NamedSchema { name: TIMELINE_NOTE, build: note_schema },
];

fn timeline_entry_schema() -> Value {
    json!({
        "description": "An entry of a timeline, by its type.",
        "oneOf": [schema_ref(TIMELINE_EVENT), schema_ref(TIMELINE_NOTE)],
        "discriminator": {
            "propertyName": "type",
            "mapping": { "event": schema_path(TIMELINE_EVENT), "note": schema_path(TIMELINE_NOTE) },
        },
    })
}

fn event_schema() -> Value {
    object_schema("A change of the ticket.", &property_schemas(EVENT_COLUMNS))
}

fn note_schema() -> Value {
    object_schema("A note on the ticket.", &property_schemas(NOTE_COLUMNS))
}

fn property_schemas(columns: &[Column]) -> Map<String, Value> {
    columns.iter().map(|column| (column.name.to_owned(), column.schema())).collect()
}

fn object_schema(description: &str, properties: &Map<String, Value>) -> Value {
    let names: Vec<String> = properties.keys().cloned().collect();
    json!({
        "type": "object", "description": description, "properties": properties, "required": names,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Presence, validate};

    const DATE: &str = "2026-07-01 10:00:00";

    fn names<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Vec<&'static str> {
        columns.into_iter().map(|column| column.name).collect()
    }

    #[test]
    fn dates_are_those_columns_that_hold_an_instant() {
        let all = || TICKET_COLUMNS.iter().chain(EVENT_COLUMNS).chain(NOTE_COLUMNS);
        let mut dates = names(all().filter(|column| is_date_column(column.name)));
        dates.sort_unstable();
        dates.dedup();
        let expected = [
            "closed_at",
            "created_at",
            "last_update",
            "last_update_agent",
            "last_update_customer",
            "sla_breach_customer_wait_time",
            "sla_breach_first_reply_time",
            "sla_breach_next_reply_time",
            "sla_breach_user_work_time",
            "sla_next_breach",
            "snooze_time",
            "snooze_time_sent",
        ];
        assert_eq!(dates, expected);
        for column in all() {
            assert_eq!(is_date_column(column.name), column.data_type.is_date(), "{}", column.name);
        }
        for name in ["", "CREATED_AT", "title", "no_column"] {
            assert!(!is_date_column(name), "{name}");
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let numbers = names(TICKET_COLUMNS.iter().filter(|column| column.data_type.is_number()));
        let expected = [
            "assigned_group_id",
            "assigned_user_id",
            "channel_id",
            "customer_id",
            "form_id",
            "grade_by_customer",
            "show_timeline",
            "sla_policy_id",
            "id",
            "brand_id",
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn ticket_column_is_found_by_its_exact_name() {
        for name in ticket_column_names() {
            assert_eq!(find_ticket_column(name).map(|column| column.name), Some(*name));
        }
        assert_eq!(ticket_column_names().len(), TICKET_COLUMNS.len());
        for name in ["", "ID", "content", "item_type"] {
            assert!(find_ticket_column(name).is_none(), "{name}");
        }
    }

    #[test]
    fn timeline_has_each_column_of_events_and_notes_once() {
        let timeline = names(timeline_columns());
        let mut expected = names(EVENT_COLUMNS.iter().chain(NOTE_COLUMNS));
        let mut sorted = timeline.clone();
        expected.sort_unstable();
        expected.dedup();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(timeline[..EVENT_COLUMNS.len()], names(EVENT_COLUMNS));
    }

    #[test]
    fn fixture_may_omit_each_column_but_the_type_of_a_timeline_entry() {
        for (field, column) in fixture_fields(TICKET_COLUMNS).zip(TICKET_COLUMNS) {
            let expected = Presence::Default(column.default);
            assert_eq!((field.name, field.presence), (column.name, expected));
        }
        let fields = timeline_entry_fields();
        assert_eq!(fields.len(), timeline_columns().count());
        let required: Vec<_> = fields.iter().filter(|field| field.is_required()).collect();
        assert_eq!(required.iter().map(|field| field.name).collect::<Vec<_>>(), ["type"]);
    }

    #[test]
    fn fixture_value_must_have_the_type_of_its_column() {
        let text = |length: usize| Value::from("7".repeat(length));
        for (data_type, valid, invalid) in [
            (ColumnType::Number, vec![json!(0), json!(7), json!("7")], vec![json!("x"), json!(-1)]),
            (ColumnType::NumberOrNull, vec![json!(7)], vec![json!("x")]),
            (ColumnType::Flag, vec![json!(0), json!(1)], vec![json!(2), json!("yes")]),
            (ColumnType::Text, vec![json!("x")], vec![json!([])]),
            (ColumnType::TextOrNull, vec![json!("x")], vec![json!([])]),
            (
                ColumnType::NumericText,
                vec![json!("0"), json!("007"), text(18)],
                vec![json!("x"), json!("7x"), text(19)],
            ),
            (
                ColumnType::Date,
                vec![json!(DATE), json!("2026-07-01 10:00:00Z")],
                vec![json!("2026-07-01"), json!("2026-02-30 10:00:00")],
            ),
            (ColumnType::DateOrNull, vec![json!(DATE)], vec![json!("2026-07-01")]),
            (ColumnType::Enum(Direction::NAMES), vec![json!("inbound")], vec![json!("in")]),
        ] {
            let field = [null_column("value", data_type).fixture_field()];
            let is_valid = |value: &Value| {
                let row = json!({ "value": value });
                validate(&field, row.as_object().expect("an object")).violations.is_empty()
            };
            for value in &valid {
                assert!(is_valid(value), "{data_type:?} {value}");
            }
            for value in &invalid {
                assert!(!is_valid(value), "{data_type:?} {value}");
            }
        }
    }

    #[test]
    fn schema_accepts_the_values_of_its_type_only() {
        let values = [
            json!(0),
            json!(1),
            json!(2),
            json!(1.5),
            Value::Null,
            json!("7"),
            json!("text"),
            json!(DATE),
            json!("inbound"),
            json!(true),
        ];
        for (data_type, expected) in [
            (ColumnType::Number, vec![json!(0), json!(1), json!(2)]),
            (ColumnType::NumberOrNull, vec![json!(0), json!(1), json!(2), Value::Null]),
            (ColumnType::Flag, vec![json!(0), json!(1)]),
            (ColumnType::Text, vec![json!("7"), json!("text"), json!(DATE), json!("inbound")]),
            (
                ColumnType::TextOrNull,
                vec![Value::Null, json!("7"), json!("text"), json!(DATE), json!("inbound")],
            ),
            (ColumnType::NumericText, vec![json!("7")]),
            (ColumnType::Date, vec![json!(DATE)]),
            (ColumnType::DateOrNull, vec![Value::Null, json!(DATE)]),
            (ColumnType::Enum(Direction::NAMES), vec![json!("inbound")]),
        ] {
            let validator = jsonschema::draft202012::new(&data_type.schema()).expect("a schema");
            let valid = values.iter().filter(|value| validator.is_valid(value));
            assert_eq!(valid.cloned().collect::<Vec<_>>(), expected, "{data_type:?}");
        }
    }

    /// Returns a row with a valid value in each column.
    fn sample_row(columns: &[Column]) -> Map<String, Value> {
        let sample = |column: &Column| match column.data_type {
            ColumnType::Number | ColumnType::NumberOrNull | ColumnType::Flag => json!(1),
            ColumnType::Text | ColumnType::TextOrNull | ColumnType::NumericText => json!("7"),
            ColumnType::Date | ColumnType::DateOrNull => json!(DATE),
            ColumnType::Enum(names) => json!(names[0]),
        };
        columns.iter().map(|column| (column.name.to_owned(), sample(column))).collect()
    }

    #[test]
    fn schema_of_a_row_requires_each_column_and_no_other() {
        let validator = jsonschema::draft202012::new(&list_item_schema()).expect("a schema");
        let valid = sample_row(TICKET_COLUMNS);
        assert!(validator.is_valid(&Value::from(valid.clone())));
        for column in TICKET_COLUMNS {
            let mut invalid = valid.clone();
            invalid.remove(column.name);
            assert!(!validator.is_valid(&Value::from(invalid)), "without {}", column.name);
        }
        let mut invalid = valid;
        invalid.insert("timeline".to_owned(), json!([]));
        assert!(!validator.is_valid(&Value::from(invalid)), "a list has no timelines");
    }

    #[test]
    fn schema_of_a_ticket_requires_a_timeline_of_events_and_notes() {
        let mut schema = item_schema();
        for part in TIMELINE_SCHEMAS {
            schema["components"]["schemas"][part.name] = (part.build)();
        }
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        let (event, note) = (sample_row(EVENT_COLUMNS), sample_row(NOTE_COLUMNS));
        let is_valid = |timeline: Value| {
            let mut ticket = sample_row(TICKET_COLUMNS);
            ticket.insert("timeline".to_owned(), timeline);
            validator.is_valid(&Value::from(ticket))
        };
        assert!(is_valid(json!([])));
        assert!(is_valid(json!([event, note])));
        assert!(!validator.is_valid(&Value::from(sample_row(TICKET_COLUMNS))));
        assert!(!is_valid(json!({})));
        assert!(!is_valid(json!([{}])));
        let mut mixed = event;
        mixed.insert("content".to_owned(), json!("text"));
        assert!(!is_valid(json!([mixed])));
    }
}

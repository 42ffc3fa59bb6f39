//! Ticket data of a fixture: its fields, the validation beyond field rules, and its insertion.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::model::columns::{self, EVENT_COLUMNS, NOTE_COLUMNS, TICKET_COLUMNS};
use super::model::command::derive_external_id;
use super::model::dates;
use super::model::filter::{BUILT_IN_VIEWS, ConditionOperator, ViewCondition};
use super::model::ticket::{join_search_texts, normalize_search_text};
use super::store::{export as store_export, insert as store_insert};
use crate::clock::Zone;
use crate::contract::{
    Field, FieldType, Literal, MAX_SAFE_INTEGER, MAX_VIOLATIONS, Violation, ViolationKind,
    apply_defaults, optional, quote_value, required,
};
use crate::storage::{Connection, StorageError};

static SLUG_PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9]*[a-zA-Z_-][0-9a-zA-Z_-]*$").expect("valid regex"));

/// Row limit per list of a fixture.
const MAX_ROWS_PER_LIST: usize = 1_000_000;
/// The largest id in a fixture; leaves room for new ids.
const MAX_FIXTURE_ID: u64 = 1_000_000_000_000_000;
const ID_FIELD_TYPE: FieldType = FieldType::Integer { min: 1, max: MAX_FIXTURE_ID };

const fn list_field(name: &'static str, fields: fn() -> &'static [Field]) -> Field {
    optional(name, FieldType::ObjectArray { fields, min_items: 0, max_items: MAX_ROWS_PER_LIST })
}

static REFERENCE_FIELDS: &[Field] =
    &[required("id", ID_FIELD_TYPE), required("name", FieldType::TEXT)];
static CHANNEL_FIELDS: &[Field] = &[
    required("id", ID_FIELD_TYPE),
    required("name", FieldType::TEXT),
    optional("icon", FieldType::TEXT),
];
static CUSTOMER_FIELDS: &[Field] = &[
    required("id", ID_FIELD_TYPE),
    optional("external_primary_id", FieldType::TEXT),
    optional("firstname", FieldType::TEXT).default_value(Literal::Text("")),
    optional("lastname", FieldType::TEXT).default_value(Literal::Text("")),
    optional("brand_id", FieldType::INTEGER).default_value(Literal::Number(0)),
];
static VIEW_FIELDS: &[Field] = &[
    required("id", ID_FIELD_TYPE),
    required("slug", FieldType::Text { min_chars: 2, max_chars: 64, pattern: Some(&SLUG_PATTERN) }),
    optional("title", FieldType::TEXT).default_value(Literal::Text("")),
    required("conditions", FieldType::Object { fields: || CONDITION_LISTS }),
];
static CONDITION_LISTS: &[Field] = &[condition_list_field("all"), condition_list_field("any")];

const fn condition_list_field(name: &'static str) -> Field {
    optional(
        name,
        FieldType::ObjectArray { fields: condition_fields, min_items: 0, max_items: 100 },
    )
}

fn condition_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        vec![
            required(
                "fact",
                FieldType::TextEnum { values: columns::ticket_column_names(), documented_as: "" },
            ),
            required(
                "operation",
                FieldType::TextEnum { values: ConditionOperator::NAMES, documented_as: "" },
            ),
            optional("value", FieldType::Scalar),
        ]
    });
    &FIELDS
}

fn ticket_fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let columns = columns::fixture_fields(TICKET_COLUMNS).filter(|field| field.name != "id");
        columns
            .chain([
                optional("id", ID_FIELD_TYPE),
                list_field("timeline", columns::timeline_entry_fields),
            ])
            .collect()
    });
    &FIELDS
}

/// The ticket-related fields of an account in a fixture.
pub(crate) static FIELDS: &[Field] = &[
    list_field("brands", || REFERENCE_FIELDS),
    list_field("channels", || CHANNEL_FIELDS),
    list_field("groups", || REFERENCE_FIELDS),
    list_field("users", || REFERENCE_FIELDS),
    list_field("customers", || CUSTOMER_FIELDS),
    list_field("views", || VIEW_FIELDS),
    list_field("tickets", ticket_fields),
    optional("next_ids", FieldType::Object { fields: || NEXT_ID_FIELDS }),
];

/// The next ids to assign, if larger than the rows imply: ids are never reused.
static NEXT_ID_FIELDS: &[Field] = &[
    optional("tickets", NEXT_ID_FIELD_TYPE),
    optional("timeline", NEXT_ID_FIELD_TYPE),
    optional("customers", NEXT_ID_FIELD_TYPE),
];
/// The next id can be larger than any id in the rows.
const NEXT_ID_FIELD_TYPE: FieldType = FieldType::Integer { min: 1, max: 2 * MAX_FIXTURE_ID };

/// The lists whose rows have unique ids.
const LISTS_WITH_IDS: &[&str] =
    &["brands", "channels", "groups", "users", "customers", "views", "tickets"];

/// Validates what the field rules cannot express; `path` is that of the account.
pub(crate) fn validate(account: &Map<String, Value>, path: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for list in LISTS_WITH_IDS {
        check_unique(account, list, "id", path, &mut violations);
    }
    check_unique(account, "customers", "external_primary_id", path, &mut violations);
    check_unique(account, "views", "slug", path, &mut violations);
    for (index, view) in list_rows(account, "views").iter().enumerate() {
        validate_view(view, &format!("{path}[views][{index}]"), &mut violations);
    }
    let mut ids = HashSet::new();
    for (index, ticket) in list_rows(account, "tickets").iter().enumerate() {
        if !ticket["closed_at"].is_null() && ticket["status"] != "closed" {
            let path = format!("{path}[tickets][{index}][closed_at]");
            let rule = "must be left out unless the status is closed";
            push_violation(&mut violations, || Violation::custom(path, rule, &ticket["closed_at"]));
        }
        validate_timeline(ticket, &format!("{path}[tickets][{index}]"), &mut ids, &mut violations);
    }
    violations
}

/// Adds a violation, up to [`MAX_VIOLATIONS`].
fn push_violation(violations: &mut Vec<Violation>, violation: impl FnOnce() -> Violation) {
    if violations.len() < MAX_VIOLATIONS {
        violations.push(violation());
    }
}

fn list_rows<'a>(account: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    account.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Validates that `field` is unique in a list.
fn check_unique(
    account: &Map<String, Value>,
    name: &str,
    field: &str,
    path: &str,
    violations: &mut Vec<Violation>,
) {
    let mut seen = HashSet::new();
    for (index, row) in list_rows(account, name).iter().enumerate() {
        let value = &row[field];
        if !value.is_null() && !seen.insert(value.to_string()) {
            push_violation(violations, || Violation {
                path: format!("{path}[{name}][{index}][{field}]"),
                kind: ViolationKind::Duplicate,
                rejected_value: Some(quote_value(value)),
            });
        }
    }
}

fn validate_view(view: &Value, path: &str, violations: &mut Vec<Violation>) {
    let slug = &view["slug"];
    if slug.as_str().is_some_and(|slug| BUILT_IN_VIEWS.contains(&slug)) {
        push_violation(violations, || {
            Violation::custom(format!("{path}[slug]"), "must not be that of a built-in view", slug)
        });
    }
    for group in ["all", "any"] {
        let conditions = view["conditions"][group].as_array().map_or(&[][..], Vec::as_slice);
        for (index, condition) in conditions.iter().enumerate() {
            let problem = serde_json::from_value::<ViewCondition>(condition.clone())
                .ok()
                .and_then(|condition| condition.validation_error());
            if let Some(problem) = problem {
                let path = format!("{path}[conditions][{group}][{index}][value]");
                push_violation(violations, || {
                    Violation::custom(path, problem, &condition["value"])
                });
            }
        }
    }
}

fn validate_timeline(
    ticket: &Value,
    path: &str,
    ids: &mut HashSet<u64>,
    violations: &mut Vec<Violation>,
) {
    for (index, entry) in
        ticket["timeline"].as_array().map_or(&[][..], Vec::as_slice).iter().enumerate()
    {
        let path = format!("{path}[timeline][{index}]");
        if entry["id"].as_u64().is_some_and(|id| !ids.insert(id)) {
            push_violation(violations, || Violation {
                path: format!("{path}[id]"),
                kind: ViolationKind::Duplicate,
                rejected_value: Some(quote_value(&entry["id"])),
            });
        }
        if !entry["ticket_id"].is_null() && entry["ticket_id"] != ticket["id"] {
            push_violation(violations, || {
                Violation::custom(
                    format!("{path}[ticket_id]"),
                    "must be the id of the ticket that it stands in",
                    &entry["ticket_id"],
                )
            });
        }
    }
}

pub(crate) use store_export::{count_rows, export, find_existing_rows};

/// Inserts an account's validated data beside existing rows. Dates are in `zone` unless they end in `Z`; `now` is in
/// UTC.
///
/// # Errors
/// If the database fails.
pub(crate) async fn insert(
    connection: &mut Connection,
    mut account: Map<String, Value>,
    now: &str,
    zone: &Zone,
) -> Result<(), StorageError> {
    for (kind, name) in store_export::REFERENCE_LISTS {
        store_insert::insert_references(connection, kind, &take_rows(&mut account, name)).await?;
    }
    let mut customers = take_rows(&mut account, "customers");
    for row in &mut customers {
        apply_defaults(CUSTOMER_FIELDS, row);
    }
    store_insert::insert_customers(connection, &customers).await?;
    let mut views = take_rows(&mut account, "views");
    for row in &mut views {
        apply_defaults(VIEW_FIELDS, row);
    }
    store_insert::insert_views(connection, &views).await?;
    let next_ids = account.remove("next_ids").unwrap_or_default();
    insert_tickets(connection, take_rows(&mut account, "tickets"), (now, zone)).await?;
    store_export::raise_next_ids(connection, &next_ids).await
}

/// Inserts tickets and timelines in chunks: a row with all its columns takes far more memory than its fixture entry.
async fn insert_tickets(
    connection: &mut Connection,
    tickets: Vec<Value>,
    (now, zone): (&str, &Zone),
) -> Result<(), StorageError> {
    let last_ids = store_export::last_used_ids(connection).await?;
    let max_ticket_id =
        tickets.iter().filter_map(|ticket| ticket["id"].as_u64()).max().unwrap_or(0);
    let mut next_ticket_id = max_ticket_id.max(last_ids.ticket) + 1;
    let entries = tickets.iter().filter_map(|ticket| ticket["timeline"].as_array()).flatten();
    let max_entry_id = entries.filter_map(|entry| entry["id"].as_u64()).max().unwrap_or(0);
    let mut next_entry_id = max_entry_id.max(last_ids.timeline_entry) + 1;
    let mut tickets = tickets.into_iter().peekable();
    while tickets.peek().is_some() {
        let mut chunk: Vec<Value> =
            tickets.by_ref().take(store_insert::ROWS_PER_STATEMENT).collect();
        let mut timelines = Vec::new();
        for ticket in &mut chunk {
            let timeline = ticket["timeline"].take();
            apply_defaults(ticket_fields(), ticket);
            dates::convert_row_to_utc(ticket, zone);
            fill_ticket_defaults(ticket, &mut next_ticket_id, now);
            timelines.push((ticket["id"].clone(), ticket["created_at"].clone(), timeline));
        }
        store_insert::insert_tickets(connection, &chunk).await?;
        let mut entries = timelines
            .into_iter()
            .flat_map(|(id, created_at, timeline)| {
                let entries =
                    if let Value::Array(entries) = timeline { entries } else { Vec::new() };
                entries.into_iter().map(move |entry| (entry, id.clone(), created_at.clone()))
            })
            .peekable();
        while entries.peek().is_some() {
            let chunk = entries.by_ref().take(store_insert::ROWS_PER_STATEMENT);
            let chunk: Vec<Value> = chunk
                .map(|(mut entry, id, created_at)| {
                    dates::convert_row_to_utc(&mut entry, zone);
                    fill_timeline_entry_defaults(entry, &id, &created_at, &mut next_entry_id)
                })
                .collect();
            store_insert::insert_timeline(connection, &chunk).await?;
        }
    }
    store_insert::rebuild_derived_tables(connection).await
}

fn take_rows(account: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match account.remove(name) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

/// Fills in the derived columns of a ticket.
fn fill_ticket_defaults(ticket: &mut Value, next_id: &mut u64, now: &str) {
    if ticket["id"].is_null() {
        ticket["id"] = (*next_id).into();
        *next_id += 1;
    }
    let set_if_null = |ticket: &mut Value, name: &str, value: Value| {
        if ticket[name].is_null() {
            ticket[name] = value;
        }
    };
    set_if_null(ticket, "created_at", now.into());
    let created_at = ticket["created_at"].clone();
    set_if_null(ticket, "last_update", created_at);
    if ticket["status"] == "closed" {
        let last_update = ticket["last_update"].clone();
        set_if_null(ticket, "closed_at", last_update);
    }
    let id = ticket["id"].as_i64().unwrap_or_default();
    set_if_null(ticket, "external_id", derive_external_id(id).into());
    let text = |name: &str| ticket[name].as_str().unwrap_or_default();
    let search_rest = join_search_texts(&[
        text("from"),
        text("from_name"),
        text("to"),
        text("to_name"),
        text("external_id"),
    ]);
    let search_title = normalize_search_text(text("title"));
    ticket["search_title"] = search_title.into();
    ticket["search_rest"] = search_rest.into();
}

/// Fills in an entry's ticket id and missing columns.
fn fill_timeline_entry_defaults(
    mut entry: Value,
    ticket_id: &Value,
    created_at: &Value,
    next_id: &mut u64,
) -> Value {
    if entry["id"].is_null() {
        entry["id"] = (*next_id).into();
        *next_id += 1;
    }
    apply_defaults(columns::timeline_entry_fields(), &mut entry);
    entry["ticket_id"] = ticket_id.clone();
    if entry["created_at"].is_null() {
        entry["created_at"] = created_at.clone();
    }
    let columns = if entry["type"] == "event" { EVENT_COLUMNS } else { NOTE_COLUMNS };
    for column in columns {
        if entry[column.name].is_null() {
            entry[column.name] = column.default.into();
        }
    }
    entry
}

const _: () = assert!(2 * MAX_FIXTURE_ID < MAX_SAFE_INTEGER, "new ids must be valid in requests");

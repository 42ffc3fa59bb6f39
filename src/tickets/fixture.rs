//! The part of a fixture that is about tickets: what it may hold, what no table can say of it, and its planting.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::columns::{self, EVENT, NOTE, TICKET};
use super::dates;
use super::search::{BUILT_IN, Condition, Operation};
use super::store::{export as store_export, plant as store_plant};
use super::task::external_id;
use super::ticket::{searchable, searchable_all};
use crate::clock::Zone;
use crate::rules::{
    Field, Kind, LARGEST_NUMBER, Literal, MOST_VIOLATIONS, Problem, Violation, fill_in, optional,
    quoted, required,
};
use crate::storage::{Connection, StorageError};

static SLUG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9]*[a-zA-Z_-][0-9a-zA-Z_-]*$").expect("a regex"));

/// The most rows of one list of a fixture.
const MOST_ROWS: usize = 1_000_000;
/// The largest id that a fixture may give, so that there is room for new ones.
const LARGEST_ID: u64 = 1_000_000_000_000_000;
const ID: Kind = Kind::Number { min: 1, max: LARGEST_ID };

const fn rows(name: &'static str, fields: fn() -> &'static [Field]) -> Field {
    optional(name, Kind::Rows { fields, at_least: 0, at_most: MOST_ROWS })
}

static NAMED: &[Field] = &[required("id", ID), required("name", Kind::TEXT)];
static CHANNEL: &[Field] =
    &[required("id", ID), required("name", Kind::TEXT), optional("icon", Kind::TEXT)];
static CUSTOMER: &[Field] = &[
    required("id", ID),
    optional("external_primary_id", Kind::TEXT),
    optional("firstname", Kind::TEXT).or(Literal::Text("")),
    optional("lastname", Kind::TEXT).or(Literal::Text("")),
    optional("brand_id", Kind::NUMBER).or(Literal::Number(0)),
];
static VIEW: &[Field] = &[
    required("id", ID),
    required("slug", Kind::Text { at_least: 2, at_most: 64, pattern: Some(&SLUG) }),
    optional("title", Kind::TEXT).or(Literal::Text("")),
    required("conditions", Kind::Row { fields: || CONDITIONS }),
];
static CONDITIONS: &[Field] = &[conditions("all"), conditions("any")];

const fn conditions(name: &'static str) -> Field {
    optional(name, Kind::Rows { fields: condition, at_least: 0, at_most: 100 })
}

fn condition() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        vec![
            required("fact", Kind::OneOf { names: columns::names(), written: "" }),
            required("operation", Kind::OneOf { names: Operation::NAMES, written: "" }),
            optional("value", Kind::Scalar),
        ]
    });
    &FIELDS
}

fn ticket() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        let columns = columns::fields_of(TICKET).filter(|field| field.name != "id");
        columns.chain([optional("id", ID), rows("timeline", columns::timeline_fields)]).collect()
    });
    &FIELDS
}

/// What an account of a fixture may hold of this controller's data.
pub(crate) static FIELDS: &[Field] = &[
    rows("brands", || NAMED),
    rows("channels", || CHANNEL),
    rows("groups", || NAMED),
    rows("users", || NAMED),
    rows("customers", || CUSTOMER),
    rows("views", || VIEW),
    rows("tickets", ticket),
    optional("next_ids", Kind::Row { fields: || NEXT_IDS }),
];

/// The ids that come next, where they are larger than those of the rows tell: ids are never used again.
static NEXT_IDS: &[Field] =
    &[optional("tickets", NEXT_ID), optional("timeline", NEXT_ID), optional("customers", NEXT_ID)];
/// An id that comes next can be larger than one that is given.
const NEXT_ID: Kind = Kind::Number { min: 1, max: 2 * LARGEST_ID };

/// The lists whose rows have an id of their own kind.
const LISTS: &[&str] = &["brands", "channels", "groups", "users", "customers", "views", "tickets"];

/// What is wrong with an account's data although every field obeys its rule; `path` leads to the account.
pub(crate) fn check(account: &Map<String, Value>, path: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    for list in LISTS {
        unique(account, list, "id", path, &mut broken);
    }
    unique(account, "customers", "external_primary_id", path, &mut broken);
    unique(account, "views", "slug", path, &mut broken);
    for (index, view) in list(account, "views").iter().enumerate() {
        check_view(view, &format!("{path}[views][{index}]"), &mut broken);
    }
    let mut ids = HashSet::new();
    for (index, ticket) in list(account, "tickets").iter().enumerate() {
        if !ticket["closed_at"].is_null() && ticket["status"] != "closed" {
            let path = format!("{path}[tickets][{index}][closed_at]");
            let rule = "must be left out unless the status is closed";
            report(&mut broken, || Violation::other(path, rule, &ticket["closed_at"]));
        }
        check_timeline(ticket, &format!("{path}[tickets][{index}]"), &mut ids, &mut broken);
    }
    broken
}

/// Notes a broken rule, if there is room for one more.
fn report(broken: &mut Vec<Violation>, violation: impl FnOnce() -> Violation) {
    if broken.len() < MOST_VIOLATIONS {
        broken.push(violation());
    }
}

fn list<'a>(of: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// No two rows of a list have the same value here.
fn unique(
    account: &Map<String, Value>,
    name: &str,
    field: &str,
    path: &str,
    broken: &mut Vec<Violation>,
) {
    let mut seen = HashSet::new();
    for (index, row) in list(account, name).iter().enumerate() {
        let value = &row[field];
        if !value.is_null() && !seen.insert(value.to_string()) {
            report(broken, || Violation {
                path: format!("{path}[{name}][{index}][{field}]"),
                problem: Problem::Twice,
                sent: Some(quoted(value)),
            });
        }
    }
}

fn check_view(view: &Value, path: &str, broken: &mut Vec<Violation>) {
    let slug = &view["slug"];
    if slug.as_str().is_some_and(|slug| BUILT_IN.contains(&slug)) {
        report(broken, || {
            Violation::other(format!("{path}[slug]"), "must not be that of a built-in view", slug)
        });
    }
    for group in ["all", "any"] {
        let conditions = view["conditions"][group].as_array().map_or(&[][..], Vec::as_slice);
        for (index, condition) in conditions.iter().enumerate() {
            let problem = serde_json::from_value::<Condition>(condition.clone())
                .ok()
                .and_then(|one| one.problem());
            if let Some(problem) = problem {
                let path = format!("{path}[conditions][{group}][{index}][value]");
                report(broken, || Violation::other(path, problem, &condition["value"]));
            }
        }
    }
}

fn check_timeline(ticket: &Value, path: &str, ids: &mut HashSet<u64>, broken: &mut Vec<Violation>) {
    for (index, entry) in
        ticket["timeline"].as_array().map_or(&[][..], Vec::as_slice).iter().enumerate()
    {
        let path = format!("{path}[timeline][{index}]");
        if entry["id"].as_u64().is_some_and(|id| !ids.insert(id)) {
            let (problem, sent) = (Problem::Twice, Some(quoted(&entry["id"])));
            report(broken, || Violation { path: format!("{path}[id]"), problem, sent });
        }
        if !entry["ticket_id"].is_null() && entry["ticket_id"] != ticket["id"] {
            report(broken, || {
                Violation::other(
                    format!("{path}[ticket_id]"),
                    "must be the id of the ticket that it stands in",
                    &entry["ticket_id"],
                )
            });
        }
    }
}

pub(crate) use store_export::{counts, export, taken as taken_rows};

/// Puts an account's data, which obeyed all rules, beside what its database has. Its dates are in `zone`, unless they
/// say otherwise; `now` is as it is stored.
///
/// # Errors
/// When the database fails.
pub(crate) async fn plant(
    connection: &mut Connection,
    mut account: Map<String, Value>,
    now: &str,
    zone: &Zone,
) -> Result<(), StorageError> {
    for (kind, name) in store_export::REFERENCES {
        store_plant::references(connection, kind, &taken(&mut account, name)).await?;
    }
    let mut customers = taken(&mut account, "customers");
    for row in &mut customers {
        fill_in(CUSTOMER, row);
    }
    store_plant::customers(connection, &customers).await?;
    let mut views = taken(&mut account, "views");
    for row in &mut views {
        fill_in(VIEW, row);
    }
    store_plant::views(connection, &views).await?;
    let next_ids = account.remove("next_ids").unwrap_or_default();
    tickets(connection, taken(&mut account, "tickets"), (now, zone)).await?;
    store_export::go_on_from(connection, &next_ids).await
}

/// Plants tickets with their timelines, some at a time: a row with all of its columns takes far more memory than what
/// the fixture says of it.
async fn tickets(
    connection: &mut Connection,
    tickets: Vec<Value>,
    (now, zone): (&str, &Zone),
) -> Result<(), StorageError> {
    let used = store_export::last_ids(connection).await?;
    let largest = tickets.iter().filter_map(|ticket| ticket["id"].as_u64()).max().unwrap_or(0);
    let mut next = largest.max(used.tickets) + 1;
    let entries = tickets.iter().filter_map(|ticket| ticket["timeline"].as_array()).flatten();
    let largest = entries.filter_map(|entry| entry["id"].as_u64()).max().unwrap_or(0);
    let mut next_entry = largest.max(used.timeline) + 1;
    let mut tickets = tickets.into_iter().peekable();
    while tickets.peek().is_some() {
        let mut some: Vec<Value> = tickets.by_ref().take(store_plant::ROWS).collect();
        let mut timelines = Vec::new();
        for ticket in &mut some {
            let timeline = ticket["timeline"].take();
            fill_in(self::ticket(), ticket);
            dates::read_row(ticket, zone);
            complete(ticket, &mut next, now);
            timelines.push((ticket["id"].clone(), ticket["created_at"].clone(), timeline));
        }
        store_plant::tickets(connection, &some).await?;
        let mut entries = timelines
            .into_iter()
            .flat_map(|(id, created, timeline)| {
                let entries =
                    if let Value::Array(entries) = timeline { entries } else { Vec::new() };
                entries.into_iter().map(move |entry| (entry, id.clone(), created.clone()))
            })
            .peekable();
        while entries.peek().is_some() {
            let some = entries.by_ref().take(store_plant::ROWS);
            let some: Vec<Value> = some
                .map(|(mut entry, id, created)| {
                    dates::read_row(&mut entry, zone);
                    placed(entry, &id, &created, &mut next_entry)
                })
                .collect();
            store_plant::timeline(connection, &some).await?;
        }
    }
    store_plant::planted(connection).await
}

fn taken(account: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match account.remove(name) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

/// Fills in what a ticket's other columns imply.
fn complete(ticket: &mut Value, next: &mut u64, now: &str) {
    if ticket["id"].is_null() {
        ticket["id"] = (*next).into();
        *next += 1;
    }
    let default = |ticket: &mut Value, name: &str, value: Value| {
        if ticket[name].is_null() {
            ticket[name] = value;
        }
    };
    default(ticket, "created_at", now.into());
    let created = ticket["created_at"].clone();
    default(ticket, "last_update", created);
    if ticket["status"] == "closed" {
        let updated = ticket["last_update"].clone();
        default(ticket, "closed_at", updated);
    }
    let id = ticket["id"].as_i64().unwrap_or_default();
    default(ticket, "external_id", external_id(id).into());
    let text = |name: &str| ticket[name].as_str().unwrap_or_default();
    let rest = searchable_all(&[
        text("from"),
        text("from_name"),
        text("to"),
        text("to_name"),
        text("external_id"),
    ]);
    let title = searchable(text("title"));
    ticket["search_title"] = title.into();
    ticket["search_rest"] = rest.into();
}

/// An entry of a timeline with its ticket and what it left out.
fn placed(mut entry: Value, ticket: &Value, created: &Value, next: &mut u64) -> Value {
    if entry["id"].is_null() {
        entry["id"] = (*next).into();
        *next += 1;
    }
    fill_in(columns::timeline_fields(), &mut entry);
    entry["ticket_id"] = ticket.clone();
    if entry["created_at"].is_null() {
        entry["created_at"] = created.clone();
    }
    let columns = if entry["type"] == "event" { EVENT } else { NOTE };
    for column in columns {
        if entry[column.name].is_null() {
            entry[column.name] = column.default.into();
        }
    }
    entry
}

const _: () =
    assert!(2 * LARGEST_ID < LARGEST_NUMBER, "new ids must stay within what requests may name");

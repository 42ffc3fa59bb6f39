//! All of an account's rows, as a fixture has them; and what of a fixture is there already.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, query_as, query_scalar};

use super::sql::name;
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::columns::{EVENT, NOTE, TICKET};
use crate::tickets::dates;

/// The most rows that are named when they are there already.
const MOST_NAMED: i64 = 20;

/// The tables whose ids are never used twice, and what fixtures call their rows.
const NUMBERED: [(&str, &str); 3] =
    [("ticket", "tickets"), ("timeline", "timeline"), ("customer", "customers")];

/// The kinds of reference data, and what fixtures call their rows.
pub(crate) const REFERENCES: [(&str, &str); 4] =
    [("brand", "brands"), ("channel", "channels"), ("group", "groups"), ("user", "users")];

fn pairs<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let pairs: Vec<String> =
        columns.map(|column| format!("'{column}', {}", name(column))).collect();
    pairs.join(", ")
}

/// Everything in one statement, so that it is one state: a row with all but the tickets, then one for each ticket. As
/// one value it would take several times its length, since SQLite copies a text wherever it puts it into another.
static EXPORT: LazyLock<String> = LazyLock::new(|| {
    let references = REFERENCES.map(|(kind, list)| {
        let icon = if kind == "channel" { ", 'icon', icon" } else { "" };
        format!(
            "'{list}', (SELECT json_group_array(json_object('id', id, 'name', name{icon}) ORDER BY id) \
             FROM reference WHERE kind = '{kind}')"
        )
    });
    let next_ids = NUMBERED.map(|(table, list)| {
        format!(
            "'{list}', 1 + COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)"
        )
    });
    let customer =
        pairs(["id", "external_primary_id", "firstname", "lastname", "brand_id"].into_iter());
    let ticket = pairs(TICKET.iter().map(|column| column.name));
    let event = pairs(EVENT.iter().map(|column| column.name));
    let note = pairs(NOTE.iter().map(|column| column.name));
    format!(
        "SELECT json_object('next_ids', json_object({}), {}, \
         'customers', (SELECT json_group_array(json_object({customer}) ORDER BY id) FROM customer), \
         'views', (SELECT json_group_array(json_object('id', id, 'slug', slug, 'title', title, \
             'conditions', json(conditions)) ORDER BY id) FROM view)) \
         UNION ALL SELECT * FROM (SELECT json_object({ticket}, 'timeline', \
             (SELECT json_group_array(json(CASE e.type WHEN 'event' THEN json_object({event}) \
                  ELSE json_object({note}) END) ORDER BY e.id) \
              FROM timeline AS e WHERE e.ticket_id = ticket.id)) FROM ticket ORDER BY ticket.id)",
        next_ids.join(", "),
        references.join(", ")
    )
});

/// Writes the account's rows behind `text` as the fields of a JSON object without its first brace, in the order that the
/// lists of a fixture have.
///
/// # Errors
/// When the database fails.
pub(crate) async fn export(
    connection: &mut Connection,
    zone: &Zone,
    mut text: String,
) -> Result<String, StorageError> {
    let mut rows = query_scalar::<_, String>(EXPORT.as_str()).fetch(connection);
    let mut between = "";
    while let Some(row) = rows.try_next().await? {
        let row = dates::export(row, zone);
        text.push_str(between);
        if between.is_empty() {
            let fields = row.trim_start_matches('{');
            text.push_str(fields.strip_suffix('}').unwrap_or(fields));
            between = ",\"tickets\":[";
        } else {
            text.push_str(&row);
            between = ",";
        }
    }
    text.push_str(if between == "," { "]}" } else { ",\"tickets\":[]}" });
    Ok(text)
}

/// How many rows of each kind there are, as a JSON object.
pub(crate) async fn counts(connection: &mut Connection) -> Result<String, StorageError> {
    static COUNTS: LazyLock<String> = LazyLock::new(|| {
        let references = REFERENCES.map(|(kind, list)| {
            format!("'{list}', (SELECT COUNT(*) FROM reference WHERE kind = '{kind}')")
        });
        format!(
            "SELECT json_object({}, 'customers', (SELECT COUNT(*) FROM customer), \
             'views', (SELECT COUNT(*) FROM view), 'tickets', (SELECT COUNT(*) FROM ticket), \
             'timeline', (SELECT COUNT(*) FROM timeline))",
            references.join(", ")
        )
    });
    Ok(query_scalar(COUNTS.as_str()).fetch_one(connection).await?)
}

/// The last ids that were given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastIds {
    pub(crate) tickets: u64,
    pub(crate) timeline: u64,
}

pub(crate) async fn last_ids(connection: &mut Connection) -> Result<LastIds, StorageError> {
    let rows: Vec<(String, i64)> =
        query_as("SELECT name, seq FROM sqlite_sequence").fetch_all(connection).await?;
    let last = |table: &str| {
        rows.iter().find(|(name, _)| name == table).map_or(0, |(_, last)| last.unsigned_abs())
    };
    Ok(LastIds { tickets: last("ticket"), timeline: last("timeline") })
}

/// Lets ids go on from those that a fixture gives, where that is later than its rows tell.
pub(crate) async fn go_on_from(
    connection: &mut Connection,
    next_ids: &Value,
) -> Result<(), StorageError> {
    for (table, list) in NUMBERED {
        let Some(next) = next_ids[list].as_i64() else { continue };
        let known = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1";
        let update = sqlx::query(known).bind(table).bind(next - 1);
        if update.execute(&mut *connection).await?.rows_affected() == 0 {
            let new = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
            sqlx::query(new).bind(table).bind(next - 1).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// The rows of a fixture that the account has already, named for people. Reference data that are the same are no
/// matter: most accounts have them.
pub(crate) async fn taken(
    connection: &mut Connection,
    account: &Map<String, Value>,
) -> Result<Vec<String>, StorageError> {
    let mut taken = Vec::new();
    for (kind, list) in REFERENCES {
        if let Some(rows) = account.get(list) {
            taken.extend(renamed(connection, kind, list, rows).await?);
        }
    }
    for (list, table, field) in [
        ("customers", "customer WHERE id", "id"),
        ("customers", "customer WHERE external_primary_id", "external_primary_id"),
        ("views", "view WHERE id", "id"),
        ("views", "view WHERE slug", "slug"),
        ("tickets", "ticket WHERE id", "id"),
    ] {
        named(connection, &mut taken, list, table, &values(account, list, field)).await?;
    }
    named(connection, &mut taken, "timeline", "timeline WHERE id", &entries(account)).await?;
    Ok(taken)
}

/// The reference data whose ids stand for something else in the account.
async fn renamed(
    connection: &mut Connection,
    kind: &str,
    list: &str,
    rows: &Value,
) -> Result<Vec<String>, StorageError> {
    let statement = format!(
        "SELECT r.id FROM reference AS r JOIN json_each($2) AS given ON r.id = given.value ->> '$.id' \
         WHERE r.kind = $1 \
         AND (r.name, r.icon) IS NOT (given.value ->> '$.name', given.value ->> '$.icon') \
         ORDER BY r.id LIMIT {MOST_NAMED}"
    );
    let statement = query_scalar(AssertSqlSafe(statement)).bind(kind).bind(rows.to_string());
    let ids: Vec<i64> = statement.fetch_all(connection).await?;
    Ok(ids.into_iter().map(|id| format!("{list} {id}")).collect())
}

/// Adds the ids of the rows of `table` that have one of these values.
async fn named(
    connection: &mut Connection,
    taken: &mut Vec<String>,
    list: &str,
    table: &str,
    values: &[&Value],
) -> Result<(), StorageError> {
    let statement = format!(
        "SELECT id FROM {table} IN (SELECT value FROM json_each($1)) ORDER BY id LIMIT {MOST_NAMED}"
    );
    let values = serde_json::to_string(values).unwrap_or_default();
    let ids: Vec<i64> =
        query_scalar(AssertSqlSafe(statement)).bind(values).fetch_all(connection).await?;
    for row in ids.into_iter().map(|id| format!("{list} {id}")) {
        if !taken.contains(&row) {
            taken.push(row);
        }
    }
    Ok(())
}

fn rows<'a>(of: &'a Value, list: &str) -> &'a [Value] {
    of[list].as_array().map_or(&[], Vec::as_slice)
}

fn values<'a>(account: &'a Map<String, Value>, list: &str, field: &str) -> Vec<&'a Value> {
    let rows = account.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    rows.iter().map(|row| &row[field]).filter(|value| !value.is_null()).collect()
}

fn entries(account: &Map<String, Value>) -> Vec<&Value> {
    let tickets = account.get("tickets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let entries = tickets.iter().flat_map(|ticket| rows(ticket, "timeline"));
    entries.map(|entry| &entry["id"]).filter(|id| !id.is_null()).collect()
}

//! Exports an account's rows as a fixture, and finds fixture rows that already exist.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, query_as, query_scalar};

use super::sql::quote_identifier;
use crate::clock::Zone;
use crate::storage::{Connection, StorageError};
use crate::tickets::model::columns::{EVENT_COLUMNS, NOTE_COLUMNS, TICKET_COLUMNS};
use crate::tickets::model::dates;

/// Limit of existing rows that each query reports.
const MAX_REPORTED_ROWS_PER_LIST: i64 = 20;

/// The tables whose ids are never reused, with their lists in fixtures.
const AUTOINCREMENT_TABLES: [(&str, &str); 3] =
    [("ticket", "tickets"), ("timeline", "timeline"), ("customer", "customers")];

/// The kinds of reference data, with their lists in fixtures.
pub(crate) const REFERENCE_LISTS: [(&str, &str); 4] =
    [("brand", "brands"), ("channel", "channels"), ("group", "groups"), ("user", "users")];

fn json_object_args<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let pairs: Vec<String> =
        columns.map(|column| format!("'{column}', {}", quote_identifier(column))).collect();
    pairs.join(", ")
}

/// One statement, so that it reads one snapshot: a row with all but the tickets, then a row per ticket. A single value
/// would take several times its length, since SQLite copies a text when it embeds it in another.
static EXPORT_STATEMENT: LazyLock<String> = LazyLock::new(|| {
    let references = REFERENCE_LISTS.map(|(kind, list)| {
        let icon = if kind == "channel" { ", 'icon', icon" } else { "" };
        format!(
            "'{list}', (SELECT json_group_array(json_object('id', id, 'name', name{icon}) ORDER BY id) \
             FROM reference WHERE kind = '{kind}')"
        )
    });
    let next_ids = AUTOINCREMENT_TABLES.map(|(table, list)| {
        format!(
            "'{list}', 1 + COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)"
        )
    });
    let customer = json_object_args(
        ["id", "external_primary_id", "firstname", "lastname", "brand_id"].into_iter(),
    );
    let ticket = json_object_args(TICKET_COLUMNS.iter().map(|column| column.name));
    let event = json_object_args(EVENT_COLUMNS.iter().map(|column| column.name));
    let note = json_object_args(NOTE_COLUMNS.iter().map(|column| column.name));
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

/// Appends the account's rows to `text` as a JSON object without its opening brace, in the order of a fixture's lists.
///
/// # Errors
/// If the database fails.
pub(crate) async fn export(
    connection: &mut Connection,
    zone: &Zone,
    mut text: String,
) -> Result<String, StorageError> {
    let mut rows = query_scalar::<_, String>(EXPORT_STATEMENT.as_str()).fetch(connection);
    let mut separator = "";
    while let Some(row) = rows.try_next().await? {
        let row = dates::export_dates(row, zone);
        text.push_str(separator);
        if separator.is_empty() {
            let fields = row.trim_start_matches('{');
            text.push_str(fields.strip_suffix('}').unwrap_or(fields));
            separator = ",\"tickets\":[";
        } else {
            text.push_str(&row);
            separator = ",";
        }
    }
    text.push_str(if separator == "," { "]}" } else { ",\"tickets\":[]}" });
    Ok(text)
}

/// Returns the row count of each kind, as a JSON object.
pub(crate) async fn count_rows(connection: &mut Connection) -> Result<String, StorageError> {
    static COUNT_STATEMENT: LazyLock<String> = LazyLock::new(|| {
        let references = REFERENCE_LISTS.map(|(kind, list)| {
            format!("'{list}', (SELECT COUNT(*) FROM reference WHERE kind = '{kind}')")
        });
        format!(
            "SELECT json_object({}, 'customers', (SELECT COUNT(*) FROM customer), \
             'views', (SELECT COUNT(*) FROM view), 'tickets', (SELECT COUNT(*) FROM ticket), \
             'timeline', (SELECT COUNT(*) FROM timeline))",
            references.join(", ")
        )
    });
    Ok(query_scalar(COUNT_STATEMENT.as_str()).fetch_one(connection).await?)
}

/// The last ids assigned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastUsedIds {
    pub(crate) ticket: u64,
    pub(crate) timeline_entry: u64,
}

pub(crate) async fn last_used_ids(
    connection: &mut Connection,
) -> Result<LastUsedIds, StorageError> {
    let rows: Vec<(String, i64)> =
        query_as("SELECT name, seq FROM sqlite_sequence").fetch_all(connection).await?;
    let last = |table: &str| {
        rows.iter().find(|(name, _)| name == table).map_or(0, |(_, seq)| seq.unsigned_abs())
    };
    Ok(LastUsedIds { ticket: last("ticket"), timeline_entry: last("timeline") })
}

/// Raises the next ids to those of a fixture, if larger than its rows imply.
pub(crate) async fn raise_next_ids(
    connection: &mut Connection,
    next_ids: &Value,
) -> Result<(), StorageError> {
    for (table, list) in AUTOINCREMENT_TABLES {
        let Some(next) = next_ids[list].as_i64() else { continue };
        let update_statement = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1";
        let update = sqlx::query(update_statement).bind(table).bind(next - 1);
        if update.execute(&mut *connection).await?.rows_affected() == 0 {
            let insert_statement = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
            sqlx::query(insert_statement)
                .bind(table)
                .bind(next - 1)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Returns the names of fixture rows that already exist. Identical reference data does not count: most accounts
/// have it.
pub(crate) async fn find_existing_rows(
    connection: &mut Connection,
    account: &Map<String, Value>,
) -> Result<Vec<String>, StorageError> {
    let mut existing = Vec::new();
    for (kind, list) in REFERENCE_LISTS {
        if let Some(rows) = account.get(list) {
            existing.extend(find_conflicting_references(connection, kind, list, rows).await?);
        }
    }
    for (list, from_where, field) in [
        ("customers", "customer WHERE id", "id"),
        ("customers", "customer WHERE external_primary_id", "external_primary_id"),
        ("views", "view WHERE id", "id"),
        ("views", "view WHERE slug", "slug"),
        ("tickets", "ticket WHERE id", "id"),
    ] {
        push_existing_rows(
            connection,
            &mut existing,
            list,
            from_where,
            &field_values(account, list, field),
        )
        .await?;
    }
    push_existing_rows(
        connection,
        &mut existing,
        "timeline",
        "timeline WHERE id",
        &timeline_entry_ids(account),
    )
    .await?;
    Ok(existing)
}

/// Finds references whose id has another name or icon in the account.
async fn find_conflicting_references(
    connection: &mut Connection,
    kind: &str,
    list: &str,
    rows: &Value,
) -> Result<Vec<String>, StorageError> {
    let statement = format!(
        "SELECT r.id FROM reference AS r JOIN json_each($2) AS given ON r.id = given.value ->> '$.id' \
         WHERE r.kind = $1 \
         AND (r.name, r.icon) IS NOT (given.value ->> '$.name', given.value ->> '$.icon') \
         ORDER BY r.id LIMIT {MAX_REPORTED_ROWS_PER_LIST}"
    );
    let statement = query_scalar(AssertSqlSafe(statement)).bind(kind).bind(rows.to_string());
    let ids: Vec<i64> = statement.fetch_all(connection).await?;
    Ok(ids.into_iter().map(|id| format!("{list} {id}")).collect())
}

/// Adds the rows whose column in `from_where` has one of these values.
async fn push_existing_rows(
    connection: &mut Connection,
    existing: &mut Vec<String>,
    list: &str,
    from_where: &str,
    values: &[&Value],
) -> Result<(), StorageError> {
    let statement = format!(
        "SELECT id FROM {from_where} IN (SELECT value FROM json_each($1)) ORDER BY id LIMIT {MAX_REPORTED_ROWS_PER_LIST}"
    );
    let values = serde_json::to_string(values).unwrap_or_default();
    let ids: Vec<i64> =
        query_scalar(AssertSqlSafe(statement)).bind(values).fetch_all(connection).await?;
    for row in ids.into_iter().map(|id| format!("{list} {id}")) {
        if !existing.contains(&row) {
            existing.push(row);
        }
    }
    Ok(())
}

fn list_rows<'a>(object: &'a Value, list: &str) -> &'a [Value] {
    object[list].as_array().map_or(&[], Vec::as_slice)
}

fn field_values<'a>(account: &'a Map<String, Value>, list: &str, field: &str) -> Vec<&'a Value> {
    let rows = account.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    rows.iter().map(|row| &row[field]).filter(|value| !value.is_null()).collect()
}

fn timeline_entry_ids(account: &Map<String, Value>) -> Vec<&Value> {
    let tickets = account.get("tickets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let entries = tickets.iter().flat_map(|ticket| list_rows(ticket, "timeline"));
    entries.map(|entry| &entry["id"]).filter(|id| !id.is_null()).collect()
}

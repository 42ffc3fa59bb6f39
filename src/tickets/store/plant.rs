//! Planting: rows of a fixture go in as JSON, many to a statement.

use std::sync::LazyLock;

use serde_json::Value;
use sqlx::{AssertSqlSafe, SqlStr, query};

use super::sql::name;
use crate::storage::{Connection, StorageError};
use crate::tickets::columns::{EVENT, NOTE, TICKET};

/// How many rows one statement takes.
pub(crate) const ROWS: usize = 500;

pub(crate) async fn references(
    connection: &mut Connection,
    kind: &str,
    rows: &[Value],
) -> Result<(), StorageError> {
    for rows in rows.chunks(ROWS) {
        query(
            "INSERT OR IGNORE INTO reference (kind, id, name, icon) \
             SELECT $2, value ->> '$.id', value ->> '$.name', value ->> '$.icon' FROM json_each($1)",
        )
        .bind(json(rows))
        .bind(kind)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(crate) async fn customers(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    each(
        connection,
        rows,
        "customer",
        &["id", "external_primary_id", "firstname", "lastname", "brand_id"],
        given,
    )
    .await
}

pub(crate) async fn views(connection: &mut Connection, rows: &[Value]) -> Result<(), StorageError> {
    each(connection, rows, "view", &["id", "slug", "title", "conditions"], given).await
}

pub(crate) async fn tickets(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    static COLUMNS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let own = TICKET.iter().map(|column| column.name);
        own.chain(["search_title", "search_rest"]).collect()
    });
    each(connection, rows, "ticket", &COLUMNS, given).await
}

/// Brings what is derived from the tickets up to date, once all of them are planted.
pub(crate) async fn planted(connection: &mut Connection) -> Result<(), StorageError> {
    sqlx::raw_sql(PLANTED).execute(connection).await?;
    Ok(())
}

/// What planting leaves behind at once and not little by little: it is done once, and copied often.
const PLANTED: &str = "DELETE FROM tally; \
    INSERT INTO tally (status, priority, is_assigned, closed_on, tickets) \
    SELECT status, priority, assigned_group_id <> 0 OR assigned_user_id <> 0, \
        COALESCE(SUBSTR(closed_at, 1, 10), ''), COUNT(*) FROM ticket GROUP BY 1, 2, 3, 4; \
    INSERT INTO ticket_search (rowid, search_title, search_rest) \
    SELECT id, search_title, search_rest FROM ticket WHERE id IN (SELECT id FROM search_queue WHERE title IS NULL); \
    DELETE FROM search_queue WHERE title IS NULL";

/// The columns of events and notes.
static TIMELINE: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let notes = NOTE.iter().map(|column| column.name);
    let events = EVENT.iter().map(|column| column.name);
    events.chain(notes.filter(|name| EVENT.iter().all(|column| column.name != *name))).collect()
});

pub(crate) async fn timeline(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    each(connection, rows, "timeline", &TIMELINE, given).await
}

/// A column as the row gives it.
fn given(column: &str) -> String {
    format!("value ->> '$.{column}'")
}

async fn each(
    connection: &mut Connection,
    rows: &[Value],
    table: &str,
    columns: &[&str],
    value: fn(&str) -> String,
) -> Result<(), StorageError> {
    let names: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let values: Vec<String> = columns.iter().map(|column| value(column)).collect();
    let statement = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM json_each($1) WHERE true",
        names.join(", "),
        values.join(", ")
    );
    let statement: SqlStr = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(statement));
    for rows in rows.chunks(ROWS) {
        query(statement.clone()).bind(json(rows)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn json(rows: &[Value]) -> String {
    Value::from(rows).to_string()
}

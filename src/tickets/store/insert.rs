//! Bulk insert: passes fixture rows to SQLite as JSON, many per statement.

use std::sync::LazyLock;

use serde_json::Value;
use sqlx::{AssertSqlSafe, SqlStr, query};

use super::sql::insert_sql;
use crate::storage::{Connection, StorageError};
use crate::tickets::model::columns;
use crate::tickets::model::command::CustomerRow;
use crate::tickets::model::reference::ReferenceKind;
use crate::tickets::model::row::Row as _;

/// Row limit per statement.
pub(crate) const ROWS_PER_STATEMENT: usize = 500;

pub(crate) async fn insert_references(
    connection: &mut Connection,
    kind: ReferenceKind,
    rows: &[Value],
) -> Result<(), StorageError> {
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        query(
            "INSERT OR IGNORE INTO reference (kind, id, name, icon) \
             SELECT $2, value ->> '$.id', value ->> '$.name', value ->> '$.icon' FROM json_each($1)",
        )
        .bind(rows_to_json(rows))
        .bind(kind.name())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(crate) async fn insert_customers(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    insert_rows(connection, rows, "customer", CustomerRow::COLUMNS).await
}

pub(crate) async fn insert_views(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    insert_rows(connection, rows, "view", &["id", "slug", "title", "conditions"]).await
}

pub(crate) async fn insert_tickets(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    static COLUMNS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let names = columns::ticket_column_names().iter().copied();
        names.chain(["search_title", "search_rest"]).collect()
    });
    insert_rows(connection, rows, "ticket", &COLUMNS).await
}

/// Rebuilds the tally and indexes new tickets, after all tickets are inserted.
pub(crate) async fn rebuild_derived_tables(
    connection: &mut Connection,
) -> Result<(), StorageError> {
    sqlx::raw_sql(REBUILD_DERIVED_TABLES_SQL).execute(connection).await?;
    Ok(())
}

/// Indexes at once, not as deferred work: the database is filled once, but copied often.
const REBUILD_DERIVED_TABLES_SQL: &str = "DELETE FROM tally; \
    INSERT INTO tally (status, priority, is_assigned, closed_on, tickets) \
    SELECT status, priority, assigned_group_id <> 0 OR assigned_user_id <> 0, \
        COALESCE(SUBSTR(closed_at, 1, 10), ''), COUNT(*) FROM ticket GROUP BY 1, 2, 3, 4; \
    INSERT INTO ticket_search (rowid, search_title, search_rest) \
    SELECT id, search_title, search_rest FROM ticket WHERE id IN (SELECT id FROM search_queue WHERE title IS NULL); \
    DELETE FROM search_queue WHERE title IS NULL";

pub(crate) async fn insert_timeline(
    connection: &mut Connection,
    rows: &[Value],
) -> Result<(), StorageError> {
    static COLUMNS: LazyLock<Vec<&str>> =
        LazyLock::new(|| columns::timeline_columns().map(|column| column.name).collect());
    insert_rows(connection, rows, "timeline", &COLUMNS).await
}

async fn insert_rows(
    connection: &mut Connection,
    rows: &[Value],
    table: &str,
    columns: &[&str],
) -> Result<(), StorageError> {
    let statement = AssertSqlSafe(insert_sql(table, columns, "jsonb_each($1)"));
    let statement: SqlStr = sqlx::SqlSafeStr::into_sql_str(statement);
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        // A fixture's rows are JSON objects; SQLite finds the elements of an array much faster.
        let rows: Vec<Vec<&Value>> =
            rows.iter().map(|row| columns.iter().map(|column| &row[column]).collect()).collect();
        let rows = serde_json::to_string(&rows).unwrap_or_default();
        query(statement.clone()).bind(rows).execute(&mut *connection).await?;
    }
    Ok(())
}

fn rows_to_json(rows: &[Value]) -> String {
    Value::from(rows).to_string()
}

//! The next ids: an id is never assigned twice, not even after a deletion.

use serde_json::Value;
use sqlx::query_as;

use crate::storage::{Connection, StorageError};

/// A table whose ids are never reused.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberedTable {
    pub(super) table: &'static str,
    /// The name of its list in a fixture.
    pub(super) list: &'static str,
}

pub(super) const NUMBERED_TABLES: [NumberedTable; 3] = [
    NumberedTable { table: "ticket", list: "tickets" },
    NumberedTable { table: "timeline", list: "timeline" },
    NumberedTable { table: "customer", list: "customers" },
];

/// The last ids assigned to rows whose ids are optional in a fixture.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastUsedIds {
    pub(crate) ticket: u64,
    pub(crate) timeline_entry: u64,
}

/// Returns the last ids assigned.
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
    for NumberedTable { table, list } in NUMBERED_TABLES {
        let Some(next) = next_ids[list].as_i64() else { continue };
        raise_last_id(connection, table, next - 1).await?;
    }
    Ok(())
}

/// Raises the last id of the timelines. SQLite does that itself for the tables of tickets and customers.
pub(crate) async fn raise_last_timeline_id(
    connection: &mut Connection,
    last_id: u64,
) -> Result<(), StorageError> {
    raise_last_id(connection, "timeline", i64::try_from(last_id).unwrap_or(i64::MAX)).await
}

async fn raise_last_id(
    connection: &mut Connection,
    table: &str,
    last_id: i64,
) -> Result<(), StorageError> {
    let update_statement = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1";
    let update = sqlx::query(update_statement).bind(table).bind(last_id);
    if update.execute(&mut *connection).await?.rows_affected() == 0 {
        let insert_statement = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
        sqlx::query(insert_statement).bind(table).bind(last_id).execute(connection).await?;
    }
    Ok(())
}

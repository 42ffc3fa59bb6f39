//! Finds rows that an account already has.

use serde_json::Value;
use sqlx::{AssertSqlSafe, query_scalar};

use crate::storage::{Connection, StorageError};
use crate::tickets::model::reference::ReferenceKind;

/// Returns the ids of rows of `references` that have another name or icon in the account.
pub(crate) async fn find_conflicting_references(
    connection: &mut Connection,
    kind: ReferenceKind,
    references: &Value,
) -> Result<Vec<i64>, StorageError> {
    let statement = "SELECT r.id FROM reference AS r JOIN json_each($2) AS given ON r.id = given.value ->> '$.id' \
         WHERE r.kind = $1 \
         AND (r.name, r.icon) IS NOT (given.value ->> '$.name', given.value ->> '$.icon') \
         ORDER BY r.id";
    let statement = query_scalar(statement);
    let statement = statement.bind(kind.name()).bind(references.to_string());
    Ok(statement.fetch_all(connection).await?)
}

/// Returns the ids of rows whose column has one of these values.
pub(crate) async fn find_rows(
    connection: &mut Connection,
    table: &'static str,
    column: &'static str,
    values: &[&Value],
) -> Result<Vec<i64>, StorageError> {
    let statement = format!(
        "SELECT id FROM {table} WHERE {column} IN (SELECT value FROM json_each($1)) \
         ORDER BY id"
    );
    let values = serde_json::to_string(values).unwrap_or_default();
    Ok(query_scalar(AssertSqlSafe(statement)).bind(values).fetch_all(connection).await?)
}

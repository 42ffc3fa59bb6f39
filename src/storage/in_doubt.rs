//! Resolves failed transactions: rolled back for certain, or in doubt.
//!
//! A commit writes its frames into the write-ahead log, fsyncs it, and then updates the log's index. If one of the last
//! two steps fails, SQLite rolls back in memory, but the frames stay in the log: the next open after a kill recovers
//! them as committed. The next commit overwrites them. So an empty commit resolves the doubt: once it succeeds, the
//! failed transaction is gone for good.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::error::StorageError;

/// Whether a transaction's outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionOutcome {
    Resolved,
    /// The next open may recover it.
    InDoubt,
}

/// Rolls back a failed transaction, and resolves its outcome. `error` is None after a panic.
pub(super) async fn roll_back(
    connection: &mut SqliteConnection,
    error: Option<&StorageError>,
) -> TransactionOutcome {
    // Succeeds only while the transaction is open, so before any commit.
    let was_open = sqlx::query("ROLLBACK").execute(&mut *connection).await.is_ok();
    if was_open || error.is_some_and(StorageError::rules_out_commit) {
        return TransactionOutcome::Resolved;
    }
    overwrite_failed_commit(connection).await
}

/// Commits nothing, which overwrites the frames of a failed commit in the log.
pub(super) async fn overwrite_failed_commit(
    connection: &mut SqliteConnection,
) -> TransactionOutcome {
    match commit_empty_transaction(connection).await {
        Ok(()) => TransactionOutcome::Resolved,
        Err(error) => {
            tracing::debug!(%error, "the outcome of a commit is still unknown");
            TransactionOutcome::InDoubt
        }
    }
}

/// Rewrites the user version. SQLite writes the first page for that, with a new file change counter.
async fn commit_empty_transaction(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let user_version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let statement = AssertSqlSafe(format!("PRAGMA user_version = {user_version}"));
    Ok(sqlx::raw_sql(statement).execute(connection).await.map(drop)?)
}

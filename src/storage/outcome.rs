//! What became of a transaction that failed: rolled back for certain, or not known yet.
//!
//! A commit writes its frames into the log, waits for the disk, and then updates the index of the log. When one of the
//! last two steps fails, SQLite rolls back in memory, but the frames stay in the log: whoever opens the database next,
//! after a kill, finds them and takes them for committed. The next commit writes over them. So a commit of no change
//! makes the outcome known: once it succeeds, the failed transaction is gone for good.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::StorageError;
use super::alone::execute;

/// What is known of a transaction that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    RolledBack,
    /// It may be found when the database is opened next.
    Unknown,
}

/// Ends a transaction that failed, and finds out what became of it. `error` is None after a panic.
pub(super) async fn roll_back(
    connection: &mut SqliteConnection,
    error: Option<&StorageError>,
) -> Outcome {
    // It succeeds only while the transaction is open, so before any commit.
    let was_open = execute(connection, "ROLLBACK").await.is_ok();
    if was_open || error.is_some_and(StorageError::left_no_commit) {
        return Outcome::RolledBack;
    }
    overwrite(connection).await
}

/// Commits no change, which writes over what a failed commit has left in the log.
pub(super) async fn overwrite(connection: &mut SqliteConnection) -> Outcome {
    match commit_nothing(connection).await {
        Ok(()) => Outcome::RolledBack,
        Err(error) => {
            tracing::debug!(%error, "the outcome of a commit is still unknown");
            Outcome::Unknown
        }
    }
}

/// Sets the user version to what it is. SQLite writes the first page for that, with a new change counter.
async fn commit_nothing(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let statement = AssertSqlSafe(format!("PRAGMA user_version = {version}"));
    Ok(sqlx::raw_sql(statement).execute(connection).await.map(drop)?)
}

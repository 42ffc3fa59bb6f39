//! Query timeouts: SQLite interrupts a long query, so that none runs on without a client.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;

use super::error::StorageError;
use crate::clock::Stopwatch;

/// The number of opcodes that SQLite runs between two timeout checks (arbitrary: some microseconds; an opcode
/// that compares long texts takes a millisecond).
const PROGRESS_INTERVAL_OPS: i32 = 200;
/// An interrupted statement's code (documented: SQLite's list of result codes).
const SQLITE_INTERRUPT: &str = "9";

/// Wraps a query so that its statements are interrupted at the timeout.
pub(super) fn interrupt_after<T, F>(
    stopwatch: Stopwatch,
    timeout: Duration,
    query: F,
) -> impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
+ Send
+ 'static
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
        + Send
        + 'static,
{
    move |connection| {
        Box::pin(async move {
            let should_continue = move || stopwatch.elapsed() < timeout;
            connection
                .lock_handle()
                .await?
                .set_progress_handler(PROGRESS_INTERVAL_OPS, should_continue);
            let result = query(&mut *connection).await;
            connection.lock_handle().await?.remove_progress_handler();
            result.map_err(
                |error| if is_interrupted(&error) { StorageError::QueryTimeout } else { error },
            )
        })
    }
}

fn is_interrupted(error: &StorageError) -> bool {
    let StorageError::Sqlite(sqlx::Error::Database(error)) = error else { return false };
    error.code().is_some_and(|code| code == SQLITE_INTERRUPT)
}

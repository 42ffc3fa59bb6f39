//! Queries that may take long: SQLite gives them up when their time is over, so that nothing runs on for nobody.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::{BoxFuture, StorageError};
use crate::clock::Stopwatch;

/// How many steps of SQLite's machine pass between two looks at the time (chosen: some microseconds; one that compares
/// long texts takes a millisecond).
const STEPS: i32 = 200;
/// What an interrupted statement ends in (documented: SQLite's list of result codes).
const INTERRUPTED: &str = "9";

/// A query whose statements are given up once so much time has passed.
pub(super) fn interrupted_after<T, F>(
    (watch, time): (Stopwatch, Duration),
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
            let goes_on = move || watch.elapsed() < time;
            connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
            let result = query(&mut *connection).await;
            connection.lock_handle().await?.remove_progress_handler();
            result
                .map_err(|error| if is_interrupted(&error) { StorageError::TooLong } else { error })
        })
    }
}

fn is_interrupted(error: &StorageError) -> bool {
    let StorageError::Sqlite(sqlx::Error::Database(error)) = error else { return false };
    error.code().is_some_and(|code| code == INTERRUPTED)
}

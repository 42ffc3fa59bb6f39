//! A change in a transaction of its own.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;

use super::writer::{Caller, Heard};
use super::{BoxFuture, StorageError};
use crate::clock::Stopwatch;

/// A change that has not run yet.
pub(super) trait Alone: Send {
    /// Makes the change, unless its caller has given it up.
    fn make<'c>(
        self: Box<Self>,
        connection: &'c mut SqliteConnection,
        heard: &'c Heard,
    ) -> BoxFuture<'c, ()>;
}

/// A change with its caller, who waits.
pub(super) struct Waiting<F, T, E> {
    pub(super) change: F,
    pub(super) caller: Caller<Result<T, E>>,
}

impl<F, T, E> Alone for Waiting<F, T, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    fn make<'c>(
        self: Box<Self>,
        connection: &'c mut SqliteConnection,
        heard: &'c Heard,
    ) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            if !self.caller.begins() {
                return;
            }
            let watch = Stopwatch::start();
            // A panic has been printed; the dropped sender tells the caller.
            let made = AssertUnwindSafe(kept(connection, self.change, heard)).catch_unwind().await;
            let is_kept = matches!(made, Ok(Ok(_)));
            if !is_kept {
                // The transaction may have ended by itself; then there is nothing to roll back.
                let _ = execute(connection, "ROLLBACK").await;
            }
            heard.times.has_written(watch.elapsed(), is_kept);
            // Moved before anyone hears of the change, so that no kept answer outlives it.
            heard.version.advance();
            if let Ok(result) = made {
                // A caller that has gone needs no answer.
                let _ = self.caller.answer.send(result);
            }
        })
    }
}

async fn kept<F, T, E>(connection: &mut SqliteConnection, change: F, heard: &Heard) -> Result<T, E>
where
    E: From<StorageError>,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>>,
{
    let told = |error: StorageError| {
        let error = error.at(&heard.path);
        tracing::error!(%error, "a change was not kept");
        error
    };
    execute(connection, "BEGIN IMMEDIATE").await.map_err(told)?;
    let value = change(connection).await?;
    execute(connection, "COMMIT").await.map_err(told)?;
    Ok(value)
}

/// Runs a statement of ours; it stays prepared.
pub(super) async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), StorageError> {
    Ok(sqlx::query(statement).execute(connection).await.map(drop)?)
}

//! A change in a transaction of its own.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;

use super::outcome::{Outcome, roll_back};
use super::writer::{Caller, Heard};
use super::{BoxFuture, StorageError};
use crate::clock::Stopwatch;

/// A change that has not run yet.
pub(super) trait Alone: Send {
    /// Makes the change, unless its caller has given it up. Says what is known of it if it failed.
    fn make<'c>(
        self: Box<Self>,
        connection: &'c mut SqliteConnection,
        heard: &'c Heard,
    ) -> BoxFuture<'c, Outcome>;

    /// Tells the caller that the change is not made.
    fn refuse(self: Box<Self>, why: StorageError);
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
    ) -> BoxFuture<'c, Outcome> {
        Box::pin(async move {
            if !self.caller.begins() {
                return Outcome::RolledBack;
            }
            let watch = Stopwatch::start();
            // A panic has been printed; the dropped sender tells the caller.
            let made =
                AssertUnwindSafe(in_transaction(connection, self.change)).catch_unwind().await;
            let mut outcome = Outcome::RolledBack;
            let result = match made {
                Ok(Ok(value)) => {
                    heard.hold_cache(None);
                    match execute(connection, "COMMIT").await {
                        Ok(()) => Some(Ok(value)),
                        Err(error) => {
                            outcome = roll_back(connection, Some(&error)).await;
                            Some(Err(heard.failed(error, outcome).into()))
                        }
                    }
                }
                failed => {
                    // Nothing was committed, so nothing is unknown.
                    let _ = execute(connection, "ROLLBACK").await;
                    failed.ok().map(|failed| failed.map_err(|failed| failed.reported(heard)))
                }
            };
            heard.times.has_written(watch.elapsed(), matches!(result, Some(Ok(_))));
            if outcome == Outcome::RolledBack {
                heard.version.release(None);
            }
            if let Some(result) = result {
                // A caller that has gone needs no answer.
                let _ = self.caller.answer.send(result);
            }
            outcome
        })
    }

    fn refuse(self: Box<Self>, why: StorageError) {
        if self.caller.begins() {
            let _ = self.caller.answer.send(Err(why.into()));
        }
    }
}

/// Why a change was not made.
enum Failed<E> {
    /// The transaction could not begin.
    Begin(StorageError),
    /// The change refused itself.
    Change(E),
}

impl<E: From<StorageError>> Failed<E> {
    fn reported(self, heard: &Heard) -> E {
        match self {
            Self::Begin(error) => heard.failed(error, Outcome::RolledBack).into(),
            Self::Change(error) => error,
        }
    }
}

/// Begins a transaction and makes a change, which is still to be committed.
async fn in_transaction<F, T, E>(
    connection: &mut SqliteConnection,
    change: F,
) -> Result<T, Failed<E>>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>>,
{
    execute(connection, "BEGIN IMMEDIATE").await.map_err(Failed::Begin)?;
    change(connection).await.map_err(Failed::Change)
}

/// Runs a statement of ours; it stays prepared.
pub(super) async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), StorageError> {
    Ok(sqlx::query(statement).execute(connection).await.map(drop)?)
}

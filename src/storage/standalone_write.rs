//! Runs a write in its own transaction.

use std::any::TypeId;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;

use super::error::StorageError;
use super::in_doubt::{TransactionOutcome, roll_back};
use super::write_job::{Responder, WriteJob, WriteResult};
use super::writer_context::WriterContext;
use crate::clock::Stopwatch;

/// A write and its waiting caller.
pub(super) struct StandaloneWrite<F, T, E> {
    pub(super) write: F,
    pub(super) responder: Responder<Result<T, E>>,
}

impl<F, T, E> WriteJob for StandaloneWrite<F, T, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    fn batch_key(&self) -> Option<TypeId> {
        None
    }

    fn try_claim(&self) -> bool {
        self.responder.try_claim()
    }

    fn run<'c>(
        self: Box<Self>,
        _others: Vec<Box<dyn WriteJob>>,
        connection: &'c mut SqliteConnection,
        context: &'c WriterContext,
    ) -> BoxFuture<'c, WriteResult> {
        Box::pin(async move {
            let stopwatch = Stopwatch::start();
            // The panic hook reports a panic; the dropped sender ends the wait.
            let attempt =
                AssertUnwindSafe(begin_and_apply(connection, self.write)).catch_unwind().await;
            let mut outcome = TransactionOutcome::Resolved;
            let result = match attempt {
                Ok(Ok(value)) => {
                    context.begin_commit(None);
                    match execute(connection, "COMMIT").await {
                        Ok(()) => Some(Ok(value)),
                        Err(error) => {
                            outcome = roll_back(connection, Some(&error)).await;
                            Some(Err(context.report_failure(error, outcome).into()))
                        }
                    }
                }
                failed => {
                    // Nothing was committed, so nothing is in doubt.
                    let _ = execute(connection, "ROLLBACK").await;
                    failed
                        .ok()
                        .map(|result| result.map_err(|failure| failure.into_reported(context)))
                }
            };
            context.metrics.record_write(stopwatch.elapsed(), matches!(result, Some(Ok(_))));
            if outcome == TransactionOutcome::Resolved {
                context.change_counter.end_commit(None);
            }
            if let Some(result) = result {
                self.responder.reply(result);
            }
            WriteResult { deferred_rows: 1, outcome }
        })
    }

    fn reject(self: Box<Self>, error: StorageError) {
        if self.responder.try_claim() {
            self.responder.reply(Err(error.into()));
        }
    }
}

/// The failure of a write.
enum WriteFailure<E> {
    /// The transaction could not begin.
    Begin(StorageError),
    /// The write returned an error.
    Write(E),
}

impl<E: From<StorageError>> WriteFailure<E> {
    fn into_reported(self, context: &WriterContext) -> E {
        match self {
            Self::Begin(error) => {
                context.report_failure(error, TransactionOutcome::Resolved).into()
            }
            Self::Write(error) => error,
        }
    }
}

/// Begins a transaction and runs a write, without the commit.
async fn begin_and_apply<F, T, E>(
    connection: &mut SqliteConnection,
    write: F,
) -> Result<T, WriteFailure<E>>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>>,
{
    execute(connection, "BEGIN IMMEDIATE").await.map_err(WriteFailure::Begin)?;
    write(connection).await.map_err(WriteFailure::Write)
}

/// Runs a statement, which stays prepared.
async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), StorageError> {
    Ok(sqlx::query(statement).execute(connection).await.map(drop)?)
}

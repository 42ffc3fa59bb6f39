//! Group commit: queued writes of a type share one transaction. A group of any size takes as many SQLite round trips as
//! one write.

use std::any::{Any, TypeId};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;

use super::change_counter::RowId;
use super::error::StorageError;
use super::in_doubt::{TransactionOutcome, roll_back};
use super::write_job::{Responder, WriteJob, WriteResult};
use super::writer_context::WriterContext;
use crate::clock::Stopwatch;

/// The results of some writes, in their order; each may be rejected, which changes nothing.
pub(crate) type BatchResult<C> =
    Result<Vec<Result<<C as BatchedWrite>::Output, <C as BatchedWrite>::Error>>, StorageError>;

/// A write that is group committed.
pub(crate) trait BatchedWrite: Sized + Send + Sync + 'static {
    type Output: Send + 'static;
    type Error: From<StorageError> + Send + 'static;

    /// Begins a transaction, runs the writes as if in sequence, announces the rows that they change, and commits.
    ///
    /// # Errors
    /// If the database fails. The caller resolves whether the transaction was committed.
    fn apply_batch<'c>(
        connection: &'c mut SqliteConnection,
        writes: &'c [&'c Self],
        commit: &'c CommitHandle<'c>,
    ) -> BoxFuture<'c, BatchResult<Self>>;

    /// Returns about how many rows get deferred work.
    fn deferred_rows(&self) -> usize;
}

/// The commit of a group.
#[derive(Debug)]
pub(crate) struct CommitHandle<'a> {
    context: &'a WriterContext,
    changed_rows: OnceLock<Vec<RowId>>,
}

impl<'a> CommitHandle<'a> {
    pub(super) fn new(context: &'a WriterContext) -> Self {
        Self { context, changed_rows: OnceLock::new() }
    }

    /// Announces the rows that the commit changes. Nothing about them is cached until its outcome is known.
    pub(crate) fn begin(&self, changed_rows: Vec<RowId>) {
        self.context.begin_commit(Some(&changed_rows));
        // A handle has one commit, so it was unset.
        let _ = self.changed_rows.set(changed_rows);
    }

    /// Advances the change counter. This comes before any reply, so that no cached response is stale.
    fn finish(self) {
        self.context.change_counter.end_commit(self.changed_rows.get().map(Vec::as_slice));
    }
}

/// A write and its waiting caller.
pub(super) struct PendingBatchedWrite<C: BatchedWrite> {
    pub(super) write: C,
    /// Takes the output after the commit, for one write of the database after the other.
    pub(super) on_commit: Box<dyn FnOnce(C::Output) + Send>,
    pub(super) responder: Responder<Result<(), C::Error>>,
}

impl<C: BatchedWrite> WriteJob for PendingBatchedWrite<C> {
    fn batch_key(&self) -> Option<TypeId> {
        Some(TypeId::of::<C>())
    }

    fn try_claim(&self) -> bool {
        self.responder.try_claim()
    }

    fn run<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn WriteJob>>,
        connection: &'c mut SqliteConnection,
        context: &'c WriterContext,
    ) -> BoxFuture<'c, WriteResult> {
        let others = others.into_iter().filter_map(|other| {
            let other: Box<dyn Any> = other;
            other.downcast::<Self>().ok().map(|other| *other)
        });
        let mut group = vec![*self];
        group.extend(others);
        Box::pin(commit_group(connection, group, context))
    }

    fn reject(self: Box<Self>, error: StorageError) {
        if self.try_claim() {
            self.responder.reply(Err(error.into()));
        }
    }
}

/// Commits writes together. If that fails, commits each alone, so that one failed write affects no other.
async fn commit_group<C: BatchedWrite>(
    connection: &mut SqliteConnection,
    group: Vec<PendingBatchedWrite<C>>,
    context: &WriterContext,
) -> WriteResult {
    let writes: Vec<&C> = group.iter().map(|pending| &pending.write).collect();
    let failure = match try_commit_group(connection, &writes, context).await {
        Ok(results) => {
            let deferred_rows = reply_committed(group, results);
            return WriteResult { deferred_rows, outcome: TransactionOutcome::Resolved };
        }
        Err(failure) => failure,
    };
    if group.len() == 1 || failure.outcome == TransactionOutcome::InDoubt {
        let outcome = failure.outcome;
        reply_failed(group, failure, context);
        return WriteResult { deferred_rows: 0, outcome };
    }
    let mut deferred_rows = 0;
    let mut group = group.into_iter();
    while let Some(pending) = group.next() {
        match try_commit_group(connection, &[&pending.write], context).await {
            Ok(results) => deferred_rows += reply_committed(vec![pending], results),
            Err(failure) if failure.outcome == TransactionOutcome::Resolved => {
                reply_failed(vec![pending], failure, context);
            }
            Err(failure) => {
                reply_failed(vec![pending], failure, context);
                for pending in group {
                    pending.responder.reply(Err(context.earlier_in_doubt_error().into()));
                }
                return WriteResult { deferred_rows, outcome: TransactionOutcome::InDoubt };
            }
        }
    }
    WriteResult { deferred_rows, outcome: TransactionOutcome::Resolved }
}

/// The failure of a group's commit.
struct GroupFailure {
    /// None after a panic, which its hook reports.
    error: Option<StorageError>,
    outcome: TransactionOutcome,
}

/// Runs writes in one transaction, and rolls it back on a failure.
async fn try_commit_group<C: BatchedWrite>(
    connection: &mut SqliteConnection,
    writes: &[&C],
    context: &WriterContext,
) -> Result<Vec<Result<C::Output, C::Error>>, GroupFailure> {
    let stopwatch = Stopwatch::start();
    let commit = CommitHandle::new(context);
    let results =
        AssertUnwindSafe(C::apply_batch(connection, writes, &commit)).catch_unwind().await;
    let results = results.map_err(|_| None).and_then(|results| results.map_err(Some));
    context.metrics.record_write(stopwatch.elapsed(), results.is_ok());
    let error = match results {
        Ok(results) => {
            commit.finish();
            return Ok(results);
        }
        Err(error) => error,
    };
    let outcome = roll_back(connection, error.as_ref()).await;
    if outcome == TransactionOutcome::Resolved {
        commit.finish();
    }
    Err(GroupFailure { error, outcome })
}

/// Sends each caller its result, after the commit. Returns about how many rows get deferred work.
fn reply_committed<C: BatchedWrite>(
    group: Vec<PendingBatchedWrite<C>>,
    results: Vec<Result<C::Output, C::Error>>,
) -> usize {
    let deferred_rows = group.iter().map(|pending| pending.write.deferred_rows()).sum();
    for (PendingBatchedWrite { on_commit, responder, .. }, result) in group.into_iter().zip(results)
    {
        responder.reply(result.map(on_commit));
    }
    deferred_rows
}

/// Sends callers the failure, or that the commit is in doubt.
fn reply_failed<C: BatchedWrite>(
    group: Vec<PendingBatchedWrite<C>>,
    failure: GroupFailure,
    context: &WriterContext,
) {
    let Some(error) = failure.error else { return };
    let mut error = Some(context.report_failure(error, failure.outcome));
    for pending in group {
        let repeated_error = || match failure.outcome {
            TransactionOutcome::InDoubt => context.in_doubt_error(),
            TransactionOutcome::Resolved => StorageError::TaskFailed,
        };
        let error = error.take().unwrap_or_else(repeated_error);
        pending.responder.reply(Err(error.into()));
    }
}

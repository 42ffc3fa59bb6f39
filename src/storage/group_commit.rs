//! Group commit: queued writes of a type share one transaction, and need as few SQLite round trips as one of them
//! alone, however many they are.

use std::any::{Any, TypeId};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::in_doubt::{TransactionOutcome, roll_back};
use super::writer::{Job, Responder, WriterContext};
use super::{BoxFuture, StorageError};
use crate::clock::Stopwatch;

/// The most writes in one commit; beyond some dozens a group gains nothing more.
const MAX_GROUP_WRITES: usize = 64;

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
    changed_rows: OnceLock<Vec<i64>>,
}

impl<'a> CommitHandle<'a> {
    pub(super) fn new(context: &'a WriterContext) -> Self {
        Self { context, changed_rows: OnceLock::new() }
    }

    /// Announces the rows that the commit changes. Nothing about them is cached until its outcome is known.
    pub(crate) fn begin(&self, changed_rows: Vec<i64>) {
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

/// A type-erased [`BatchedWrite`].
pub(super) trait ErasedWrite: Any + Send {
    /// Claims it. Returns false if its caller timed out.
    fn try_claim(&self) -> bool;
    /// Group commits it, and replies to the callers. Returns about how many rows get deferred work.
    fn run_batch<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn ErasedWrite>>,
        connection: &'c mut SqliteConnection,
        context: &'c WriterContext,
    ) -> BoxFuture<'c, (usize, TransactionOutcome)>;
    /// Replies with the error; runs nothing.
    fn reject(self: Box<Self>, error: StorageError);
}

/// The result of a group.
pub(super) struct GroupResult {
    /// About how many rows get deferred work.
    pub(super) deferred_rows: usize,
    pub(super) outcome: TransactionOutcome,
    /// The first job after the group.
    pub(super) next_job: Option<Job>,
}

/// Group commits a write with those queued behind it.
pub(super) async fn run_group(
    connection: &mut SqliteConnection,
    first: Box<dyn ErasedWrite>,
    jobs: &mut mpsc::Receiver<Job>,
    context: &WriterContext,
) -> GroupResult {
    if !first.try_claim() {
        return GroupResult {
            deferred_rows: 0,
            outcome: TransactionOutcome::Resolved,
            next_job: None,
        };
    }
    coalesce(jobs).await;
    let type_of = |write: &dyn ErasedWrite| -> TypeId { write.type_id() };
    let first_type = type_of(&*first);
    let (mut others, mut next_job) = (Vec::new(), None);
    while next_job.is_none() && others.len() + 1 < MAX_GROUP_WRITES {
        match jobs.try_recv() {
            Ok(Job::Batched(write)) if type_of(&*write) == first_type => {
                if write.try_claim() {
                    others.push(write);
                }
            }
            Ok(job) => next_job = Some(job),
            Err(_) => break,
        }
    }
    let (deferred_rows, outcome) = first.run_batch(others, connection, context).await;
    GroupResult { deferred_rows, outcome, next_job }
}

/// Yields to other ready tasks, as long as they queue more jobs. A lone write does not wait. Without this, groups on a
/// busy core would hold one write.
async fn coalesce(jobs: &mpsc::Receiver<Job>) {
    let mut previous_len = 0;
    loop {
        yield_now().await;
        let len = jobs.len();
        if len == previous_len || len >= MAX_GROUP_WRITES {
            return;
        }
        previous_len = len;
    }
}

impl<C: BatchedWrite> ErasedWrite for PendingBatchedWrite<C> {
    fn try_claim(&self) -> bool {
        self.responder.try_claim()
    }

    fn run_batch<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn ErasedWrite>>,
        connection: &'c mut SqliteConnection,
        context: &'c WriterContext,
    ) -> BoxFuture<'c, (usize, TransactionOutcome)> {
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
            let _ = self.responder.sender.send(Err(error.into()));
        }
    }
}

/// Commits writes together. If that fails, commits each alone, so that one failed write affects no other.
async fn commit_group<C: BatchedWrite>(
    connection: &mut SqliteConnection,
    group: Vec<PendingBatchedWrite<C>>,
    context: &WriterContext,
) -> (usize, TransactionOutcome) {
    let writes: Vec<&C> = group.iter().map(|pending| &pending.write).collect();
    let failure = match try_commit_group(connection, &writes, context).await {
        Ok(results) => return (reply_committed(group, results), TransactionOutcome::Resolved),
        Err(failure) => failure,
    };
    if group.len() == 1 || failure.outcome == TransactionOutcome::InDoubt {
        let outcome = failure.outcome;
        reply_failed(group, failure, context);
        return (0, outcome);
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
                    let _ =
                        pending.responder.sender.send(Err(context.earlier_in_doubt_error().into()));
                }
                return (deferred_rows, TransactionOutcome::InDoubt);
            }
        }
    }
    (deferred_rows, TransactionOutcome::Resolved)
}

/// Why a group was not committed.
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

/// Sends each caller its result, after the commit.
fn reply_committed<C: BatchedWrite>(
    group: Vec<PendingBatchedWrite<C>>,
    results: Vec<Result<C::Output, C::Error>>,
) -> usize {
    let deferred_rows = group.iter().map(|pending| pending.write.deferred_rows()).sum();
    for (PendingBatchedWrite { on_commit, responder, .. }, result) in group.into_iter().zip(results)
    {
        // The caller may be gone.
        let _ = responder.sender.send(result.map(on_commit));
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
        let _ = pending.responder.sender.send(Err(error.into()));
    }
}

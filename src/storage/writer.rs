//! The one writer of a database: a queue of jobs for the task that owns the connection.
//!
//! Queued writes of a type are group committed, in one transaction. A caller gets its reply only after the commit.
//! Deferred work runs when the queue has been empty for a while.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::group_commit::{BatchedWrite, ErasedWrite, GroupResult, PendingBatchedWrite, run_group};
use super::in_doubt::{TransactionOutcome, overwrite_failed_commit};
use super::write_job::{PendingWrite, StandaloneWrite};
use super::{BoxFuture, ChangeCounter, DeferredWork, StorageError};
use crate::metrics::SqliteMetrics;

/// The capacity of the queue; beyond it callers wait for a slot.
const MAX_QUEUED_JOBS: usize = 1024;
/// How long the queue must be empty before deferred work runs (arbitrary).
const IDLE_BEFORE_DEFERRED_WORK: Duration = Duration::from_millis(20);
/// The most rows with deferred work before a step runs although jobs are queued (arbitrary).
const MAX_DEFERRED_ROWS: usize = 100_000;

/// Sends jobs to the task that owns the connection.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    /// How long a write may be queued.
    queue_timeout: Duration,
}

/// What the writer task shares with its jobs.
#[derive(Clone, Debug)]
pub(super) struct WriterContext {
    /// For messages.
    pub(super) path: Arc<Path>,
    pub(super) change_counter: ChangeCounter,
    pub(super) metrics: SqliteMetrics,
    pub(super) deferred_work: Option<DeferredWork>,
    /// Whether other connections read commits at once.
    pub(super) has_readers: bool,
    /// Set while a commit is in doubt.
    pub(super) is_in_doubt: Arc<AtomicBool>,
}

impl WriterContext {
    /// Marks a commit of these rows, or with None of anything, as pending.
    pub(super) fn begin_commit(&self, changed_rows: Option<&[i64]>) {
        // On a shared connection, queries run only after the commit.
        if self.has_readers {
            self.change_counter.begin_commit(changed_rows);
        }
    }

    /// Logs a failed write, and returns its caller's error.
    pub(super) fn report_failure(
        &self,
        error: StorageError,
        outcome: TransactionOutcome,
    ) -> StorageError {
        let error = error.with_path(&self.path);
        tracing::error!(%error, ?outcome, "a change was not committed");
        match outcome {
            TransactionOutcome::Resolved => error,
            TransactionOutcome::InDoubt => self.in_doubt_error(),
        }
    }

    /// Returns the error of a write in doubt.
    pub(super) fn in_doubt_error(&self) -> StorageError {
        StorageError::CommitInDoubt { path: self.path.to_path_buf() }
    }

    /// Returns the error of jobs after a write in doubt.
    pub(super) fn earlier_in_doubt_error(&self) -> StorageError {
        StorageError::EarlierCommitInDoubt { path: self.path.to_path_buf() }
    }
}

pub(super) enum Job {
    Standalone(Box<dyn StandaloneWrite>),
    Batched(Box<dyn ErasedWrite>),
    Query(QueryJob),
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A query on the write connection. It gets an error instead, if it may not run.
type QueryJob = Box<
    dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StorageError>) -> BoxFuture<'c, ()> + Send,
>;

/// The reply channel of a queued write, and the claim on it.
#[derive(Debug)]
pub(super) struct Responder<T> {
    pub(super) sender: oneshot::Sender<T>,
    /// Set by the first: the task that begins the write, or the caller that times out.
    is_claimed: Arc<AtomicBool>,
}

impl<T> Responder<T> {
    /// Claims the write. Returns false if its caller timed out.
    pub(super) fn try_claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::AcqRel)
    }
}

impl Writer {
    /// Spawns the task that owns the connection.
    pub(super) fn start(
        connection: SqliteConnection,
        queue_timeout: Duration,
        context: WriterContext,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(MAX_QUEUED_JOBS);
        tokio::spawn(run_writer(connection, jobs, context));
        Self { queue, queue_timeout }
    }

    /// Runs a write in its own transaction.
    pub(super) async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.submit(|responder| Job::Standalone(Box::new(PendingWrite { write, responder }))).await
    }

    /// Group commits a write. `on_commit` takes its output after the commit.
    pub(super) async fn write_batched<C: BatchedWrite, U: Send + 'static>(
        &self,
        write: C,
        on_commit: impl FnOnce(C::Output) -> U + Send + 'static,
    ) -> Result<U, C::Error> {
        let (sender, receiver) = oneshot::channel();
        let on_commit = move |output| {
            // The caller may be gone.
            let _ = sender.send(on_commit(output));
        };
        self.submit(|responder| {
            Job::Batched(Box::new(PendingBatchedWrite {
                write,
                on_commit: Box::new(on_commit),
                responder,
            }))
        })
        .await?;
        receiver.await.map_err(|_| StorageError::TaskFailed.into())
    }

    /// Queues a write, and waits for its result.
    async fn submit<T, E: From<StorageError>>(
        &self,
        job: impl FnOnce(Responder<Result<T, E>>) -> Job,
    ) -> Result<T, E> {
        let (sender, mut receiver) = oneshot::channel();
        let is_claimed = Arc::<AtomicBool>::default();
        let job = job(Responder { sender, is_claimed: Arc::clone(&is_claimed) });
        let queued = self.queue.send_timeout(job, self.queue_timeout).await;
        queued.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => StorageError::Busy,
            SendTimeoutError::Closed(_) => StorageError::Closed,
        })?;
        let reply = timeout(self.queue_timeout, &mut receiver).await;
        let Ok(result) = reply else {
            if !is_claimed.swap(true, Ordering::AcqRel) {
                return Err(StorageError::Busy.into());
            }
            // The write has begun, so wait for its result.
            return receiver.await.map_err(|_| StorageError::TaskFailed)?;
        };
        result.map_err(|_| StorageError::TaskFailed)?
    }

    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job = Job::Query(Box::new(move |connection| {
            Box::pin(async move {
                let result = match connection {
                    Ok(connection) => query(connection).await,
                    Err(error) => Err(error),
                };
                // The caller may be gone.
                let _ = sender.send(result);
            })
        }));
        self.queue.send(job).await.map_err(|_| StorageError::Closed)?;
        receiver.await.map_err(|_| StorageError::TaskFailed)?
    }

    /// Runs all deferred work, so that an idle database needs none, and a read changes nothing.
    pub(super) async fn flush_deferred(&self) {
        self.send_and_wait(Job::Flush).await;
    }

    pub(super) async fn close(&self) {
        self.send_and_wait(Job::Close).await;
    }

    async fn send_and_wait(&self, job: fn(oneshot::Sender<()>) -> Job) {
        let (sender, receiver) = oneshot::channel();
        if self.queue.send(job(sender)).await.is_ok() {
            // Nothing is sent: the sender is dropped after the job, or when the task has ended.
            let _ = receiver.await;
        }
    }
}

/// The state of the writer task.
struct WriterLoop {
    connection: SqliteConnection,
    jobs: mpsc::Receiver<Job>,
    context: WriterContext,
    /// About how many rows have deferred work.
    deferred_rows: usize,
    /// Whether it is unknown if work was deferred before the open.
    is_backlog_unknown: bool,
}

async fn run_writer(
    connection: SqliteConnection,
    jobs: mpsc::Receiver<Job>,
    context: WriterContext,
) {
    let mut writer =
        WriterLoop { connection, jobs, context, deferred_rows: 0, is_backlog_unknown: true };
    let mut next = writer.next_job().await;
    while let Some(job) = next {
        let Some(job) = writer.resolve_in_doubt(job).await else {
            next = writer.next_job().await;
            continue;
        };
        next = match job {
            Job::Batched(write) => {
                let GroupResult { deferred_rows, outcome, next_job } =
                    run_group(&mut writer.connection, write, &mut writer.jobs, &writer.context)
                        .await;
                writer.record_outcome(outcome);
                writer.deferred_rows += deferred_rows;
                if writer.deferred_rows > MAX_DEFERRED_ROWS {
                    writer.run_deferred_step().await;
                }
                next_job
            }
            Job::Standalone(write) => {
                writer.deferred_rows += 1;
                let outcome = write.run(&mut writer.connection, &writer.context).await;
                writer.record_outcome(outcome);
                None
            }
            // The panic hook reports a panic; the dropped sender ends the caller's wait.
            Job::Query(query) => {
                let _ = AssertUnwindSafe(query(Ok(&mut writer.connection))).catch_unwind().await;
                None
            }
            Job::Flush(done) => {
                while writer.deferred_rows > 0 {
                    writer.run_deferred_step().await;
                }
                drop(done);
                None
            }
            Job::Close(done) => {
                writer.jobs.close();
                if let Err(error) = writer.connection.close().await {
                    tracing::warn!(%error, "a database did not close cleanly");
                }
                if writer.context.is_in_doubt.load(Ordering::Acquire) {
                    // Whatever the next open recovers, no cached response hides it.
                    writer.context.change_counter.end_commit(None);
                }
                drop(done);
                return;
            }
        };
        if next.is_none() {
            next = writer.next_job().await;
        }
    }
}

impl WriterLoop {
    /// Sets the flag of a commit in doubt.
    fn record_outcome(&self, outcome: TransactionOutcome) {
        if outcome == TransactionOutcome::InDoubt {
            self.context.is_in_doubt.store(true, Ordering::Release);
        }
    }

    /// Resolves a commit in doubt before the job runs. Returns the job, or rejects it as long as that fails.
    async fn resolve_in_doubt(&mut self, job: Job) -> Option<Job> {
        if !self.context.is_in_doubt.load(Ordering::Acquire) {
            return Some(job);
        }
        if overwrite_failed_commit(&mut self.connection).await == TransactionOutcome::Resolved {
            self.context.change_counter.end_commit(None);
            self.context.is_in_doubt.store(false, Ordering::Release);
            tracing::info!(path = %self.context.path.display(), "a change that failed was undone");
            return Some(job);
        }
        let error = self.context.earlier_in_doubt_error();
        match job {
            Job::Batched(write) => write.reject(error),
            Job::Standalone(write) => write.reject(error),
            Job::Query(query) => query(Err(error)).await,
            Job::Flush(done) => drop(done),
            // The next open recovers the database.
            close @ Job::Close(_) => return Some(close),
        }
        None
    }

    /// Returns the next job. Runs deferred work while the queue is empty.
    async fn next_job(&mut self) -> Option<Job> {
        if self.context.deferred_work.is_some()
            && (self.deferred_rows > 0 || self.is_backlog_unknown)
        {
            if let Ok(job) = timeout(IDLE_BEFORE_DEFERRED_WORK, self.jobs.recv()).await {
                return job;
            }
            self.probe_backlog().await;
            while self.deferred_rows > 0 {
                self.run_deferred_step().await;
                if let Ok(job) = self.jobs.try_recv() {
                    return Some(job);
                }
            }
        }
        self.jobs.recv().await
    }

    /// Checks once for work that was deferred before the open. Writes nothing if there is none, so that a database
    /// that is only read stays unchanged.
    async fn probe_backlog(&mut self) {
        if let Some(DeferredWork { has_pending_sql, .. }) =
            self.context.deferred_work.filter(|_| self.is_backlog_unknown)
        {
            let has_pending =
                sqlx::query_scalar::<_, i64>(has_pending_sql).fetch_one(&mut self.connection).await;
            self.deferred_rows += usize::from(has_pending.is_ok_and(|flag| flag == 1));
            self.is_backlog_unknown = false;
        }
    }

    /// Runs one step of deferred work. After a failure it stays pending until the next write: no caller waits for it.
    async fn run_deferred_step(&mut self) {
        let Some(DeferredWork { step_sql, .. }) = self.context.deferred_work else {
            self.deferred_rows = 0;
            return;
        };
        let result: Result<Vec<i64>, _> =
            sqlx::query_scalar(step_sql).fetch_all(&mut self.connection).await;
        match result.as_deref() {
            Ok([1]) => {}
            Ok(_) => self.deferred_rows = 0,
            Err(error) => {
                self.deferred_rows = 0;
                tracing::debug!(%error, path = %self.context.path.display(), "something stays put off");
                let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
            }
        }
    }
}

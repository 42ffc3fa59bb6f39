//! The one writer of a database: a queue of jobs for the task that owns the connection.
//!
//! Queued writes of a type are group committed, in one transaction. A caller gets its reply only after the commit.
//! Deferred work runs when the queue has been empty for a while.

use std::any::TypeId;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::error::StorageError;
use super::group_commit::{BatchedWrite, PendingBatchedWrite};
use super::in_doubt::{TransactionOutcome, overwrite_failed_commit};
use super::schema::DeferredWork;
use super::standalone_write::StandaloneWrite;
use super::write_job::{Responder, WriteJob, WriteResult};
use super::writer_context::WriterContext;
use crate::clock::Stopwatch;

/// The capacity of the queue; beyond it callers wait for a slot.
const MAX_QUEUED_JOBS: usize = 1024;
/// The most writes in one commit; beyond some dozens a group gains nothing more.
const MAX_GROUP_WRITES: usize = 64;
/// How long the queue must be empty before deferred work runs (arbitrary).
const IDLE_BEFORE_DEFERRED_WORK: Duration = Duration::from_millis(20);
/// The pause after a step of deferred work, in durations of the step: reads may need the same processor (arbitrary).
const PAUSE_AFTER_STEP: u32 = 4;
/// The maximum number of rows with deferred work before a step runs although jobs are queued (arbitrary).
const MAX_DEFERRED_ROWS: usize = 100_000;

/// Sends jobs to the task that owns the connection.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    /// How long a write may be queued.
    queue_timeout: Duration,
}

enum Job {
    Write(Box<dyn WriteJob>),
    Query(QueryJob),
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A query on the write connection. It gets an error instead, if it may not run.
type QueryJob = Box<
    dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StorageError>) -> BoxFuture<'c, ()> + Send,
>;

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
        self.submit(|responder| Box::new(StandaloneWrite { write, responder })).await
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
            Box::new(PendingBatchedWrite { write, on_commit: Box::new(on_commit), responder })
        })
        .await?;
        receiver.await.map_err(|_| StorageError::TaskFailed.into())
    }

    /// Queues a write, and waits for its result.
    async fn submit<T, E: From<StorageError>>(
        &self,
        create_job: impl FnOnce(Responder<Result<T, E>>) -> Box<dyn WriteJob>,
    ) -> Result<T, E> {
        let (sender, mut receiver) = oneshot::channel();
        let is_claimed = Arc::<AtomicBool>::default();
        let job = Job::Write(create_job(Responder::new(sender, Arc::clone(&is_claimed))));
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
            Job::Write(write) => writer.run_write(write).await,
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
                    tracing::warn!(%error, "cannot close a database cleanly");
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
    /// Runs a write, together with those behind it that may share its transaction. Returns the first job after them.
    async fn run_write(&mut self, first: Box<dyn WriteJob>) -> Option<Job> {
        if !first.try_claim() {
            return None;
        }
        let mut others = Vec::new();
        let next_job = match first.batch_key() {
            Some(key) => self.take_batch(key, &mut others).await,
            None => None,
        };
        let WriteResult { deferred_rows, outcome } =
            first.run(others, &mut self.connection, &self.context).await;
        if outcome == TransactionOutcome::InDoubt {
            self.context.is_in_doubt.store(true, Ordering::Release);
        }
        self.deferred_rows += deferred_rows;
        if self.deferred_rows > MAX_DEFERRED_ROWS {
            self.run_deferred_step().await;
        }
        next_job
    }

    /// Takes the writes with this key from the front of the queue. Returns the first job after them, if it was taken.
    async fn take_batch(
        &mut self,
        key: TypeId,
        others: &mut Vec<Box<dyn WriteJob>>,
    ) -> Option<Job> {
        self.coalesce().await;
        while others.len() + 1 < MAX_GROUP_WRITES {
            match self.jobs.try_recv() {
                Ok(Job::Write(write)) if write.batch_key() == Some(key) => {
                    if write.try_claim() {
                        others.push(write);
                    }
                }
                Ok(job) => return Some(job),
                Err(_) => break,
            }
        }
        None
    }

    /// Yields to other ready tasks, as long as they queue more jobs. A lone write does not wait. Without this, groups on
    /// a busy core would hold one write.
    async fn coalesce(&self) {
        let mut previous_len = 0;
        loop {
            yield_now().await;
            let len = self.jobs.len();
            if len == previous_len || len >= MAX_GROUP_WRITES {
                return;
            }
            previous_len = len;
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
            tracing::info!(path = %self.context.path.display(), "the failed commit was rolled back");
            return Some(job);
        }
        let error = self.context.earlier_in_doubt_error();
        match job {
            Job::Write(write) => write.reject(error),
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
                let stopwatch = Stopwatch::start();
                self.run_deferred_step().await;
                let pause = stopwatch.elapsed() * PAUSE_AFTER_STEP;
                if let Ok(job) = timeout(pause, self.jobs.recv()).await {
                    return job;
                }
            }
        }
        self.jobs.recv().await
    }

    /// Checks once for work that was deferred before the open. Writes nothing if no work is pending, so that a
    /// read-only database stays unchanged.
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
                tracing::debug!(%error, path = %self.context.path.display(), "deferred work failed; it stays pending until the next write");
                let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
            }
        }
    }
}

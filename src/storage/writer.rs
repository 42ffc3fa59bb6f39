//! The one writer of a database: work queues up for the task that owns the connection.
//!
//! Changes of a kind that wait together are made together, in one transaction. A caller hears of its change only after
//! that is committed. What is put off until nobody waits is done when the queue has been empty for a while.

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

use super::alone::{Alone, Waiting};
use super::outcome::{Outcome, overwrite};
use super::together::{Grouped, Joined, Together, WaitingTogether, make};
use super::{BoxFuture, StorageError, Upkeep, Version};
use crate::metrics::Sqlite;

/// The most changes that wait; more make their callers wait to queue up.
const LONGEST_QUEUE: usize = 1024;
/// How long nobody may have asked for anything before what was put off is done (chosen).
const QUIET: Duration = Duration::from_millis(20);
/// For how many rows something may be put off before it is done even though others wait (chosen).
const MOST_BEHIND: usize = 100_000;

/// Sends changes to the task that owns the connection.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    /// How long a change may wait to be begun.
    patience: Duration,
}

/// What the task that owns the connection tells, and whom; and what it puts off.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The file, for messages.
    pub(super) path: Arc<Path>,
    pub(super) version: Version,
    pub(super) times: Sqlite,
    pub(super) upkeep: Option<Upkeep>,
    /// Whether other connections read what is committed at once.
    pub(super) has_readers: bool,
    /// Set while the outcome of a commit is not known.
    pub(super) is_unsettled: Arc<AtomicBool>,
}

impl Heard {
    /// A change of these rows, or with None of anything, is about to be committed.
    pub(super) fn hold_cache(&self, changed: Option<&[i64]>) {
        // Who shares the one connection sees nothing before the writer is done with it.
        if self.has_readers {
            self.version.hold(changed);
        }
    }

    /// What a caller is told of its change that failed, which the log is told as well.
    pub(super) fn failed(&self, error: StorageError, outcome: Outcome) -> StorageError {
        let error = error.at(&self.path);
        tracing::error!(%error, ?outcome, "a change was not committed");
        match outcome {
            Outcome::RolledBack => error,
            Outcome::Unknown => self.uncertain(),
        }
    }

    /// That it is not known whether a change was made.
    pub(super) fn uncertain(&self) -> StorageError {
        StorageError::Uncertain { path: self.path.to_path_buf() }
    }

    /// That the outcome of an earlier change is not known.
    pub(super) fn unsettled(&self) -> StorageError {
        StorageError::Unsettled { path: self.path.to_path_buf() }
    }
}

pub(super) enum Job {
    Alone(Box<dyn Alone>),
    Together(Box<dyn Joined>),
    Query(Query),
    Settle(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A query on the connection that also writes; or why it is not made.
type Query = Box<
    dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StorageError>) -> BoxFuture<'c, ()> + Send,
>;

/// Who waits for a change: the one who made it, until it is begun or given up.
#[derive(Debug)]
pub(super) struct Caller<T> {
    pub(super) answer: oneshot::Sender<T>,
    /// Set by who comes first: the task that begins the change, or the caller who gives it up.
    claimed: Arc<AtomicBool>,
}

impl<T> Caller<T> {
    /// Says that the change begins. False when it was given up.
    pub(super) fn begins(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }
}

impl Writer {
    /// Gives the connection to a task of its own.
    pub(super) fn start(connection: SqliteConnection, patience: Duration, heard: Heard) -> Self {
        let (queue, jobs) = mpsc::channel(LONGEST_QUEUE);
        tokio::spawn(serve(connection, jobs, heard));
        Self { queue, patience }
    }

    /// Makes a change in a transaction of its own.
    pub(super) async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.queued(|caller| Job::Alone(Box::new(Waiting { change, caller }))).await
    }

    /// Makes a change with others of its kind. `then` takes what comes of it, once it is kept.
    pub(super) async fn together<C: Together, U: Send + 'static>(
        &self,
        change: C,
        then: impl FnOnce(C::Done) -> U + Send + 'static,
    ) -> Result<U, C::Error> {
        let (sender, outcome) = oneshot::channel();
        let then = move |done| {
            // A caller that has gone needs no answer.
            let _ = sender.send(then(done));
        };
        self.queued(|caller| {
            Job::Together(Box::new(WaitingTogether { change, then: Box::new(then), caller }))
        })
        .await?;
        outcome.await.map_err(|_| StorageError::Abandoned.into())
    }

    /// Queues a change up, and waits until it is kept or refused.
    async fn queued<T, E: From<StorageError>>(
        &self,
        job: impl FnOnce(Caller<Result<T, E>>) -> Job,
    ) -> Result<T, E> {
        let (answer, mut answered) = oneshot::channel();
        let claimed = Arc::<AtomicBool>::default();
        let job = job(Caller { answer, claimed: Arc::clone(&claimed) });
        let queued = self.queue.send_timeout(job, self.patience).await;
        queued.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => StorageError::Busy,
            SendTimeoutError::Closed(_) => StorageError::Closed,
        })?;
        let in_time = timeout(self.patience, &mut answered).await;
        let Ok(told) = in_time else {
            if !claimed.swap(true, Ordering::AcqRel) {
                return Err(StorageError::Busy.into());
            }
            // It has begun, so what comes of it is worth waiting for.
            return answered.await.map_err(|_| StorageError::Abandoned)?;
        };
        told.map_err(|_| StorageError::Abandoned)?
    }

    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Query(Box::new(move |connection| {
            Box::pin(async move {
                let result = match connection {
                    Ok(connection) => query(connection).await,
                    Err(why) => Err(why),
                };
                // A caller that has gone needs no answer.
                let _ = answer.send(result);
            })
        }));
        self.queue.send(job).await.map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Abandoned)?
    }

    /// Does all that was put off, so that a database at rest needs nothing, and to read it changes nothing.
    pub(super) async fn settle(&self) {
        self.finished(Job::Settle).await;
    }

    pub(super) async fn close(&self) {
        self.finished(Job::Close).await;
    }

    async fn finished(&self, job: fn(oneshot::Sender<()>) -> Job) {
        let (finished, done) = oneshot::channel();
        if self.queue.send(job(finished)).await.is_ok() {
            // Nothing is sent: it is dropped when the job is done, or when the task has ended already.
            let _ = done.await;
        }
    }
}

/// What the task that owns the connection has to do.
struct Duty {
    connection: SqliteConnection,
    jobs: mpsc::Receiver<Job>,
    heard: Heard,
    /// For about how many rows something is put off.
    behind: usize,
    /// Whether the database was asked if something had been put off before it was opened.
    is_new: bool,
}

async fn serve(connection: SqliteConnection, jobs: mpsc::Receiver<Job>, heard: Heard) {
    let mut duty = Duty { connection, jobs, heard, behind: 0, is_new: true };
    let mut next = duty.next().await;
    while let Some(job) = next {
        let Some(job) = duty.settle_outcome(job).await else {
            next = duty.next().await;
            continue;
        };
        next = match job {
            Job::Together(change) => {
                let Grouped { put_off, outcome, next } =
                    make(&mut duty.connection, change, &mut duty.jobs, &duty.heard).await;
                duty.note(outcome);
                duty.behind += put_off;
                if duty.behind > MOST_BEHIND {
                    duty.catch_up().await;
                }
                next
            }
            Job::Alone(change) => {
                duty.behind += 1;
                let outcome = change.make(&mut duty.connection, &duty.heard).await;
                duty.note(outcome);
                None
            }
            // A query that panics has been reported; its caller learns of it by the dropped answer.
            Job::Query(query) => {
                let _ = AssertUnwindSafe(query(Ok(&mut duty.connection))).catch_unwind().await;
                None
            }
            Job::Settle(settled) => {
                while duty.behind > 0 {
                    duty.catch_up().await;
                }
                drop(settled);
                None
            }
            Job::Close(closed) => {
                duty.jobs.close();
                if let Err(error) = duty.connection.close().await {
                    tracing::warn!(%error, "a database did not close cleanly");
                }
                if duty.heard.is_unsettled.load(Ordering::Acquire) {
                    // Whatever is found at the next opening, nothing of it is cached.
                    duty.heard.version.release(None);
                }
                drop(closed);
                return;
            }
        };
        if next.is_none() {
            next = duty.next().await;
        }
    }
}

impl Duty {
    /// Remembers that the outcome of a commit is not known.
    fn note(&self, outcome: Outcome) {
        if outcome == Outcome::Unknown {
            self.heard.is_unsettled.store(true, Ordering::Release);
        }
    }

    /// Finds out what became of a commit before anything else is done. As long as that fails, jobs are refused; gives
    /// the job otherwise.
    async fn settle_outcome(&mut self, job: Job) -> Option<Job> {
        if !self.heard.is_unsettled.load(Ordering::Acquire) {
            return Some(job);
        }
        if overwrite(&mut self.connection).await == Outcome::RolledBack {
            self.heard.version.release(None);
            self.heard.is_unsettled.store(false, Ordering::Release);
            tracing::info!(path = %self.heard.path.display(), "a change that failed was undone");
            return Some(job);
        }
        let why = self.heard.unsettled();
        match job {
            Job::Together(change) => change.refuse(why),
            Job::Alone(change) => change.refuse(why),
            Job::Query(query) => query(Err(why)).await,
            Job::Settle(settled) => drop(settled),
            // A database that is closed is looked at again when it is opened.
            close @ Job::Close(_) => return Some(close),
        }
        None
    }

    /// What is to be done next. What was put off is done as long as there is nothing.
    async fn next(&mut self) -> Option<Job> {
        if self.heard.upkeep.is_some() && (self.behind > 0 || self.is_new) {
            if let Ok(job) = timeout(QUIET, self.jobs.recv()).await {
                return job;
            }
            self.look().await;
            while self.behind > 0 {
                self.catch_up().await;
                if let Ok(job) = self.jobs.try_recv() {
                    return Some(job);
                }
            }
        }
        self.jobs.recv().await
    }

    /// Asks once whether something had been put off before. Nothing is written where there is nothing to do, so that
    /// a database that is only read stays as it is.
    async fn look(&mut self) {
        if let Some(Upkeep { is_due, .. }) = self.heard.upkeep.filter(|_| self.is_new) {
            let due = sqlx::query_scalar::<_, i64>(is_due).fetch_one(&mut self.connection).await;
            self.behind += usize::from(due.is_ok_and(|due| due == 1));
            self.is_new = false;
        }
    }

    /// Does a part of what was put off. Where it fails it stays put off until something changes: nobody waits for it.
    async fn catch_up(&mut self) {
        let Some(Upkeep { part, .. }) = self.heard.upkeep else {
            self.behind = 0;
            return;
        };
        let more: Result<Vec<i64>, _> =
            sqlx::query_scalar(part).fetch_all(&mut self.connection).await;
        match more.as_deref() {
            Ok([1]) => {}
            Ok(_) => self.behind = 0,
            Err(error) => {
                self.behind = 0;
                tracing::debug!(%error, path = %self.heard.path.display(), "something stays put off");
                let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
            }
        }
    }
}

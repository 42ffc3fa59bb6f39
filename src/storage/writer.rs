//! The one writer of a database: changes queue up, and those that wait together are committed together.
//!
//! Each change of a group runs in a savepoint of its own, so that one that fails spoils no other.
//! A caller hears of its change only after the group is committed.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::error::of_sqlite;
use super::{BoxFuture, StorageError, Trouble};
use crate::clock::Stopwatch;
use crate::metrics::Sqlite;

/// The most changes that one commit holds; beyond some dozens a group gains nothing more.
const LARGEST_GROUP: usize = 64;
/// The most changes that wait; more make their callers wait to queue up.
const LONGEST_QUEUE: usize = 1024;

/// A number that moves with every change of what it belongs to, before the change is acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(Arc<Moving>);

#[derive(Debug, Default)]
struct Moving {
    number: AtomicU64,
    moved: Notify,
}

impl Version {
    /// The present number.
    pub(crate) fn now(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    /// Something has changed.
    pub(crate) fn advance(&self) {
        self.0.number.fetch_add(1, Ordering::Release);
        self.0.moved.notify_waiters();
    }

    /// Waits until the number is another one.
    pub(crate) async fn other_than(&self, seen: u64) {
        loop {
            let moved = self.0.moved.notified();
            if self.now() != seen {
                return;
            }
            moved.await;
        }
    }
}

/// Sends changes to the task that owns the connection.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    /// How long a change may wait to be begun.
    patience: Duration,
}

/// What the task that owns the connection tells, and whom.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The file, for messages.
    pub(super) path: Arc<Path>,
    pub(super) version: Version,
    pub(super) times: Sqlite,
}

enum Job {
    Change(Box<dyn Change>),
    Query(Query),
    Close(oneshot::Sender<()>),
}

/// A query on the connection that also writes.
type Query = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, ()> + Send>;

/// A change that has not run yet.
trait Change: Send {
    /// Says that it begins. False when its caller has given it up.
    fn begins(&self) -> bool;
    fn run(self: Box<Self>, connection: &mut SqliteConnection) -> BoxFuture<'_, Ran>;
    /// Tells its caller that it has not been begun.
    fn refuse(self: Box<Self>, why: &Failed);
}

/// Why changes were not kept.
#[derive(Clone, Debug)]
struct Failed {
    why: String,
    trouble: Trouble,
}

impl Failed {
    /// The same, naming the file that it is about.
    fn at(self, path: &Path) -> Self {
        Self { why: format!("{}: {}", path.display(), self.why), ..self }
    }

    fn error(&self) -> StorageError {
        StorageError::NotCommitted { why: self.why.clone(), trouble: self.trouble }
    }
}

/// A change with its caller, who waits.
struct Waiting<T, U, E, F, G> {
    change: F,
    then: G,
    answer: oneshot::Sender<Result<U, E>>,
    /// Set by who comes first: the task that begins it, or the caller who gives it up.
    claimed: Arc<AtomicBool>,
    kind: std::marker::PhantomData<fn() -> T>,
}

/// Takes how the commit went.
type Tell = Box<dyn FnOnce(&Result<(), Failed>) + Send>;

/// A change that has run in an open transaction.
struct Ran {
    keep: bool,
    /// Tells the caller, once it is known whether the group was committed.
    tell: Tell,
}

impl Writer {
    /// Gives the connection to a task of its own.
    pub(super) fn start(connection: SqliteConnection, patience: Duration, heard: Heard) -> Self {
        let (queue, jobs) = mpsc::channel(LONGEST_QUEUE);
        tokio::spawn(serve(connection, jobs, heard));
        Self { queue, patience }
    }

    pub(super) async fn write<T, U, E, F>(
        &self,
        change: F,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, E>
    where
        T: Send + 'static,
        U: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        let claimed = Arc::<AtomicBool>::default();
        let kind = std::marker::PhantomData;
        let waiting = Waiting { change, then, answer, claimed: Arc::clone(&claimed), kind };
        let queued = self.queue.send_timeout(Job::Change(Box::new(waiting)), self.patience).await;
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
                // A caller that has gone needs no answer.
                let _ = answer.send(query(connection).await);
            })
        }));
        self.queue.send(job).await.map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Abandoned)?
    }

    pub(super) async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.queue.send(Job::Close(closed)).await.is_ok() {
            // Dropped unanswered when the task has ended already: closed as well.
            let _ = done.await;
        }
    }
}

impl<T, U, E, F, G> Change for Waiting<T, U, E, F, G>
where
    T: Send + 'static,
    U: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    G: FnOnce(T) -> U + Send + 'static,
{
    fn begins(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn run(self: Box<Self>, connection: &mut SqliteConnection) -> BoxFuture<'_, Ran> {
        let Self { change, then, answer, .. } = *self;
        Box::pin(run(change(connection), then, answer))
    }

    fn refuse(self: Box<Self>, why: &Failed) {
        // A caller that has gone needs no answer.
        let _ = self.answer.send(Err(why.error().into()));
    }
}

/// Runs a change and keeps its result until the commit is known. `then` runs after the commit, for one change of the
/// database after the other.
async fn run<T, U, E>(
    change: BoxFuture<'_, Result<T, E>>,
    then: impl FnOnce(T) -> U + Send + 'static,
    answer: oneshot::Sender<Result<U, E>>,
) -> Ran
where
    T: Send + 'static,
    U: Send + 'static,
    E: From<StorageError> + Send + 'static,
{
    let Ok(result) = AssertUnwindSafe(change).catch_unwind().await else {
        // The dropped sender tells the caller; the panic itself has been printed.
        return Ran { keep: false, tell: Box::new(move |_| drop(answer)) };
    };
    let keep = result.is_ok();
    let tell = move |commit: &Result<(), Failed>| {
        let result = match commit {
            Err(failed) if result.is_ok() => Err(failed.error().into()),
            _ => result.map(then),
        };
        // A caller that has gone needs no answer.
        let _ = answer.send(result);
    };
    Ran { keep, tell: Box::new(tell) }
}

async fn serve(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>, heard: Heard) {
    let mut next = jobs.recv().await;
    while let Some(job) = next.take() {
        match job {
            Job::Change(change) if change.begins() => {
                next = group(&mut connection, change, &mut jobs, &heard).await;
            }
            Job::Change(_) => {}
            // A query that panics has been reported; its caller learns of it by the dropped answer.
            Job::Query(query) => {
                let _ = AssertUnwindSafe(query(&mut connection)).catch_unwind().await;
            }
            Job::Close(closed) => {
                jobs.close();
                if let Err(error) = connection.close().await {
                    tracing::warn!(%error, "a database did not close cleanly");
                }
                drop(closed);
                return;
            }
        }
        if next.is_none() {
            next = jobs.recv().await;
        }
    }
}

/// Commits this change with those that wait behind it, and gives back the first job that is no change.
async fn group(
    connection: &mut SqliteConnection,
    first: Box<dyn Change>,
    jobs: &mut mpsc::Receiver<Job>,
    heard: &Heard,
) -> Option<Job> {
    let watch = Stopwatch::start();
    if let Err(failed) =
        execute(connection, "BEGIN IMMEDIATE").await.map_err(|failed| failed.at(&heard.path))
    {
        tracing::error!(error = failed.why, "no transaction could begin");
        first.refuse(&failed);
        return None;
    }
    // The first needs no savepoint: when it fails, it was the whole transaction.
    let mut ran = vec![first.run(connection).await];
    let mut other = None;
    let mut mark = "SAVEPOINT change";
    let mut whole = Ok(());
    while ran[0].keep && ran.len() < LARGEST_GROUP && other.is_none() {
        match jobs.try_recv() {
            Ok(Job::Change(change)) if change.begins() => {
                match step(connection, change, mark, &heard.path).await {
                    // A savepoint that was rolled back to is where the next change begins.
                    Ok(done) => {
                        mark = if done.keep { "RELEASE change; SAVEPOINT change" } else { "" };
                        ran.push(done);
                    }
                    Err(failed) => {
                        whole = Err(failed);
                        break;
                    }
                }
            }
            Ok(Job::Change(_)) => {}
            Ok(job) => other = Some(job),
            Err(_) => break,
        }
    }
    let result = match whole {
        Ok(()) => end(connection, ran[0].keep, &heard.path).await,
        Err(failed) => undo(connection, failed).await,
    };
    heard.times.has_written(watch.elapsed(), result.is_ok() && ran[0].keep);
    // Moved before anyone hears of the change, so that no kept answer outlives it.
    heard.version.advance();
    for ran in ran {
        (ran.tell)(&result);
    }
    other
}

/// Runs one more change inside the open transaction; what it did is undone when it fails.
///
/// # Errors
/// When it could not even begin or not be undone, as when the disk is full: SQLite may have ended the transaction by
/// itself then, so nothing of the group may be kept.
async fn step(
    connection: &mut SqliteConnection,
    change: Box<dyn Change>,
    mark: &'static str,
    path: &Path,
) -> Result<Ran, Failed> {
    if let Err(failed) = execute(connection, mark).await.map_err(|failed| failed.at(path)) {
        tracing::error!(error = failed.why, "a change could not begin");
        change.refuse(&failed);
        return Err(failed);
    }
    let ran = change.run(connection).await;
    if !ran.keep
        && let Err(failed) =
            execute(connection, "ROLLBACK TO change").await.map_err(|failed| failed.at(path))
    {
        tracing::error!(error = failed.why, "a change could not be undone");
        (ran.tell)(&Err(failed.clone()));
        return Err(failed);
    }
    Ok(ran)
}

/// Undoes the whole group.
async fn undo(connection: &mut SqliteConnection, failed: Failed) -> Result<(), Failed> {
    // The transaction may have ended by itself; then there is nothing to roll back.
    let _ = execute(connection, "ROLLBACK").await;
    Err(failed)
}

async fn end(connection: &mut SqliteConnection, keep: bool, path: &Path) -> Result<(), Failed> {
    let result = execute(connection, if keep { "COMMIT" } else { "ROLLBACK" }).await;
    match result {
        Ok(()) => Ok(()),
        Err(failed) => {
            let failed = failed.at(path);
            tracing::error!(error = failed.why, "changes were not kept");
            undo(connection, failed).await
        }
    }
}

/// Runs a statement of ours; it stays prepared.
async fn execute(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), Failed> {
    if statement.is_empty() {
        return Ok(());
    }
    let ran = sqlx::query(statement).execute(connection).await;
    ran.map(drop).map_err(|error| Failed { why: error.to_string(), trouble: of_sqlite(&error) })
}

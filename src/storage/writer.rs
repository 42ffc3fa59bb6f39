//! The one writer of a database: changes queue up, and those that wait together are committed together.
//!
//! Each change of a group runs in a savepoint of its own, so that one that fails spoils no other.
//! A caller hears of its change only after the group is committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Notify, mpsc, oneshot};

use super::{BoxFuture, StorageError};

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
}

enum Job {
    Change(Work),
    Query(Query),
    Close(oneshot::Sender<()>),
}

/// A query on the connection that also writes.
type Query = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, ()> + Send>;

/// A change that has not run yet.
type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Ran> + Send>;

/// Takes how the commit went.
type Tell = Box<dyn FnOnce(&Result<(), String>) + Send>;

/// A change that has run in an open transaction.
struct Ran {
    keep: bool,
    /// Tells the caller, once it is known whether the group was committed.
    tell: Tell,
}

impl Writer {
    /// Gives the connection to a task of its own.
    pub(super) fn start(connection: SqliteConnection, version: Version) -> Self {
        let (queue, jobs) = mpsc::channel(LONGEST_QUEUE);
        tokio::spawn(serve(connection, jobs, version));
        Self { queue }
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
        let (answer, answered) = oneshot::channel();
        let work: Work =
            Box::new(move |connection| Box::pin(run(change(connection), then, answer)));
        self.queue.send(Job::Change(work)).await.map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Abandoned)?
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
    let tell = move |commit: &Result<(), String>| {
        let result = match commit {
            Err(error) if result.is_ok() => Err(StorageError::NotCommitted(error.clone()).into()),
            _ => result.map(then),
        };
        // A caller that has gone needs no answer.
        let _ = answer.send(result);
    };
    Ran { keep, tell: Box::new(tell) }
}

async fn serve(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>, version: Version) {
    let mut next = jobs.recv().await;
    while let Some(job) = next.take() {
        match job {
            Job::Change(work) => next = group(&mut connection, work, &mut jobs, &version).await,
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
    first: Work,
    jobs: &mut mpsc::Receiver<Job>,
    version: &Version,
) -> Option<Job> {
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE").await {
        tracing::error!(error, "no transaction could begin");
        return None;
    }
    // The first needs no savepoint: when it fails, it was the whole transaction.
    let mut ran = vec![first(connection).await];
    let mut other = None;
    let mut mark = "SAVEPOINT change";
    let mut whole = true;
    while ran[0].keep && ran.len() < LARGEST_GROUP && other.is_none() {
        match jobs.try_recv() {
            Ok(Job::Change(change)) => {
                let Some(done) = step(connection, change, mark).await else {
                    whole = false;
                    break;
                };
                // A savepoint that was rolled back to is where the next change begins.
                mark = if done.keep { "RELEASE change; SAVEPOINT change" } else { "" };
                ran.push(done);
            }
            Ok(job) => other = Some(job),
            Err(_) => break,
        }
    }
    let result = if whole { end(connection, ran[0].keep).await } else { undo(connection).await };
    // Moved before anyone hears of the change, so that no kept answer outlives it.
    version.advance();
    for ran in ran {
        (ran.tell)(&result);
    }
    other
}

/// Runs one more change inside the open transaction; what it did is undone when it fails.
/// None when it could not even begin or not be undone, as when the disk is full: SQLite may have ended the
/// transaction by itself then, so nothing of the group may be kept. Dropping the change tells its caller.
async fn step(connection: &mut SqliteConnection, change: Work, mark: &'static str) -> Option<Ran> {
    if let Err(error) = execute(connection, mark).await {
        tracing::error!(error, "a change could not begin");
        return None;
    }
    let ran = change(connection).await;
    if !ran.keep
        && let Err(error) = execute(connection, "ROLLBACK TO change").await
    {
        tracing::error!(error, "a change could not be undone");
        return None;
    }
    Some(ran)
}

/// Undoes the whole group.
async fn undo(connection: &mut SqliteConnection) -> Result<(), String> {
    // The transaction may have ended by itself; then there is nothing to roll back.
    let _ = execute(connection, "ROLLBACK").await;
    Err("a change of the same group failed in a way that ends them all".to_owned())
}

async fn end(connection: &mut SqliteConnection, keep: bool) -> Result<(), String> {
    let result = execute(connection, if keep { "COMMIT" } else { "ROLLBACK" }).await;
    if let Err(error) = &result {
        tracing::error!(error, "changes were not kept");
        // The transaction may have ended by itself; then there is nothing to roll back.
        let _ = execute(connection, "ROLLBACK").await;
    }
    result
}

/// Runs a statement of ours; it stays prepared.
async fn execute(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), String> {
    if statement.is_empty() {
        return Ok(());
    }
    sqlx::query(statement).execute(connection).await.map(drop).map_err(|error| error.to_string())
}

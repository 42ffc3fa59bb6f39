//! Changes of a kind that wait together are made together: in one transaction, and in as few conversations with SQLite
//! as one of them alone, however many they are.

use std::any::{Any, TypeId};
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::alone::execute;
use super::writer::{Caller, Heard, Job};
use super::{BoxFuture, StorageError};
use crate::clock::Stopwatch;

/// The most changes that one commit holds; beyond some dozens a group gains nothing more.
const LARGEST_GROUP: usize = 64;

/// What comes of some changes, in their order; each may have been refused, which changes nothing.
pub(crate) type Made<C> =
    Result<Vec<Result<<C as Together>::Done, <C as Together>::Error>>, StorageError>;

/// A change that is made with others of its kind.
pub(crate) trait Together: Sized + Send + Sync + 'static {
    type Done: Send + 'static;
    type Error: From<StorageError> + Send + 'static;

    /// Begins a transaction, makes the changes as if one after the other, and commits.
    ///
    /// # Errors
    /// When the database fails; nothing has changed then, or will when the transaction is rolled back.
    fn make<'c>(
        connection: &'c mut SqliteConnection,
        changes: &'c [&'c Self],
    ) -> BoxFuture<'c, Made<Self>>;

    /// The rows that are no longer as they were.
    fn changed(done: &Self::Done) -> &[i64];

    /// How many rows it leaves something to do for that is put off, about.
    fn puts_off(&self) -> usize;
}

/// A change with its caller, who waits.
pub(super) struct WaitingTogether<C: Together> {
    pub(super) change: C,
    /// Takes what comes of it, once it is kept, for one change of the database after the other.
    pub(super) then: Box<dyn FnOnce(C::Done) + Send>,
    pub(super) caller: Caller<Result<(), C::Error>>,
}

/// A change whose kind is not known here.
pub(super) trait Joined: Any + Send {
    /// Says that it begins. False when its caller has given it up.
    fn begins(&self) -> bool;
    /// Makes it with others of its kind, and tells their callers. Gives for how many rows something was put off.
    fn make<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn Joined>>,
        connection: &'c mut SqliteConnection,
        heard: &'c Heard,
    ) -> BoxFuture<'c, usize>;
}

/// Makes a change with those of its kind that wait behind it. Gives for how many rows something was put off, and the
/// first job that is another one.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    first: Box<dyn Joined>,
    jobs: &mut mpsc::Receiver<Job>,
    heard: &Heard,
) -> (usize, Option<Job>) {
    if !first.begins() {
        return (0, None);
    }
    gather(jobs).await;
    let kind = |change: &dyn Joined| -> TypeId { change.type_id() };
    let own = kind(&*first);
    let (mut others, mut next) = (Vec::new(), None);
    while next.is_none() && others.len() + 1 < LARGEST_GROUP {
        match jobs.try_recv() {
            Ok(Job::Together(change)) if kind(&*change) == own => {
                if change.begins() {
                    others.push(change);
                }
            }
            Ok(job) => next = Some(job),
            Err(_) => break,
        }
    }
    (first.make(others, connection, heard).await, next)
}

/// Lets those come who are on their way: all that is ready to run goes first, as long as it brings more changes. A lone
/// change waits for nobody. Without this, groups on a busy core would be of one.
async fn gather(jobs: &mpsc::Receiver<Job>) {
    let mut waiting = 0;
    loop {
        yield_now().await;
        let now = jobs.len();
        if now == waiting || now >= LARGEST_GROUP {
            return;
        }
        waiting = now;
    }
}

impl<C: Together> Joined for WaitingTogether<C> {
    fn begins(&self) -> bool {
        self.caller.begins()
    }

    fn make<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn Joined>>,
        connection: &'c mut SqliteConnection,
        heard: &'c Heard,
    ) -> BoxFuture<'c, usize> {
        let others = others.into_iter().filter_map(|other| {
            let other: Box<dyn Any> = other;
            other.downcast::<Self>().ok().map(|other| *other)
        });
        let mut group = vec![*self];
        group.extend(others);
        Box::pin(all(connection, group, heard))
    }
}

/// Makes changes together. Where that fails, each is made alone, so that one that cannot be kept spoils no other.
async fn all<C: Together>(
    connection: &mut SqliteConnection,
    group: Vec<WaitingTogether<C>>,
    heard: &Heard,
) -> usize {
    let changes: Vec<&C> = group.iter().map(|waiting| &waiting.change).collect();
    match tried(connection, &changes, heard).await {
        Ok(made) => tell(group, made, heard),
        Err(why) if group.len() == 1 => refuse(group, why, heard),
        Err(_) => {
            let mut put_off = 0;
            for change in group {
                put_off += match tried(connection, &[&change.change], heard).await {
                    Ok(made) => tell(vec![change], made, heard),
                    Err(why) => refuse(vec![change], why, heard),
                };
            }
            put_off
        }
    }
}

/// Makes changes in one transaction, and undoes it where it cannot be kept: None stands for a panic, which has been
/// printed.
async fn tried<C: Together>(
    connection: &mut SqliteConnection,
    changes: &[&C],
    heard: &Heard,
) -> Result<Vec<Result<C::Done, C::Error>>, Option<StorageError>> {
    let watch = Stopwatch::start();
    let made = AssertUnwindSafe(C::make(connection, changes)).catch_unwind().await;
    let made = made.map_err(|_| None).and_then(|made| made.map_err(Some));
    heard.times.has_written(watch.elapsed(), made.is_ok());
    if made.is_err() {
        // The transaction may have ended by itself; then there is nothing to roll back.
        let _ = execute(connection, "ROLLBACK").await;
    }
    made
}

/// Tells each caller what came of its change, which is kept by now.
fn tell<C: Together>(
    group: Vec<WaitingTogether<C>>,
    made: Vec<Result<C::Done, C::Error>>,
    heard: &Heard,
) -> usize {
    let done = made.iter().filter_map(|made| made.as_ref().ok());
    let changed: Vec<i64> = done.flat_map(C::changed).copied().collect();
    let put_off = group.iter().map(|waiting| waiting.change.puts_off()).sum();
    // Moved before anyone hears of a change, so that no kept answer outlives it.
    heard.version.advance_rows(&changed);
    for (WaitingTogether { then, caller, .. }, made) in group.into_iter().zip(made) {
        // A caller that has gone needs no answer.
        let _ = caller.answer.send(made.map(then));
    }
    put_off
}

/// Tells callers that their changes were not kept.
fn refuse<C: Together>(
    group: Vec<WaitingTogether<C>>,
    why: Option<StorageError>,
    heard: &Heard,
) -> usize {
    // It may have been kept after all, where the disk failed at the very end.
    heard.version.advance();
    let Some(why) = why.map(|why| why.at(&heard.path)) else { return 0 };
    tracing::error!(error = %why, "changes were not kept");
    let mut why = Some(why);
    for waiting in group {
        let why = why.take().unwrap_or(StorageError::Abandoned);
        let _ = waiting.caller.answer.send(Err(why.into()));
    }
    0
}

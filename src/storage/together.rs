//! Changes of a kind that wait together are made together: in one transaction, and in as few conversations with SQLite
//! as one of them alone, however many they are.

use std::any::{Any, TypeId};
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::outcome::{Outcome, roll_back};
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

    /// Begins a transaction, makes the changes as if one after the other, announces which rows they change, and commits.
    ///
    /// # Errors
    /// When the database fails. Whether the transaction was committed is found out by the caller.
    fn make<'c>(
        connection: &'c mut SqliteConnection,
        changes: &'c [&'c Self],
        commit: &'c Commit<'c>,
    ) -> BoxFuture<'c, Made<Self>>;

    /// How many rows it leaves something to do for that is put off, about.
    fn puts_off(&self) -> usize;
}

/// A commit that is about to happen.
#[derive(Debug)]
pub(crate) struct Commit<'a> {
    heard: &'a Heard,
    changed: OnceLock<Vec<i64>>,
}

impl<'a> Commit<'a> {
    pub(super) fn of(heard: &'a Heard) -> Self {
        Self { heard, changed: OnceLock::new() }
    }

    /// Says which rows are changed by what is committed next. Nothing about them is cached until its end is known.
    pub(crate) fn announce(&self, changed: Vec<i64>) {
        self.heard.hold_cache(Some(&changed));
        // There is one commit, so it was not set before.
        let _ = self.changed.set(changed);
    }

    /// The commit has an end. Moves the versions before anyone hears of it, so that no cached response outlives it.
    fn end(self) {
        self.heard.version.release(self.changed.get().map(Vec::as_slice));
    }
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
    ) -> BoxFuture<'c, (usize, Outcome)>;
    /// Tells the caller that the change is not made.
    fn refuse(self: Box<Self>, why: StorageError);
}

/// What came of a group.
pub(super) struct Grouped {
    /// For how many rows something was put off.
    pub(super) put_off: usize,
    pub(super) outcome: Outcome,
    /// The first job behind the group that is another one.
    pub(super) next: Option<Job>,
}

/// Makes a change with those of its kind that wait behind it.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    first: Box<dyn Joined>,
    jobs: &mut mpsc::Receiver<Job>,
    heard: &Heard,
) -> Grouped {
    if !first.begins() {
        return Grouped { put_off: 0, outcome: Outcome::RolledBack, next: None };
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
    let (put_off, outcome) = first.make(others, connection, heard).await;
    Grouped { put_off, outcome, next }
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
    ) -> BoxFuture<'c, (usize, Outcome)> {
        let others = others.into_iter().filter_map(|other| {
            let other: Box<dyn Any> = other;
            other.downcast::<Self>().ok().map(|other| *other)
        });
        let mut group = vec![*self];
        group.extend(others);
        Box::pin(all(connection, group, heard))
    }

    fn refuse(self: Box<Self>, why: StorageError) {
        if self.begins() {
            let _ = self.caller.answer.send(Err(why.into()));
        }
    }
}

/// Makes changes together. Where that fails, each is made alone, so that one that cannot be kept spoils no other.
async fn all<C: Together>(
    connection: &mut SqliteConnection,
    group: Vec<WaitingTogether<C>>,
    heard: &Heard,
) -> (usize, Outcome) {
    let changes: Vec<&C> = group.iter().map(|waiting| &waiting.change).collect();
    let why = match tried(connection, &changes, heard).await {
        Ok(made) => return (tell(group, made), Outcome::RolledBack),
        Err(why) => why,
    };
    if group.len() == 1 || why.outcome == Outcome::Unknown {
        let outcome = why.outcome;
        refuse(group, why, heard);
        return (0, outcome);
    }
    let mut put_off = 0;
    let mut group = group.into_iter();
    while let Some(waiting) = group.next() {
        match tried(connection, &[&waiting.change], heard).await {
            Ok(made) => put_off += tell(vec![waiting], made),
            Err(why) if why.outcome == Outcome::RolledBack => refuse(vec![waiting], why, heard),
            Err(why) => {
                refuse(vec![waiting], why, heard);
                for waiting in group {
                    let _ = waiting.caller.answer.send(Err(heard.unsettled().into()));
                }
                return (put_off, Outcome::Unknown);
            }
        }
    }
    (put_off, Outcome::RolledBack)
}

/// Why changes were not made.
struct Failed {
    /// None after a panic, which has been printed.
    error: Option<StorageError>,
    outcome: Outcome,
}

/// Makes changes in one transaction, and undoes it where it cannot be kept.
async fn tried<C: Together>(
    connection: &mut SqliteConnection,
    changes: &[&C],
    heard: &Heard,
) -> Result<Vec<Result<C::Done, C::Error>>, Failed> {
    let watch = Stopwatch::start();
    let commit = Commit::of(heard);
    let made = AssertUnwindSafe(C::make(connection, changes, &commit)).catch_unwind().await;
    let made = made.map_err(|_| None).and_then(|made| made.map_err(Some));
    heard.times.has_written(watch.elapsed(), made.is_ok());
    let error = match made {
        Ok(made) => {
            commit.end();
            return Ok(made);
        }
        Err(error) => error,
    };
    let outcome = roll_back(connection, error.as_ref()).await;
    if outcome == Outcome::RolledBack {
        commit.end();
    }
    Err(Failed { error, outcome })
}

/// Tells each caller what came of its change, which is kept by now.
fn tell<C: Together>(
    group: Vec<WaitingTogether<C>>,
    made: Vec<Result<C::Done, C::Error>>,
) -> usize {
    let put_off = group.iter().map(|waiting| waiting.change.puts_off()).sum();
    for (WaitingTogether { then, caller, .. }, made) in group.into_iter().zip(made) {
        // A caller that has gone needs no answer.
        let _ = caller.answer.send(made.map(then));
    }
    put_off
}

/// Tells callers that their changes were not made, or that it is not known.
fn refuse<C: Together>(group: Vec<WaitingTogether<C>>, why: Failed, heard: &Heard) {
    let Some(error) = why.error else { return };
    let mut error = Some(heard.failed(error, why.outcome));
    for waiting in group {
        let same = || match why.outcome {
            Outcome::Unknown => heard.uncertain(),
            Outcome::RolledBack => StorageError::Abandoned,
        };
        let error = error.take().unwrap_or_else(same);
        let _ = waiting.caller.answer.send(Err(error.into()));
    }
}

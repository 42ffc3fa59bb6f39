//! A queued write, as the writer sees it.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::error::StorageError;
use super::in_doubt::TransactionOutcome;
use super::writer_context::WriterContext;

/// A queued write and its waiting caller.
pub(super) trait WriteJob: Any + Send {
    /// Returns the key of the writes that may share its transaction; None if it needs its own.
    fn batch_key(&self) -> Option<TypeId>;

    /// Claims it. Returns false if its caller timed out.
    fn try_claim(&self) -> bool;

    /// Runs it, and others with its batch key, in a transaction, and replies to the callers. All are claimed.
    fn run<'c>(
        self: Box<Self>,
        others: Vec<Box<dyn WriteJob>>,
        connection: &'c mut SqliteConnection,
        context: &'c WriterContext,
    ) -> BoxFuture<'c, WriteResult>;

    /// Replies with the error; runs nothing.
    fn reject(self: Box<Self>, error: StorageError);
}

/// The result of a transaction, for the writer.
#[derive(Debug)]
pub(super) struct WriteResult {
    /// About how many rows get deferred work.
    pub(super) deferred_rows: usize,
    pub(super) outcome: TransactionOutcome,
}

/// The reply channel of a queued write, and the claim on it.
#[derive(Debug)]
pub(super) struct Responder<T> {
    sender: oneshot::Sender<T>,
    /// Set by the first: the task that begins the write, or the caller that times out.
    is_claimed: Arc<AtomicBool>,
}

impl<T> Responder<T> {
    pub(super) fn new(sender: oneshot::Sender<T>, is_claimed: Arc<AtomicBool>) -> Self {
        Self { sender, is_claimed }
    }

    /// Claims the write. Returns false if its caller timed out.
    pub(super) fn try_claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::AcqRel)
    }

    /// Replies to the caller, which may be gone.
    pub(super) fn reply(self, result: T) {
        let _ = self.sender.send(result);
    }
}

//! The state that the writer of a database shares with its writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::change_counter::{ChangeCounter, RowId};
use super::error::StorageError;
use super::in_doubt::TransactionOutcome;
use super::schema::DeferredWork;
use crate::metrics::SqliteMetrics;

/// The state that the writer task shares with its jobs.
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
    /// Marks a commit of these rows, or None for all rows, as pending.
    pub(super) fn begin_commit(&self, changed_rows: Option<&[RowId]>) {
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
        tracing::error!(%error, ?outcome, "a write failed");
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

//! Opens and migrates SQLite databases, with many readers and one writer. Queries belong to their resources.

mod change_counter;
mod database;
mod database_limit;
mod error;
pub(crate) mod files;
mod group_commit;
mod in_doubt;
mod interrupt;
mod wal;
mod write_job;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Zone;
use crate::metrics::SqliteMetrics;

#[cfg(test)]
mod tests;

pub(crate) use change_counter::ChangeCounter;
pub(crate) use database::{Database, OpenMode, SqliteOwnedBuf};
pub(crate) use database_limit::{DatabaseLimit, DatabasePermit};
pub(crate) use error::{FailureKind, StorageError};
pub(crate) use files::is_wal_empty;
pub(crate) use futures_util::future::BoxFuture;
pub(crate) use group_commit::{BatchResult, BatchedWrite, CommitHandle};
pub(crate) use sqlx::SqliteConnection as Connection;

use sqlx::migrate::Migrator;

/// A kind of database.
#[derive(Debug)]
pub(crate) struct DatabaseSchema {
    migrations: Migrator,
    /// None if writes defer nothing.
    deferred_work: Option<DeferredWork>,
    /// The most read connections per file.
    max_readers: u32,
}

/// The SQL of deferred work.
#[derive(Clone, Copy, Debug)]
struct DeferredWork {
    /// Returns 1 if work is pending; writes nothing.
    has_pending_sql: &'static str,
    /// Runs one step; returns 1 if more is pending.
    step_sql: &'static str,
}

/// The schema of an account.
pub(crate) static ACCOUNT_SCHEMA: DatabaseSchema = DatabaseSchema {
    migrations: sqlx::migrate!("migrations/account"),
    deferred_work: Some(DeferredWork {
        has_pending_sql: "SELECT EXISTS (SELECT 1 FROM search_queue)",
        step_sql: include_str!("../../migrations/account.upkeep.sql"),
    }),
    // More gained nothing on two cores.
    max_readers: 4,
};
/// The schema of the account catalogue.
pub(crate) static CATALOGUE_SCHEMA: DatabaseSchema = DatabaseSchema {
    migrations: sqlx::migrate!("migrations/catalogue"),
    deferred_work: None,
    max_readers: 1,
};

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    // No doc comments: clap would spread the flag's help over more lines.
    Process,
    Power,
}

/// Settings and limits of database files.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) durability: Durability,
    /// The timeout of a queued write, and of a query.
    pub(crate) operation_timeout: Duration,
    pub(crate) metrics: SqliteMetrics,
    /// Limits the databases open in files.
    pub(crate) database_limit: DatabaseLimit,
}

impl Storage {
    /// Opens a database.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub(crate) async fn open(
        &self,
        mode: OpenMode<'_>,
        schema: &'static DatabaseSchema,
        change_counter: ChangeCounter,
        zone: &Zone,
    ) -> Result<Database, StorageError> {
        let result = Database::open(self, mode, schema, change_counter, zone).await;
        result.map_err(StorageError::detect_open_file_limit)
    }

    /// Creates the directory if it is missing.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(crate) fn ensure_dir(&self, dir: &Path) -> Result<(), StorageError> {
        files::ensure_dir(dir, self.durability)
    }

    /// Fsyncs a file that SQLite created, if the durability is `Power`.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) async fn fsync_if_durable(&self, path: PathBuf) -> Result<(), StorageError> {
        files::fsync_if_durable(path, self.durability).await
    }

    /// Copies a closed database to a new file.
    ///
    /// # Errors
    /// If the disk fails, or is full.
    pub(crate) async fn copy_file(&self, from: PathBuf, to: PathBuf) -> Result<(), StorageError> {
        files::copy(from, to, self.durability).await
    }

    /// Writes the content of a database into a new file.
    ///
    /// # Errors
    /// If the disk fails, or is full.
    pub(crate) async fn write_file(
        &self,
        path: PathBuf,
        content: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<(), StorageError> {
        files::write(path, content, self.durability).await
    }
}

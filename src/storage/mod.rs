//! Databases: opened, migrated, read by several and written by one. The tables belong to their resources.

mod alone;
mod database;
mod error;
pub(crate) mod files;
mod interrupt;
mod outcome;
mod slots;
mod together;
mod version;
mod wal;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Zone;
use crate::metrics::Sqlite;

#[cfg(test)]
mod tests;

pub(crate) use database::{Buffer, Database, Place};
pub(crate) use error::{StorageError, Trouble};
pub(crate) use files::is_whole;
pub(crate) use futures_util::future::BoxFuture;
pub(crate) use slots::{Slot, Slots};
pub(crate) use sqlx::SqliteConnection as Connection;
pub(crate) use together::{Commit, Made, Together};
pub(crate) use version::Version;

use sqlx::migrate::Migrator;

/// What a database holds.
#[derive(Debug)]
pub(crate) struct Tables {
    migrations: Migrator,
    /// None where changes put nothing off.
    upkeep: Option<Upkeep>,
    /// Connections that read one file at the same time.
    readers: u32,
}

/// How what changes put off is done.
#[derive(Clone, Copy, Debug)]
struct Upkeep {
    /// Gives 1 when there is something, and writes nothing.
    is_due: &'static str,
    /// Does a part of it, and gives 1 when there is more.
    part: &'static str,
}

/// The tables of one account.
pub(crate) static ACCOUNT: Tables = Tables {
    migrations: sqlx::migrate!("migrations/account"),
    upkeep: Some(Upkeep {
        is_due: "SELECT EXISTS (SELECT 1 FROM search_queue)",
        part: include_str!("../../migrations/account.upkeep.sql"),
    }),
    // Chosen: more gained nothing on two cores.
    readers: 4,
};
/// The tables of the catalogue of accounts.
pub(crate) static CATALOGUE: Tables =
    Tables { migrations: sqlx::migrate!("migrations/catalogue"), upkeep: None, readers: 1 };

/// What an acknowledged change survives (chosen).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    // No doc comments: the help of the flag says it, and would be spread out by them.
    Process,
    Power,
}

/// How databases and their copies are kept.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) durability: Durability,
    /// How long a request waits for its turn, and a query may take.
    pub(crate) patience: Duration,
    pub(crate) times: Sqlite,
    /// How many may be open in files.
    pub(crate) slots: Slots,
}

impl Storage {
    /// Opens a database; see [`Database::open`].
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn open(
        &self,
        place: Place<'_>,
        tables: &'static Tables,
        version: Version,
        zone: &Zone,
    ) -> Result<Database, StorageError> {
        let opened = Database::open(self, place, tables, version, zone).await;
        opened.map_err(StorageError::told_apart)
    }

    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), StorageError> {
        files::make_folder(folder, self.durability)
    }

    /// Lets a file that SQLite has made reach the disk, where that is promised.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) async fn keep(&self, path: PathBuf) -> Result<(), StorageError> {
        files::kept(path, self.durability).await
    }

    /// Copies a closed database to a file that does not exist yet.
    ///
    /// # Errors
    /// When the disk fails, or is full.
    pub(crate) async fn copy(&self, from: PathBuf, to: PathBuf) -> Result<(), StorageError> {
        files::copy(from, to, self.durability).await
    }

    /// Writes the content of a database into a file that does not exist yet.
    ///
    /// # Errors
    /// When the disk fails, or is full.
    pub(crate) async fn write(
        &self,
        path: PathBuf,
        content: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<(), StorageError> {
        files::write(path, content, self.durability).await
    }
}

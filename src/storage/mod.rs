//! Opens and migrates SQLite databases, with many readers and one writer. Queries belong to their resources.

mod batched_read;
mod change_counter;
mod config;
mod database;
mod database_limit;
mod error;
pub(crate) mod files;
mod group_commit;
mod in_doubt;
mod interrupt;
mod schema;
mod standalone_write;
mod wal;
mod write_job;
mod writer;
mod writer_context;

#[cfg(test)]
mod tests;

pub(crate) use batched_read::BatchedRead;
pub(crate) use change_counter::{ChangeCounter, RowId};
pub(crate) use config::{Durability, Storage};
pub(crate) use database::{Database, OpenMode, begin_read};
pub(crate) use database_limit::{DatabaseLimit, DatabasePermit};
pub(crate) use error::{FailureKind, StorageError};
pub(crate) use files::is_wal_empty;
pub(crate) use futures_util::future::BoxFuture;
pub(crate) use group_commit::{BatchResult, BatchedWrite, CommitHandle};
pub(crate) use schema::{ACCOUNT_SCHEMA, CATALOGUE_SCHEMA};
pub(crate) use sqlx::SqliteConnection as Connection;
pub(crate) use sqlx::sqlite::SqliteOwnedBuf;

//! Databases: opened, migrated, read by several and written by one. The tables belong to their resources.

mod database;
mod error;
pub(crate) mod files;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use database::{Buffer, Database, Place, is_whole};
pub(crate) use error::StorageError;
pub(crate) use futures_util::future::BoxFuture;
pub(crate) use sqlx::SqliteConnection as Connection;
pub(crate) use sqlx::migrate::Migrator;
pub(crate) use writer::Version;

/// The tables of one account.
pub(crate) static ACCOUNT: Migrator = sqlx::migrate!("migrations/account");
/// The tables of the catalogue of accounts.
pub(crate) static CATALOGUE: Migrator = sqlx::migrate!("migrations/catalogue");

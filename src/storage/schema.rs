//! The kinds of databases: their migrations, and the work that their writes defer.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnection;

use super::error::StorageError;

/// A kind of database.
#[derive(Debug)]
pub(crate) struct DatabaseSchema {
    pub(super) migrations: Migrator,
    /// None if writes defer nothing.
    pub(super) deferred_work: Option<DeferredWork>,
    /// The most read connections per file.
    pub(super) max_readers: u32,
}

/// The SQL of deferred work.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeferredWork {
    /// Returns 1 if work is pending; writes nothing.
    pub(super) has_pending_sql: &'static str,
    /// Runs one step; returns 1 if more is pending.
    pub(super) step_sql: &'static str,
}

/// The schema of an account.
pub(crate) static ACCOUNT_SCHEMA: DatabaseSchema = DatabaseSchema {
    migrations: sqlx::migrate!("migrations/account"),
    deferred_work: Some(DeferredWork {
        has_pending_sql: "SELECT EXISTS (SELECT 1 FROM search_queue)",
        step_sql: include_str!("../../migrations/account.deferred.sql"),
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

/// Runs the migrations that a database lacks.
///
/// # Errors
/// If one fails, or the database was written by a newer version.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
) -> Result<(), StorageError> {
    if is_schema_current(connection, migrations).await {
        return Ok(());
    }
    let result = migrations.run_direct(None, connection, false).await;
    result.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StorageError::NewerVersion { path: path.to_owned() }
        }
        source => StorageError::Migration { path: path.to_owned(), source },
    })
}

/// Rejects a database without our migrations as another program's. An unreadable one is damaged, which a later step
/// reports better.
pub(super) async fn check_has_migrations(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StorageError> {
    let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    match sqlx::query_scalar::<_, i64>(sql).fetch_one(connection).await {
        Ok(0) => Err(StorageError::UnrecognizedDatabase { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Returns whether exactly these migrations have run, with the same text. One query; running them takes a dozen.
async fn is_schema_current(connection: &mut SqliteConnection, migrations: &Migrator) -> bool {
    let sql = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Result<Vec<(i64, Vec<u8>)>, _> = sqlx::query_as(sql).fetch_all(connection).await;
    let expected =
        migrations.iter().map(|migration| (migration.version, migration.checksum.to_vec()));
    applied.is_ok_and(|applied| expected.eq(applied))
}

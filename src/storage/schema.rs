//! The kinds of databases: their migrations, and the work that their writes defer.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::SqliteConnection;

use super::error::StorageError;
use crate::clock::Zone;

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

/// Runs the migrations that a database lacks.
///
/// # Errors
/// If one fails, or the database was written by a newer version.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
    zone: &Zone,
) -> Result<(), StorageError> {
    if is_schema_current(connection, migrations).await {
        return Ok(());
    }
    run_migrations(connection, migrations, zone).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StorageError::NewerVersion { path: path.to_owned() }
        }
        source => StorageError::Migration { path: path.to_owned(), source },
    })
}

/// Runs the migrations. SQLite has no time zones, so migrations read the zone from the table `local_time`.
async fn run_migrations(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    zone: &Zone,
) -> Result<(), MigrateError> {
    let create =
        "CREATE TEMP TABLE local_time (until TEXT PRIMARY KEY, shift TEXT) STRICT, WITHOUT ROWID";
    sqlx::raw_sql(create).execute(&mut *connection).await?;
    let transitions = serde_json::to_string(&zone.utc_transitions()).unwrap_or_default();
    let insert = "INSERT OR IGNORE INTO temp.local_time \
        SELECT value ->> 0, (value ->> 1) || ' seconds' FROM json_each($1)";
    sqlx::query(insert).bind(transitions).execute(&mut *connection).await?;
    migrations.run_direct(None, &mut *connection, false).await?;
    sqlx::raw_sql("DROP TABLE temp.local_time").execute(connection).await?;
    Ok(())
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

/// Returns whether exactly these migrations have run. One query; running them takes a dozen.
async fn is_schema_current(connection: &mut SqliteConnection, migrations: &Migrator) -> bool {
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied: Result<Vec<i64>, _> = sqlx::query_scalar(sql).fetch_all(connection).await;
    applied.is_ok_and(|applied| migrations.iter().map(|migration| migration.version).eq(applied))
}

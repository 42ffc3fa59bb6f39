//! The kinds of databases: their migrations, and the work that their writes defer.

use std::path::Path;
use std::sync::LazyLock;

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
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
pub(crate) static ACCOUNT_SCHEMA: LazyLock<DatabaseSchema> = LazyLock::new(|| DatabaseSchema {
    migrations: migrator(&[(
        1,
        "initial",
        include_str!("../../migrations/account/0001_initial.sql"),
    )]),
    deferred_work: Some(DeferredWork {
        has_pending_sql: "SELECT EXISTS (SELECT 1 FROM search_queue)",
        step_sql: include_str!("../../migrations/account.deferred.sql"),
    }),
    // More gained nothing on two cores.
    max_readers: 4,
});
/// The schema of the account catalogue.
pub(crate) static CATALOGUE_SCHEMA: LazyLock<DatabaseSchema> = LazyLock::new(|| DatabaseSchema {
    migrations: migrator(&[(
        1,
        "initial",
        include_str!("../../migrations/catalogue/0001_initial.sql"),
    )]),
    deferred_work: None,
    max_readers: 1,
});

/// Returns the migrations from their versions, names and SQL. `sqlx::migrate!` reads the folders itself, but makes
/// every build compile SQLite twice: sqlx's macros link it too.
fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_migrations_is_a_migration() {
        for (folder, schema) in [("account", &ACCOUNT_SCHEMA), ("catalogue", &CATALOGUE_SCHEMA)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
            let mut files: Vec<(String, String)> = std::fs::read_dir(&path)
                .expect("the folder")
                .map(|entry| entry.expect("a file").path())
                .map(|path| {
                    (
                        path.file_stem().expect("a name").display().to_string(),
                        std::fs::read_to_string(path),
                    )
                })
                .map(|(name, text)| (name, text.expect("SQL")))
                .collect();
            files.sort();
            let migrations: Vec<(String, String)> = schema
                .migrations
                .iter()
                .map(|m| (format!("{:04}_{}", m.version, m.description), m.sql.as_str().to_owned()))
                .collect();
            assert_eq!(migrations, files, "{folder}");
        }
    }
}

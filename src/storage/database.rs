//! One SQLite database: a file that several read while one writes, or memory behind one connection.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};

use super::writer::Writer;
use super::{BoxFuture, StorageError};

/// Connections that read one file at the same time (chosen: more gained nothing on two cores).
const READERS: u32 = 4;
/// How long SQLite itself waits for a lock; only another program can hold one.
const BUSY: Duration = Duration::from_secs(5);

/// How long a request waits for a connection to read with. Its client gives up sooner.
const PATIENCE: Duration = Duration::from_hours(1);

/// Where a database lives.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    File(PathBuf),
    Memory,
}

/// An open database. Cheap reads, writes in a queue.
#[derive(Debug)]
pub(crate) struct Database {
    writer: Writer,
    /// None for a database in memory, which only one connection can see.
    readers: Option<SqlitePool>,
}

impl Database {
    /// Opens the place and brings its tables to this version.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or was written by a newer version.
    pub(crate) async fn open(
        place: &Place,
        migrations: &'static Migrator,
    ) -> Result<Self, StorageError> {
        let Place::File(path) = place else {
            let mut connection = options().in_memory(true).connect().await?;
            migrate(&mut connection, migrations, Path::new("memory")).await?;
            return Ok(Self { writer: Writer::start(connection), readers: None });
        };
        let file = options().filename(path).journal_mode(SqliteJournalMode::Wal);
        let opened = file.clone().create_if_missing(true).connect().await;
        let mut connection =
            opened.map_err(|source| StorageError::Open { path: path.clone(), source })?;
        migrate(&mut connection, migrations, path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false);
        let readers = readers.connect_lazy_with(file.read_only(true));
        Ok(Self { writer: Writer::start(connection), readers: Some(readers) })
    }

    /// Runs a query that changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let Some(readers) = &self.readers else {
            return self.writer.read(query).await;
        };
        let mut connection: PoolConnection<Sqlite> = readers.acquire().await?;
        query(&mut connection).await
    }

    /// Runs a change: all of it is kept, or, when it ends in an error, nothing. It is kept when this returns.
    ///
    /// # Errors
    /// The change's own, and those of the database.
    pub(crate) async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.write(change).await
    }

    /// A number that moves with every change, before the change is acknowledged.
    pub(crate) fn version(&self) -> u64 {
        self.writer.version()
    }

    /// Waits for running work and closes every connection.
    pub(crate) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        self.writer.close().await;
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY)
        .pragma("temp_store", "memory")
        .optimize_on_close(true, 400)
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
) -> Result<(), StorageError> {
    let path = path.to_owned();
    migrations.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StorageError::Newer { path }
        }
        source => StorageError::Migration { path, source },
    })
}

//! One SQLite database: a file with a reader pool and one writer, or memory with one connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::interrupt::interrupt_after;
use super::writer::{Writer, WriterContext};
use super::{
    BatchedWrite, BoxFuture, ChangeCounter, DatabasePermit, DatabaseSchema, Durability, Storage,
    StorageError, files,
};
use crate::clock::{Stopwatch, Zone};

pub(crate) use sqlx::sqlite::SqliteOwnedBuf;

/// SQLite's own lock timeout; only another program can hold a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database above this size is slow to copy, in bytes.
const LARGE_DATABASE_BYTES: usize = 1024 * 1024;

/// How long SQLite may take to notice a query timeout (arbitrary).
const INTERRUPT_GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The connection pool's acquire timeout; requests time out sooner.
const READER_ACQUIRE_TIMEOUT: Duration = Duration::from_hours(1);

/// SQLite's page size in bytes (documented: its default).
const PAGE_BYTES: i64 = 4096;
/// A large database preallocates 1/64 of its size.
const PREALLOCATION_DIVISOR: i64 = 64;

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OpenMode<'a> {
    /// Creates a missing file.
    OpenOrCreate(&'a Path),
    /// The file must exist and hold our tables.
    OpenExisting(&'a Path),
    InMemory,
    /// In memory, with a copy of this content.
    FromBytes(&'a [u8]),
}

/// An open database: concurrent reads, queued writes.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    storage: Storage,
    writer: Writer,
    /// None for a database in memory, which only one connection sees.
    readers: Option<SqlitePool>,
    /// Set while a commit is in doubt.
    is_in_doubt: Arc<AtomicBool>,
    /// Its share of the limit on file descriptors; dropped last.
    #[expect(dead_code, reason = "held for its Drop")]
    permit: Option<DatabasePermit>,
}

impl Database {
    /// Opens a database and runs its migrations; its writes advance `change_counter`. Dates that an earlier version
    /// stored as local text are in `zone`.
    ///
    /// # Errors
    /// If the file cannot be opened, is no database, or was written by a newer version.
    pub(super) async fn open(
        storage: &Storage,
        mode: OpenMode<'_>,
        schema: &'static DatabaseSchema,
        change_counter: ChangeCounter,
        zone: &Zone,
    ) -> Result<Self, StorageError> {
        let (path, content) = match mode {
            OpenMode::OpenOrCreate(path) => {
                if files::is_missing_or_empty(path) {
                    files::check_replaceable(path)?;
                    create_file(storage, path, schema).await?;
                }
                let connection = connect(storage, path).await?;
                return Self::open_file(storage, path, connection, (schema, change_counter), zone)
                    .await;
            }
            OpenMode::OpenExisting(path) => {
                files::check_nonempty_file(path)?;
                let mut connection = connect(storage, path).await?;
                check_has_migrations(&mut connection, path).await?;
                return Self::open_file(storage, path, connection, (schema, change_counter), zone)
                    .await;
            }
            OpenMode::InMemory => (Path::new("memory"), None),
            OpenMode::FromBytes(content) => (Path::new("memory"), Some(content)),
        };
        let mut connection = connect_options(storage).in_memory(true).connect().await?;
        if let Some(content) = content {
            connection.deserialize(None, copy_bytes(content)?, false).await?;
        }
        // The content may be that of an older version's file that was not migrated.
        migrate(&mut connection, &schema.migrations, path, zone).await?;
        Ok(Self::new(storage, path, connection, (schema, change_counter), None))
    }

    async fn open_file(
        storage: &Storage,
        path: &Path,
        mut connection: SqliteConnection,
        (schema, change_counter): (&'static DatabaseSchema, ChangeCounter),
        zone: &Zone,
    ) -> Result<Self, StorageError> {
        files::report_lost_commits(path).await;
        let result = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await;
        result.map_err(|source| StorageError::Open { path: path.to_owned(), source })?;
        migrate(&mut connection, &schema.migrations, path, zone).await?;
        let pool_options = SqlitePoolOptions::new()
            .max_connections(schema.max_readers.min(storage.database_limit.max_readers))
            .acquire_timeout(READER_ACQUIRE_TIMEOUT)
            .test_before_acquire(false);
        let readers =
            pool_options.connect_lazy_with(connect_options(storage).filename(path).read_only(true));
        Ok(Self::new(storage, path, connection, (schema, change_counter), Some(readers)))
    }

    fn new(
        storage: &Storage,
        path: &Path,
        connection: SqliteConnection,
        (schema, change_counter): (&'static DatabaseSchema, ChangeCounter),
        readers: Option<SqlitePool>,
    ) -> Self {
        let is_in_doubt = Arc::<AtomicBool>::default();
        let context = WriterContext {
            path: path.into(),
            change_counter,
            metrics: storage.metrics.clone(),
            deferred_work: schema.deferred_work,
            has_readers: readers.is_some(),
            is_in_doubt: Arc::clone(&is_in_doubt),
        };
        let writer = Writer::start(connection, storage.operation_timeout, context);
        Self {
            path: path.to_owned(),
            storage: storage.clone(),
            writer,
            readers,
            is_in_doubt,
            permit: None,
        }
    }

    /// Adds a permit, which the drop releases.
    pub(crate) fn with_permit(self, permit: DatabasePermit) -> Self {
        Self { permit: Some(permit), ..self }
    }

    /// Returns the path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content in file format. For a database in memory.
    ///
    /// # Errors
    /// If memory is exhausted.
    pub(crate) async fn serialize(&self) -> Result<SqliteOwnedBuf, StorageError> {
        self.writer.flush_deferred().await;
        self.writer
            .read(|connection| Box::pin(async move { Ok(connection.serialize(None).await?) }))
            .await
    }

    /// Preallocates pages in a large database in memory, so that the first write after a copy does not make SQLite
    /// reallocate all of it.
    pub(crate) async fn preallocate(&self) {
        let preallocation = self.writer.read(|connection| {
            Box::pin(async move {
                let pages: i64 =
                    sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
                let room_bytes = pages * PAGE_BYTES / PREALLOCATION_DIVISOR;
                if pages * PAGE_BYTES > i64::try_from(LARGE_DATABASE_BYTES).unwrap_or(i64::MAX) {
                    let statement = format!(
                        "CREATE TABLE room (content BLOB); \
                         INSERT INTO room VALUES (ZEROBLOB({room_bytes})); DROP TABLE room"
                    );
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
                }
                Ok(())
            })
        });
        if let Err(error) = preallocation.await {
            tracing::debug!(%error, "no room was left");
        }
    }

    /// Runs a read-only query.
    ///
    /// # Errors
    /// If the database fails, or the query times out.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let stopwatch = Stopwatch::start();
        let result = timeout(self.storage.operation_timeout, self.run_query(query)).await;
        self.storage.metrics.record_read(stopwatch.elapsed());
        result.unwrap_or(Err(StorageError::Busy)).map_err(|error| error.with_path(&self.path))
    }

    /// Runs a read-only query. If `is_long`, it is interruptible, which costs some microseconds more.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::read_interruptible`].
    pub(crate) async fn read_maybe_interruptible<T, F>(
        &self,
        is_long: bool,
        query: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        if is_long { self.read_interruptible(query).await } else { self.read(query).await }
    }

    /// Runs a read-only query that may take long. SQLite interrupts it at the timeout; until then it occupies its
    /// connection, even if its caller is dropped.
    ///
    /// # Errors
    /// If the database fails, or the query times out.
    pub(crate) async fn read_interruptible<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (stopwatch, query_timeout) = (Stopwatch::start(), self.storage.operation_timeout);
        let query = interrupt_after((stopwatch, query_timeout), query);
        let read = async {
            let Some(readers) = self.readers.clone() else {
                return self.writer.read(query).await;
            };
            self.resolve_in_doubt().await?;
            let task = tokio::spawn(async move {
                let mut connection: PoolConnection<Sqlite> = readers.acquire().await?;
                query(&mut connection).await
            });
            task.await.map_err(|_| StorageError::TaskFailed)?
        };
        // A running query is interrupted before, so that its error gives the reason.
        let result = timeout(query_timeout + INTERRUPT_GRACE_PERIOD, read).await;
        self.storage.metrics.record_read(stopwatch.elapsed());
        result.unwrap_or(Err(StorageError::Busy)).map_err(|error| error.with_path(&self.path))
    }

    async fn run_query<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let Some(readers) = &self.readers else {
            return self.writer.read(query).await;
        };
        self.resolve_in_doubt().await?;
        let mut connection: PoolConnection<Sqlite> = readers.acquire().await?;
        query(&mut connection).await
    }

    /// Resolves a commit in doubt.
    ///
    /// # Errors
    /// If its outcome stays unknown. Data that is read then could be gone after a restart.
    pub(crate) async fn resolve_in_doubt(&self) -> Result<(), StorageError> {
        if self.is_in_doubt.load(Ordering::Acquire) {
            self.writer.read(|_| Box::pin(async { Ok(()) })).await?;
        }
        Ok(())
    }

    /// Runs a write in a transaction, which an error rolls back. It is committed when this returns.
    ///
    /// # Errors
    /// The write's own, and those of the database.
    pub(crate) async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.writer.write(write).await
    }

    /// Group commits a write; see [`BatchedWrite`]. It is committed when this returns. `on_commit` takes its output
    /// after the commit, in the order of the writes.
    ///
    /// # Errors
    /// The write's own, and those of the database.
    pub(crate) async fn write_batched<C: BatchedWrite, U: Send + 'static>(
        &self,
        write: C,
        on_commit: impl FnOnce(C::Output) -> U + Send + 'static,
    ) -> Result<U, C::Error> {
        self.writer.write_batched(write, on_commit).await
    }

    /// Waits for running jobs and closes every connection.
    ///
    /// # Errors
    /// If the checkpoint fails. File and write-ahead log together are complete, and the next open tries again.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        let mut checkpoint = Ok(());
        if let Some(readers) = &self.readers {
            readers.close().await;
            self.writer.flush_deferred().await;
            // The last close checkpoints as well, unless it is that of a reader.
            checkpoint = self.run_pragma("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
        self.writer.close().await;
        checkpoint
    }

    /// Closes a file that is not needed any more, without fsync.
    pub(crate) async fn close_discarding(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        // Only the speed depends on it.
        let _ = self.run_pragma("PRAGMA synchronous = OFF").await;
        self.writer.close().await;
    }

    async fn run_pragma(&self, statement: &'static str) -> Result<(), StorageError> {
        let result = self.writer.read(move |connection| {
            Box::pin(
                async move { Ok(sqlx::raw_sql(statement).execute(connection).await.map(drop)?) },
            )
        });
        result.await.map_err(|error| error.with_path(&self.path))
    }
}

/// Creates a file with empty tables: builds them in memory, which needs no fsync, and renames the file when it is
/// complete.
async fn create_file(
    storage: &Storage,
    path: &Path,
    schema: &DatabaseSchema,
) -> Result<(), StorageError> {
    let mut connection = connect_options(storage).in_memory(true).connect().await?;
    migrate(&mut connection, &schema.migrations, path, &Zone::default()).await?;
    let content = connection.serialize(None).await?;
    let temp_path = files::sidecar_path(path, "-new");
    files::remove_if_exists(&temp_path)?;
    storage.write_file(temp_path.clone(), content).await?;
    std::fs::rename(&temp_path, path)
        .map_err(|source| StorageError::Io { path: path.to_owned(), source })?;
    storage.fsync_if_durable(path.to_owned()).await
}

/// Copies the content. For some megabytes, other workers take over this worker's tasks; a separate thread would take
/// fresh memory each time, which costs more than the copy.
fn copy_bytes(content: &[u8]) -> Result<SqliteOwnedBuf, sqlx::Error> {
    let is_multi_thread = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    if is_multi_thread && content.len() > LARGE_DATABASE_BYTES {
        block_in_place(|| SqliteOwnedBuf::try_from(content))
    } else {
        SqliteOwnedBuf::try_from(content)
    }
}

fn connect_options(storage: &Storage) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .synchronous(match storage.durability {
            Durability::Process => SqliteSynchronous::Normal,
            Durability::Power => SqliteSynchronous::Full,
        })
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("temp_store", "memory")
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

/// Opens a write connection to a file, but writes nothing yet.
async fn connect(storage: &Storage, path: &Path) -> Result<SqliteConnection, StorageError> {
    let options = connect_options(storage).filename(path);
    let result = options.optimize_on_close(true, 400).connect().await;
    result.map_err(|source| StorageError::Open { path: path.to_owned(), source })
}

async fn migrate(
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
async fn check_has_migrations(
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

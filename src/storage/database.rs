//! One SQLite database: a file with a reader pool and one writer, or memory with one connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteOwnedBuf, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Transaction};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::batched_read::{BatchedRead, ReadQueue, ReadRole, run_group};
use super::change_counter::ChangeCounter;
use super::config::{Durability, Storage};
use super::database_limit::DatabasePermit;
use super::error::StorageError;
use super::files;
use super::group_commit::BatchedWrite;
use super::interrupt::interrupt_after;
use super::schema::{DatabaseSchema, check_has_migrations, migrate};
use super::writer::Writer;
use super::writer_context::WriterContext;
use crate::clock::Stopwatch;

/// SQLite's own lock timeout; only another program can hold a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database above this size is slow to copy, in bytes.
const LARGE_DATABASE_BYTES: usize = 1024 * 1024;

/// How long SQLite may take to notice a query timeout (arbitrary).
const INTERRUPT_GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The connection pool's acquire timeout; requests time out sooner.
const READER_ACQUIRE_TIMEOUT: Duration = Duration::from_hours(1);

/// The page size of new databases in bytes. A small page makes a small database smaller: each table and index has at
/// least one. And a change of one row writes less.
pub(super) const PAGE_BYTES: u32 = 1024;
/// The pages in the write-ahead log at which a commit moves them into the database. From some 4000 pages on, the log's
/// index grows: if the disk is full then, it stays unknown whether the commit has happened.
const CHECKPOINT_PAGES: &str = "3000";
/// The page cache of the writer, as a negative number of KiB: with the default of 2 MB, a group that changes many tickets
/// writes pages before its commit, and reads them again.
const WRITER_CACHE_KIB: &str = "-16384";
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
    read_queue: Box<ReadQueue>,
    /// Set while a commit is in doubt.
    is_in_doubt: Arc<AtomicBool>,
    /// Its share of the limit on file descriptors; dropped last.
    #[expect(dead_code, reason = "held for its Drop")]
    permit: Option<DatabasePermit>,
}

/// The connections of an open database.
struct Connections {
    path: PathBuf,
    writer: SqliteConnection,
    /// None for a database in memory.
    readers: Option<SqlitePool>,
}

impl Database {
    /// Opens a database and runs its migrations; its writes advance `change_counter`.
    ///
    /// # Errors
    /// If the file cannot be opened, is no database, or was written by a newer version.
    pub(crate) async fn open(
        storage: &Storage,
        mode: OpenMode<'_>,
        schema: &'static DatabaseSchema,
        change_counter: ChangeCounter,
    ) -> Result<Self, StorageError> {
        let connections = match mode {
            OpenMode::OpenOrCreate(path) => open_or_create_file(storage, path, schema).await,
            OpenMode::OpenExisting(path) => open_existing_file(storage, path, schema).await,
            OpenMode::InMemory => open_memory(storage, None, schema).await,
            OpenMode::FromBytes(content) => open_memory(storage, Some(content), schema).await,
        };
        let Connections { path, writer, readers } =
            connections.map_err(StorageError::detect_open_file_limit)?;
        let is_in_doubt = Arc::<AtomicBool>::default();
        let context = WriterContext {
            path: path.as_path().into(),
            change_counter,
            metrics: storage.metrics.clone(),
            deferred_work: schema.deferred_work,
            has_readers: readers.is_some(),
            is_in_doubt: Arc::clone(&is_in_doubt),
        };
        let writer = Writer::start(writer, storage.operation_timeout, context);
        Ok(Self {
            path,
            storage: storage.clone(),
            writer,
            readers,
            read_queue: Box::default(),
            is_in_doubt,
            permit: None,
        })
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
                let preallocated_bytes = pages * i64::from(PAGE_BYTES) / PREALLOCATION_DIVISOR;
                if pages * i64::from(PAGE_BYTES)
                    > i64::try_from(LARGE_DATABASE_BYTES).unwrap_or(i64::MAX)
                {
                    let statement = format!(
                        "CREATE TABLE room (content BLOB); \
                         INSERT INTO room VALUES (ZEROBLOB({preallocated_bytes})); DROP TABLE room"
                    );
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
                }
                Ok(())
            })
        });
        if let Err(error) = preallocation.await {
            tracing::debug!(%error, "preallocation failed");
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
        self.limit_and_record(self.run_query(query)).await
    }

    /// Runs a read together with those of its type that wait at the same time; see [`BatchedRead`].
    ///
    /// # Errors
    /// If the database fails, or the read times out.
    pub(crate) async fn read_batched<R: BatchedRead>(
        &self,
        read: R,
    ) -> Result<R::Output, StorageError> {
        self.limit_and_record(self.run_batched(read)).await
    }

    /// Runs a read within the timeout, and records its duration.
    async fn limit_and_record<T>(
        &self,
        read: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let stopwatch = Stopwatch::start();
        let result = timeout(self.storage.operation_timeout, read).await;
        self.storage.metrics.record_read(stopwatch.elapsed());
        result.unwrap_or(Err(StorageError::Busy)).map_err(|error| error.with_path(&self.path))
    }

    async fn run_batched<R: BatchedRead>(&self, read: R) -> Result<R::Output, StorageError> {
        loop {
            match self.read_queue.push(read.clone()) {
                ReadRole::Run(mut group) => {
                    let reads = group.gather().await;
                    self.run_query(|connection| Box::pin(run_group(connection, reads))).await?;
                    return group.own_output();
                }
                ReadRole::Wait(output) => {
                    if let Ok(output) = output.await {
                        return Ok(output);
                    }
                }
            }
        }
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
        let query = interrupt_after(stopwatch, query_timeout, query);
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
            // The close of the last connection checkpoints as well, unless that connection is a reader.
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
        // If this fails, the close is only slower.
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

async fn open_or_create_file(
    storage: &Storage,
    path: &Path,
    schema: &DatabaseSchema,
) -> Result<Connections, StorageError> {
    if files::is_missing_or_empty(path) {
        files::check_replaceable(path)?;
        create_file(storage, path, schema).await?;
    }
    let connection = connect(storage, path).await?;
    open_file(storage, path, connection, schema).await
}

async fn open_existing_file(
    storage: &Storage,
    path: &Path,
    schema: &DatabaseSchema,
) -> Result<Connections, StorageError> {
    files::check_nonempty_file(path)?;
    let mut connection = connect(storage, path).await?;
    check_has_migrations(&mut connection, path).await?;
    open_file(storage, path, connection, schema).await
}

/// Migrates a file, and opens its read connections.
async fn open_file(
    storage: &Storage,
    path: &Path,
    mut writer: SqliteConnection,
    schema: &DatabaseSchema,
) -> Result<Connections, StorageError> {
    files::report_lost_commits(path).await;
    let result = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut writer).await;
    result.map_err(|source| StorageError::Open { path: path.to_owned(), source })?;
    migrate(&mut writer, &schema.migrations, path).await?;
    let pool_options = SqlitePoolOptions::new()
        .max_connections(schema.max_readers.min(storage.database_limit.max_readers))
        .acquire_timeout(READER_ACQUIRE_TIMEOUT)
        .test_before_acquire(false);
    let readers =
        pool_options.connect_lazy_with(connect_options(storage).filename(path).read_only(true));
    Ok(Connections { path: path.to_owned(), writer, readers: Some(readers) })
}

async fn open_memory(
    storage: &Storage,
    content: Option<&[u8]>,
    schema: &DatabaseSchema,
) -> Result<Connections, StorageError> {
    let path = Path::new("memory");
    let mut writer = connect_options(storage).in_memory(true).connect().await?;
    if let Some(content) = content {
        writer.deserialize(None, copy_bytes(content)?, false).await?;
    }
    // The content may come from the file of an older version.
    migrate(&mut writer, &schema.migrations, path).await?;
    Ok(Connections { path: path.to_owned(), writer, readers: None })
}

/// Creates a file with empty tables: builds them in memory, which needs no fsync, and renames the file when it is
/// complete.
async fn create_file(
    storage: &Storage,
    path: &Path,
    schema: &DatabaseSchema,
) -> Result<(), StorageError> {
    let mut connection = connect_options(storage).in_memory(true).connect().await?;
    migrate(&mut connection, &schema.migrations, path).await?;
    let content = connection.serialize(None).await?;
    let temp_path = files::sidecar_path(path, "-new");
    files::remove_if_exists(&temp_path)?;
    files::write(temp_path.clone(), content, storage.durability).await?;
    std::fs::rename(&temp_path, path)
        .map_err(|source| StorageError::Io { path: path.to_owned(), source })?;
    files::fsync_if_durable(path.to_owned(), storage.durability).await
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
        .page_size(PAGE_BYTES)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("temp_store", "memory")
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

/// Opens a write connection to a file, but writes nothing yet.
async fn connect(storage: &Storage, path: &Path) -> Result<SqliteConnection, StorageError> {
    let options = connect_options(storage).filename(path).pragma("cache_size", WRITER_CACHE_KIB);
    let result = options.optimize_on_close(true, 400).connect().await;
    result.map_err(|source| StorageError::Open { path: path.to_owned(), source })
}

/// Starts a read transaction: all reads until the guard is dropped see one snapshot of the database.
///
/// # Errors
/// If the database fails.
pub(crate) async fn begin_read(
    connection: &mut SqliteConnection,
) -> Result<Transaction<'_, Sqlite>, StorageError> {
    Ok(connection.begin().await?)
}

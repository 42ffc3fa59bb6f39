//! One SQLite database: a file that several read while one writes, or memory behind one connection.

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

use super::interrupt::interrupted_after;
use super::writer::{Heard, Writer};
use super::{BoxFuture, Durability, Slot, Storage, StorageError, Tables, Together, Version, files};
use crate::clock::{Stopwatch, Zone};

pub(crate) use sqlx::sqlite::SqliteOwnedBuf as Buffer;

/// How long SQLite itself waits for a lock; only another program can hold one.
const BUSY: Duration = Duration::from_secs(5);

/// A content that takes a worker's time to copy, in bytes.
const MUCH: usize = 1024 * 1024;

/// How long SQLite may take to notice that the time of a query is over (chosen).
const GRACE: Duration = Duration::from_secs(1);

/// How long a connection to read with may take to open; requests give up sooner.
const OPENING: Duration = Duration::from_hours(1);

/// SQLite's page, in bytes (documented: its default).
const PAGE: i64 = 4096;
/// Which part of a large database is left as room.
const ROOM: i64 = 64;

/// Where a database lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// Made where it is missing.
    New(&'a Path),
    /// It must be there, and hold tables of ours.
    Kept(&'a Path),
    Memory,
    /// In memory, with the content of another one.
    Copy(&'a [u8]),
}

/// An open database. Cheap reads, writes in a queue.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    storage: Storage,
    writer: Writer,
    /// None for a database in memory, which only one connection can see.
    readers: Option<SqlitePool>,
    /// Set while the outcome of a commit is not known.
    is_unsettled: Arc<AtomicBool>,
    /// What it takes of the files that the process may have; the last of its parts to go.
    #[expect(dead_code, reason = "it is held")]
    slot: Option<Slot>,
}

impl Database {
    /// Opens the place and brings its tables to this version; its changes move `version`. Dates that an earlier
    /// version stored as local text are in `zone`.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or was written by a newer version.
    pub(super) async fn open(
        storage: &Storage,
        place: Place<'_>,
        tables: &'static Tables,
        version: Version,
        zone: &Zone,
    ) -> Result<Self, StorageError> {
        let (path, content) = match place {
            Place::New(path) => {
                if files::is_nothing(path) {
                    files::check_replaceable(path)?;
                    make(storage, path, tables).await?;
                }
                let connection = connect(storage, path).await?;
                return Self::in_file(storage, path, connection, (tables, version), zone).await;
            }
            Place::Kept(path) => {
                files::check_present(path)?;
                let mut connection = connect(storage, path).await?;
                must_be_ours(&mut connection, path).await?;
                return Self::in_file(storage, path, connection, (tables, version), zone).await;
            }
            Place::Memory => (Path::new("memory"), None),
            Place::Copy(content) => (Path::new("memory"), Some(content)),
        };
        let mut connection = options(storage).in_memory(true).connect().await?;
        if let Some(content) = content {
            connection.deserialize(None, copied(content)?, false).await?;
        }
        // A copy may come from a file of an older version that nobody has opened since.
        migrate(&mut connection, &tables.migrations, path, zone).await?;
        Ok(Self::of(storage, path, connection, (tables, version), None))
    }

    async fn in_file(
        storage: &Storage,
        path: &Path,
        mut connection: SqliteConnection,
        (tables, version): (&'static Tables, Version),
        zone: &Zone,
    ) -> Result<Self, StorageError> {
        files::report_lost_commits(path).await;
        let mode = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut connection).await;
        mode.map_err(|source| StorageError::Open { path: path.to_owned(), source })?;
        migrate(&mut connection, &tables.migrations, path, zone).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(tables.readers.min(storage.slots.readers))
            .acquire_timeout(OPENING)
            .test_before_acquire(false);
        let readers = readers.connect_lazy_with(options(storage).filename(path).read_only(true));
        Ok(Self::of(storage, path, connection, (tables, version), Some(readers)))
    }

    fn of(
        storage: &Storage,
        path: &Path,
        connection: SqliteConnection,
        (tables, version): (&'static Tables, Version),
        readers: Option<SqlitePool>,
    ) -> Self {
        let (times, upkeep) = (storage.times.clone(), tables.upkeep);
        let is_unsettled = Arc::<AtomicBool>::default();
        let heard = Heard {
            path: path.into(),
            version,
            times,
            upkeep,
            has_readers: readers.is_some(),
            is_unsettled: Arc::clone(&is_unsettled),
        };
        let writer = Writer::start(connection, storage.patience, heard);
        Self {
            path: path.to_owned(),
            storage: storage.clone(),
            writer,
            readers,
            is_unsettled,
            slot: None,
        }
    }

    /// The same, which holds a slot until it is dropped.
    pub(crate) fn in_slot(self, slot: Slot) -> Self {
        Self { slot: Some(slot), ..self }
    }

    /// The file, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole content, as a file would have it. For a database in memory.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) async fn content(&self) -> Result<Buffer, StorageError> {
        self.writer.settle().await;
        self.writer
            .read(|connection| Box::pin(async move { Ok(connection.serialize(None).await?) }))
            .await
    }

    /// Leaves some room in a large database in memory, so that the first change after a copy does not make SQLite
    /// move all of it to a larger place.
    pub(crate) async fn leave_room(&self) {
        let leave = self.writer.read(|connection| {
            Box::pin(async move {
                let pages: i64 =
                    sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
                let room = pages * PAGE / ROOM;
                if pages * PAGE > i64::try_from(MUCH).unwrap_or(i64::MAX) {
                    let statement = format!(
                        "CREATE TABLE room (content BLOB); \
                         INSERT INTO room VALUES (ZEROBLOB({room})); DROP TABLE room"
                    );
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
                }
                Ok(())
            })
        });
        if let Err(error) = leave.await {
            tracing::debug!(%error, "no room was left");
        }
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
        let watch = Stopwatch::start();
        let result = timeout(self.storage.patience, self.ask(query)).await;
        self.storage.times.has_read(watch.elapsed());
        result.unwrap_or(Err(StorageError::Busy)).map_err(|error| error.at(&self.path))
    }

    /// Runs a query that changes nothing; `long` says whether it may take long, which costs some microseconds more.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::read_for_long`].
    pub(crate) async fn read_for<T, F>(&self, long: bool, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        if long { self.read_for_long(query).await } else { self.read(query).await }
    }

    /// Runs a query that changes nothing, and may take long. SQLite gives it up when the time is over; until then it has
    /// its connection, even when its caller has gone.
    ///
    /// # Errors
    /// When the database fails, or the time is over.
    pub(crate) async fn read_for_long<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (watch, patience) = (Stopwatch::start(), self.storage.patience);
        let query = interrupted_after((watch, patience), query);
        let asked = async {
            let Some(readers) = self.readers.clone() else {
                return self.writer.read(query).await;
            };
            self.settle_outcome().await?;
            let asked = tokio::spawn(async move {
                let mut connection: PoolConnection<Sqlite> = readers.acquire().await?;
                query(&mut connection).await
            });
            asked.await.map_err(|_| StorageError::Abandoned)?
        };
        // One that has begun is interrupted before, so that its caller is told why.
        let result = timeout(patience + GRACE, asked).await;
        self.storage.times.has_read(watch.elapsed());
        result.unwrap_or(Err(StorageError::Busy)).map_err(|error| error.at(&self.path))
    }

    async fn ask<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let Some(readers) = &self.readers else {
            return self.writer.read(query).await;
        };
        self.settle_outcome().await?;
        let mut connection: PoolConnection<Sqlite> = readers.acquire().await?;
        query(&mut connection).await
    }

    /// Makes sure that the outcome of every commit is known.
    ///
    /// # Errors
    /// When one is not known and cannot be found out now. What is read then could be gone after a restart.
    pub(crate) async fn settle_outcome(&self) -> Result<(), StorageError> {
        if self.is_unsettled.load(Ordering::Acquire) {
            self.writer.read(|_| Box::pin(async { Ok(()) })).await?;
        }
        Ok(())
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

    /// Makes a change with others of its kind; see [`Together`]. It is kept when this returns. `then` takes what comes
    /// of it, once it is kept, and in the order in which changes were made.
    ///
    /// # Errors
    /// The change's own, and those of the database.
    pub(crate) async fn together<C: Together, U: Send + 'static>(
        &self,
        change: C,
        then: impl FnOnce(C::Done) -> U + Send + 'static,
    ) -> Result<U, C::Error> {
        self.writer.together(change, then).await
    }

    /// Waits for running work and closes every connection.
    ///
    /// # Errors
    /// When the log could not be written into the file. Both together hold everything, and the next opening tries again.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        let mut written = Ok(());
        if let Some(readers) = &self.readers {
            readers.close().await;
            self.writer.settle().await;
            // Whoever closes last does it as well, but that could be a reader, which cannot.
            written = self.pragma("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
        self.writer.close().await;
        written
    }

    /// Closes a file that is not needed any more: it does not have to reach the disk.
    pub(crate) async fn abandon(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        // Only its speed depends on it.
        let _ = self.pragma("PRAGMA synchronous = OFF").await;
        self.writer.close().await;
    }

    async fn pragma(&self, statement: &'static str) -> Result<(), StorageError> {
        let ran = self.writer.read(move |connection| {
            Box::pin(
                async move { Ok(sqlx::raw_sql(statement).execute(connection).await.map(drop)?) },
            )
        });
        ran.await.map_err(|error| error.at(&self.path))
    }
}

/// Makes a file with nothing in its tables: in memory, which takes no wait for the disk, and under another name until
/// it is whole.
async fn make(storage: &Storage, path: &Path, tables: &Tables) -> Result<(), StorageError> {
    let mut connection = options(storage).in_memory(true).connect().await?;
    migrate(&mut connection, &tables.migrations, path, &Zone::default()).await?;
    let content = connection.serialize(None).await?;
    let unfinished = files::beside(path, "-new");
    files::remove_unfinished(&unfinished)?;
    storage.write(unfinished.clone(), content).await?;
    std::fs::rename(&unfinished, path)
        .map_err(|source| StorageError::File { path: path.to_owned(), source })?;
    storage.keep(path.to_owned()).await
}

/// A copy. One of some megabytes lets others have the worker's other tasks meanwhile; on a thread of its own it would
/// take fresh memory each time, which costs more than the copying.
fn copied(content: &[u8]) -> Result<Buffer, sqlx::Error> {
    let has_others = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    if has_others && content.len() > MUCH {
        block_in_place(|| Buffer::try_from(content))
    } else {
        Buffer::try_from(content)
    }
}

fn options(storage: &Storage) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .synchronous(match storage.durability {
            Durability::Process => SqliteSynchronous::Normal,
            Durability::Power => SqliteSynchronous::Full,
        })
        .busy_timeout(BUSY)
        .pragma("temp_store", "memory")
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

/// A connection that writes to a file, into which nothing is written yet.
async fn connect(storage: &Storage, path: &Path) -> Result<SqliteConnection, StorageError> {
    let file = options(storage).filename(path);
    let opened = file.optimize_on_close(true, 400).connect().await;
    opened.map_err(|source| StorageError::Open { path: path.to_owned(), source })
}

async fn migrate(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    path: &Path,
    zone: &Zone,
) -> Result<(), StorageError> {
    if is_current(connection, migrations).await {
        return Ok(());
    }
    run(connection, migrations, zone).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
            StorageError::Newer { path: path.to_owned() }
        }
        source => StorageError::Migration { path: path.to_owned(), source },
    })
}

/// Runs the migrations. SQLite knows no time zones, so those that need the zone find it in the table `local_time`.
async fn run(
    connection: &mut SqliteConnection,
    migrations: &Migrator,
    zone: &Zone,
) -> Result<(), MigrateError> {
    let create =
        "CREATE TEMP TABLE local_time (until TEXT PRIMARY KEY, shift TEXT) STRICT, WITHOUT ROWID";
    sqlx::raw_sql(create).execute(&mut *connection).await?;
    let shifts = serde_json::to_string(&zone.shifts()).unwrap_or_default();
    let insert = "INSERT OR IGNORE INTO temp.local_time \
        SELECT value ->> 0, (value ->> 1) || ' seconds' FROM json_each($1)";
    sqlx::query(insert).bind(shifts).execute(&mut *connection).await?;
    migrations.run_direct(None, &mut *connection, false).await?;
    sqlx::raw_sql("DROP TABLE temp.local_time").execute(connection).await?;
    Ok(())
}

/// A database without a migration of ours is another program's. One that cannot be read is damaged, which is told
/// later and better.
async fn must_be_ours(connection: &mut SqliteConnection, path: &Path) -> Result<(), StorageError> {
    let named = "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    match sqlx::query_scalar::<_, i64>(named).fetch_one(connection).await {
        Ok(0) => Err(StorageError::NotOurs { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether exactly these migrations have run. One query, where to run them would take a dozen.
async fn is_current(connection: &mut SqliteConnection, migrations: &Migrator) -> bool {
    let ran = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    let ran: Result<Vec<i64>, _> = sqlx::query_scalar(ran).fetch_all(connection).await;
    ran.is_ok_and(|ran| migrations.iter().map(|migration| migration.version).eq(ran))
}

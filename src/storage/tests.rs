//! Tests migrations, rollbacks, group commit, queue timeouts and crash recovery.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, query, query_scalar, raw_sql};

use super::schema::DatabaseSchema;
use super::wal::{Damage, FRAME_HEADER_BYTES, WAL_HEADER_BYTES, find_damage};
use super::{
    ACCOUNT_SCHEMA, BatchResult, BatchedWrite, BoxFuture, ChangeCounter, CommitHandle, Connection,
    Database, DatabaseLimit, Durability, FailureKind, OpenMode, RowId, Storage, StorageError,
};
use crate::metrics::SqliteMetrics;

const PAGE_BYTES: usize = super::database::PAGE_BYTES as usize;
/// The size of a frame of the write-ahead log in bytes.
const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAGE_BYTES;

fn storage() -> Storage {
    let operation_timeout = std::time::Duration::from_mins(1);
    Storage {
        durability: Durability::Process,
        operation_timeout,
        metrics: SqliteMetrics::default(),
        database_limit: DatabaseLimit::unlimited(),
    }
}

/// Returns the schema of a later version, with one more migration.
fn later_schema() -> &'static DatabaseSchema {
    let mut migrations: Vec<Migration> = ACCOUNT_SCHEMA.migrations.iter().cloned().collect();
    migrations.push(Migration::new(
        99,
        "later".into(),
        MigrationType::Simple,
        "ALTER TABLE ticket ADD COLUMN later TEXT; UPDATE ticket SET later = title".into_sql_str(),
        false,
    ));
    Box::leak(Box::new(DatabaseSchema {
        migrations: Migrator::with_migrations(migrations),
        deferred_work: None,
        max_readers: 1,
    }))
}

pub(super) async fn open_in_memory() -> Result<Database, StorageError> {
    Database::open(&storage(), OpenMode::InMemory, &ACCOUNT_SCHEMA, ChangeCounter::default()).await
}

async fn insert_ticket(database: &Database) -> Result<(), StorageError> {
    let statement = "INSERT INTO ticket (created_at, last_update, title, search_title) VALUES ('', '', 'Old', 'old one')";
    database
        .write(move |connection| {
            Box::pin(async move { Ok(query(statement).execute(connection).await.map(drop)?) })
        })
        .await
}

async fn count_search_hits(database: &Database) -> Result<i64, StorageError> {
    let statement = "SELECT COUNT(*) FROM ticket_search WHERE ticket_search MATCH '\"old\"'";
    database
        .read(move |connection| {
            Box::pin(async move { Ok(query_scalar(statement).fetch_one(connection).await?) })
        })
        .await
}

async fn count_tickets(database: &Database) -> Result<i64, StorageError> {
    let statement = "SELECT COUNT(*) FROM ticket";
    database
        .read(move |connection| {
            Box::pin(async move { Ok(query_scalar(statement).fetch_one(connection).await?) })
        })
        .await
}

#[tokio::test]
async fn data_of_an_older_version_is_migrated() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("old.db");
    let old = open_new(&path).await;
    insert_ticket(&old).await.expect("the insert succeeds");
    old.close().await.expect("the database closes");
    let mode = OpenMode::OpenExisting(&path);
    let new = Database::open(&storage(), mode, later_schema(), ChangeCounter::default()).await;
    let new = new.expect("the migration succeeds");
    let later = new.read(|connection| {
        Box::pin(async move {
            Ok(query_scalar("SELECT later FROM ticket").fetch_all(connection).await?)
        })
    });
    let later: Vec<String> = later.await.expect("the column exists");
    assert_eq!(later, ["Old"]);
}

/// Runs statements, and then all deferred indexing.
async fn execute_and_index(database: &Database, statements: &'static str) -> usize {
    let write = database.write(move |connection| {
        Box::pin(async move { Ok(raw_sql(statements).execute(connection).await.map(drop)?) })
    });
    let result: Result<(), StorageError> = write.await;
    result.expect("the statements run");
    let indexing = database.read(|connection| {
        Box::pin(async move {
            let step_sql = ACCOUNT_SCHEMA.deferred_work.expect("the schema defers work").step_sql;
            let mut steps = 1;
            while query_scalar::<_, i64>(step_sql).fetch_all(&mut *connection).await? == [1] {
                steps += 1;
            }
            // Validates the index against the texts of the tickets.
            let check =
                "INSERT INTO ticket_search (ticket_search, rank) VALUES ('integrity-check', 1)";
            query(check).execute(connection).await?;
            Ok(steps)
        })
    });
    indexing.await.expect("the index is valid")
}

#[tokio::test]
async fn search_index_is_updated_in_steps() {
    let database = open_in_memory().await.expect("the database opens");
    let many = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 300) \
        INSERT INTO ticket (created_at, last_update, search_title) SELECT '', '', 'old ' || id FROM n";
    execute_and_index(&database, many).await;
    assert_eq!(count_search_hits(&database).await.expect("the query succeeds"), 300);
    let changes = "UPDATE ticket SET search_title = 'new ' || id WHERE id % 3 = 0; \
        UPDATE ticket SET search_title = 'newer ' || id WHERE id % 6 = 0; \
        DELETE FROM ticket WHERE id > 290; \
        INSERT INTO ticket (created_at, last_update, search_title) VALUES ('', '', 'old'), ('', '', 'old'); \
        DELETE FROM ticket WHERE id = (SELECT MAX(id) FROM ticket)";
    execute_and_index(&database, changes).await;
    let old = (1..=290).filter(|id| id % 3 != 0).count() + 1;
    assert_eq!(
        count_search_hits(&database).await.expect("the query succeeds"),
        i64::try_from(old).expect("fits an i64")
    );
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("new.db");
    let mode = OpenMode::OpenOrCreate(&path);
    Database::open(&storage(), mode, later_schema(), ChangeCounter::default())
        .await
        .expect("the database opens")
        .close()
        .await
        .expect("the database closes");
    let result = open_existing(&path).await;
    assert!(matches!(result, Err(StorageError::NewerVersion { .. })), "{result:?}");
}

/// A batched insert of a ticket.
enum TestWrite {
    Valid,
    /// Rejected before anything is written.
    Rejected,
    /// The database rejects it.
    ViolatesConstraint,
    Panics,
}

impl BatchedWrite for TestWrite {
    type Output = Vec<i64>;
    type Error = StorageError;

    fn apply_batch<'c>(
        connection: &'c mut Connection,
        writes: &'c [&'c Self],
        commit: &'c CommitHandle<'c>,
    ) -> BoxFuture<'c, BatchResult<Self>> {
        Box::pin(async move {
            query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            let mut results = Vec::new();
            for write in writes {
                let title = match write {
                    Self::Valid => Some(writes.len().to_string()),
                    Self::ViolatesConstraint => None,
                    Self::Rejected => {
                        results.push(Err(StorageError::corrupt("on purpose")));
                        continue;
                    }
                    Self::Panics => panic!("on purpose"),
                };
                let insert = "INSERT INTO ticket (created_at, last_update, title) VALUES ('', '', $1) RETURNING id";
                let id = query_scalar(insert).bind(title).fetch_one(&mut *connection).await?;
                results.push(Ok(vec![id]));
            }
            let ids = results.iter().flatten().flatten().copied();
            commit.begin(ids.map(|id| RowId { resource: "ticket", id }).collect());
            query("COMMIT").execute(connection).await?;
            Ok(results)
        })
    }

    fn deferred_rows(&self) -> usize {
        1
    }
}

/// Submits five writes at once.
async fn run_batch_of_five(writes: [TestWrite; 5]) -> (Vec<bool>, Vec<String>) {
    let database = open_in_memory().await.expect("the database opens");
    let results = writes.map(|write| database.write_batched(write, |ids| ids.len()));
    let results = futures_util::future::join_all(results).await;
    let titles = database.read(|connection| {
        Box::pin(async move {
            let titles = "SELECT title FROM ticket ORDER BY id";
            Ok(query_scalar(titles).fetch_all(connection).await?)
        })
    });
    let is_committed = results.iter().map(Result::is_ok).collect();
    (is_committed, titles.await.expect("the query succeeds"))
}

#[tokio::test]
async fn failed_write_does_not_affect_others_in_its_group() {
    use TestWrite::{Panics, Rejected, Valid, ViolatesConstraint};
    // After a rejection the others share a transaction of five; after a failure each has its own.
    let (is_committed, titles) = run_batch_of_five([Valid, Rejected, Valid, Rejected, Valid]).await;
    assert_eq!(is_committed, [true, false, true, false, true]);
    assert_eq!(titles, ["5", "5", "5"]);
    for bad in [|| ViolatesConstraint, || Panics] {
        let (is_committed, titles) = run_batch_of_five([Valid, bad(), Valid, bad(), Valid]).await;
        assert_eq!(is_committed, [true, false, true, false, true]);
        assert_eq!(titles, ["1", "1", "1"]);
    }
}

#[tokio::test]
async fn failed_write_is_rolled_back() {
    let database = open_in_memory().await.expect("the database opens");
    insert_ticket(&database).await.expect("the insert succeeds");
    let failing = database.write(|connection| {
        Box::pin(async move {
            query("DELETE FROM ticket").execute(&mut *connection).await?;
            Err::<(), _>(StorageError::corrupt("on purpose"))
        })
    });
    assert!(failing.await.is_err());
    assert_eq!(count_tickets(&database).await.expect("the query succeeds"), 1);
}

#[tokio::test]
async fn panicking_write_does_not_stop_the_writer() {
    let database = open_in_memory().await.expect("the database opens");
    let panicked: Result<(), StorageError> =
        database.write(|_| Box::pin(async { panic!("on purpose") })).await;
    assert!(matches!(panicked, Err(StorageError::TaskFailed)), "{panicked:?}");
    insert_ticket(&database).await.expect("the writer still runs");
    assert_eq!(count_tickets(&database).await.expect("the query succeeds"), 1);
}

#[tokio::test]
async fn too_large_text_has_its_own_failure_kind() {
    let database = open_in_memory().await.expect("the database opens");
    let large = database.read(|connection| {
        Box::pin(async move {
            let statement = query_scalar::<_, i64>(
                "SELECT LENGTH(REPLACE(HEX(ZEROBLOB(100000)), '0', HEX(ZEROBLOB(100000))))",
            );
            Ok(statement.fetch_one(connection).await?)
        })
    });
    assert!(large.await.is_err_and(|error| error.kind() == FailureKind::TextTooBig));
    let invalid = database.read(|connection| {
        Box::pin(async move { Ok(query("SELECT nothing").execute(connection).await.map(drop)?) })
    });
    assert!(invalid.await.is_err_and(|error| error.kind() != FailureKind::TextTooBig));
}

#[tokio::test]
async fn durability_power_sets_synchronous_full() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (durability, synchronous) in [(Durability::Process, 1), (Durability::Power, 2)] {
        let path = dir.path().join(format!("{durability:?}.db"));
        let storage = Storage { durability, ..storage() };
        let result = Database::open(
            &storage,
            OpenMode::OpenOrCreate(&path),
            &ACCOUNT_SCHEMA,
            ChangeCounter::default(),
        )
        .await;
        let database = result.expect("the database opens");
        let level = database.write(|connection| {
            Box::pin(async move {
                let level = query_scalar("PRAGMA synchronous").fetch_one(connection).await?;
                Ok::<i64, StorageError>(level)
            })
        });
        assert_eq!(level.await.expect("the query succeeds"), synchronous, "{durability:?}");
    }
}

async fn open_existing(path: &std::path::Path) -> Result<Database, StorageError> {
    Database::open(
        &storage(),
        OpenMode::OpenExisting(path),
        &ACCOUNT_SCHEMA,
        ChangeCounter::default(),
    )
    .await
}

#[tokio::test]
async fn open_existing_never_creates_a_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("gone.db");
    let open = || open_existing(&path);
    assert!(matches!(open().await, Err(StorageError::Missing { .. })));
    std::fs::write(&path, "").expect("the empty file is written");
    assert!(matches!(open().await, Err(StorageError::UnrecognizedDatabase { .. })));
    assert_eq!(std::fs::read(&path).expect("the file exists"), b"");
}

#[tokio::test]
async fn write_that_times_out_in_the_queue_never_runs() {
    let operation_timeout = std::time::Duration::from_millis(20);
    let storage_with_short_timeout = Storage { operation_timeout, ..storage() };
    let result = Database::open(
        &storage_with_short_timeout,
        OpenMode::InMemory,
        &ACCOUNT_SCHEMA,
        ChangeCounter::default(),
    )
    .await;
    let database = result.expect("the database opens");
    let (release, blocked) = tokio::sync::oneshot::channel::<()>();
    let long = database.write(move |_| {
        Box::pin(async move {
            let _ = blocked.await;
            Ok::<_, StorageError>(())
        })
    });
    let late = async {
        let late = insert_ticket(&database).await;
        drop(release);
        late
    };
    // Polled in order: the first begins before the second is queued.
    let (long, late) = tokio::join!(long, late);
    assert!(long.is_ok(), "a write that has begun completes: {long:?}");
    assert!(matches!(late, Err(StorageError::Busy)), "{late:?}");
    assert_eq!(count_tickets(&database).await.expect("the query succeeds"), 0);
}

/// A database whose write-ahead log holds commits that its file lacks: the bytes of both, and those of the file after
/// the checkpoint.
struct UncheckpointedDatabase {
    file: Vec<u8>,
    wal: Vec<u8>,
    checkpointed: Vec<u8>,
}

/// Too few for an automatic checkpoint.
const TICKET_COUNT: usize = 60;

impl UncheckpointedDatabase {
    async fn create(dir: &std::path::Path) -> Self {
        let path = dir.join("source.db");
        let database = open_new(&path).await;
        for _ in 0..TICKET_COUNT {
            let title = "x".repeat(3000);
            let result: Result<(), StorageError> = database
                .write(|connection| {
                    Box::pin(async move {
                        let insert = "INSERT INTO ticket (created_at, last_update, title) VALUES ('', '', $1)";
                        Ok(query(insert).bind(title).execute(connection).await.map(drop)?)
                    })
                })
                .await;
            result.expect("the insert succeeds");
        }
        let read = |path| std::fs::read(path).expect("the file exists");
        let (file, wal) = (read(path.clone()), read(super::files::sidecar_path(&path, "-wal")));
        // From another connection, since a close may write more.
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut other = sqlx::ConnectOptions::connect(&options).await.expect("the database opens");
        let checkpoint = query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut other).await;
        checkpoint.expect("the checkpoint succeeds");
        Self { file, wal, checkpointed: read(path) }
    }

    /// Counts the tickets that the open after a crash recovers.
    async fn count_after_crash(
        dir: &std::path::Path,
        file: &[u8],
        wal: &[u8],
    ) -> Result<i64, StorageError> {
        let path = dir.join("killed.db");
        for (suffix, bytes) in [("", file), ("-wal", wal)] {
            std::fs::write(super::files::sidecar_path(&path, suffix), bytes)
                .expect("the file is written");
        }
        let _ = std::fs::remove_file(super::files::sidecar_path(&path, "-shm"));
        let database = open_existing(&path).await?;
        let found = count_tickets(&database).await;
        database.close().await?;
        found
    }
}

async fn open_new(path: &std::path::Path) -> Database {
    let result = Database::open(
        &storage(),
        OpenMode::OpenOrCreate(path),
        &ACCOUNT_SCHEMA,
        ChangeCounter::default(),
    )
    .await;
    result.expect("the database opens")
}

/// A checkpoint writes the pages into the file in order, from the first.
#[tokio::test]
async fn interrupted_checkpoint_loses_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let UncheckpointedDatabase { file, wal, checkpointed } =
        UncheckpointedDatabase::create(dir.path()).await;
    assert!(
        checkpointed.len() > 2 * file.len(),
        "the file grows: {} to {}",
        file.len(),
        checkpointed.len()
    );
    let pages = checkpointed.len() / PAGE_BYTES;
    for written_pages in (0..=pages).step_by(7).chain([1, 2, pages - 1]) {
        let mut partial = checkpointed[..written_pages * PAGE_BYTES].to_vec();
        partial.extend(file.get(partial.len()..).unwrap_or_default());
        let found = UncheckpointedDatabase::count_after_crash(dir.path(), &partial, &wal).await;
        let found =
            found.unwrap_or_else(|error| panic!("{written_pages} of {pages} pages: {error}"));
        assert_eq!(
            found,
            i64::try_from(TICKET_COUNT).expect("fits an i64"),
            "{written_pages} of {pages} pages"
        );
    }
}

#[tokio::test]
async fn damaged_wal_frame_before_commits_is_detected() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let UncheckpointedDatabase { file, wal, .. } = UncheckpointedDatabase::create(dir.path()).await;
    let path = dir.path().join("log");
    let find_damage_in = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("the file is written");
        find_damage(&path).expect("the log is readable")
    };
    assert_eq!(find_damage(&dir.path().join("none")).expect("a missing log is no error"), None);
    assert_eq!(find_damage_in(&[]), None);
    assert_eq!(find_damage_in(&wal), None);
    let frames = (wal.len() - WAL_HEADER_BYTES) / FRAME_BYTES;
    let before = UncheckpointedDatabase::count_after_crash(dir.path(), &file, &wal)
        .await
        .expect("the database opens");
    for frame in [1, 2, frames / 2, frames - 5] {
        for offset in [4, 8, 16, FRAME_HEADER_BYTES, FRAME_BYTES - 1] {
            let mut wal = wal.clone();
            wal[WAL_HEADER_BYTES + (frame - 1) * FRAME_BYTES + offset] ^= 1;
            let Some(Damage { frame: found, lost_commits }) = find_damage_in(&wal) else {
                panic!("frame {frame}, byte {offset}: no damage was found");
            };
            assert_eq!(found, frame as u64, "byte {offset}");
            let after = UncheckpointedDatabase::count_after_crash(dir.path(), &file, &wal)
                .await
                .expect("the database opens");
            let lost = u64::try_from(before - after).expect("not negative");
            assert!(lost_commits > 0 && lost_commits.abs_diff(lost) <= 1, "{lost_commits}, {lost}");
        }
    }
    // No commit follows a truncated transaction.
    for cut in [100, FRAME_BYTES, FRAME_BYTES * 2 + 30] {
        assert_eq!(find_damage_in(&wal[..wal.len() - cut]), None, "{cut} bytes are missing");
    }
    let mut bad_header = wal.clone();
    bad_header[20] ^= 1;
    assert_eq!(find_damage_in(&bad_header).map(|damage| damage.frame), Some(0));
}

//! Old data comes along, newer data is left alone, and a failed change leaves nothing behind.

use sqlx::migrate::Migrator;
use sqlx::{query, query_as, query_scalar, raw_sql};

use super::{
    ACCOUNT, BoxFuture, Commit, Connection, Database, Durability, Made, Place, Slots, Storage,
    StorageError, Tables, Together, Trouble, Version,
};
use crate::clock::Zone;
use crate::metrics::Sqlite;

fn storage() -> Storage {
    let patience = std::time::Duration::from_mins(1);
    Storage {
        durability: Durability::Process,
        patience,
        times: Sqlite::default(),
        slots: Slots::default(),
    }
}

/// The first migrations alone, as a program of that time would know them.
fn first(count: usize) -> &'static Tables {
    let migrations = ACCOUNT.migrations.iter().take(count).cloned().collect();
    let migrations = Migrator::with_migrations(migrations);
    Box::leak(Box::new(Tables { migrations, upkeep: None, readers: 1 }))
}

async fn in_memory() -> Result<Database, StorageError> {
    Database::open(&storage(), Place::Memory, &ACCOUNT, Version::default(), &Zone::default()).await
}

async fn insert(database: &Database) -> Result<(), StorageError> {
    let statement = "INSERT INTO ticket (created_at, last_update, title, search_title) VALUES ('', '', 'Old', 'old one')";
    database
        .write(move |connection| {
            Box::pin(async move { Ok(query(statement).execute(connection).await.map(drop)?) })
        })
        .await
}

async fn found(database: &Database) -> Result<i64, StorageError> {
    let statement = "SELECT COUNT(*) FROM ticket_search WHERE ticket_search MATCH '\"old\"'";
    database
        .read(move |connection| {
            Box::pin(async move { Ok(query_scalar(statement).fetch_one(connection).await?) })
        })
        .await
}

async fn count(database: &Database) -> Result<i64, StorageError> {
    let statement = "SELECT COUNT(*) FROM ticket";
    database
        .read(move |connection| {
            Box::pin(async move { Ok(query_scalar(statement).fetch_one(connection).await?) })
        })
        .await
}

#[tokio::test]
async fn data_of_an_older_version_is_brought_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.db");
    let place = Place::New(&path);
    let old = Database::open(&storage(), place, first(1), Version::default(), &Zone::default())
        .await
        .expect("it opens");
    insert(&old).await.expect("a ticket");
    old.close().await.expect("it closes");
    let new = Database::open(&storage(), place, &ACCOUNT, Version::default(), &Zone::default())
        .await
        .expect("it is migrated");
    assert_eq!(found(&new).await.expect("the index exists"), 1);
}

/// Local dates of any kind: plain, shown twice, skipped, at the ends of the years.
const LOCAL: [&str; 10] = [
    "2026-07-01 12:00:00",
    "2026-10-25 01:59:59",
    "2026-10-25 02:00:00",
    "2026-10-25 02:59:59",
    "2026-10-25 03:00:00",
    "2026-03-29 02:30:00",
    "1937-07-01 00:00:10",
    "0000-01-01 00:00:00",
    "4321-07-01 12:00:00",
    "9999-12-31 23:59:59",
];

#[tokio::test]
async fn local_dates_of_an_older_version_become_utc_as_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for (at, name) in
        ["UTC", "Europe/Amsterdam", "America/St_Johns", "Etc/GMT-3"].iter().enumerate()
    {
        let zone = crate::clock::zone(name).expect("a zone");
        let path = folder.path().join(format!("{at}.db"));
        let place = Place::New(&path);
        let old = Database::open(&storage(), place, first(3), Version::default(), &zone)
            .await
            .expect("it opens");
        let insert = "INSERT INTO ticket (created_at, last_update, status, closed_at) \
                SELECT value, value, 'closed', value FROM json_each($1); \
            INSERT INTO timeline (ticket_id, type, created_at) SELECT id, 'note', created_at FROM ticket; \
            INSERT INTO tally SELECT 'closed', 'medium', 0, SUBSTR(closed_at, 1, 10), COUNT(*) FROM ticket GROUP BY 4";
        let written = old.write(move |connection| {
            Box::pin(async move {
                let dates = serde_json::to_string(&LOCAL).expect("JSON");
                Ok(query(insert).bind(dates).execute(connection).await.map(drop)?)
            })
        });
        let written: Result<(), StorageError> = written.await;
        written.expect("old rows");
        old.close().await.expect("it closes");
        let new = Database::open(&storage(), place, &ACCOUNT, Version::default(), &zone).await;
        let new = new.expect("it is migrated");
        let rows = new.read(|connection| {
            Box::pin(async move {
                let rows = "SELECT t.created_at, t.closed_at, e.created_at, \
                        (SELECT SUM(tickets) FROM tally WHERE closed_on = SUBSTR(t.closed_at, 1, 10)), \
                        (SELECT COUNT(*) FROM ticket WHERE SUBSTR(closed_at, 1, 10) = SUBSTR(t.closed_at, 1, 10)) \
                    FROM ticket AS t JOIN timeline AS e ON e.ticket_id = t.id ORDER BY t.id";
                Ok(query_as(rows).fetch_all(connection).await?)
            })
        });
        let rows: Vec<(String, String, String, i64, i64)> = rows.await.expect("rows");
        assert_eq!(rows.len(), LOCAL.len());
        for (local, (created, closed, noted, counted, there)) in LOCAL.iter().zip(rows) {
            let read = zone.read(local);
            assert_eq!([created, closed, noted], [&*read; 3], "{local} in {name}");
            assert_eq!(counted, there, "{local} in {name}");
        }
    }
}

/// Runs statements, and then lets the index catch up to the end.
async fn caught_up(database: &Database, statements: &'static str) -> usize {
    let change = database.write(move |connection| {
        Box::pin(async move { Ok(raw_sql(statements).execute(connection).await.map(drop)?) })
    });
    let result: Result<(), StorageError> = change.await;
    result.expect("the statements run");
    let caught_up = database.read(|connection| {
        Box::pin(async move {
            let upkeep = ACCOUNT.upkeep.expect("there is some").part;
            let mut parts = 1;
            while query_scalar::<_, i64>(upkeep).fetch_all(&mut *connection).await? == [1] {
                parts += 1;
            }
            // Compares the index with the texts of the tickets.
            let check =
                "INSERT INTO ticket_search (ticket_search, rank) VALUES ('integrity-check', 1)";
            query(check).execute(connection).await?;
            Ok(parts)
        })
    });
    caught_up.await.expect("the index is sound")
}

#[tokio::test]
async fn the_index_catches_up_part_by_part() {
    let database = in_memory().await.expect("memory");
    let many = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 300) \
        INSERT INTO ticket (created_at, last_update, search_title) SELECT '', '', 'old ' || id FROM n";
    caught_up(&database, many).await;
    assert_eq!(found(&database).await.expect("it answers"), 300);
    let changes = "UPDATE ticket SET search_title = 'new ' || id WHERE id % 3 = 0; \
        UPDATE ticket SET search_title = 'newer ' || id WHERE id % 6 = 0; \
        DELETE FROM ticket WHERE id > 290; \
        INSERT INTO ticket (created_at, last_update, search_title) VALUES ('', '', 'old'), ('', '', 'old'); \
        DELETE FROM ticket WHERE id = (SELECT MAX(id) FROM ticket)";
    caught_up(&database, changes).await;
    let old = (1..=290).filter(|id| id % 3 != 0).count() + 1;
    assert_eq!(found(&database).await.expect("it answers"), i64::try_from(old).expect("a number"));
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.db");
    let place = Place::New(&path);
    Database::open(&storage(), place, &ACCOUNT, Version::default(), &Zone::default())
        .await
        .expect("it opens")
        .close()
        .await
        .expect("it closes");
    let refused =
        Database::open(&storage(), place, first(1), Version::default(), &Zone::default()).await;
    assert!(matches!(refused, Err(StorageError::Newer { .. })), "{refused:?}");
}

/// A ticket that is added with others.
enum Added {
    Well,
    /// Refused before anything is written.
    Refused,
    /// The database cannot write it.
    Unfit,
    Panics,
}

impl Together for Added {
    type Done = Vec<i64>;
    type Error = StorageError;

    fn make<'c>(
        connection: &'c mut Connection,
        changes: &'c [&'c Self],
        commit: &'c Commit<'c>,
    ) -> BoxFuture<'c, Made<Self>> {
        Box::pin(async move {
            query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            let mut made = Vec::new();
            for change in changes {
                let title = match change {
                    Self::Well => Some(changes.len().to_string()),
                    Self::Unfit => None,
                    Self::Refused => {
                        made.push(Err(StorageError::corrupt("on purpose")));
                        continue;
                    }
                    Self::Panics => panic!("on purpose"),
                };
                let insert = "INSERT INTO ticket (created_at, last_update, title) VALUES ('', '', $1) RETURNING id";
                let id = query_scalar(insert).bind(title).fetch_one(&mut *connection).await?;
                made.push(Ok(vec![id]));
            }
            let ids = made.iter().flatten().flatten().copied().collect();
            commit.announce(ids);
            query("COMMIT").execute(connection).await?;
            Ok(made)
        })
    }

    fn puts_off(&self) -> usize {
        1
    }
}

/// Makes five changes that wait together.
async fn five(changes: [Added; 5]) -> (Vec<bool>, Vec<String>) {
    let database = in_memory().await.expect("memory");
    let made = changes.map(|change| database.together(change, |ids| ids.len()));
    let made = futures_util::future::join_all(made).await;
    let titles = database.read(|connection| {
        Box::pin(async move {
            let titles = "SELECT title FROM ticket ORDER BY id";
            Ok(query_scalar(titles).fetch_all(connection).await?)
        })
    });
    let kept = made.iter().map(Result::is_ok).collect();
    (kept, titles.await.expect("it answers"))
}

#[tokio::test]
async fn changes_that_wait_together_do_not_spoil_each_other() {
    use Added::{Panics, Refused, Unfit, Well};
    // What is refused leaves the others in one transaction of five; what fails sends each into its own.
    let (kept, titles) = five([Well, Refused, Well, Refused, Well]).await;
    assert_eq!(kept, [true, false, true, false, true]);
    assert_eq!(titles, ["5", "5", "5"]);
    for bad in [|| Unfit, || Panics] {
        let (kept, titles) = five([Well, bad(), Well, bad(), Well]).await;
        assert_eq!(kept, [true, false, true, false, true]);
        assert_eq!(titles, ["1", "1", "1"]);
    }
}

#[tokio::test]
async fn a_change_that_fails_is_undone() {
    let database = in_memory().await.expect("memory");
    insert(&database).await.expect("a ticket");
    let failing = database.write(|connection| {
        Box::pin(async move {
            query("DELETE FROM ticket").execute(&mut *connection).await?;
            Err::<(), _>(StorageError::corrupt("on purpose"))
        })
    });
    assert!(failing.await.is_err());
    assert_eq!(count(&database).await.expect("it answers"), 1);
}

#[tokio::test]
async fn a_change_that_panics_harms_no_other() {
    let database = in_memory().await.expect("memory");
    let lost: Result<(), StorageError> =
        database.write(|_| Box::pin(async { panic!("on purpose") })).await;
    assert!(matches!(lost, Err(StorageError::Abandoned)), "{lost:?}");
    insert(&database).await.expect("it goes on");
    assert_eq!(count(&database).await.expect("it answers"), 1);
}

#[tokio::test]
async fn a_text_that_is_too_large_is_told_from_a_failure() {
    let database = in_memory().await.expect("memory");
    let large = database.read(|connection| {
        Box::pin(async move {
            let statement = query_scalar::<_, i64>(
                "SELECT LENGTH(REPLACE(HEX(ZEROBLOB(100000)), '0', HEX(ZEROBLOB(100000))))",
            );
            Ok(statement.fetch_one(connection).await?)
        })
    });
    assert!(large.await.is_err_and(|error| error.trouble() == Trouble::TooBig));
    let wrong = database.read(|connection| {
        Box::pin(async move { Ok(query("SELECT nothing").execute(connection).await.map(drop)?) })
    });
    assert!(wrong.await.is_err_and(|error| error.trouble() != Trouble::TooBig));
}

#[tokio::test]
async fn every_commit_reaches_the_disk_where_a_power_cut_must_take_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for (durability, synchronous) in [(Durability::Process, 1), (Durability::Power, 2)] {
        let path = folder.path().join(format!("{durability:?}.db"));
        let storage = Storage { durability, ..storage() };
        let opened =
            storage.open(Place::New(&path), &ACCOUNT, Version::default(), &Zone::default()).await;
        let database = opened.expect("it opens");
        let level = database.write(|connection| {
            Box::pin(async move {
                let level = query_scalar("PRAGMA synchronous").fetch_one(connection).await?;
                Ok::<i64, StorageError>(level)
            })
        });
        assert_eq!(level.await.expect("it answers"), synchronous, "{durability:?}");
    }
}

async fn opened(path: &std::path::Path) -> Result<Database, StorageError> {
    Database::open(&storage(), Place::Kept(path), &ACCOUNT, Version::default(), &Zone::default())
        .await
}

#[tokio::test]
async fn a_file_that_must_be_there_is_never_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gone.db");
    let kept = || opened(&path);
    assert!(matches!(kept().await, Err(StorageError::Missing { .. })));
    std::fs::write(&path, "").expect("an empty file");
    assert!(matches!(kept().await, Err(StorageError::NotOurs { .. })));
    assert_eq!(std::fs::read(&path).expect("it is there"), b"");
}

#[tokio::test]
async fn a_change_that_waits_too_long_is_never_begun() {
    let patience = std::time::Duration::from_millis(20);
    let hasty = Storage { patience, ..storage() };
    let opened = hasty.open(Place::Memory, &ACCOUNT, Version::default(), &Zone::default()).await;
    let database = opened.expect("memory");
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let long = database.write(move |_| {
        Box::pin(async move {
            let _ = held.await;
            Ok::<_, StorageError>(())
        })
    });
    let late = async {
        let late = insert(&database).await;
        drop(release);
        late
    };
    // Polled in this order, so that the first is begun before the second comes.
    let (long, late) = tokio::join!(long, late);
    assert!(long.is_ok(), "what has begun is finished: {long:?}");
    assert!(matches!(late, Err(StorageError::Busy)), "{late:?}");
    assert_eq!(count(&database).await.expect("it answers"), 0);
}

/// A database whose log holds changes that its file does not have yet: the bytes of both, and those of the file once
/// the log was written into it.
struct Unwritten {
    file: Vec<u8>,
    log: Vec<u8>,
    whole: Vec<u8>,
}

/// So few that the log is not written into the file before.
const TITLES: usize = 60;

impl Unwritten {
    async fn make(folder: &std::path::Path) -> Self {
        let path = folder.join("source.db");
        let database = opened_new(&path).await;
        for _ in 0..TITLES {
            let title = "x".repeat(3000);
            let add: Result<(), StorageError> = database
                .write(|connection| {
                    Box::pin(async move {
                        let add = "INSERT INTO ticket (created_at, last_update, title) VALUES ('', '', $1)";
                        Ok(query(add).bind(title).execute(connection).await.map(drop)?)
                    })
                })
                .await;
            add.expect("a ticket");
        }
        let read = |path| std::fs::read(path).expect("it is there");
        let (file, log) = (read(path.clone()), read(super::files::beside(&path, "-wal")));
        // From outside, since to close it may change more.
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut other = sqlx::ConnectOptions::connect(&options).await.expect("it opens");
        let checkpoint = query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut other).await;
        checkpoint.expect("the log is written into the file");
        Self { file, log, whole: read(path) }
    }

    /// What a server finds that was killed while this was in the files.
    async fn found(folder: &std::path::Path, file: &[u8], log: &[u8]) -> Result<i64, StorageError> {
        let path = folder.join("killed.db");
        for (ending, bytes) in [("", file), ("-wal", log)] {
            std::fs::write(super::files::beside(&path, ending), bytes).expect("it is written");
        }
        let _ = std::fs::remove_file(super::files::beside(&path, "-shm"));
        let database = opened(&path).await?;
        let found = count(&database).await;
        database.close().await?;
        found
    }
}

async fn opened_new(path: &std::path::Path) -> Database {
    let opened = Database::open(
        &storage(),
        Place::New(path),
        &ACCOUNT,
        Version::default(),
        &Zone::default(),
    )
    .await;
    opened.expect("it opens")
}

/// A checkpoint writes the pages into the file in their order, the first one first.
#[tokio::test]
async fn a_checkpoint_that_is_cut_off_anywhere_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let Unwritten { file, log, whole } = Unwritten::make(folder.path()).await;
    assert!(whole.len() > 2 * file.len(), "the file grows: {} to {}", file.len(), whole.len());
    let pages = whole.len() / 4096;
    for written in (0..=pages).step_by(7).chain([1, 2, pages - 1]) {
        let mut cut = whole[..written * 4096].to_vec();
        cut.extend(file.get(cut.len()..).unwrap_or_default());
        let found = Unwritten::found(folder.path(), &cut, &log).await;
        let found = found.unwrap_or_else(|error| panic!("{written} of {pages} pages: {error}"));
        assert_eq!(found, i64::try_from(TITLES).expect("a number"), "{written} of {pages} pages");
    }
}

#[tokio::test]
async fn a_damaged_frame_in_front_of_commits_is_found() {
    use super::wal::{Damage, find_damage};

    let folder = tempfile::tempdir().expect("a folder");
    let Unwritten { file, log, .. } = Unwritten::make(folder.path()).await;
    let path = folder.path().join("log");
    let look = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("it is written");
        find_damage(&path).expect("it can be read")
    };
    assert_eq!(find_damage(&folder.path().join("none")).expect("nothing to read"), None);
    assert_eq!(look(&[]), None);
    assert_eq!(look(&log), None);
    let frames = (log.len() - 32) / 4120;
    let before = Unwritten::found(folder.path(), &file, &log).await.expect("it opens");
    for frame in [1, 2, frames / 2, frames - 5] {
        for place in [4, 8, 16, 24, 24 + 4095] {
            let mut log = log.clone();
            log[32 + (frame - 1) * 4120 + place] ^= 1;
            let Some(Damage { frame: found, lost_commits }) = look(&log) else {
                panic!("frame {frame}, byte {place}: nothing was found");
            };
            assert_eq!(found, frame as u64, "byte {place}");
            let after = Unwritten::found(folder.path(), &file, &log).await.expect("it opens");
            let lost = u64::try_from(before - after).expect("fewer");
            assert!(lost_commits > 0 && lost_commits.abs_diff(lost) <= 1, "{lost_commits}, {lost}");
        }
    }
    // A transaction that was cut off has no commit behind it.
    for cut in [100, 4120, 4120 * 2 + 30] {
        assert_eq!(look(&log[..log.len() - cut]), None, "{cut} bytes are missing");
    }
    let mut headless = log.clone();
    headless[20] ^= 1;
    assert_eq!(look(&headless).map(|damage| damage.frame), Some(0));
}

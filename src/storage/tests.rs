//! Old data comes along, newer data is left alone, and a failed change leaves nothing behind.

use sqlx::migrate::Migrator;
use sqlx::{query, query_scalar};

use super::{ACCOUNT, Database, Durability, Place, Storage, StorageError, Trouble, Version};
use crate::metrics::Sqlite;

fn storage() -> Storage {
    let patience = std::time::Duration::from_mins(1);
    Storage { durability: Durability::Process, patience, times: Sqlite::default() }
}

/// The first migrations alone, as a program of that time would know them.
fn first(count: usize) -> &'static Migrator {
    Box::leak(Box::new(Migrator::with_migrations(ACCOUNT.iter().take(count).cloned().collect())))
}

async fn in_memory() -> Result<Database, StorageError> {
    Database::open(&storage(), Place::Memory, &ACCOUNT, Version::default()).await
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
    let old =
        Database::open(&storage(), place, first(1), Version::default()).await.expect("it opens");
    insert(&old).await.expect("a ticket");
    old.close().await;
    let new = Database::open(&storage(), place, &ACCOUNT, Version::default())
        .await
        .expect("it is migrated");
    assert_eq!(found(&new).await.expect("the index exists"), 1);
}

#[tokio::test]
async fn the_index_catches_up_in_batches() {
    let database = in_memory().await.expect("memory");
    for _ in 0..255 {
        insert(&database).await.expect("a ticket");
    }
    assert_eq!(found(&database).await.expect("it answers"), 0);
    insert(&database).await.expect("one more");
    assert_eq!(found(&database).await.expect("it answers"), 256);
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.db");
    let place = Place::New(&path);
    Database::open(&storage(), place, &ACCOUNT, Version::default())
        .await
        .expect("it opens")
        .close()
        .await;
    let refused = Database::open(&storage(), place, first(1), Version::default()).await;
    assert!(matches!(refused, Err(StorageError::Newer { .. })), "{refused:?}");
}

#[tokio::test]
async fn changes_that_wait_together_do_not_spoil_each_other() {
    let database = in_memory().await.expect("memory");
    let failing = || {
        database.write(|connection| {
            Box::pin(async move {
                query("DELETE FROM ticket").execute(&mut *connection).await?;
                Err::<(), _>(StorageError::corrupt("on purpose".to_owned()))
            })
        })
    };
    let (one, bad, two, worse, three) =
        tokio::join!(insert(&database), failing(), insert(&database), failing(), insert(&database));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert!(bad.is_err() && worse.is_err());
    assert_eq!(count(&database).await.expect("it answers"), 3);
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
        let opened = storage.open(Place::New(&path), &ACCOUNT, Version::default()).await;
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
    Database::open(&storage(), Place::Kept(path), &ACCOUNT, Version::default()).await
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
    let opened = hasty.open(Place::Memory, &ACCOUNT, Version::default()).await;
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

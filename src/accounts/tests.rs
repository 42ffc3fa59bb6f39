//! Tests of the pool of open databases, and that catalogue and data directory agree.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Map;

use super::catalogue::{self, Catalogue};
use super::{
    Account, AccountError, AccountLimits, AccountPolicy, AccountSource, Accounts, NewAccount,
    NewApiKey, StorageMode, UnknownKeyPolicy,
};
use crate::contract::dialect::Dialect;
use crate::journal::JournalLimits;
use crate::metrics::SqliteMetrics;
use crate::storage::{DatabaseLimit, Durability, Storage, StorageError};

fn storage(operation_timeout: Duration, database_limit: DatabaseLimit) -> Storage {
    Storage {
        durability: Durability::Process,
        operation_timeout,
        metrics: SqliteMetrics::default(),
        database_limit,
    }
}

async fn open_catalogue(data_dir: &Path) -> Result<Catalogue, StorageError> {
    let storage = storage(Duration::from_mins(1), DatabaseLimit::unlimited());
    Catalogue::open(&storage, data_dir).await
}

/// Opens accounts that may have one open database file.
async fn open_accounts(data_dir: &Path, operation_timeout: Duration) -> Arc<Accounts> {
    let account_limits = AccountLimits {
        journal: JournalLimits { max_entries: 0, max_bytes: 0 },
        max_waits: 1,
        lock_timeout: operation_timeout,
    };
    let policy = AccountPolicy {
        dialect_defaults: Map::new(),
        max_accounts: 10,
        unknown_keys: UnknownKeyPolicy::Fixed,
        account_limits,
    };
    let dialect = Dialect::parse(&Map::new()).expect("the defaults");
    let storage = storage(operation_timeout, DatabaseLimit::new(1, 1));
    let accounts =
        Accounts::open(StorageMode::DataDir(data_dir.to_owned()), policy, dialect, storage);
    Arc::new(accounts.await.expect("accounts open"))
}

#[tokio::test]
async fn new_file_gets_an_unused_name() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let catalogue = open_catalogue(data_dir.path()).await.expect("the catalogue opens");
    let reserve = async || catalogue.reserve_file("accounts/acme").await.expect("a name");
    let write =
        |name: &str| std::fs::write(data_dir.path().join(name), "x").expect("the file is written");

    // Reserved, not yet created: no second caller gets it.
    assert_eq!(reserve().await, "accounts/acme.db");
    assert_eq!(reserve().await, "accounts/acme.2.db");
    // SQLite would replay a stale write-ahead log into a new database.
    write("accounts/acme.3.db-wal");
    assert_eq!(reserve().await, "accounts/acme.4.db");
    // A missing image may be restored by hand.
    let inserted = catalogue.write(|connection| {
        Box::pin(async move { catalogue::insert_image(connection, "accounts/acme.5.db", 1).await })
    });
    inserted.await.expect("an image");
    assert_eq!(reserve().await, "accounts/acme.6.db");
    // The name of a deleted file is free again.
    write("accounts/acme.db");
    catalogue.delete_orphaned_files(vec!["accounts/acme.db".to_owned()]).await;
    assert_eq!(reserve().await, "accounts/acme.db");
}

#[tokio::test]
async fn startup_deletes_unfinished_files() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let catalogue = open_catalogue(data_dir.path()).await.expect("the catalogue opens");
    let file = catalogue.reserve_file("accounts/acme").await.expect("a name");
    let path = data_dir.path().join(&file);
    std::fs::write(&path, "incomplete").expect("the file is written");
    drop(catalogue);
    drop(open_accounts(data_dir.path(), Duration::from_mins(1)).await);
    assert!(!path.exists(), "no row references it");
    let catalogue = open_catalogue(data_dir.path()).await.expect("the catalogue opens again");
    assert_eq!(catalogue.reserve_file("accounts/acme").await.expect("a name"), file);
}

async fn create_account(accounts: &Accounts, key: &str) -> Arc<Account> {
    let new = NewAccount::with_key(NewApiKey::with_all_permissions(key));
    accounts.create_account(new, AccountSource::Empty).await.expect("the account is created")
}

#[tokio::test]
async fn idle_account_is_evicted_to_open_another() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let accounts = open_accounts(data_dir.path(), Duration::from_mins(1)).await;
    let [one, other] =
        [create_account(&accounts, "key-one").await, create_account(&accounts, "key-other").await];
    for account in [&one, &other, &one, &other] {
        accounts.lease(account).await.expect("a permit is free");
        assert_eq!(accounts.gauge_snapshot().open_databases, 1);
    }
    accounts.close().await;
}

#[tokio::test]
async fn lease_fails_while_all_database_permits_are_in_use() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let accounts = open_accounts(data_dir.path(), Duration::from_secs(2)).await;
    let [one, other] =
        [create_account(&accounts, "key-one").await, create_account(&accounts, "key-other").await];
    let lease = accounts.lease(&one).await.expect("a permit is free");
    let error = accounts.lease(&other).await.expect_err("no permit is free");
    assert!(
        matches!(&error, AccountError::Storage(StorageError::TooManyOpenDatabases { max: 1 })),
        "{error:?}"
    );
    drop(lease);
    accounts.lease(&other).await.expect("a permit is free again");
    accounts.close().await;
}

#[tokio::test]
async fn constantly_busy_account_is_evicted_too() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let accounts = open_accounts(data_dir.path(), Duration::from_secs(20)).await;
    let [one, other] =
        [create_account(&accounts, "key-one").await, create_account(&accounts, "key-other").await];
    let is_stopped = Arc::new(AtomicBool::new(false));
    let first = accounts.lease(&one).await.expect("a permit is free");
    // Each loop leases again at once, so that one of the two always holds a lease.
    let requests = [1, 2].map(|yields| {
        let (accounts, one) = (Arc::clone(&accounts), Arc::clone(&one));
        let is_stopped = Arc::clone(&is_stopped);
        tokio::spawn(async move {
            while !is_stopped.load(Ordering::Relaxed) {
                let _lease = accounts.lease(&one).await.expect("a lease");
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    // Lets the loops start.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(first);
    accounts.lease(&other).await.expect("a lease");
    is_stopped.store(true, Ordering::Relaxed);
    for request in requests {
        request.await.expect("the loop ends");
    }
    accounts.close().await;
}

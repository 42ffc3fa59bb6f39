//! Tests that catalogue and data directory agree.

use std::path::Path;
use std::time::Duration;

use serde_json::Map;

use super::{
    AccountError, AccountLimits, AccountPolicy, Accounts, StorageMode, UnknownKeyPolicy, catalogue,
};
use crate::contract::dialect::Dialect;
use crate::journal::JournalLimits;
use crate::metrics::SqliteMetrics;
use crate::storage::{DatabaseLimit, Durability, Storage};

async fn open_accounts(data_dir: &Path) -> Result<Accounts, AccountError> {
    let operation_timeout = Duration::from_mins(1);
    let account_limits = AccountLimits {
        journal: JournalLimits { max_entries: 1, max_bytes: 1024 },
        max_waits: 1,
        lock_timeout: operation_timeout,
    };
    let policy = AccountPolicy {
        dialect_defaults: Map::new(),
        max_accounts: 10,
        unknown_keys: UnknownKeyPolicy::Fixed,
        account_limits,
    };
    let storage = Storage {
        durability: Durability::Process,
        operation_timeout,
        metrics: SqliteMetrics::default(),
        database_limit: DatabaseLimit::unlimited(),
    };
    let dialect = Dialect::parse(&Map::new()).expect("the defaults");
    Accounts::open(StorageMode::DataDir(data_dir.to_owned()), policy, dialect, storage).await
}

#[tokio::test]
async fn new_file_gets_an_unused_name() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let accounts = open_accounts(data_dir.path()).await.expect("accounts open");
    let reserve = async || accounts.reserve_file("accounts/acme").await.expect("a name");
    let write =
        |name: &str| std::fs::write(data_dir.path().join(name), "x").expect("the file is written");

    // Reserved, not yet created: no second caller gets it.
    assert_eq!(reserve().await, "accounts/acme.db");
    assert_eq!(reserve().await, "accounts/acme.2.db");
    // SQLite would replay a stale write-ahead log into a new database.
    write("accounts/acme.3.db-wal");
    assert_eq!(reserve().await, "accounts/acme.4.db");
    // A missing image may be restored by hand.
    accounts
        .write_catalogue(|catalogue| {
            Box::pin(
                async move { catalogue::insert_image(catalogue, "accounts/acme.5.db", 1).await },
            )
        })
        .await
        .expect("an image");
    assert_eq!(reserve().await, "accounts/acme.6.db");
    // The name of a deleted file is free again.
    write("accounts/acme.db");
    accounts.delete_orphaned_files(vec!["accounts/acme.db".to_owned()]).await;
    assert_eq!(reserve().await, "accounts/acme.db");
}

#[tokio::test]
async fn startup_deletes_unfinished_files() {
    let data_dir = tempfile::tempdir().expect("a temporary directory");
    let accounts = open_accounts(data_dir.path()).await.expect("accounts open");
    let file = accounts.reserve_file("accounts/acme").await.expect("a name");
    let path = data_dir.path().join(&file);
    std::fs::write(&path, "incomplete").expect("the file is written");
    drop(accounts);
    let accounts = open_accounts(data_dir.path()).await.expect("accounts open again");
    assert!(!path.exists(), "no row references it");
    assert_eq!(accounts.reserve_file("accounts/acme").await.expect("a name"), file);
}

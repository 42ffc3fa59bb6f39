//! What the catalogue and the folder say of files agrees.

use std::path::Path;
use std::time::Duration;

use serde_json::Map;

use super::{AccountError, Accounts, Admission, Allowance, Home, Rules, store};
use crate::dialect::Dialect;
use crate::journal::Bounds;
use crate::metrics::Sqlite;
use crate::storage::{Durability, Slots, Storage};

async fn opened(folder: &Path) -> Result<Accounts, AccountError> {
    let patience = Duration::from_mins(1);
    let each = Allowance { journal: Bounds { entries: 1, bytes: 1024 }, waits: 1, patience };
    let rules = Rules { dialect: Map::new(), most: 10, admission: Admission::Fixed, each };
    let storage = Storage {
        durability: Durability::Process,
        patience,
        times: Sqlite::default(),
        slots: Slots::default(),
    };
    let dialect = Dialect::read(&Map::new()).expect("the defaults");
    Accounts::open(Home::Folder(folder.to_owned()), rules, dialect, storage).await
}

#[tokio::test]
async fn a_new_file_takes_no_name_that_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let accounts = opened(folder.path()).await.expect("it opens");
    let fresh = async || accounts.fresh_file("accounts/acme").await.expect("a name");
    let write = |name: &str| std::fs::write(folder.path().join(name), "x").expect("it is written");

    // It is noted, and is still to be made: nobody else gets it.
    assert_eq!(fresh().await, "accounts/acme.db");
    assert_eq!(fresh().await, "accounts/acme.2.db");
    // A log that was left behind would be read into a new database.
    write("accounts/acme.3.db-wal");
    assert_eq!(fresh().await, "accounts/acme.4.db");
    // An image that is missing may be put back.
    accounts
        .commit(|catalogue| {
            Box::pin(async move { store::add_image(catalogue, "accounts/acme.5.db", 1).await })
        })
        .await
        .expect("an image");
    assert_eq!(fresh().await, "accounts/acme.6.db");
    // What was made and removed is free again.
    write("accounts/acme.db");
    accounts.discard(vec!["accounts/acme.db".to_owned()]).await;
    assert_eq!(fresh().await, "accounts/acme.db");
}

#[tokio::test]
async fn a_start_removes_the_files_that_were_not_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let accounts = opened(folder.path()).await.expect("it opens");
    let file = accounts.fresh_file("accounts/acme").await.expect("a name");
    let path = folder.path().join(&file);
    std::fs::write(&path, "a part").expect("it is written");
    drop(accounts);
    let accounts = opened(folder.path()).await.expect("it opens again");
    assert!(!path.exists(), "nothing names it");
    assert_eq!(accounts.fresh_file("accounts/acme").await.expect("a name"), file);
}

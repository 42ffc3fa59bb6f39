//! Snapshots: named copies of an account's state. Taking one holds the account's exclusive lock, and is one commit.

use std::sync::Arc;

use super::account::Account;
use super::catalogue::{self, ImageRow, SavedStateRow, SnapshotRow};
use super::data::{AccountData, Backing, Snapshot};
use super::error::AccountError;
use super::image::{Image, SavedState};
use super::pool::DatabasePool;
use crate::storage::{
    ACCOUNT_SCHEMA, ChangeCounter, Database, OpenMode, StorageError, files, is_wal_empty,
};

/// The maximum number of snapshots of one account (arbitrary).
const MAX_SNAPSHOTS_PER_ACCOUNT: usize = 1000;

/// Metadata of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotInfo {
    pub(crate) name: String,
    /// By the account's clock.
    pub(crate) taken_at: String,
    pub(crate) size_bytes: u64,
}

/// A snapshot that was taken.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotResult {
    pub(crate) info: SnapshotInfo,
    /// Whether it has replaced no other.
    pub(crate) is_new: bool,
}

impl SnapshotInfo {
    fn new(name: &str, snapshot: &Snapshot) -> Self {
        let size_bytes = snapshot.state.image.size_bytes();
        Self { name: name.to_owned(), taken_at: snapshot.taken_at.clone(), size_bytes }
    }
}

/// Captures the account's current state. A database file becomes the image itself: later writes go to a copy
/// (copy-on-write).
pub(super) async fn capture(
    pool: &DatabasePool,
    account: &Account,
    data: &mut AccountData,
) -> Result<SavedState, AccountError> {
    let settings = account.settings().account_settings.clone();
    if account.is_durable() {
        pool.close_locked(account, data).await;
    }
    let image = match &data.backing {
        Backing::Removed => return Err(account.not_found()),
        Backing::Image(image) => Arc::clone(image),
        Backing::Open { database, .. } => Image::from_buffer(database.serialize().await?),
        Backing::File(file) => promote_to_image(pool, account, file).await?,
    };
    if !matches!(data.backing, Backing::Open { .. }) {
        data.backing = Backing::Image(Arc::clone(&image));
    }
    Ok(SavedState { image, settings })
}

/// Turns an account's file into its base image.
async fn promote_to_image(
    pool: &DatabasePool,
    account: &Account,
    file: &str,
) -> Result<Arc<Image>, StorageError> {
    let catalogue = account.catalogue()?;
    let path = catalogue.resolve_path(file);
    files::check_nonempty_file(&path)?;
    if !is_wal_empty(&path) {
        // A crash left a write-ahead log; opening and closing checkpoints it.
        let _permit = pool.acquire_permit(account).await?;
        let opened = Database::open(
            &pool.storage,
            OpenMode::OpenExisting(&path),
            &ACCOUNT_SCHEMA,
            ChangeCounter::default(),
        );
        opened.await?.close().await?;
        catalogue.check_wal_empty(file)?;
    }
    files::check_header(&path)?;
    let size_bytes = files::file_size(&path)?;
    let (name, file_name) = (account.name.to_string(), file.to_owned());
    let id = account.write_catalogue(move |connection| {
        Box::pin(async move {
            let image_id = catalogue::insert_image(connection, &file_name, size_bytes).await?;
            catalogue::set_account_image(connection, &name, image_id).await?;
            Ok(image_id)
        })
    });
    Ok(catalogue.image(&ImageRow { id: id.await?, file: file.to_owned(), size_bytes }))
}

/// Saves the current state.
///
/// # Errors
/// If there are too many, or the disk fails.
pub(super) async fn take_snapshot(
    pool: &DatabasePool,
    account: &Account,
    name: &str,
) -> Result<SnapshotResult, AccountError> {
    let mut data = account.lock_exclusive().await?;
    let is_new = !data.snapshots.contains_key(name);
    if is_new && data.snapshots.len() >= MAX_SNAPSHOTS_PER_ACCOUNT {
        return Err(AccountError::LimitReached {
            account: account.name.to_string(),
            max: MAX_SNAPSHOTS_PER_ACCOUNT,
            resource: "snapshots",
        });
    }
    let state = capture(pool, account, &mut data).await?;
    let snapshot = Snapshot { state, taken_at: account.settings().now().to_string() };
    let replaced = data.snapshots.get(name);
    let orphaned_files = persist_snapshot(account, name, &snapshot, replaced).await?;
    let info = SnapshotInfo::new(name, &snapshot);
    data.snapshots.insert(name.to_owned(), snapshot);
    account.delete_orphaned_files(orphaned_files).await;
    Ok(SnapshotResult { info, is_new })
}

/// Stores a snapshot in place of the one with its name. Returns the files that are orphaned then.
async fn persist_snapshot(
    account: &Account,
    name: &str,
    snapshot: &Snapshot,
    replaced: Option<&Snapshot>,
) -> Result<Vec<String>, StorageError> {
    // An ephemeral account has no row, and its images have no id.
    let Some(image_id) = snapshot.state.image.id() else { return Ok(Vec::new()) };
    let old_image_id = replaced.and_then(|replaced| replaced.state.image.id());
    let row = SnapshotRow {
        account: account.name.to_string(),
        name: name.to_owned(),
        taken_at: snapshot.taken_at.clone(),
        state: SavedStateRow { image_id, settings: snapshot.state.settings.clone() },
    };
    account
        .write_catalogue(move |connection| {
            Box::pin(async move {
                catalogue::put_snapshot(connection, &row).await?;
                catalogue::delete_unused_images(connection, old_image_id.as_slice()).await
            })
        })
        .await
}

/// Lists snapshots, sorted by name.
///
/// # Errors
/// If the account has been removed.
pub(super) async fn list_snapshots(account: &Account) -> Result<Vec<SnapshotInfo>, AccountError> {
    let data = account.lock_shared().await?;
    let snapshots = data.snapshots.iter();
    Ok(snapshots.map(|(name, snapshot)| SnapshotInfo::new(name, snapshot)).collect())
}

/// Removes a snapshot.
///
/// # Errors
/// If it is missing, or the catalogue cannot be written.
pub(super) async fn remove_snapshot(account: &Account, name: &str) -> Result<(), AccountError> {
    let mut data = account.lock_exclusive().await?;
    let image_id = data.snapshot(&account.name, name)?.state.image.id();
    let (owner, snapshot) = (account.name.to_string(), name.to_owned());
    let removed = account.write_catalogue(move |connection| {
        Box::pin(async move {
            catalogue::delete_snapshot(connection, &owner, &snapshot).await?;
            catalogue::delete_unused_images(connection, image_id.as_slice()).await
        })
    });
    let orphaned_files = removed.await?;
    data.snapshots.remove(name);
    account.delete_orphaned_files(orphaned_files).await;
    Ok(())
}

//! Reset, snapshots, restore, import, and settings changes. Each holds the account's exclusive lock, so a request
//! sees the state before or after; each is one commit, so a crash leaves one or the other.

use std::sync::Arc;

use super::catalogue::{self, SavedStateRow};
use super::data::{AccountData, Backing, Snapshot};
use super::pool::close_or_warn;
use super::{
    Account, AccountError, AccountSettings, Accounts, EffectiveSettings, Image, SavedState,
};
use crate::storage::{
    ACCOUNT_SCHEMA, BoxFuture, ChangeCounter, Connection, Database, OpenMode, Storage,
    StorageError, files, is_wal_empty,
};

/// The most snapshots of one account (arbitrary).
const MAX_SNAPSHOTS_PER_ACCOUNT: usize = 1000;

/// Metadata of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotInfo {
    pub(crate) name: String,
    /// By the account's clock.
    pub(crate) taken_at: String,
    pub(crate) size_bytes: u64,
}

impl SnapshotInfo {
    fn new(name: &str, snapshot: &Snapshot) -> Self {
        let size_bytes = snapshot.state.image.size_bytes();
        Self { name: name.to_owned(), taken_at: snapshot.taken_at.clone(), size_bytes }
    }
}

impl Accounts {
    /// Restores an account to its origin.
    ///
    /// # Errors
    /// If the account has no origin, or the catalogue cannot be written.
    pub(crate) async fn reset(&self, account: &Account) -> Result<(), AccountError> {
        let mut data = account.lock_exclusive().await?;
        let no_origin = || AccountError::NoOrigin { account: account.name.to_string() };
        let origin = data.origin.clone().ok_or_else(no_origin)?;
        self.restore_to(account, &mut data, origin).await?;
        account.start_new_epoch();
        Ok(())
    }

    /// Restores an account to a snapshot.
    ///
    /// # Errors
    /// If the snapshot is missing, or the catalogue cannot be written.
    pub(crate) async fn restore(&self, account: &Account, name: &str) -> Result<(), AccountError> {
        let mut data = account.lock_exclusive().await?;
        let saved = data.snapshot(account, name)?.state.clone();
        self.restore_to(account, &mut data, saved).await?;
        account.start_new_epoch();
        Ok(())
    }

    async fn restore_to(
        &self,
        account: &Account,
        data: &mut AccountData,
        saved: SavedState,
    ) -> Result<(), AccountError> {
        let settings = self.effective_settings(&account.name, saved.settings.clone())?;
        let orphaned_files = match saved.image.id() {
            Some(image_id) if account.is_durable => {
                self.set_base_image(
                    account,
                    data,
                    SavedStateRow { image_id, settings: saved.settings },
                )
                .await?
            }
            _ => Vec::new(),
        };
        let old = std::mem::replace(&mut data.backing, Backing::Image(saved.image));
        self.mark_closed(account);
        account.set_settings(settings);
        discard_backing(old).await;
        self.delete_orphaned_files(orphaned_files).await;
        Ok(())
    }

    async fn set_base_image(
        &self,
        account: &Account,
        data: &AccountData,
        saved: SavedStateRow,
    ) -> Result<Vec<String>, StorageError> {
        let name = account.name.to_string();
        let old_image_id = data.backing.image().and_then(|image| image.id());
        self.write_catalogue_for(account, move |catalogue| {
            Box::pin(async move {
                let own_file =
                    catalogue::set_account_image(catalogue, &name, saved.image_id).await?;
                catalogue::update_settings(catalogue, &name, &saved.settings).await?;
                let mut files =
                    catalogue::delete_unused_images(catalogue, old_image_id.as_slice()).await?;
                files.extend(own_file);
                Ok(files)
            })
        })
        .await
    }

    /// Captures the account's current state. A database file becomes the image itself: later writes go to a copy
    /// (copy-on-write).
    pub(super) async fn capture(
        &self,
        account: &Account,
        data: &mut AccountData,
    ) -> Result<SavedState, AccountError> {
        let settings = account.settings().account_settings.clone();
        if account.is_durable {
            self.close_database_locked(account, data).await;
        }
        let image = match &data.backing {
            Backing::Removed => return Err(account.not_found()),
            Backing::Image(image) => Arc::clone(image),
            Backing::Open { database, .. } => Image::from_buffer(database.serialize().await?),
            Backing::File(file) => self.promote_to_image(account, file).await?,
        };
        if !matches!(data.backing, Backing::Open { .. }) {
            data.backing = Backing::Image(Arc::clone(&image));
        }
        Ok(SavedState { image, settings })
    }

    /// Turns an account's file into its base image.
    async fn promote_to_image(
        &self,
        account: &Account,
        file: &str,
    ) -> Result<Arc<Image>, StorageError> {
        let path = self.resolve_path(file);
        files::check_nonempty_file(&path)?;
        if !is_wal_empty(&path) {
            // A crash left a write-ahead log; opening and closing checkpoints it.
            let _permit = self.acquire_database_permit(account).await?;
            let opened = Database::open(
                &self.storage,
                OpenMode::OpenExisting(&path),
                &ACCOUNT_SCHEMA,
                ChangeCounter::default(),
            );
            opened.await?.close().await?;
            self.check_wal_empty(file)?;
        }
        files::check_header(&path)?;
        let bytes = files::file_size(&path)?;
        let (name, file_name) = (account.name.to_string(), file.to_owned());
        let id = self.write_catalogue_for(account, move |catalogue| {
            Box::pin(async move {
                let image_id = catalogue::insert_image(catalogue, &file_name, bytes).await?;
                catalogue::set_account_image(catalogue, &name, image_id).await?;
                Ok(image_id)
            })
        });
        Ok(self.file_image(id.await?, file, i64::try_from(bytes).unwrap_or(i64::MAX)))
    }

    /// Fails if the close left data in the write-ahead log (no checkpoint).
    pub(super) fn check_wal_empty(&self, file: &str) -> Result<(), StorageError> {
        let path = self.resolve_path(file);
        if is_wal_empty(&path) { Ok(()) } else { Err(StorageError::CheckpointIncomplete { path }) }
    }

    /// Saves the current state. Returns whether the name is new.
    ///
    /// # Errors
    /// If there are too many, or the disk fails.
    pub(crate) async fn take_snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<(SnapshotInfo, bool), AccountError> {
        let mut data = account.lock_exclusive().await?;
        let is_new = !data.snapshots.contains_key(name);
        if is_new && data.snapshots.len() >= MAX_SNAPSHOTS_PER_ACCOUNT {
            let account = account.name.to_string();
            return Err(AccountError::LimitReached {
                account,
                max: MAX_SNAPSHOTS_PER_ACCOUNT,
                resource: "snapshots",
            });
        }
        let state = self.capture(account, &mut data).await?;
        let snapshot = Snapshot { state, taken_at: account.settings().now().to_string() };
        let old_image_id = data.snapshots.get(name).and_then(|old| old.state.image.id());
        let orphaned_files = match snapshot.state.image.id() {
            Some(image_id) if account.is_durable => {
                let row = SavedStateRow { image_id, settings: snapshot.state.settings.clone() };
                self.persist_snapshot(account, name, snapshot.taken_at.clone(), (row, old_image_id))
                    .await?
            }
            _ => Vec::new(),
        };
        let info = SnapshotInfo::new(name, &snapshot);
        data.snapshots.insert(name.to_owned(), snapshot);
        self.delete_orphaned_files(orphaned_files).await;
        Ok((info, is_new))
    }

    async fn persist_snapshot(
        &self,
        account: &Account,
        name: &str,
        taken_at: String,
        (row, old_image_id): (SavedStateRow, Option<i64>),
    ) -> Result<Vec<String>, StorageError> {
        let (owner, name) = (account.name.to_string(), name.to_owned());
        self.write_catalogue_for(account, move |catalogue| {
            Box::pin(async move {
                catalogue::put_snapshot(catalogue, &owner, &name, &taken_at, &row).await?;
                catalogue::delete_unused_images(catalogue, old_image_id.as_slice()).await
            })
        })
        .await
    }

    /// Lists snapshots, sorted by name.
    ///
    /// # Errors
    /// If the account has been removed.
    pub(crate) async fn snapshots(
        &self,
        account: &Account,
    ) -> Result<Vec<SnapshotInfo>, AccountError> {
        let data = account.lock_shared().await?;
        let snapshots = data.snapshots.iter();
        Ok(snapshots.map(|(name, snapshot)| SnapshotInfo::new(name, snapshot)).collect())
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// If it is missing, or the catalogue cannot be written.
    pub(crate) async fn remove_snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<(), AccountError> {
        let mut data = account.lock_exclusive().await?;
        let image_id = data.snapshot(account, name)?.state.image.id();
        let orphaned_files = if account.is_durable {
            let (owner, name) = (account.name.to_string(), name.to_owned());
            let removed = self.write_catalogue_for(account, move |catalogue| {
                Box::pin(async move {
                    catalogue::delete_snapshot(catalogue, &owner, &name).await?;
                    catalogue::delete_unused_images(catalogue, image_id.as_slice()).await
                })
            });
            removed.await?
        } else {
            Vec::new()
        };
        data.snapshots.remove(name);
        self.delete_orphaned_files(orphaned_files).await;
        Ok(())
    }

    /// Modifies a copy of an account's data, then switches the account to it and to new settings. `prepare`
    /// derives the settings and the change from the current settings.
    ///
    /// # Errors
    /// Those of `change`, or if the disk fails. The account is unchanged then.
    pub(crate) async fn modify_copy<T, E, F>(
        &self,
        account: &Account,
        prepare: impl FnOnce(&EffectiveSettings) -> (AccountSettings, F),
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + From<AccountError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let mut data = account.lock_exclusive().await?;
        let (settings, change) = prepare(&account.settings());
        let saved = self.capture(account, &mut data).await?;
        let (image, result) = if account.is_durable {
            self.modify_file_copy(account, &saved.image, change).await?
        } else {
            modify_memory_copy(&self.storage, &saved, change).await?
        };
        self.restore_to(account, &mut data, SavedState { image, settings }).await?;
        Ok(result)
    }

    async fn modify_file_copy<T, E, F>(
        &self,
        account: &Account,
        image: &Arc<Image>,
        change: F,
    ) -> Result<(Arc<Image>, T), E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let _permit = self.acquire_database_permit(account).await?;
        let file = self.reserve_file(&format!("accounts/{}", account.name)).await?;
        let path = self.resolve_path(&file);
        let copy_and_modify = async {
            image.copy_to(&self.storage, path.clone()).await?;
            let opened = Database::open(
                &self.storage,
                OpenMode::OpenExisting(&path),
                &ACCOUNT_SCHEMA,
                ChangeCounter::default(),
            );
            let database = opened.await?;
            let changed = database.write(change).await;
            let closed = database.close().await;
            let result = changed?;
            closed?;
            Ok(result)
        };
        let result = match copy_and_modify.await {
            Ok(result) => result,
            Err(error) => {
                self.delete_orphaned_files(vec![file]).await;
                return Err(error);
            }
        };
        self.check_wal_empty(&file)?;
        Ok((self.register_image(file).await?, result))
    }

    /// Changes an account's settings, given the current ones.
    ///
    /// # Errors
    /// Those of `change`, or if the settings are invalid or cannot be saved.
    pub(crate) async fn update_settings<E: From<AccountError>>(
        &self,
        account: &Account,
        change: impl FnOnce(&EffectiveSettings) -> Result<AccountSettings, E>,
    ) -> Result<Arc<EffectiveSettings>, E> {
        let _guard = account.lock_exclusive().await?;
        let settings = change(&account.settings())?;
        let effective =
            self.effective_settings(&account.name, settings.clone()).map_err(E::from)?;
        if account.is_durable {
            let name = account.name.to_string();
            let written = self.write_catalogue_for(account, move |catalogue| {
                Box::pin(
                    async move { catalogue::update_settings(catalogue, &name, &settings).await },
                )
            });
            written.await.map_err(AccountError::from)?;
        }
        account.set_settings(effective);
        Ok(account.settings())
    }
}

/// Closes an account's old database without fsync. The catalogue no longer references it, so a crash in between loses
/// nothing. A database in memory is dropped in its own task, so that the response does not wait.
pub(super) async fn discard_backing(old: Backing) {
    match old {
        Backing::Open { database, file: Some(_) } => database.close_discarding().await,
        Backing::Open { database, file: None } => {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                drop(database);
            });
        }
        _ => {}
    }
}

async fn modify_memory_copy<T, E, F>(
    storage: &Storage,
    saved: &SavedState,
    change: F,
) -> Result<(Arc<Image>, T), E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let Image::Memory(content) = &*saved.image else {
        return Err(StorageError::corrupt("an image is not in memory".to_owned()).into());
    };
    let database = Database::open(
        storage,
        OpenMode::FromBytes(content),
        &ACCOUNT_SCHEMA,
        ChangeCounter::default(),
    )
    .await?;
    let result = database.write(change).await?;
    let content = database.serialize().await?;
    close_or_warn(&database).await;
    Ok((Image::from_buffer(content), result))
}

//! Changes a copy of an account's data, and switches the account to it: an import happens as a whole or not at all.

use std::sync::Arc;

use super::account::Account;
use super::data::close_or_warn;
use super::error::AccountError;
use super::image::{Image, SavedState};
use super::pool::DatabasePool;
use super::reset::restore_to;
use super::settings::{AccountSettings, EffectiveSettings};
use super::snapshots::capture;
use crate::storage::{
    ACCOUNT_SCHEMA, BoxFuture, ChangeCounter, Connection, Database, OpenMode, Storage, StorageError,
};

/// Modifies a copy of an account's data, then switches the account to it and to new settings. `prepare`
/// derives the settings and the change from the current settings.
///
/// # Errors
/// Those of `change`, or if the disk fails. The account is unchanged then.
pub(super) async fn modify_copy<T, E, F>(
    pool: &DatabasePool,
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
    let saved = capture(pool, account, &mut data).await?;
    let Modified { image, result } = if account.is_durable() {
        modify_file_copy(pool, account, &saved.image, change).await?
    } else {
        modify_memory_copy(&pool.storage, &saved, change).await?
    };
    restore_to(pool, account, &mut data, SavedState { image, settings }).await?;
    Ok(result)
}

/// A modified copy of an image, and the result of the change.
struct Modified<T> {
    image: Arc<Image>,
    result: T,
}

async fn modify_file_copy<T, E, F>(
    pool: &DatabasePool,
    account: &Account,
    image: &Arc<Image>,
    change: F,
) -> Result<Modified<T>, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let catalogue = account.catalogue()?;
    let _permit = pool.acquire_permit(account).await?;
    let file = catalogue.reserve_file(&format!("accounts/{}", account.name)).await?;
    let path = catalogue.resolve_path(&file);
    let copy_and_modify = async {
        image.copy_to(&pool.storage, path.clone()).await?;
        let opened = Database::open(
            &pool.storage,
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
            catalogue.delete_orphaned_files(vec![file]).await;
            return Err(error);
        }
    };
    catalogue.check_wal_empty(&file)?;
    Ok(Modified { image: catalogue.register_image(file).await?, result })
}

async fn modify_memory_copy<T, E, F>(
    storage: &Storage,
    saved: &SavedState,
    change: F,
) -> Result<Modified<T>, E>
where
    T: Send + 'static,
    E: From<StorageError> + Send + 'static,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let Image::Memory(content) = &*saved.image else {
        return Err(StorageError::corrupt("an image is not in memory".to_owned()).into());
    };
    let (mode, change_counter) = (OpenMode::FromBytes(content), ChangeCounter::default());
    let database = Database::open(storage, mode, &ACCOUNT_SCHEMA, change_counter).await?;
    let result = database.write(change).await?;
    let content = database.serialize().await?;
    close_or_warn(&database).await;
    Ok(Modified { image: Image::from_buffer(content), result })
}

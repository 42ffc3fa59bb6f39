//! Reset and restore: an account returns to its initial state, or to that of a snapshot. Each holds the account's
//! exclusive lock, so a request sees the state before or after; each is one commit, so a crash leaves one or the other.

use super::account::Account;
use super::catalogue;
use super::data::{AccountData, Backing};
use super::error::AccountError;
use super::image::SavedState;
use super::pool::DatabasePool;
use crate::storage::StorageError;

/// Restores an account to its origin.
///
/// # Errors
/// If the account has been removed, or the catalogue cannot be written.
pub(super) async fn reset(pool: &DatabasePool, account: &Account) -> Result<(), AccountError> {
    let mut data = account.lock_exclusive().await?;
    let origin = data.origin.clone();
    restore_to(pool, account, &mut data, origin).await?;
    account.start_new_epoch();
    Ok(())
}

/// Restores an account to a snapshot.
///
/// # Errors
/// If the snapshot is missing, or the catalogue cannot be written.
pub(super) async fn restore(
    pool: &DatabasePool,
    account: &Account,
    name: &str,
) -> Result<(), AccountError> {
    let mut data = account.lock_exclusive().await?;
    let saved = data.snapshot(&account.name, name)?.state.clone();
    restore_to(pool, account, &mut data, saved).await?;
    account.start_new_epoch();
    Ok(())
}

/// Replaces the data and the settings of an account.
///
/// # Errors
/// If the catalogue cannot be written.
pub(super) async fn restore_to(
    pool: &DatabasePool,
    account: &Account,
    data: &mut AccountData,
    saved: SavedState,
) -> Result<(), AccountError> {
    let settings = account.merge_settings(saved.settings.clone())?;
    let orphaned_files = set_base_image(account, data, &saved).await?;
    let old = std::mem::replace(&mut data.backing, Backing::Image(saved.image));
    pool.remove(account);
    account.set_settings(settings);
    old.discard().await;
    account.delete_orphaned_files(orphaned_files).await;
    Ok(())
}

/// Makes the saved state the account's current one in the catalogue. Returns the files that are orphaned then.
async fn set_base_image(
    account: &Account,
    data: &AccountData,
    saved: &SavedState,
) -> Result<Vec<String>, StorageError> {
    // An ephemeral account has no row, and its images have no id.
    let Some(image_id) = saved.image.id() else { return Ok(Vec::new()) };
    let (name, settings) = (account.name.to_string(), saved.settings.clone());
    let old_image_id = data.backing.image().and_then(|image| image.id());
    account
        .write_catalogue(move |connection| {
            Box::pin(async move {
                let own_file = catalogue::set_account_image(connection, &name, image_id).await?;
                catalogue::update_settings(connection, &name, &settings).await?;
                let mut files =
                    catalogue::delete_unused_images(connection, old_image_id.as_slice()).await?;
                files.extend(own_file);
                Ok(files)
            })
        })
        .await
}

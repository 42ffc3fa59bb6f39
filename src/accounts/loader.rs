//! Loads the accounts and keys of a catalogue at startup.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::account::{Account, AccountLimits};
use super::catalogue::{self, AccountRow, Catalogue, KeyRow, SavedStateRow, SnapshotRow};
use super::data::{AccountData, Backing, Snapshot};
use super::error::AccountError;
use super::image::{Image, SavedState};
use super::registry::Registry;
use super::settings::EffectiveSettings;
use crate::storage::StorageError;

/// Images of the catalogue, by row id.
type ImagesById = HashMap<i64, Arc<Image>>;

/// Deletes files that a crash has left, and registers the accounts of the catalogue with their snapshots and keys.
///
/// # Errors
/// If the catalogue cannot be read, or is inconsistent.
pub(super) async fn load(
    catalogue: &Arc<Catalogue>,
    registry: &Registry,
    server_dialect: &Arc<Map<String, Value>>,
    account_limits: AccountLimits,
) -> Result<(), AccountError> {
    // Files that a crash left; no row references them.
    let orphaned = catalogue.read(|connection| Box::pin(catalogue::orphaned_files(connection)));
    catalogue.delete_orphaned_files(orphaned.await?).await;
    let unused =
        catalogue.write(|connection| Box::pin(catalogue::delete_all_unused_images(connection)));
    catalogue.delete_orphaned_files(unused.await?).await;
    let images = load_images(catalogue).await?;
    let rows = catalogue.read(|connection| Box::pin(catalogue::list_accounts(connection)));
    for row in rows.await? {
        let AccountRow { name, settings, file, image_id, origin, ttl } = row;
        let backing = load_backing(catalogue, &name, file, image_id, &images)?;
        let origin = resolve_saved_state(origin, &images)?;
        registry.register(Account::new(
            &name,
            Some(Arc::clone(catalogue)),
            ttl,
            AccountData::new(backing, origin),
            EffectiveSettings::new(&name, settings, server_dialect)?,
            account_limits,
            registry.uptime,
        ));
    }
    let rows = catalogue.read(|connection| Box::pin(catalogue::list_snapshots(connection)));
    for row in rows.await? {
        let SnapshotRow { account, name, taken_at, state } = row;
        let snapshot = Snapshot { state: resolve_saved_state(state, &images)?, taken_at };
        if let Some(account) = registry.find(&account) {
            account.data.write().await.snapshots.insert(name, snapshot);
        }
    }
    let rows = catalogue.read(|connection| Box::pin(catalogue::list_keys(connection)));
    for KeyRow { account, key_info } in rows.await? {
        if let Some(account) = registry.find(&account) {
            registry.index_key(&account, key_info);
        }
    }
    let last_key_id = catalogue.read(|connection| Box::pin(catalogue::last_key_id(connection)));
    registry.set_last_key_id(last_key_id.await?);
    Ok(())
}

async fn load_images(catalogue: &Catalogue) -> Result<ImagesById, StorageError> {
    let rows = catalogue.read(|connection| Box::pin(catalogue::list_images(connection))).await?;
    for row in &rows {
        warn_if_missing(catalogue, &row.file);
    }
    Ok(rows.iter().map(|row| (row.id, catalogue.image(row))).collect())
}

/// Returns where an account's data is: in its own file, or in an image.
fn load_backing(
    catalogue: &Catalogue,
    account: &str,
    file: Option<String>,
    image_id: Option<i64>,
    images: &ImagesById,
) -> Result<Backing, StorageError> {
    match (file, image_id) {
        (Some(file), _) => {
            warn_if_missing(catalogue, &file);
            Ok(Backing::File(file))
        }
        (None, Some(image_id)) => Ok(Backing::Image(find_image(image_id, images)?)),
        (None, None) => {
            Err(StorageError::corrupt(format!("account {account} has neither a file nor an image")))
        }
    }
}

/// Logs a missing file. Requests that need the file fail; all others work.
fn warn_if_missing(catalogue: &Catalogue, file: &str) {
    let path = catalogue.resolve_path(file);
    if !path.exists() {
        tracing::error!(error = %StorageError::Missing { path }, "a data file is missing; requests that need it fail");
    }
}

fn find_image(image_id: i64, images: &ImagesById) -> Result<Arc<Image>, StorageError> {
    let image = images.get(&image_id).cloned();
    image.ok_or_else(|| {
        StorageError::corrupt("the catalogue references an image that does not exist".to_owned())
    })
}

fn resolve_saved_state(
    row: SavedStateRow,
    images: &ImagesById,
) -> Result<SavedState, StorageError> {
    Ok(SavedState { image: find_image(row.image_id, images)?, settings: row.settings })
}

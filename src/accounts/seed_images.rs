//! Builds images from seed fixtures; new accounts start from an image.

use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::catalogue::{self, Catalogue, SavedStateRow};
use super::error::AccountError;
use super::image::{Image, SavedState};
use super::settings::AccountSettings;
use crate::storage::{
    ACCOUNT_SCHEMA, BoxFuture, ChangeCounter, Connection, Database, OpenMode, SqliteOwnedBuf,
    Storage, StorageError, files,
};

/// The initial state of a seed's account.
#[derive(Clone, Debug)]
pub(crate) struct NamedSeed {
    pub(crate) name: String,
    pub(crate) state: SavedState,
}

/// The states that accounts can start from.
#[derive(Debug)]
pub(super) struct SeedImages {
    storage: Storage,
    /// None if all data is in memory.
    catalogue: Option<Arc<Catalogue>>,
    /// The first one is the default source.
    seeds: RwLock<Vec<NamedSeed>>,
    /// Initial state of an empty account.
    empty: OnceCell<SavedState>,
}

impl SeedImages {
    pub(super) fn new(storage: Storage, catalogue: Option<Arc<Catalogue>>) -> Self {
        Self { storage, catalogue, seeds: RwLock::default(), empty: OnceCell::new() }
    }

    /// Returns the seed with this name, or the first one.
    pub(super) fn find(&self, name: Option<String>) -> Result<SavedState, AccountError> {
        let seeds = self.seeds.read();
        let found = seeds.iter().find(|seed| name.as_ref().is_none_or(|name| seed.name == *name));
        let state = found.map(|seed| seed.state.clone());
        state.ok_or(name.map_or(AccountError::NoSeed, AccountError::SeedNotFound))
    }

    /// Returns the names of the seeds.
    pub(super) fn names(&self) -> Vec<String> {
        self.seeds.read().iter().map(|seed| seed.name.clone()).collect()
    }

    /// Returns the state without any rows.
    pub(super) async fn empty(&self) -> Result<SavedState, AccountError> {
        let build_empty =
            || self.build("", [0; 32], AccountSettings::default(), |_| Box::pin(async { Ok(()) }));
        self.empty.get_or_try_init(build_empty).await.cloned()
    }

    /// Builds the image of a seed, or reuses the stored image if the fixture digest matches.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn build<F>(
        &self,
        name: &str,
        digest: [u8; 32],
        settings: AccountSettings,
        populate: F,
    ) -> Result<SavedState, AccountError>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(), StorageError>>
            + Send
            + 'static,
    {
        if let Some(catalogue) = &self.catalogue
            && let Some(stored) = find_stored(catalogue, name, digest).await?
        {
            return Ok(stored);
        }
        // In memory: an incomplete image need not be durable.
        let (mode, change_counter) = (OpenMode::InMemory, ChangeCounter::default());
        let database = Database::open(&self.storage, mode, &ACCOUNT_SCHEMA, change_counter).await?;
        database.write(populate).await?;
        let Some(catalogue) = &self.catalogue else {
            database.preallocate().await;
            let image = Image::from_buffer(database.serialize().await?);
            return Ok(SavedState { image, settings });
        };
        let image = self.store_image(catalogue, name, database.serialize().await?).await?;
        let row = SavedStateRow { image_id: image.row_id()?, settings: settings.clone() };
        store_seed(catalogue, name, digest, row).await?;
        Ok(SavedState { image, settings })
    }

    /// Stores the content of a database as an image.
    async fn store_image(
        &self,
        catalogue: &Catalogue,
        name: &str,
        content: SqliteOwnedBuf,
    ) -> Result<Arc<Image>, StorageError> {
        let stem = format!("seeds/{}", if name.is_empty() { "empty" } else { name });
        let file = catalogue.reserve_file(&stem).await?;
        files::write(catalogue.resolve_path(&file), content, self.storage.durability).await?;
        catalogue.register_image(file).await
    }

    /// Replaces the seeds; the first is the default source.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub(super) async fn set(&self, seeds: Vec<NamedSeed>) -> Result<(), AccountError> {
        if let Some(catalogue) = &self.catalogue {
            let names: Value = seeds.iter().map(|seed| seed.name.as_str()).collect();
            let orphaned_files = catalogue.write(move |connection| {
                Box::pin(async move {
                    let images = catalogue::retain_seeds(connection, &names.to_string()).await?;
                    catalogue::delete_unused_images(connection, &images).await
                })
            });
            catalogue.delete_orphaned_files(orphaned_files.await?).await;
        }
        *self.seeds.write() = seeds;
        Ok(())
    }
}

/// Returns the stored seed with this name, if the fixture digest matches.
async fn find_stored(
    catalogue: &Catalogue,
    name: &str,
    digest: [u8; 32],
) -> Result<Option<SavedState>, AccountError> {
    let name = name.to_owned();
    let stored = catalogue.read(move |connection| {
        Box::pin(async move { catalogue::find_seed(connection, &name, &digest).await })
    });
    let Some(row) = stored.await? else { return Ok(None) };
    let images = catalogue.read(|connection| Box::pin(catalogue::list_images(connection))).await?;
    let image = images.iter().find(|image| image.id == row.image_id);
    Ok(image.map(|image| SavedState { image: catalogue.image(image), settings: row.settings }))
}

/// Stores a seed in place of the one with its name.
async fn store_seed(
    catalogue: &Catalogue,
    name: &str,
    digest: [u8; 32],
    row: SavedStateRow,
) -> Result<(), StorageError> {
    let name = name.to_owned();
    let orphaned_files = catalogue.write(move |connection| {
        Box::pin(async move {
            let old_image_id = catalogue::put_seed(connection, &name, &digest, &row).await?;
            catalogue::delete_unused_images(connection, old_image_id.as_slice()).await
        })
    });
    catalogue.delete_orphaned_files(orphaned_files.await?).await;
    Ok(())
}

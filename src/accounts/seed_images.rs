//! Builds images from seed fixtures; new accounts start from an image.

use std::sync::PoisonError;

use serde_json::Value;

use super::catalogue::{self, SavedStateRow};
use super::registry::StorageMode;
use super::{AccountError, AccountSettings, Accounts, Image, SavedState};
use crate::storage::{
    ACCOUNT_SCHEMA, BoxFuture, ChangeCounter, Connection, Database, OpenMode, StorageError, files,
};

impl Accounts {
    /// Returns the seed with this name, or the first one.
    pub(super) fn find_seed(&self, name: Option<String>) -> Result<SavedState, AccountError> {
        let seeds = self.seeds.read().unwrap_or_else(PoisonError::into_inner);
        let found =
            seeds.iter().find(|(seed_name, _)| name.as_ref().is_none_or(|name| seed_name == name));
        let seed = found.map(|(_, saved)| saved.clone());
        seed.ok_or(name.map_or(AccountError::NoSeed, AccountError::SeedNotFound))
    }

    pub(super) async fn empty_seed(&self) -> Result<SavedState, AccountError> {
        let build_empty = || {
            self.build_seed_image("", [0; 32], AccountSettings::default(), |_| {
                Box::pin(async { Ok(()) })
            })
        };
        self.empty_seed.get_or_try_init(build_empty).await.cloned()
    }

    /// Builds the image of a seed, or reuses the stored image if the fixture digest matches.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn build_seed_image<F>(
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
        let in_memory = matches!(self.storage_mode, StorageMode::Memory);
        if !in_memory && let Some(saved) = self.find_stored_seed(name, digest).await? {
            return Ok(saved);
        }
        // In memory: an incomplete image need not be durable.
        let database = Database::open(
            &self.storage,
            OpenMode::InMemory,
            &ACCOUNT_SCHEMA,
            ChangeCounter::default(),
        )
        .await?;
        database.write(populate).await?;
        if in_memory {
            database.preallocate().await;
            return Ok(SavedState {
                image: Image::from_buffer(database.serialize().await?),
                settings,
            });
        }
        let content = database.serialize().await?;
        let file = self
            .reserve_file(&format!("seeds/{}", if name.is_empty() { "empty" } else { name }))
            .await?;
        files::write(self.resolve_path(&file), content, self.storage.durability).await?;
        let image = self.register_image(file).await?;
        let saved = SavedState { image, settings };
        self.persist_seed(name, digest, &saved).await?;
        Ok(saved)
    }

    async fn persist_seed(
        &self,
        name: &str,
        digest: [u8; 32],
        saved: &SavedState,
    ) -> Result<(), StorageError> {
        let Some(image_id) = saved.image.id() else { return Ok(()) };
        let (name, row) =
            (name.to_owned(), SavedStateRow { image_id, settings: saved.settings.clone() });
        let orphaned_files = self.write_catalogue(move |catalogue| {
            Box::pin(async move {
                let old_image_id = catalogue::put_seed(catalogue, &name, &digest, &row).await?;
                catalogue::delete_unused_images(catalogue, old_image_id.as_slice()).await
            })
        });
        self.delete_orphaned_files(orphaned_files.await?).await;
        Ok(())
    }

    /// Replaces the seeds; the first is the default source. An account without an origin gets the seed with its
    /// name.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub(crate) async fn set_seeds(
        &self,
        seeds: Vec<(String, SavedState)>,
    ) -> Result<(), AccountError> {
        for (name, saved) in &seeds {
            let Some(account) = self.find(name) else { continue };
            let mut data = account.data.write().await;
            if data.origin.is_some() {
                continue;
            }
            data.origin = Some(saved.clone());
            if let (Some(image_id), name) = (saved.image.id(), name.clone()) {
                let origin = SavedStateRow { image_id, settings: saved.settings.clone() };
                self.write_catalogue(move |catalogue| {
                    Box::pin(async move { catalogue::set_origin(catalogue, &name, &origin).await })
                })
                .await?;
            }
        }
        if matches!(self.storage_mode, StorageMode::DataDir(_)) {
            let names: Value = seeds.iter().map(|(name, _)| name.as_str()).collect();
            let orphaned_files = self.write_catalogue(move |catalogue| {
                Box::pin(async move {
                    let images = catalogue::retain_seeds(catalogue, &names.to_string()).await?;
                    catalogue::delete_unused_images(catalogue, &images).await
                })
            });
            self.delete_orphaned_files(orphaned_files.await?).await;
        }
        *self.seeds.write().unwrap_or_else(PoisonError::into_inner) = seeds;
        Ok(())
    }
}

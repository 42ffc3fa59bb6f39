//! The seeds of a server: fixtures made into images, which accounts stand on.

use std::sync::PoisonError;

use serde_json::Value;

use super::registry::Home;
use super::store::{self, SavedRow};
use super::{AccountError, Accounts, Image, Profile, Saved};
use crate::clock::Zone;
use crate::storage::{ACCOUNT, BoxFuture, Connection, Place, StorageError, Version};

impl Accounts {
    /// The account of the seed with this name, or the first one.
    pub(super) fn seed(&self, name: Option<String>) -> Result<Saved, AccountError> {
        let seeds = self.seeds.read().unwrap_or_else(PoisonError::into_inner);
        let asked = seeds.iter().find(|(own, _)| name.as_ref().is_none_or(|name| own == name));
        let seed = asked.map(|(_, saved)| saved.clone());
        seed.ok_or(name.map_or(AccountError::NoSeed, AccountError::UnknownSeed))
    }

    pub(super) async fn empty(&self) -> Result<Saved, AccountError> {
        let nothing =
            || self.plant("", [0; 32], Profile::default(), |_| Box::pin(async { Ok(()) }));
        self.empty.get_or_try_init(nothing).await.cloned()
    }

    /// Makes the image of a seed. One that was made from the same fixture before is used again.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn plant<F>(
        &self,
        name: &str,
        digest: [u8; 32],
        profile: Profile,
        plant: F,
    ) -> Result<Saved, AccountError>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<(), StorageError>>
            + Send
            + 'static,
    {
        let in_memory = matches!(self.home, Home::Memory);
        if !in_memory && let Some(saved) = self.stored_seed(name, digest).await? {
            return Ok(saved);
        }
        // In memory, since nothing of it has to be kept before it is whole.
        let (version, zone) = (Version::default(), Zone::default());
        let database = self.storage.open(Place::Memory, &ACCOUNT, version, &zone).await?;
        database.write(plant).await?;
        if in_memory {
            database.leave_room().await;
            return Ok(Saved { image: Image::of(database.content().await?), profile });
        }
        let content = database.content().await?;
        let file = self
            .fresh_file(&format!("seeds/{}", if name.is_empty() { "empty" } else { name }))
            .await?;
        self.storage.write(self.path(&file), content).await?;
        let image = self.known_image(file).await?;
        let saved = Saved { image, profile };
        self.keep_seed(name, digest, &saved).await?;
        Ok(saved)
    }

    async fn keep_seed(
        &self,
        name: &str,
        digest: [u8; 32],
        saved: &Saved,
    ) -> Result<(), StorageError> {
        let Some(image) = saved.image.id() else { return Ok(()) };
        let (name, row) = (name.to_owned(), SavedRow { image, profile: saved.profile.clone() });
        let unneeded = self.commit(move |catalogue| {
            Box::pin(async move {
                let old = store::put_seed(catalogue, &name, &digest, &row).await?;
                store::drop_unused(catalogue, old.as_slice()).await
            })
        });
        self.discard(unneeded.await?).await;
        Ok(())
    }

    /// Says which seeds there are; the first is what accounts are made from. An account that has no origin gets
    /// that of its name.
    ///
    /// # Errors
    /// When the catalogue cannot be written.
    pub(crate) async fn set_seeds(&self, seeds: Vec<(String, Saved)>) -> Result<(), AccountError> {
        for (name, saved) in &seeds {
            let Some(account) = self.find(name) else { continue };
            let mut world = account.world.write().await;
            if world.origin.is_some() {
                continue;
            }
            world.origin = Some(saved.clone());
            if let (Some(image), name) = (saved.image.id(), name.clone()) {
                let origin = SavedRow { image, profile: saved.profile.clone() };
                self.commit(move |catalogue| {
                    Box::pin(async move { store::set_origin(catalogue, &name, &origin).await })
                })
                .await?;
            }
        }
        if matches!(self.home, Home::Folder(_)) {
            let names: Value = seeds.iter().map(|(name, _)| name.as_str()).collect();
            let unneeded = self.commit(move |catalogue| {
                Box::pin(async move {
                    let images = store::keep_seeds(catalogue, &names.to_string()).await?;
                    store::drop_unused(catalogue, &images).await
                })
            });
            self.discard(unneeded.await?).await;
        }
        *self.seeds.write().unwrap_or_else(PoisonError::into_inner) = seeds;
        Ok(())
    }
}

//! Making accounts, and removing them: whole, or not at all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::registry::Home;
use super::rewind::clear_away;
use super::store::{self, Entry, SavedRow};
use super::world::{Standing, World};
use super::{Account, AccountError, Accounts, Image, KeyCard, NewKey, Saved, Strict};
use crate::storage::{StorageError, files};

/// An account to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    /// None takes the next free one.
    pub(crate) name: Option<String>,
    pub(crate) keys: Vec<NewKey>,
    pub(crate) ttl: Option<Duration>,
    /// In memory, even where others are kept.
    pub(crate) ephemeral: bool,
    /// Whether it refuses what leaves a warning; None is as what it is made from.
    pub(crate) strict: Option<bool>,
}

impl NewAccount {
    /// An account that is as usual, with this key.
    pub(crate) fn with_key(key: NewKey) -> Self {
        Self { name: None, keys: vec![key], ttl: None, ephemeral: false, strict: None }
    }
}

/// What an account is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Empty,
    /// The account of the seed with this name, or the first one.
    Seed(Option<String>),
    Account(String),
    Snapshot {
        account: String,
        name: String,
    },
}

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// When there is nothing to make it from, its name or a key is taken, there are too many, or the disk fails.
    pub(crate) async fn make(
        &self,
        new: NewAccount,
        source: Source,
    ) -> Result<Arc<Account>, AccountError> {
        match source {
            Source::Empty => self.create("account", new, self.empty().await?).await,
            Source::Seed(name) => {
                let seed = self.seed(name)?;
                self.create("account", new, seed).await
            }
            Source::Account(name) => {
                let account = self.named(&name)?;
                let mut world = account.alone().await?;
                let saved = self.saved(&account, &mut world).await?;
                self.create("account", new, saved).await
            }
            Source::Snapshot { account, name } => {
                let account = self.named(&account)?;
                // Held until the new account stands on it.
                let world = account.shared().await?;
                let saved = world.snapshot(&account, &name)?.saved.clone();
                self.create("account", new, saved).await
            }
        }
    }

    /// The account with this name, for a request that is about it.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn named(&self, name: &str) -> Result<Arc<Account>, AccountError> {
        let account = self.find(name).ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
        account.touch(self.life.milliseconds());
        Ok(account)
    }

    /// Makes an account of the seed; its fixture was planted before.
    ///
    /// # Errors
    /// As [`Accounts::make`].
    pub(crate) async fn make_seeded(
        &self,
        name: &str,
        keys: Vec<NewKey>,
        saved: &Saved,
    ) -> Result<(), AccountError> {
        let new = NewAccount {
            name: Some(name.to_owned()),
            keys,
            ttl: None,
            ephemeral: false,
            strict: None,
        };
        self.create(name, new, saved.clone()).await.map(drop)
    }

    pub(super) async fn create(
        &self,
        prefix: &str,
        new: NewAccount,
        mut saved: Saved,
    ) -> Result<Arc<Account>, AccountError> {
        let _making = self.making.lock().await;
        if self.count() >= self.rules.most {
            return Err(AccountError::TooMany(self.rules.most));
        }
        let name = match new.name {
            Some(name) if self.find(&name).is_some() => return Err(AccountError::NameTaken(name)),
            Some(name) => name,
            None => self.free_name(prefix),
        };
        self.must_be_free(&name, None, &new.keys)?;
        let durable = matches!(self.home, Home::Folder(_)) && !new.ephemeral;
        if let Some(strict) = new.strict {
            saved.profile.strict = strict.then(Strict::default);
        }
        let terms = self.terms(&name, saved.profile.clone())?;
        let image = if durable {
            self.on_disk(&name, &saved.image).await?
        } else {
            saved.image.in_memory().await?
        };
        let saved = Saved { image, ..saved };
        let cards: Vec<KeyCard> = new.keys.into_iter().map(|key| self.card(key)).collect();
        if durable {
            self.record(&name, new.ttl, &saved, cards.clone()).await?;
        }
        let world = World::new(Standing::Image(Arc::clone(&saved.image)), Some(saved));
        let account =
            self.enter(Account::new(&name, durable, new.ttl, world, (terms, self.rules.each)));
        for card in cards {
            self.know(&account, card);
        }
        Ok(account)
    }

    fn free_name(&self, prefix: &str) -> String {
        loop {
            let name = format!("{prefix}-{}", self.next_name.fetch_add(1, Ordering::Relaxed));
            if self.find(&name).is_none() {
                return name;
            }
        }
    }

    /// Writes an account into the catalogue.
    async fn record(
        &self,
        name: &str,
        ttl: Option<Duration>,
        saved: &Saved,
        cards: Vec<KeyCard>,
    ) -> Result<(), StorageError> {
        let image = saved.image.id();
        let profile = saved.profile.clone();
        let origin = image.map(|image| SavedRow { image, profile: profile.clone() });
        let entry = Entry { name: name.to_owned(), profile, file: None, image, origin, ttl };
        let written = self.commit(move |catalogue| {
            Box::pin(async move {
                store::add(catalogue, &entry).await?;
                for card in &cards {
                    store::put_key(catalogue, &entry.name, card).await?;
                }
                Ok(())
            })
        });
        written.await
    }

    /// The same image, in a file that the catalogue knows.
    async fn on_disk(&self, stem: &str, image: &Arc<Image>) -> Result<Arc<Image>, StorageError> {
        if image.id().is_some() {
            return Ok(Arc::clone(image));
        }
        let file = self.fresh_file(&format!("accounts/{stem}")).await?;
        image.copy_to(&self.storage, self.path(&file)).await?;
        self.known_image(file).await
    }

    /// Enters a complete file into the catalogue as an image.
    pub(super) async fn known_image(&self, file: String) -> Result<Arc<Image>, StorageError> {
        let bytes = files::size(&self.path(&file))?;
        self.storage.keep(self.path(&file)).await?;
        let named = file.clone();
        let id = self.commit(move |catalogue| {
            Box::pin(async move { store::add_image(catalogue, &named, bytes).await })
        });
        Ok(self.image(id.await?, &file, i64::try_from(bytes).unwrap_or(i64::MAX)))
    }

    /// Removes an account with all that it has. Requests that run see it to their end.
    ///
    /// # Errors
    /// When it is removed already, or the catalogue cannot be written.
    pub(crate) async fn remove(&self, account: &Account) -> Result<(), AccountError> {
        let mut world = account.alone().await?;
        self.remove_from(account, &mut world).await
    }

    pub(super) async fn remove_if_forgotten(&self, account: &Account) -> Result<(), AccountError> {
        let Ok(mut world) = account.world.try_write() else { return Ok(()) };
        if matches!(world.standing, Standing::Removed) {
            return Ok(());
        }
        // A request may have come since it was looked for.
        if account.is_forgotten(self.life.milliseconds()) {
            self.remove_from(account, &mut world).await?;
        }
        Ok(())
    }

    async fn remove_from(&self, account: &Account, world: &mut World) -> Result<(), AccountError> {
        // Until all of it is gone no key and no account is made that would need it.
        let making = self.making.lock().await;
        let unneeded = if account.durable {
            let name = account.name.to_string();
            let images: Vec<i64> = world
                .images()
                .chain(world.standing.image())
                .filter_map(|image| image.id())
                .collect();
            let removed = self.commit_for(account, move |catalogue| {
                Box::pin(async move {
                    let mut files: Vec<String> =
                        store::remove(catalogue, &name).await?.into_iter().collect();
                    files.extend(store::drop_unused(catalogue, &images).await?);
                    Ok(files)
                })
            });
            removed.await?
        } else {
            Vec::new()
        };
        let old = std::mem::replace(world, World::new(Standing::Removed, None));
        self.closed(account);
        self.leave(account);
        drop(making);
        clear_away(old.standing).await;
        self.discard(unneeded).await;
        Ok(())
    }
}

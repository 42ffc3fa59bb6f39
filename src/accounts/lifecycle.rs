//! Creates and removes accounts atomically.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::catalogue::{self, AccountRow, SavedStateRow};
use super::data::{AccountData, Backing};
use super::registry::StorageMode;
use super::snapshots::discard_backing;
use super::{
    Account, AccountError, Accounts, ApiKeyInfo, Image, NewApiKey, SavedState, StrictMode,
};
use crate::storage::{StorageError, files};

/// An account to create.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    /// None generates a name.
    pub(crate) name: Option<String>,
    pub(crate) keys: Vec<NewApiKey>,
    pub(crate) ttl: Option<Duration>,
    /// In memory, even if others are durable.
    pub(crate) is_ephemeral: bool,
    /// Whether strict mode is on; None inherits from the source.
    pub(crate) strict: Option<bool>,
}

impl NewAccount {
    /// Creates a default account with this key.
    pub(crate) fn with_key(key: NewApiKey) -> Self {
        Self { name: None, keys: vec![key], ttl: None, is_ephemeral: false, strict: None }
    }
}

/// The source of a new account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccountSource {
    Empty,
    /// The seed account with this name, or the first.
    Seed(Option<String>),
    Account(String),
    Snapshot {
        account: String,
        name: String,
    },
}

impl Accounts {
    /// Creates an account.
    ///
    /// # Errors
    /// If the source is missing, the name or a key is taken, there are too many accounts, or the disk fails.
    pub(crate) async fn create_account(
        &self,
        new: NewAccount,
        source: AccountSource,
    ) -> Result<Arc<Account>, AccountError> {
        match source {
            AccountSource::Empty => {
                self.create_from_state("account", new, self.empty_seed().await?).await
            }
            AccountSource::Seed(name) => {
                let seed = self.find_seed(name)?;
                self.create_from_state("account", new, seed).await
            }
            AccountSource::Account(name) => {
                let account = self.require(&name)?;
                let mut data = account.lock_exclusive().await?;
                let saved = self.capture(&account, &mut data).await?;
                self.create_from_state("account", new, saved).await
            }
            AccountSource::Snapshot { account, name } => {
                let account = self.require(&account)?;
                // Locked until the account references it.
                let data = account.lock_shared().await?;
                let saved = data.snapshot(&account, &name)?.state.clone();
                self.create_from_state("account", new, saved).await
            }
        }
    }

    /// Finds an account by name, and marks it as used.
    ///
    /// # Errors
    /// If it is missing.
    pub(crate) fn require(&self, name: &str) -> Result<Arc<Account>, AccountError> {
        let account = self.find(name).ok_or_else(|| AccountError::NotFound(name.to_owned()))?;
        account.touch(self.uptime.elapsed_millis());
        Ok(account)
    }

    /// Creates an account from a seed whose image already exists.
    ///
    /// # Errors
    /// See [`Self::create_account`].
    pub(crate) async fn create_from_seed(
        &self,
        name: &str,
        keys: Vec<NewApiKey>,
        saved: &SavedState,
    ) -> Result<(), AccountError> {
        let new = NewAccount {
            name: Some(name.to_owned()),
            keys,
            ttl: None,
            is_ephemeral: false,
            strict: None,
        };
        self.create_from_state(name, new, saved.clone()).await.map(drop)
    }

    pub(super) async fn create_from_state(
        &self,
        prefix: &str,
        new: NewAccount,
        mut saved: SavedState,
    ) -> Result<Arc<Account>, AccountError> {
        let _create_guard = self.create_lock.lock().await;
        if self.count() >= self.policy.max_accounts {
            return Err(AccountError::TooManyAccounts(self.policy.max_accounts));
        }
        let name = match new.name {
            Some(name) if self.find(&name).is_some() => return Err(AccountError::NameTaken(name)),
            Some(name) => name,
            None => self.generate_name(prefix),
        };
        self.check_keys_free(&name, None, &new.keys)?;
        let is_durable = matches!(self.storage_mode, StorageMode::DataDir(_)) && !new.is_ephemeral;
        if let Some(strict) = new.strict {
            saved.settings.strict = strict.then(StrictMode::default);
        }
        let settings = self.effective_settings(&name, saved.settings.clone())?;
        let image = if is_durable {
            self.persist_image(&name, &saved.image).await?
        } else {
            saved.image.load_into_memory().await?
        };
        let saved = SavedState { image, ..saved };
        let keys: Vec<ApiKeyInfo> =
            new.keys.into_iter().map(|key| self.assign_key_id(key)).collect();
        if is_durable {
            self.insert_into_catalogue(&name, new.ttl, &saved, keys.clone()).await?;
        }
        let data = AccountData::new(Backing::Image(Arc::clone(&saved.image)), Some(saved));
        let account = self.register(Account::new(
            &name,
            is_durable,
            new.ttl,
            data,
            (settings, self.policy.account_limits),
        ));
        for key_info in keys {
            self.index_key(&account, key_info);
        }
        Ok(account)
    }

    fn generate_name(&self, prefix: &str) -> String {
        loop {
            let name =
                format!("{prefix}-{}", self.next_name_suffix.fetch_add(1, Ordering::Relaxed));
            if self.find(&name).is_none() {
                return name;
            }
        }
    }

    /// Inserts an account and its keys.
    async fn insert_into_catalogue(
        &self,
        name: &str,
        ttl: Option<Duration>,
        saved: &SavedState,
        keys: Vec<ApiKeyInfo>,
    ) -> Result<(), StorageError> {
        let image_id = saved.image.id();
        let settings = saved.settings.clone();
        let origin =
            image_id.map(|image_id| SavedStateRow { image_id, settings: settings.clone() });
        let row = AccountRow { name: name.to_owned(), settings, file: None, image_id, origin, ttl };
        let inserted = self.write_catalogue(move |catalogue| {
            Box::pin(async move {
                catalogue::insert_account(catalogue, &row).await?;
                for key_info in &keys {
                    catalogue::put_key(catalogue, &row.name, key_info).await?;
                }
                Ok(())
            })
        });
        inserted.await
    }

    /// Stores an image as a file in the catalogue.
    async fn persist_image(
        &self,
        stem: &str,
        image: &Arc<Image>,
    ) -> Result<Arc<Image>, StorageError> {
        if image.id().is_some() {
            return Ok(Arc::clone(image));
        }
        let file = self.reserve_file(&format!("accounts/{stem}")).await?;
        image.copy_to(&self.storage, self.resolve_path(&file)).await?;
        self.register_image(file).await
    }

    /// Fsyncs a complete file and inserts it as an image.
    pub(super) async fn register_image(&self, file: String) -> Result<Arc<Image>, StorageError> {
        let bytes = files::file_size(&self.resolve_path(&file))?;
        files::fsync_if_durable(self.resolve_path(&file), self.storage.durability).await?;
        let name = file.clone();
        let id = self.write_catalogue(move |catalogue| {
            Box::pin(async move { catalogue::insert_image(catalogue, &name, bytes).await })
        });
        Ok(self.file_image(id.await?, &file, i64::try_from(bytes).unwrap_or(i64::MAX)))
    }

    /// Removes an account with all its data, after its running requests have ended.
    ///
    /// # Errors
    /// If it is already removed, or the catalogue cannot be written.
    pub(crate) async fn remove(&self, account: &Account) -> Result<(), AccountError> {
        let mut data = account.lock_exclusive().await?;
        self.remove_locked(account, &mut data).await
    }

    pub(super) async fn remove_if_expired(&self, account: &Account) -> Result<(), AccountError> {
        let Ok(mut data) = account.data.try_write() else { return Ok(()) };
        if matches!(data.backing, Backing::Removed) {
            return Ok(());
        }
        // A request may have arrived since the scan.
        if account.is_expired(self.uptime.elapsed_millis()) {
            self.remove_locked(account, &mut data).await?;
        }
        Ok(())
    }

    async fn remove_locked(
        &self,
        account: &Account,
        data: &mut AccountData,
    ) -> Result<(), AccountError> {
        // Blocks the creation of keys and accounts until it is unregistered.
        let create_guard = self.create_lock.lock().await;
        let orphaned_files = if account.is_durable {
            let name = account.name.to_string();
            let images: Vec<i64> = data
                .retained_images()
                .chain(data.backing.image())
                .filter_map(|image| image.id())
                .collect();
            let removed = self.write_catalogue_for(account, move |catalogue| {
                Box::pin(async move {
                    let mut files: Vec<String> =
                        catalogue::delete_account(catalogue, &name).await?.into_iter().collect();
                    files.extend(catalogue::delete_unused_images(catalogue, &images).await?);
                    Ok(files)
                })
            });
            removed.await?
        } else {
            Vec::new()
        };
        let old = std::mem::replace(data, AccountData::new(Backing::Removed, None));
        self.mark_closed(account);
        self.unregister(account);
        drop(create_guard);
        discard_backing(old.backing).await;
        self.delete_orphaned_files(orphaned_files).await;
        Ok(())
    }
}

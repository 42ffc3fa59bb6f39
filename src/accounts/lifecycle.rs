//! Creates and removes accounts atomically.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::account::{Account, AccountLimits};
use super::api_key::{ApiKeyInfo, NewApiKey};
use super::catalogue::{self, AccountRow, Catalogue, SavedStateRow};
use super::data::{AccountData, Backing};
use super::error::AccountError;
use super::image::SavedState;
use super::pool::DatabasePool;
use super::registry::Registry;
use super::seed_images::SeedImages;
use super::settings::{EffectiveSettings, StrictMode};
use super::snapshots;
use crate::storage::StorageError;

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

/// Creates and removes accounts.
#[derive(Debug)]
pub(super) struct Lifecycle {
    pub(super) registry: Arc<Registry>,
    pub(super) pool: Arc<DatabasePool>,
    pub(super) seeds: Arc<SeedImages>,
    /// None if all data is in memory.
    pub(super) catalogue: Option<Arc<Catalogue>>,
    /// The dialect of the server's configuration.
    pub(super) server_dialect: Arc<Map<String, Value>>,
    pub(super) max_accounts: usize,
    pub(super) account_limits: AccountLimits,
}

impl Lifecycle {
    /// Creates an account.
    ///
    /// # Errors
    /// If the source is missing, the name or a key is taken, there are too many accounts, or the disk fails.
    pub(super) async fn create(
        &self,
        new: NewAccount,
        source: AccountSource,
    ) -> Result<Arc<Account>, AccountError> {
        match source {
            AccountSource::Empty => {
                self.create_from_state("account", new, self.seeds.empty().await?).await
            }
            AccountSource::Seed(name) => {
                let seed = self.seeds.find(name)?;
                self.create_from_state("account", new, seed).await
            }
            AccountSource::Account(name) => {
                let account = self.registry.require(&name)?;
                let mut data = account.lock_exclusive().await?;
                let saved = snapshots::capture(&self.pool, &account, &mut data).await?;
                self.create_from_state("account", new, saved).await
            }
            AccountSource::Snapshot { account, name } => {
                let account = self.registry.require(&account)?;
                // Locked until the account references it.
                let data = account.lock_shared().await?;
                let saved = data.snapshot(&account.name, &name)?.state.clone();
                self.create_from_state("account", new, saved).await
            }
        }
    }

    /// Creates an account with this key from the first seed.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(super) async fn create_for_key(&self, secret: &str) -> Result<Arc<Account>, AccountError> {
        let new = NewAccount::with_key(NewApiKey::with_all_permissions(secret));
        let seed = self.seeds.find(None)?;
        self.create_from_state("auto", new, seed).await
    }

    /// Creates an account from a saved state. Without a name, it is generated from the prefix.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(super) async fn create_from_state(
        &self,
        prefix: &str,
        new: NewAccount,
        mut saved: SavedState,
    ) -> Result<Arc<Account>, AccountError> {
        let _change_guard = self.registry.lock_changes().await;
        if self.registry.count() >= self.max_accounts {
            return Err(AccountError::TooManyAccounts(self.max_accounts));
        }
        let name = match new.name {
            Some(name) if self.registry.find(&name).is_some() => {
                return Err(AccountError::NameTaken(name));
            }
            Some(name) => name,
            None => self.registry.generate_name(prefix),
        };
        self.registry.check_keys_free(&name, None, &new.keys)?;
        if let Some(strict) = new.strict {
            saved.settings.strict = strict.then(StrictMode::default);
        }
        let settings = EffectiveSettings::new(&name, saved.settings.clone(), &self.server_dialect)?;
        let catalogue = self.catalogue.as_ref().filter(|_| !new.is_ephemeral);
        saved.image = match catalogue {
            Some(catalogue) => {
                catalogue.persist_image(&format!("accounts/{name}"), &saved.image).await?
            }
            None => saved.image.load_into_memory().await?,
        };
        let keys: Vec<ApiKeyInfo> =
            new.keys.into_iter().map(|key| self.registry.assign_key_id(key)).collect();
        if let Some(catalogue) = catalogue {
            insert_into_catalogue(catalogue, &name, new.ttl, &saved, keys.clone()).await?;
        }
        let data = AccountData::new(Backing::Image(Arc::clone(&saved.image)), saved);
        let account = self.registry.register(Account::new(
            &name,
            catalogue.cloned(),
            new.ttl,
            data,
            settings,
            self.account_limits,
            self.registry.uptime,
        ));
        for key_info in keys {
            self.registry.index_key(&account, key_info);
        }
        Ok(account)
    }

    /// Removes an account with all its data, after its running requests have ended.
    ///
    /// # Errors
    /// If it is already removed, or the catalogue cannot be written.
    pub(super) async fn remove(&self, account: &Account) -> Result<(), AccountError> {
        let mut data = account.lock_exclusive().await?;
        self.remove_locked(account, &mut data).await
    }

    /// Removes the accounts whose time to live has passed.
    pub(super) async fn remove_expired(&self) {
        let mut expired = self.registry.all();
        expired.retain(|account| account.is_expired());
        for account in expired {
            if let Err(error) = self.remove_if_expired(&account).await {
                tracing::warn!(%error, account = %account.name, "cannot remove an expired account");
            }
        }
    }

    async fn remove_if_expired(&self, account: &Account) -> Result<(), AccountError> {
        let Ok(mut data) = account.data.try_write() else { return Ok(()) };
        if matches!(data.backing, Backing::Removed) {
            return Ok(());
        }
        // A request may have arrived since the scan.
        if account.is_expired() {
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
        let change_guard = self.registry.lock_changes().await;
        let name = account.name.to_string();
        let images = data.retained_images().chain(data.backing.image());
        let images: Vec<i64> = images.filter_map(|image| image.id()).collect();
        let removed = account.write_catalogue(move |connection| {
            Box::pin(async move {
                let mut files: Vec<String> =
                    catalogue::delete_account(connection, &name).await?.into_iter().collect();
                files.extend(catalogue::delete_unused_images(connection, &images).await?);
                Ok(files)
            })
        });
        let orphaned_files = removed.await?;
        let backing = std::mem::replace(&mut data.backing, Backing::Removed);
        data.snapshots.clear();
        self.pool.remove(account);
        self.registry.unregister(account);
        drop(change_guard);
        backing.discard().await;
        account.delete_orphaned_files(orphaned_files).await;
        Ok(())
    }
}

/// Inserts an account and its keys.
async fn insert_into_catalogue(
    catalogue: &Catalogue,
    name: &str,
    ttl: Option<Duration>,
    saved: &SavedState,
    keys: Vec<ApiKeyInfo>,
) -> Result<(), StorageError> {
    let origin =
        SavedStateRow { image_id: saved.image.row_id()?, settings: saved.settings.clone() };
    let row = AccountRow {
        name: name.to_owned(),
        settings: saved.settings.clone(),
        file: None,
        image_id: Some(origin.image_id),
        origin,
        ttl,
    };
    let inserted = catalogue.write(move |connection| {
        Box::pin(async move {
            catalogue::insert_account(connection, &row).await?;
            for key_info in &keys {
                catalogue::put_key(connection, &row.name, key_info).await?;
            }
            Ok(())
        })
    });
    inserted.await
}

//! Accounts and their API keys: the key that a client sends selects the account.
//!
//! Accounts are isolated. A read-write lock guards the data of each: requests share it; copy, reset and
//! restore lock it exclusively and replace the data atomically.

mod account;
mod api_key;
mod api_keys;
mod catalogue;
mod data;
mod data_dir;
mod error;
mod image;
mod lifecycle;
mod loader;
mod modify_copy;
mod permissions;
mod policy;
mod pool;
mod registry;
mod reset;
mod seed_images;
mod settings;
mod similar_key;
mod snapshots;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::contract::dialect::Dialect;
use crate::metrics::GaugeSnapshot;
use crate::storage::{BoxFuture, Connection, Storage, StorageError};
use api_key::AUTO_CREATE_KEY_REGEX;
use catalogue::Catalogue;
use lifecycle::Lifecycle;
use pool::DatabasePool;
use registry::Registry;
use seed_images::SeedImages;

pub(crate) use account::{ACCOUNT_NAME_REGEX, Account, AccountGuard, AccountLimits, SELF_ALIAS};
pub(crate) use api_key::{API_KEY_REGEX, ApiKeyInfo, NewApiKey, SecretHash, generate_secret};
pub(crate) use data::Lease;
pub(crate) use error::AccountError;
pub(crate) use image::SavedState;
pub(crate) use lifecycle::{AccountSource, NewAccount};
pub(crate) use permissions::PermissionSet;
pub(crate) use policy::{AccountPolicy, StorageMode, UnknownKeyPolicy};
pub(crate) use registry::ApiKey;
pub(crate) use seed_images::NamedSeed;
pub(crate) use settings::{AccountSettings, EffectiveSettings, StrictMode};
pub(crate) use snapshots::{SnapshotInfo, SnapshotResult};

/// Interval of the scan for idle databases and expired accounts.
const MAINTENANCE_INTERVAL: Duration = Duration::from_millis(250);

/// The accounts of a server, and the operations on them.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// The dialect of responses without an account.
    pub(crate) default_dialect: Dialect,
    unknown_keys: UnknownKeyPolicy,
    registry: Arc<Registry>,
    pool: Arc<DatabasePool>,
    seeds: Arc<SeedImages>,
    /// None if all data is in memory.
    catalogue: Option<Arc<Catalogue>>,
    lifecycle: Lifecycle,
}

impl Accounts {
    /// Opens the catalogue. Account databases open lazily, when a request needs them.
    ///
    /// # Errors
    /// If the directory is locked, not writable, or has data that this version cannot read.
    pub(crate) async fn open(
        storage_mode: StorageMode,
        policy: AccountPolicy,
        default_dialect: Dialect,
        storage: Storage,
    ) -> Result<Self, AccountError> {
        let data_dir = match storage_mode {
            StorageMode::DataDir(path) => Some(path),
            StorageMode::Memory => None,
        };
        let explain = |error: StorageError| match &data_dir {
            Some(path) => error.in_data_dir(path),
            None => error,
        };
        let catalogue = match &data_dir {
            Some(path) => Some(Arc::new(Catalogue::open(&storage, path).await.map_err(explain)?)),
            None => None,
        };
        let AccountPolicy { dialect_defaults, max_accounts, unknown_keys, account_limits } = policy;
        let server_dialect = Arc::new(dialect_defaults);
        let registry = Arc::new(Registry::new());
        if let Some(catalogue) = &catalogue {
            let loaded = loader::load(catalogue, &registry, &server_dialect, account_limits).await;
            loaded.map_err(|error| match with_catalogue_path(error, catalogue) {
                AccountError::Storage(error) => AccountError::Storage(explain(error)),
                other => other,
            })?;
        }
        let pool = Arc::new(DatabasePool::new(storage.clone()));
        let seeds = Arc::new(SeedImages::new(storage, catalogue.clone()));
        let lifecycle = Lifecycle {
            registry: Arc::clone(&registry),
            pool: Arc::clone(&pool),
            seeds: Arc::clone(&seeds),
            catalogue: catalogue.clone(),
            server_dialect,
            max_accounts,
            account_limits,
        };
        Ok(Self { default_dialect, unknown_keys, registry, pool, seeds, catalogue, lifecycle })
    }

    /// Closes every database.
    pub(crate) async fn close(&self) {
        for account in self.all() {
            self.pool.close(&account).await;
        }
        if let Some(catalogue) = &self.catalogue {
            catalogue.close().await;
        }
    }

    /// Closes idle databases and removes expired accounts, until shutdown.
    pub(crate) async fn run_maintenance(self: Arc<Self>) {
        let mut ticks = interval(MAINTENANCE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.pool.close_idle().await;
            self.lifecycle.remove_expired().await;
        }
    }

    /// Returns the current gauge values.
    pub(crate) fn gauge_snapshot(&self) -> GaugeSnapshot {
        let all = self.all();
        GaugeSnapshot {
            accounts: all.len(),
            journal_entries: all.iter().map(|account| account.journal.len()).sum(),
            open_databases: self.pool.len(),
        }
    }

    /// Probes the catalogue, if any, with a read.
    ///
    /// # Errors
    /// If the read fails.
    pub(crate) async fn check_catalogue(&self) -> Result<(), StorageError> {
        if let Some(catalogue) = &self.catalogue {
            catalogue.read(|connection| Box::pin(catalogue::last_key_id(connection))).await?;
        }
        Ok(())
    }

    /// Finds a key by its secret, without a query, in constant time for secrets of the same length.
    pub(crate) fn find_key(&self, secret: &str) -> Option<Arc<ApiKey>> {
        self.registry.find_key(secret)
    }

    /// Describes how an unknown key resembles a known one, by the names of both key and account.
    pub(crate) fn describe_similar_key(&self, secret: &str) -> Option<String> {
        let find = |variant: &str| self.registry.peek_key(variant);
        let (difference, key) = similar_key::find_variant(secret, find)?;
        Some(format!("It {difference} the key {} of the account {}.", key.name, key.account.name))
    }

    /// Finds an account by name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.registry.find(name)
    }

    /// Finds an account by name, and marks it as used.
    ///
    /// # Errors
    /// If it is missing.
    pub(crate) fn require(&self, name: &str) -> Result<Arc<Account>, AccountError> {
        self.registry.require(name)
    }

    /// Returns accounts, unsorted.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.registry.all()
    }

    /// Leases an account's database, and opens it if it is closed.
    ///
    /// # Errors
    /// If the account has been removed, the wait times out, or its database cannot be opened.
    pub(crate) async fn lease(&self, account: &Arc<Account>) -> Result<Lease, AccountError> {
        self.pool.lease(account).await
    }

    /// Creates an account.
    ///
    /// # Errors
    /// If the source is missing, the name or a key is taken, there are too many accounts, or the disk fails.
    pub(crate) async fn create_account(
        &self,
        new: NewAccount,
        source: AccountSource,
    ) -> Result<Arc<Account>, AccountError> {
        self.lifecycle.create(new, source).await
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
        self.lifecycle.create_from_state(name, new, saved.clone()).await.map(drop)
    }

    /// Whether unknown keys create accounts.
    pub(crate) fn auto_creates_accounts(&self) -> bool {
        self.unknown_keys == UnknownKeyPolicy::Auto
    }

    /// Creates an account for an unknown key, if enabled. Returns the key, or None if disabled.
    ///
    /// # Errors
    /// On too many accounts, a malformed key, or a disk error.
    pub(crate) async fn auto_create_account(
        self: &Arc<Self>,
        secret: &str,
    ) -> Result<Option<Arc<ApiKey>>, AccountError> {
        if !self.auto_creates_accounts() {
            return Ok(None);
        }
        if !AUTO_CREATE_KEY_REGEX.is_match(secret) {
            return Err(AccountError::MalformedKey);
        }
        let (accounts, new_secret) = (Arc::clone(self), secret.to_owned());
        // In its own task, so that a client disconnect does not cancel it half-way.
        let task =
            tokio::spawn(async move { accounts.lifecycle.create_for_key(&new_secret).await });
        match task.await.map_err(|_| StorageError::TaskFailed)? {
            // Race: two requests sent the same new key.
            Ok(_) | Err(AccountError::KeyTaken { .. }) => Ok(self.find_key(secret)),
            Err(error) => Err(error),
        }
    }

    /// Removes an account with all its data, after its running requests have ended.
    ///
    /// # Errors
    /// If it is already removed, or the catalogue cannot be written.
    pub(crate) async fn remove(&self, account: &Account) -> Result<(), AccountError> {
        self.lifecycle.remove(account).await
    }

    /// Adds a key, and replaces one with the same name or secret.
    ///
    /// # Errors
    /// If another account owns the key, or the catalogue cannot be written.
    pub(crate) async fn put_key(&self, account: &str, key: NewApiKey) -> Result<(), AccountError> {
        api_keys::put_key(&self.registry, account, key).await
    }

    /// Adds a key with a new name.
    ///
    /// # Errors
    /// If its name or the key itself is taken, the account has too many, or the catalogue cannot be written.
    pub(crate) async fn add_key(
        &self,
        account: &Arc<Account>,
        key: NewApiKey,
    ) -> Result<ApiKeyInfo, AccountError> {
        api_keys::add_key(&self.registry, account, key).await
    }

    /// Removes a key of an account.
    ///
    /// # Errors
    /// If the account has no such key, or the catalogue cannot be written.
    pub(crate) async fn remove_key(&self, account: &Account, id: i64) -> Result<(), AccountError> {
        api_keys::remove_key(&self.registry, account, id).await
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
        self.seeds.build(name, digest, settings, populate).await
    }

    /// Replaces the seeds; the first is the default source.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub(crate) async fn set_seeds(&self, seeds: Vec<NamedSeed>) -> Result<(), AccountError> {
        self.seeds.set(seeds).await
    }

    /// Returns the names of the seeds; the first is the default source.
    pub(crate) fn seed_names(&self) -> Vec<String> {
        self.seeds.names()
    }

    /// Restores an account to its origin.
    ///
    /// # Errors
    /// If the account has been removed, or the catalogue cannot be written.
    pub(crate) async fn reset(&self, account: &Account) -> Result<(), AccountError> {
        reset::reset(&self.pool, account).await
    }

    /// Restores an account to a snapshot.
    ///
    /// # Errors
    /// If the snapshot is missing, or the catalogue cannot be written.
    pub(crate) async fn restore(&self, account: &Account, name: &str) -> Result<(), AccountError> {
        reset::restore(&self.pool, account, name).await
    }

    /// Lists snapshots, sorted by name.
    ///
    /// # Errors
    /// If the account has been removed.
    pub(crate) async fn snapshots(
        &self,
        account: &Account,
    ) -> Result<Vec<SnapshotInfo>, AccountError> {
        snapshots::list_snapshots(account).await
    }

    /// Saves the current state.
    ///
    /// # Errors
    /// If there are too many, or the disk fails.
    pub(crate) async fn take_snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<SnapshotResult, AccountError> {
        snapshots::take_snapshot(&self.pool, account, name).await
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
        snapshots::remove_snapshot(account, name).await
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
        modify_copy::modify_copy(&self.pool, account, prepare).await
    }
}

/// Adds the path of the catalogue to a startup error.
fn with_catalogue_path(error: AccountError, catalogue: &Catalogue) -> AccountError {
    let error = match error {
        AccountError::Storage(error) => error,
        other => StorageError::corrupt(other.to_string()),
    };
    error.with_path(catalogue.path()).into()
}

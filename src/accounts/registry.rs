//! Registry of all accounts, indexed by name and key hash, and loaded from the catalogue if durable.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use serde_json::{Map, Value};

use super::catalogue::{self, AccountRow, SavedStateRow};
use super::data::{AccountData, Backing, Snapshot};
use super::data_dir::{catalogue_open_mode, lock_data_dir};
use super::pool::close_or_warn;
use super::{
    Account, AccountError, AccountLimits, AccountSettings, ApiKey, ApiKeyInfo, EffectiveSettings,
    Image, NewApiKey, SavedState, SecretHash, UnknownKeyPolicy,
};
use crate::clock::Stopwatch;
use crate::contract::dialect::Dialect;
use crate::metrics::GaugeSnapshot;
use crate::storage::{CATALOGUE_SCHEMA, ChangeCounter, Database, Storage, StorageError};

/// Where a server stores accounts.
#[derive(Clone, Debug)]
pub(crate) enum StorageMode {
    /// In a directory, created if missing.
    DataDir(PathBuf),
    /// In memory: lost at shutdown.
    Memory,
}

/// Server-wide policy for accounts.
#[derive(Clone, Debug)]
pub(crate) struct AccountPolicy {
    /// Dialect of the configuration; an account's dialect overrides it.
    pub(crate) dialect_defaults: Map<String, Value>,
    pub(crate) max_accounts: usize,
    pub(crate) unknown_keys: UnknownKeyPolicy,
    pub(crate) account_limits: AccountLimits,
}

/// Images of the catalogue, by row id.
type ImagesById = HashMap<i64, Arc<Image>>;

/// All accounts and keys of the server.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(super) storage_mode: StorageMode,
    pub(super) policy: AccountPolicy,
    pub(super) storage: Storage,
    /// Dialect if the account is unknown.
    pub(crate) default_dialect: Dialect,
    /// None if all data is in memory.
    pub(super) catalogue: Option<Database>,
    by_name: RwLock<HashMap<String, Arc<Account>>>,
    keys_by_hash: RwLock<HashMap<SecretHash, Arc<ApiKey>>>,
    /// The first one is the default source.
    pub(super) seeds: RwLock<Vec<(String, SavedState)>>,
    /// Initial state of an empty account.
    pub(super) empty_seed: tokio::sync::OnceCell<SavedState>,
    /// Serializes changes of names and keys, so that no two accounts take the same.
    pub(super) create_lock: tokio::sync::Mutex<()>,
    /// Accounts with an open database, by serial.
    pub(super) open: Mutex<HashMap<u64, Weak<Account>>>,
    pub(super) uptime: Stopwatch,
    pub(super) next_name_suffix: AtomicU64,
    next_key_id: AtomicI64,
    /// Held until shutdown, so that no second server uses the directory.
    pub(super) data_dir_lock: Option<File>,
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
        let (data_dir_lock, catalogue) = match &storage_mode {
            StorageMode::DataDir(data_dir) => {
                let lock = lock_data_dir(&storage, data_dir)?;
                let path = data_dir.join("catalogue.db");
                let mode = catalogue_open_mode(data_dir, &path)?;
                let opened =
                    Database::open(&storage, mode, &CATALOGUE_SCHEMA, ChangeCounter::default());
                (Some(lock), Some(opened.await?))
            }
            StorageMode::Memory => (None, None),
        };
        let accounts = Self {
            storage_mode,
            policy,
            storage,
            default_dialect,
            catalogue,
            by_name: RwLock::default(),
            keys_by_hash: RwLock::default(),
            seeds: RwLock::default(),
            empty_seed: tokio::sync::OnceCell::new(),
            create_lock: tokio::sync::Mutex::default(),
            open: Mutex::default(),
            uptime: Stopwatch::start(),
            next_name_suffix: AtomicU64::new(1),
            next_key_id: AtomicI64::new(1),
            data_dir_lock,
        };
        accounts.load().await.map_err(|error| accounts.with_catalogue_path(error))?;
        Ok(accounts)
    }

    /// Adds the path of the catalogue to a startup error.
    fn with_catalogue_path(&self, error: AccountError) -> AccountError {
        let Some(catalogue) = &self.catalogue else { return error };
        let error = match error {
            AccountError::Storage(error) => error,
            other => StorageError::corrupt(other.to_string()),
        };
        error.with_path(catalogue.path()).into()
    }

    async fn load(&self) -> Result<(), AccountError> {
        if self.catalogue.is_none() {
            return Ok(());
        }
        // Files that a crash left; no row references them.
        self.delete_orphaned_files(
            self.read_catalogue(|catalogue| Box::pin(catalogue::orphaned_files(catalogue))).await?,
        )
        .await;
        let unused = self
            .write_catalogue(|catalogue| Box::pin(catalogue::delete_all_unused_images(catalogue)));
        self.delete_orphaned_files(unused.await?).await;
        let images =
            self.read_catalogue(|catalogue| Box::pin(catalogue::list_images(catalogue))).await?;
        for (_, file, _) in &images {
            self.warn_if_missing(file);
        }
        let images: ImagesById = images
            .into_iter()
            .map(|(id, file, bytes)| (id, self.file_image(id, &file, bytes)))
            .collect();
        for row in
            self.read_catalogue(|catalogue| Box::pin(catalogue::list_accounts(catalogue))).await?
        {
            self.register(self.account_from_catalogue(row, &images)?);
        }
        for row in
            self.read_catalogue(|catalogue| Box::pin(catalogue::list_snapshots(catalogue))).await?
        {
            let (account, name, taken_at, saved) = row;
            let snapshot = Snapshot { state: resolve_saved_state(saved, &images)?, taken_at };
            if let Some(account) = self.find(&account) {
                account.data.write().await.snapshots.insert(name, snapshot);
            }
        }
        for (account, key_info) in
            self.read_catalogue(|catalogue| Box::pin(catalogue::list_keys(catalogue))).await?
        {
            if let Some(account) = self.find(&account) {
                self.index_key(&account, key_info);
            }
        }
        let last_key_id =
            self.read_catalogue(|catalogue| Box::pin(catalogue::last_key_id(catalogue))).await?;
        self.next_key_id.store(last_key_id + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Builds an account from its row.
    fn account_from_catalogue(
        &self,
        row: AccountRow,
        images: &ImagesById,
    ) -> Result<Account, AccountError> {
        let AccountRow { name, settings, file, image_id, origin, ttl } = row;
        let backing = match (file, image_id) {
            (Some(file), _) => {
                self.warn_if_missing(&file);
                Backing::File(file)
            }
            (None, Some(image_id)) => Backing::Image(find_image(image_id, images)?),
            (None, None) => {
                let detail = format!("account {name} stands on nothing");
                return Err(StorageError::corrupt(detail).into());
            }
        };
        let origin = origin.map(|origin| resolve_saved_state(origin, images)).transpose()?;
        let effective = self.effective_settings(&name, settings)?;
        Ok(Account::new(
            &name,
            true,
            ttl,
            AccountData::new(backing, origin),
            (effective, self.policy.account_limits),
        ))
    }

    /// Logs a missing file. Requests that need the file fail; all others work.
    fn warn_if_missing(&self, file: &str) {
        let path = self.resolve_path(file);
        if !path.exists() {
            tracing::error!(error = %StorageError::Missing { path }, "a part of the data is refused");
        }
    }

    /// Finds a key by its secret, without a query, in constant time for secrets of the same length.
    pub(crate) fn find_key(&self, secret: &str) -> Option<Arc<ApiKey>> {
        let hash = SecretHash::from_secret(secret);
        let keys = self.keys_by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&hash).cloned();
        if let Some(key) = &key {
            key.account.touch(self.uptime.elapsed_millis());
        }
        key
    }

    /// Finds an account by name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Returns accounts, unsorted.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Probes the catalogue, if any, with a read.
    ///
    /// # Errors
    /// If the read fails.
    pub(crate) async fn check_catalogue(&self) -> Result<(), StorageError> {
        if self.catalogue.is_some() {
            self.read_catalogue(|catalogue| Box::pin(catalogue::last_key_id(catalogue))).await?;
        }
        Ok(())
    }

    /// Returns the current gauge values.
    pub(crate) fn gauge_snapshot(&self) -> GaugeSnapshot {
        let all = self.all();
        GaugeSnapshot {
            accounts: all.len(),
            journal_entries: all.iter().map(|account| account.journal.len()).sum(),
            open_databases: self.open.lock().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    /// Closes every database.
    pub(crate) async fn close(&self) {
        for account in self.all() {
            self.close_database(&account).await;
        }
        if let Some(catalogue) = &self.catalogue {
            close_or_warn(catalogue).await;
        }
    }

    /// Merges account and server settings.
    pub(super) fn effective_settings(
        &self,
        account: &str,
        settings: AccountSettings,
    ) -> Result<EffectiveSettings, AccountError> {
        EffectiveSettings::new(settings, &self.policy.dialect_defaults)
            .map_err(|reason| AccountError::InvalidSettings { account: account.to_owned(), reason })
    }

    pub(super) fn register(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        account.touch(self.uptime.elapsed_millis());
        let mut accounts = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.name.to_string(), Arc::clone(&account));
        account
    }

    /// Removes an account and its keys.
    pub(super) fn unregister(&self, account: &Account) {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(&*account.name);
        for key_info in account.keys() {
            self.unindex_key(&key_info.hash);
        }
        account.disconnect_waiters();
    }

    /// Adds a key to account and index.
    pub(super) fn index_key(&self, account: &Arc<Account>, key_info: ApiKeyInfo) {
        let ApiKeyInfo { hash, name, permissions, .. } = key_info.clone();
        account.update_keys(|keys| keys.push(key_info));
        let key = Arc::new(ApiKey { hash, name, permissions, account: Arc::clone(account) });
        self.keys_by_hash.write().unwrap_or_else(PoisonError::into_inner).insert(hash, key);
    }

    /// Removes a key from the index.
    pub(super) fn unindex_key(&self, hash: &SecretHash) {
        self.keys_by_hash.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    pub(super) fn assign_key_id(&self, key: NewApiKey) -> ApiKeyInfo {
        let NewApiKey { hash, name, permissions } = key;
        let id = self.next_key_id.fetch_add(1, Ordering::Relaxed);
        ApiKeyInfo { id, hash, name: name.into(), permissions }
    }

    /// Fails if another account owns one of the keys.
    pub(super) fn check_keys_free(
        &self,
        name: &str,
        account: Option<&Account>,
        keys: &[NewApiKey],
    ) -> Result<(), AccountError> {
        let own_serial = account.map(|account| account.serial);
        let keys_by_hash = self.keys_by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let owner = |key: &NewApiKey| keys_by_hash.get(&key.hash).map(|key| &key.account);
        let mut taken = keys.iter().filter_map(|key| Some((key, owner(key)?)));
        match taken.find(|(_, owner)| Some(owner.serial) != own_serial) {
            None => Ok(()),
            Some((key, owner)) => Err(AccountError::KeyTaken {
                account: name.to_owned(),
                key: key.name.clone(),
                owner: owner.name.to_string(),
            }),
        }
    }

    /// Fails if the account was removed after its lookup (TOCTOU); its name may be reused by then.
    pub(super) fn check_registered(&self, account: &Account) -> Result<(), AccountError> {
        let found = self.find(&account.name);
        if found.is_some_and(|found| found.serial == account.serial) {
            Ok(())
        } else {
            Err(account.not_found())
        }
    }

    /// Returns the stored seed with this name, if the fixture digest matches.
    pub(super) async fn find_stored_seed(
        &self,
        name: &str,
        digest: [u8; 32],
    ) -> Result<Option<SavedState>, AccountError> {
        let name = name.to_owned();
        let stored = self.read_catalogue(move |catalogue| {
            Box::pin(async move { catalogue::find_seed(catalogue, &name, &digest).await })
        });
        let Some(row) = stored.await? else { return Ok(None) };
        let images =
            self.read_catalogue(|catalogue| Box::pin(catalogue::list_images(catalogue))).await?;
        let image = images.into_iter().find(|(id, ..)| *id == row.image_id);
        Ok(image.map(|(id, file, bytes)| SavedState {
            image: self.file_image(id, &file, bytes),
            settings: row.settings,
        }))
    }
}

fn find_image(image_id: i64, images: &ImagesById) -> Result<Arc<Image>, StorageError> {
    let image = images.get(&image_id).cloned();
    image.ok_or_else(|| StorageError::corrupt("the catalogue lacks an image".to_owned()))
}

fn resolve_saved_state(
    row: SavedStateRow,
    images: &ImagesById,
) -> Result<SavedState, StorageError> {
    Ok(SavedState { image: find_image(row.image_id, images)?, settings: row.settings })
}

//! The registry of all accounts, by name, and of all API keys, by hash.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};

use super::account::Account;
use super::api_key::{ApiKeyInfo, NewApiKey, SecretHash};
use super::error::AccountError;
use super::permissions::PermissionSet;
use crate::clock::Stopwatch;

/// A key and its account.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) hash: SecretHash,
    /// Unique in its account; recorded in journals.
    pub(crate) name: Arc<str>,
    pub(crate) permissions: PermissionSet,
    pub(crate) account: Arc<Account>,
}

/// All accounts and keys of the server.
#[derive(Debug)]
pub(super) struct Registry {
    by_name: RwLock<HashMap<String, Arc<Account>>>,
    keys_by_hash: RwLock<HashMap<SecretHash, Arc<ApiKey>>>,
    /// Serializes changes of names and keys, so that no two accounts take the same.
    change_lock: Mutex<()>,
    next_name_suffix: AtomicU64,
    next_key_id: AtomicI64,
    /// Started with the server.
    pub(super) uptime: Stopwatch,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self {
            by_name: RwLock::default(),
            keys_by_hash: RwLock::default(),
            change_lock: Mutex::default(),
            next_name_suffix: AtomicU64::new(1),
            next_key_id: AtomicI64::new(1),
            uptime: Stopwatch::start(),
        }
    }

    /// Waits for other changes of names and keys, and blocks them while the guard is held.
    pub(super) async fn lock_changes(&self) -> MutexGuard<'_, ()> {
        self.change_lock.lock().await
    }

    /// Finds a key by its secret, in constant time for secrets of the same length.
    pub(super) fn find_key(&self, secret: &str) -> Option<Arc<ApiKey>> {
        let key = self.peek_key(secret);
        if let Some(key) = &key {
            key.account.touch();
        }
        key
    }

    /// Finds a key by its secret, and does not mark its account as used.
    pub(super) fn peek_key(&self, secret: &str) -> Option<Arc<ApiKey>> {
        self.keys_by_hash.read().get(&SecretHash::from_secret(secret)).cloned()
    }

    /// Finds an account by name.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.read().get(name).cloned()
    }

    /// Finds an account by name, and marks it as used.
    ///
    /// # Errors
    /// If it is missing.
    pub(super) fn require(&self, name: &str) -> Result<Arc<Account>, AccountError> {
        let account = self.find(name).ok_or_else(|| AccountError::NotFound(name.to_owned()))?;
        account.touch();
        Ok(account)
    }

    /// Returns all accounts, unsorted.
    pub(super) fn all(&self) -> Vec<Arc<Account>> {
        self.by_name.read().values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.by_name.read().len()
    }

    /// Generates a name that no account has.
    pub(super) fn generate_name(&self, prefix: &str) -> String {
        loop {
            let name =
                format!("{prefix}-{}", self.next_name_suffix.fetch_add(1, Ordering::Relaxed));
            if self.find(&name).is_none() {
                return name;
            }
        }
    }

    pub(super) fn register(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        account.touch();
        let mut accounts = self.by_name.write();
        accounts.insert(account.name.to_string(), Arc::clone(&account));
        account
    }

    /// Removes an account and its keys.
    pub(super) fn unregister(&self, account: &Account) {
        self.by_name.write().remove(&*account.name);
        for key_info in account.keys() {
            self.unindex_key(&key_info.hash);
        }
        account.disconnect_waiters();
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

    /// Adds a key to account and index.
    pub(super) fn index_key(&self, account: &Arc<Account>, key_info: ApiKeyInfo) {
        let ApiKeyInfo { hash, name, permissions, .. } = key_info.clone();
        account.update_keys(|keys| keys.push(key_info));
        let key = Arc::new(ApiKey { hash, name, permissions, account: Arc::clone(account) });
        self.keys_by_hash.write().insert(hash, key);
    }

    /// Removes a key from the index.
    pub(super) fn unindex_key(&self, hash: &SecretHash) {
        self.keys_by_hash.write().remove(hash);
    }

    pub(super) fn assign_key_id(&self, key: NewApiKey) -> ApiKeyInfo {
        let NewApiKey { hash, name, permissions } = key;
        let id = self.next_key_id.fetch_add(1, Ordering::Relaxed);
        ApiKeyInfo { id, hash, name: name.into(), permissions }
    }

    /// Continues the key ids after this one.
    pub(super) fn set_last_key_id(&self, id: i64) {
        self.next_key_id.store(id + 1, Ordering::Relaxed);
    }

    /// Fails if another account owns one of the keys.
    pub(super) fn check_keys_free(
        &self,
        name: &str,
        account: Option<&Account>,
        keys: &[NewApiKey],
    ) -> Result<(), AccountError> {
        let own_serial = account.map(|account| account.serial);
        let keys_by_hash = self.keys_by_hash.read();
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
}

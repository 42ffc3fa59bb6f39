//! Adds and removes API keys, and creates accounts for unknown ones.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::{
    Account, AccountError, Accounts, ApiKey, ApiKeyInfo, NewAccount, NewApiKey, catalogue,
};
use crate::storage::StorageError;

/// Format of an unknown key that creates an account, if enabled (arbitrary; at least eight characters, so that
/// a typo in a short key does not).
static AUTO_CREATE_KEY_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9_-]{8,128}$").expect("the regex is valid"));

/// The most keys per account (arbitrary).
const MAX_KEYS_PER_ACCOUNT: usize = 10_000;

/// Handling of unknown keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownKeyPolicy {
    /// Rejects them.
    Fixed,
    /// Creates an account from the seed.
    Auto,
}

impl Accounts {
    /// Whether unknown keys create accounts.
    pub(crate) fn auto_creates_accounts(&self) -> bool {
        self.policy.unknown_keys == UnknownKeyPolicy::Auto
    }

    /// Creates an account for an unknown key, if enabled. Returns the key, or None if disabled.
    ///
    /// # Errors
    /// On too many accounts, a malformed key, or a disk error.
    pub(crate) async fn auto_create_account(
        self: &Arc<Self>,
        secret: &str,
    ) -> Result<Option<Arc<ApiKey>>, AccountError> {
        if self.policy.unknown_keys == UnknownKeyPolicy::Fixed {
            return Ok(None);
        }
        if !AUTO_CREATE_KEY_REGEX.is_match(secret) {
            return Err(AccountError::MalformedKey);
        }
        let new = NewAccount::with_key(NewApiKey::with_all_permissions(secret));
        let accounts = Arc::clone(self);
        // In its own task, so that a client disconnect does not cancel it half-way.
        let task = tokio::spawn(async move {
            let seed = accounts.find_seed(None)?;
            accounts.create_from_state("auto", new, seed).await
        });
        match task.await.map_err(|_| StorageError::TaskFailed)? {
            // Race: two requests sent the same new key.
            Ok(_) | Err(AccountError::KeyTaken { .. }) => Ok(self.find_key(secret)),
            Err(error) => Err(error),
        }
    }

    /// Adds a key, and replaces one with the same name or secret.
    ///
    /// # Errors
    /// If another account owns the key, or the catalogue cannot be written.
    pub(crate) async fn put_key(&self, account: &str, key: NewApiKey) -> Result<(), AccountError> {
        let _create_guard = self.create_lock.lock().await;
        let account = self.require(account)?;
        self.check_keys_free(&account.name, Some(&account), std::slice::from_ref(&key))?;
        let key_info = self.assign_key_id(key);
        self.persist_key(&account, &key_info).await?;
        let replaced = account.update_keys(|keys| {
            let is_replaced =
                |old: &ApiKeyInfo| old.name == key_info.name || old.hash == key_info.hash;
            keys.extract_if(.., |old| is_replaced(old)).collect::<Vec<_>>()
        });
        for old in replaced {
            self.unindex_key(&old.hash);
        }
        self.index_key(&account, key_info);
        Ok(())
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
        let _create_guard = self.create_lock.lock().await;
        self.check_registered(account)?;
        let (name, existing) = (account.name.to_string(), account.keys());
        if existing.iter().any(|key_info| *key_info.name == *key.name) {
            return Err(AccountError::KeyNameTaken { account: name, key: key.name });
        }
        if existing.len() >= MAX_KEYS_PER_ACCOUNT {
            return Err(AccountError::LimitReached {
                account: name,
                max: MAX_KEYS_PER_ACCOUNT,
                resource: "keys",
            });
        }
        self.check_keys_free(&name, None, std::slice::from_ref(&key))?;
        let key_info = self.assign_key_id(key);
        self.persist_key(account, &key_info).await?;
        self.index_key(account, key_info.clone());
        Ok(key_info)
    }

    async fn persist_key(
        &self,
        account: &Account,
        key_info: &ApiKeyInfo,
    ) -> Result<(), StorageError> {
        if !account.is_durable {
            return Ok(());
        }
        let (name, key_info) = (account.name.to_string(), key_info.clone());
        self.write_catalogue_for(account, move |catalogue| {
            Box::pin(async move { catalogue::put_key(catalogue, &name, &key_info).await })
        })
        .await
    }

    /// Removes a key of an account.
    ///
    /// # Errors
    /// If the account has no such key, or the catalogue cannot be written.
    pub(crate) async fn remove_key(&self, account: &Account, id: i64) -> Result<(), AccountError> {
        let _create_guard = self.create_lock.lock().await;
        self.check_registered(account)?;
        let found = account.keys().into_iter().find(|key_info| key_info.id == id);
        let not_found = || AccountError::KeyNotFound { account: account.name.to_string(), id };
        let key_info = found.ok_or_else(not_found)?;
        if account.is_durable {
            self.write_catalogue_for(account, move |catalogue| {
                Box::pin(async move { catalogue::delete_key(catalogue, id).await })
            })
            .await?;
        }
        account.update_keys(|keys| keys.retain(|key_info| key_info.id != id));
        self.unindex_key(&key_info.hash);
        Ok(())
    }
}

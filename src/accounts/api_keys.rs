//! Adds and removes API keys of accounts.

use std::sync::Arc;

use super::account::Account;
use super::api_key::{ApiKeyInfo, NewApiKey};
use super::catalogue;
use super::error::AccountError;
use super::registry::Registry;
use crate::storage::StorageError;

/// The maximum number of keys per account (arbitrary).
const MAX_KEYS_PER_ACCOUNT: usize = 10_000;

/// Adds a key, and replaces one with the same name or secret.
///
/// # Errors
/// If another account owns the key, or the catalogue cannot be written.
pub(super) async fn put_key(
    registry: &Registry,
    account: &str,
    key: NewApiKey,
) -> Result<(), AccountError> {
    let _change_guard = registry.lock_changes().await;
    let account = registry.require(account)?;
    registry.check_keys_free(&account.name, Some(&account), std::slice::from_ref(&key))?;
    let key_info = registry.assign_key_id(key);
    persist_key(&account, &key_info).await?;
    let replaced = account.update_keys(|keys| {
        let is_replaced = |old: &ApiKeyInfo| old.name == key_info.name || old.hash == key_info.hash;
        keys.extract_if(.., |old| is_replaced(old)).collect::<Vec<_>>()
    });
    for old in replaced {
        registry.unindex_key(&old.hash);
    }
    registry.index_key(&account, key_info);
    Ok(())
}

/// Adds a key with a new name.
///
/// # Errors
/// If its name or the key itself is taken, the account has too many, or the catalogue cannot be written.
pub(super) async fn add_key(
    registry: &Registry,
    account: &Arc<Account>,
    key: NewApiKey,
) -> Result<ApiKeyInfo, AccountError> {
    let _change_guard = registry.lock_changes().await;
    registry.check_registered(account)?;
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
    registry.check_keys_free(&name, None, std::slice::from_ref(&key))?;
    let key_info = registry.assign_key_id(key);
    persist_key(account, &key_info).await?;
    registry.index_key(account, key_info.clone());
    Ok(key_info)
}

async fn persist_key(account: &Account, key_info: &ApiKeyInfo) -> Result<(), StorageError> {
    let (name, key_info) = (account.name.to_string(), key_info.clone());
    account
        .write_catalogue(move |connection| {
            Box::pin(async move { catalogue::put_key(connection, &name, &key_info).await })
        })
        .await
}

/// Removes a key of an account.
///
/// # Errors
/// If the account has no such key, or the catalogue cannot be written.
pub(super) async fn remove_key(
    registry: &Registry,
    account: &Account,
    id: i64,
) -> Result<(), AccountError> {
    let _change_guard = registry.lock_changes().await;
    registry.check_registered(account)?;
    let found = account.keys().into_iter().find(|key_info| key_info.id == id);
    let not_found = || AccountError::KeyNotFound { account: account.name.to_string(), id };
    let key_info = found.ok_or_else(not_found)?;
    let deleted = account.write_catalogue(move |connection| {
        Box::pin(async move { catalogue::delete_key(connection, id).await })
    });
    deleted.await?;
    account.update_keys(|keys| keys.retain(|key_info| key_info.id != id));
    registry.unindex_key(&key_info.hash);
    Ok(())
}

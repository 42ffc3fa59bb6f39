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
mod eviction;
mod image;
mod lifecycle;
mod permissions;
mod pool;
mod registry;
mod seed_images;
mod settings;
mod snapshots;
#[cfg(test)]
mod tests;

pub(crate) use account::{ACCOUNT_NAME_REGEX, Account, AccountGuard, AccountLimits, SELF_ALIAS};
pub(crate) use api_key::{
    API_KEY_REGEX, ApiKey, ApiKeyInfo, NewApiKey, SecretHash, generate_secret,
};
pub(crate) use api_keys::UnknownKeyPolicy;
pub(crate) use data::Lease;
pub(crate) use error::AccountError;
pub(crate) use image::SavedState;
pub(crate) use lifecycle::{AccountSource, NewAccount};
pub(crate) use permissions::{PERMISSION_NAMES, Permission, PermissionSet};
pub(crate) use registry::{AccountPolicy, Accounts, StorageMode};
pub(crate) use settings::{AccountSettings, EffectiveSettings, StrictMode};
pub(crate) use snapshots::SnapshotInfo;

use image::Image;

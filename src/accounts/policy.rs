//! The server's settings for accounts: their storage, their maximum number, and the policy for unknown keys.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::account::AccountLimits;

/// Where a server stores accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Handling of unknown keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownKeyPolicy {
    /// Rejects them.
    Fixed,
    /// Creates an account from the seed.
    Auto,
}

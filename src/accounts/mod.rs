//! Accounts and the keys that open them. The key that a client sends picks its account.

mod account;
mod key;
mod permission;
mod registry;
mod store;

pub(crate) use account::{Account, Profile};
pub(crate) use key::{Digest, KEY_FORM, Key, NewKey};
pub(crate) use permission::{PERMISSIONS, Permission, Permissions};
pub(crate) use registry::{AccountError, Accounts, Home, NewAccount};

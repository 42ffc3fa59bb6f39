//! Accounts and the keys that open them. The key that a client sends picks its account.
//!
//! An account is a world of its own: its data are behind a gate that requests share, and copies, resets and
//! restores put another world behind it, alone and whole.

mod account;
mod error;
mod folder;
mod image;
mod key;
mod keyring;
mod making;
mod permission;
mod registry;
mod rest;
mod rewind;
mod room;
mod seeds;
mod store;
mod terms;
#[cfg(test)]
mod tests;
mod world;

pub(crate) use account::{ACCOUNT_FORM, Account, Allowance, InUse, SELF};
pub(crate) use error::AccountError;
pub(crate) use image::Saved;
pub(crate) use key::{Digest, KEY_FORM, Key, KeyCard, NewKey, random_key};
pub(crate) use keyring::Admission;
pub(crate) use making::{NewAccount, Source};
pub(crate) use permission::{PERMISSIONS, Permission, Permissions};
pub(crate) use registry::{Accounts, Home, Rules};
pub(crate) use rewind::SnapshotCard;
pub(crate) use terms::{Profile, Strict, Terms};
pub(crate) use world::Lease;

use image::Image;

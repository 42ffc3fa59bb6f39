//! An account's data: where it is stored, and the saved states that it can be restored to.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

use super::{Account, AccountError, Image, SavedState};
use crate::storage::{Database, StorageError};

/// The data under an account's lock.
#[derive(Debug)]
pub(super) struct AccountData {
    pub(super) backing: Backing,
    /// What a reset restores; None if an old version created the account.
    pub(super) origin: Option<SavedState>,
    pub(super) snapshots: BTreeMap<String, Snapshot>,
}

/// A named state.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) state: SavedState,
    /// By the account's clock.
    pub(super) taken_at: String,
}

/// Where an account's data is stored.
#[derive(Debug)]
pub(super) enum Backing {
    /// Identical to the image: no request has opened it yet.
    Image(Arc<Image>),
    /// A closed file in the data directory.
    File(String),
    /// Open; with its file, if durable.
    Open { database: Database, file: Option<String> },
    /// The account has been removed.
    Removed,
}

impl Account {
    /// Locks the data exclusively.
    ///
    /// # Errors
    /// If the account has been removed, or the lock times out.
    pub(super) async fn lock_exclusive(
        &self,
    ) -> Result<RwLockWriteGuard<'_, AccountData>, AccountError> {
        let lock = timeout(self.limits.lock_timeout, self.data.write());
        let data = lock.await.map_err(|_| StorageError::Busy)?;
        if matches!(data.backing, Backing::Removed) { Err(self.not_found()) } else { Ok(data) }
    }

    /// Locks the data shared.
    ///
    /// # Errors
    /// If the account has been removed, or the lock times out.
    pub(super) async fn lock_shared(
        &self,
    ) -> Result<RwLockReadGuard<'_, AccountData>, AccountError> {
        let lock = timeout(self.limits.lock_timeout, self.data.read());
        let data = lock.await.map_err(|_| StorageError::Busy)?;
        if matches!(data.backing, Backing::Removed) { Err(self.not_found()) } else { Ok(data) }
    }

    pub(super) fn not_found(&self) -> AccountError {
        AccountError::NotFound(self.name.to_string())
    }
}

impl AccountData {
    pub(super) fn new(backing: Backing, origin: Option<SavedState>) -> Self {
        Self { backing, origin, snapshots: BTreeMap::new() }
    }

    /// Finds a snapshot by name.
    pub(super) fn snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<&Snapshot, AccountError> {
        self.snapshots.get(name).ok_or_else(|| AccountError::SnapshotNotFound {
            account: account.name.to_string(),
            name: name.to_owned(),
        })
    }

    /// Returns the images of its origin and its snapshots, without that of its current data.
    pub(super) fn retained_images(&self) -> impl Iterator<Item = &Arc<Image>> {
        let origin = self.origin.iter().map(|saved| &saved.image);
        origin.chain(self.snapshots.values().map(|snapshot| &snapshot.state.image))
    }
}

impl Backing {
    /// Returns the image, if the data is unmodified.
    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        match self {
            Self::Image(image) => Some(image),
            _ => None,
        }
    }
}

/// A shared lock on an account's open database. The data cannot be replaced while a lease is held.
#[derive(Debug)]
pub(crate) struct Lease(OwnedRwLockReadGuard<AccountData, Database>);

impl Lease {
    pub(super) fn from_guard(data: OwnedRwLockReadGuard<AccountData>) -> Option<Self> {
        let open = OwnedRwLockReadGuard::try_map(data, |data| match &data.backing {
            Backing::Open { database, .. } => Some(database),
            _ => None,
        });
        open.ok().map(Self)
    }
}

impl Deref for Lease {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

//! An account's data: where it is stored, and the saved states that it can be restored to.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::OwnedRwLockReadGuard;

use super::error::AccountError;
use super::image::{Image, SavedState};
use crate::storage::Database;

/// The data under an account's lock.
#[derive(Debug)]
pub(super) struct AccountData {
    pub(super) backing: Backing,
    /// The state that a reset restores.
    pub(super) origin: SavedState,
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

impl AccountData {
    pub(super) fn new(backing: Backing, origin: SavedState) -> Self {
        Self { backing, origin, snapshots: BTreeMap::new() }
    }

    /// Finds a snapshot by name.
    pub(super) fn snapshot(&self, account: &str, name: &str) -> Result<&Snapshot, AccountError> {
        self.snapshots.get(name).ok_or_else(|| AccountError::SnapshotNotFound {
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Returns the images of its origin and its snapshots, without the image of its current data.
    pub(super) fn retained_images(&self) -> impl Iterator<Item = &Arc<Image>> {
        let snapshots = self.snapshots.values().map(|snapshot| &snapshot.state.image);
        std::iter::once(&self.origin.image).chain(snapshots)
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

    /// Closes a replaced database without fsync. The catalogue no longer references it, so a crash in between loses
    /// nothing. A database in memory is dropped in its own task, so that the response does not wait.
    pub(super) async fn discard(self) {
        match self {
            Self::Open { database, file: Some(_) } => database.close_discarding().await,
            Self::Open { database, file: None } => {
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    drop(database);
                });
            }
            _ => {}
        }
    }
}

/// Closes a database. If the checkpoint fails, file and write-ahead log stay: together they are complete.
pub(super) async fn close_or_warn(database: &Database) {
    if let Err(error) = database.close().await {
        tracing::warn!(%error, "checkpoint failed; the write-ahead log stays beside the database file");
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

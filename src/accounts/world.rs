//! The world of an account: where its data are at the moment, and the states that it can go back to.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

use super::{Account, AccountError, Image, Saved};
use crate::storage::{Database, StorageError};

/// What stands behind an account's gate.
#[derive(Debug)]
pub(super) struct World {
    pub(super) standing: Standing,
    /// What a reset goes back to; None for an account of a version that kept none.
    pub(super) origin: Option<Saved>,
    pub(super) snapshots: BTreeMap<String, Snapshot>,
}

/// A named state.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) saved: Saved,
    /// By the account's clock.
    pub(super) taken_at: String,
}

/// Where the data of an account are.
#[derive(Debug)]
pub(super) enum Standing {
    /// Exactly as the image: no request has come since it was put there.
    Image(Arc<Image>),
    /// At rest in a file inside the data folder.
    File(String),
    /// In use; with its file, if it has one.
    Open { database: Database, file: Option<String> },
    /// Nowhere: the account has been removed.
    Removed,
}

impl Account {
    /// The world, with nobody else in it.
    ///
    /// # Errors
    /// When the account has been removed, or is busy for too long.
    pub(super) async fn alone(&self) -> Result<RwLockWriteGuard<'_, World>, AccountError> {
        let turn = timeout(self.allowed.patience, self.world.write());
        let world = turn.await.map_err(|_| StorageError::Busy)?;
        if matches!(world.standing, Standing::Removed) { Err(self.gone()) } else { Ok(world) }
    }

    /// The world, to look at.
    ///
    /// # Errors
    /// When the account has been removed, or is busy for too long.
    pub(super) async fn shared(&self) -> Result<RwLockReadGuard<'_, World>, AccountError> {
        let turn = timeout(self.allowed.patience, self.world.read());
        let world = turn.await.map_err(|_| StorageError::Busy)?;
        if matches!(world.standing, Standing::Removed) { Err(self.gone()) } else { Ok(world) }
    }

    pub(super) fn gone(&self) -> AccountError {
        AccountError::Unknown(self.name.to_string())
    }
}

impl World {
    pub(super) fn new(standing: Standing, origin: Option<Saved>) -> Self {
        Self { standing, origin, snapshots: BTreeMap::new() }
    }

    /// The snapshot with this name.
    pub(super) fn snapshot(
        &self,
        account: &Account,
        name: &str,
    ) -> Result<&Snapshot, AccountError> {
        self.snapshots.get(name).ok_or_else(|| AccountError::UnknownSnapshot {
            account: account.name.to_string(),
            name: name.to_owned(),
        })
    }

    /// The images that it stands on, other than that of its data: of its origin and its snapshots.
    pub(super) fn images(&self) -> impl Iterator<Item = &Arc<Image>> {
        let origin = self.origin.iter().map(|saved| &saved.image);
        origin.chain(self.snapshots.values().map(|snapshot| &snapshot.saved.image))
    }
}

impl Standing {
    /// The image, as long as the data are exactly that.
    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        match self {
            Self::Image(image) => Some(image),
            _ => None,
        }
    }
}

/// The right to use an account's database. While anyone has one, nothing puts another world in its place.
#[derive(Debug)]
pub(crate) struct Lease(OwnedRwLockReadGuard<World, Database>);

impl Lease {
    pub(super) fn of(world: OwnedRwLockReadGuard<World>) -> Option<Self> {
        let open = OwnedRwLockReadGuard::try_map(world, |world| match &world.standing {
            Standing::Open { database, .. } => Some(database),
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

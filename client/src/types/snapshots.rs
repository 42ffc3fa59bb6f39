//! Snapshots of an account.

use serde::{Deserialize, Serialize};

/// The snapshots of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotList {
    /// Sorted by name.
    pub snapshots: Vec<Snapshot>,
}

/// A named copy of an account's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// When it was taken, by the account's clock.
    pub taken_at: String,
    /// Its size in bytes.
    pub bytes: u64,
}

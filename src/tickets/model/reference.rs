//! Reference data: the names of brands, channels, groups and users, which tickets reference by id.

use serde::{Deserialize, Serialize};

/// A kind of reference data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReferenceKind {
    Brand,
    Channel,
    Group,
    User,
}

impl ReferenceKind {
    /// Every kind, in the order of a fixture's lists.
    pub(crate) const ALL: [Self; 4] = [Self::Brand, Self::Channel, Self::Group, Self::User];

    /// Returns the name in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Channel => "channel",
            Self::Group => "group",
            Self::User => "user",
        }
    }

    /// Returns the name of its list in a fixture.
    pub(crate) const fn list(self) -> &'static str {
        match self {
            Self::Brand => "brands",
            Self::Channel => "channels",
            Self::Group => "groups",
            Self::User => "users",
        }
    }
}

/// Identifies a row of reference data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct ReferenceKey {
    pub(crate) kind: ReferenceKind,
    pub(crate) id: i64,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_and_json_have_the_same_name_for_a_kind() {
        // The store joins JSON of the keys with the column `kind`.
        for kind in ReferenceKind::ALL {
            let json = serde_json::to_value(kind).expect("a kind is JSON");
            assert_eq!(json, kind.name());
            assert_eq!(kind.list(), format!("{}s", kind.name()));
        }
        let names = ReferenceKind::ALL.map(ReferenceKind::name);
        assert_eq!(names, ["brand", "channel", "group", "user"]);
    }
}

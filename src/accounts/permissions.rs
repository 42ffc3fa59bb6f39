//! The permissions of an API key.

use crate::contract::{PERMISSION_NAMES, Permission};

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PermissionSet(u32);

impl PermissionSet {
    /// Every permission.
    pub(crate) const ALL: Self = Self((1 << PERMISSION_NAMES.len()) - 1);

    /// Parses permission names, and ignores unknown ones.
    pub(crate) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bit = |name: &str| {
            PERMISSION_NAMES.iter().position(|known| *known == name).map_or(0, |index| 1 << index)
        };
        Self(names.into_iter().fold(0, |set, name| set | bit(name)))
    }

    pub(crate) const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Returns the names, in the order of [`Permission`].
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.contains(*permission)).map(Permission::name)
    }
}

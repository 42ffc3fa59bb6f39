//! What a key may do: exactly the documented names.

use serde_json::Value;

macro_rules! permissions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A permission that a key can carry (documented: the controllers' pages).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Permission { $($variant),+ }

        /// The name of every permission, in the order of [`Permission`].
        pub(crate) const PERMISSIONS: &[&str] = &[$($name),+];

        impl Permission {
            const ALL: &[Self] = &[$(Self::$variant),+];
        }
    };
}

permissions! {
    TicketRead = "TICKET_READ",
    TicketCreate = "TICKET_CREATE",
    TicketUpdate = "TICKET_UPDATE",
    TicketDelete = "TICKET_DELETE",
    SetStatus = "SET_STATUS",
    TicketBatch = "TICKET_BATCH",
    MessageCreate = "MESSAGE_CREATE",
    CustomerRead = "CUSTOMER_READ",
    CustomerCud = "CUSTOMER_CUD",
    ViewRead = "VIEW_READ",
    ViewCud = "VIEW_CUD",
    GroupCud = "GROUP_CUD",
    SettingsCrud = "SETTINGS_CRUD",
    UserRead = "USER_READ",
    UserCud = "USER_CUD",
    FormRead = "FORM_READ",
    FormCud = "FORM_CUD",
    FormSave = "FORM_SAVE",
    ApiChat = "API_CHAT",
    ChannelRead = "CHANNEL_READ",
    ChannelCud = "CHANNEL_CUD",
}

impl Permission {
    /// The documented name.
    pub(crate) const fn name(self) -> &'static str {
        PERMISSIONS[self as usize]
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permissions(u32);

impl Permissions {
    /// Every permission there is.
    pub(crate) const ALL: Self = Self((1 << PERMISSIONS.len()) - 1);

    /// The permissions with these names, as far as the names are known.
    pub(crate) fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bit = |name: &str| {
            PERMISSIONS.iter().position(|known| *known == name).map_or(0, |index| 1 << index)
        };
        Self(names.into_iter().fold(0, |set, name| set | bit(name)))
    }

    /// Whether it holds this one.
    pub(crate) const fn allow(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// The names, as a JSON list.
    pub(crate) fn names(self) -> Value {
        Permission::ALL.iter().filter(|one| self.allow(**one)).map(|one| one.name()).collect()
    }
}

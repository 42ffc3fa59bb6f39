//! Permissions of API keys: the documented names.

macro_rules! permissions {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A permission of an API key (documented: the controllers' pages).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Permission { $($variant),+ }

        /// The name of every permission, in the order of [`Permission`].
        pub(crate) const PERMISSION_NAMES: &[&str] = &[$($name),+];

        impl Permission {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];
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
    pub(crate) const fn name(self) -> &'static str {
        PERMISSION_NAMES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_has_its_own_documented_name() {
        let cases = [
            (Permission::TicketRead, "TICKET_READ"),
            (Permission::SetStatus, "SET_STATUS"),
            (Permission::ChannelCud, "CHANNEL_CUD"),
        ];
        for (permission, name) in cases {
            assert_eq!(permission.name(), name);
        }
        let names: Vec<&str> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        assert_eq!(names, PERMISSION_NAMES);
    }
}

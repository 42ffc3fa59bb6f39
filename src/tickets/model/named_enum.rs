//! Declares enums whose variants have names in the API.

/// Declares an enum, its serialized names, and the list of these, `NAMES`.
macro_rules! named_enum {
    ($(#[$meta:meta])* enum $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }
        $(#[$names_meta:meta])* NAMES) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
        pub(crate) enum $type { $($(#[$variant_meta])* #[serde(rename = $name)] $variant,)+ }

        impl $type {
            $(#[$names_meta])*
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns the name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl From<&$type> for $crate::tickets::model::row::CellValue<'_> {
            fn from(value: &$type) -> Self {
                Self::Text(std::borrow::Cow::Borrowed(value.name()))
            }
        }
    };
}
pub(crate) use named_enum;

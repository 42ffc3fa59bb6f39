//! Permissions of an API key.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The permissions of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionsSpec {
    /// All permissions: `"all"`.
    All,
    /// Only these documented permissions, such as `TICKET_READ`.
    Only(Vec<String>),
}

impl Serialize for PermissionsSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PermissionsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) if name == "all" => Ok(Self::All),
            Value::Array(names) => serde_json::from_value(Value::Array(names))
                .map(Self::Only)
                .map_err(D::Error::custom),
            sent => {
                let detail = format!("must be \"all\" or a list of names; {sent} was sent");
                Err(D::Error::custom(detail))
            }
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for PermissionsSpec {
    /// Describes the list only: code generators for typed languages fail on a text or a list, and all permissions are the
    /// default.
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
        let schema = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
        schema
            .description(Some("The permissions of an API key. The text `all` is accepted as well."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for PermissionsSpec {}

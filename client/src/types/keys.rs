//! API keys of an account.

use serde::{Deserialize, Serialize};

use super::PermissionsSpec;

/// The API keys of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyList {
    /// The oldest first.
    pub keys: Vec<KeySummary>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeySummary {
    /// Its id in the routes.
    pub id: i64,
    /// Its name in timelines.
    pub name: String,
    /// Its permissions.
    pub permissions: Vec<String>,
}

/// The parameters of a new API key. All are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// Its name in timelines; by default `key 2` or similar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub name: Option<String>,
    /// Its permissions; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionsSpec>,
    /// Its secret; random by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_-]{4,128}$"))]
    pub api_key: Option<String>,
}

/// A new API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedKey {
    /// Its id in the routes.
    pub id: i64,
    /// Its name in timelines.
    pub name: String,
    /// Its permissions.
    pub permissions: Vec<String>,
    /// Its secret, only in this response.
    pub api_key: String,
}

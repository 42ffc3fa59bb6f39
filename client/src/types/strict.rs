//! Strict mode.

use serde::{Deserialize, Serialize};

/// Strict mode: rejects requests that cause a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Strictness {
    /// Whether it is on.
    pub strict: bool,
    /// The kinds of warnings that do not cause a rejection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

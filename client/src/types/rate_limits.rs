//! Rate limits.

use serde::{Deserialize, Serialize};

/// The rate limit of each API key of an account. Empty: unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// The maximum number of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1_000_000))]
    pub requests: Option<u64>,
    /// The length of the window, by the account's clock: `1s` to `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
}

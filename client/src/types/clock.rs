//! An account's clock.

use serde::{Deserialize, Serialize};

/// The state of an account's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClockStatus {
    /// Its mode.
    pub mode: ClockMode,
    /// The fixed time of a frozen clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The offset of an offset clock from the system time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Its current time.
    pub now: String,
}

/// The mode of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClockMode {
    /// Follows the system time.
    Real,
    /// Does not advance.
    Frozen,
    /// Follows the system time at a fixed offset.
    Offset,
}

/// A new setting of a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum ClockSetting {
    /// Follows the system time.
    Real {},
    /// Does not advance.
    Frozen {
        /// The fixed time, RFC 3339; by default the clock's current time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// Follows the system time at a fixed offset.
    Offset {
        /// The offset: `PT2H`, `-P1D`, `90m`.
        by: String,
    },
}

/// An advance of a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClockAdvance {
    /// The duration: `P3D`, `90m`; not negative. A day has 24 hours.
    pub by: String,
}

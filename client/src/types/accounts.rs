//! Accounts: creation, listing and import.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClockStatus, PermissionsSpec};

/// The parameters of a new account. All are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// A unique name, `[a-z0-9][a-z0-9-]{0,62}`; by default `account-1` or similar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
    pub name: Option<String>,
    /// The initial state, which a reset restores: `seed` (the first account of the seed; the default),
    /// `seed:NAME`, `empty`, `account:NAME`, or `snapshot:ACCOUNT/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            pattern = "^(empty|seed|(seed|account):[a-z0-9][a-z0-9-]{0,62}|snapshot:[a-z0-9][a-z0-9-]{0,62}/[A-Za-z0-9][A-Za-z0-9_.-]{0,62})$"
        )
    )]
    pub from: Option<String>,
    /// The permissions of its API key; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionsSpec>,
    /// It is removed after this time without a request: `15m`, `PT15M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Stores the account in memory even if the server has a data directory.
    pub ephemeral: bool,
    /// Rejects every request that causes a warning. Inherited from the initial state by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedAccount {
    /// Its name.
    pub account: String,
    /// The secret of its API key, only in this response.
    pub api_key: String,
    /// The base URL of its API: the Ticket API is at `/api/v2/ticket` below it.
    pub base_url: String,
}

/// All accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountList {
    /// Sorted by name.
    pub accounts: Vec<AccountSummary>,
}

/// An account in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountSummary {
    /// Its name.
    pub account: String,
    /// Its clock.
    pub clock: ClockStatus,
    /// It is removed after this time without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is stored in memory only.
    pub ephemeral: bool,
}

/// The properties of an account, without its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountDetails {
    /// Its name.
    pub account: String,
    /// Increases with every change until the server stops.
    pub change_counter: u64,
    /// Its row counts.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub counts: Counts,
    /// Its clock.
    pub clock: ClockStatus,
    /// The time zone of its dates, an IANA name.
    pub time_zone: String,
    /// Its effective dialect.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub dialect: Map<String, Value>,
    /// The number of its API keys.
    pub key_count: usize,
    /// The number of its snapshots.
    pub snapshot_count: usize,
    /// It is removed after this time without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is stored in memory only.
    pub ephemeral: bool,
}

/// The number of rows by list of a seed: `tickets`, `customers`, `timeline` and so on.
pub type Counts = BTreeMap<String, u64>;

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportResult {
    /// The numbers of added rows.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub added: Counts,
}

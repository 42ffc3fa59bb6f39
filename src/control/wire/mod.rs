//! Request and response types of the control API, shared by the server, the typed client and the OpenAPI document.
#![expect(unused_qualifications, reason = "the schema derive uses full paths")]

mod faults;
mod journal;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::PERMISSION_NAMES;

pub use faults::{
    Effect, Limits, LossWay, ResponseDrop, Rule, RuleList, ShownRule, Strictness, TimeToLive, When,
};
pub use journal::{
    AppliedFault, Change, ChangeList, ColumnChange, Did, Difference, ExpectedCount, JournalEntry,
    Miss, Pattern, RequestList, Row, StatusFilter, Verification, Verified, Waited, Warning,
};

/// The parameters of a new account. All are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// A unique name, `[a-z0-9][a-z0-9-]{0,62}`; by default `account-1` or similar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "checkout-tests")]
    pub name: Option<String>,
    /// The initial state, which a reset restores: `seed` (the first account of the seed; the default),
    /// `seed:NAME`, `empty`, `account:NAME`, or `snapshot:ACCOUNT/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "seed",
        pattern = "^(empty|seed|(seed|account):[a-z0-9][a-z0-9-]{0,62}|snapshot:[a-z0-9][a-z0-9-]{0,62}/[A-Za-z0-9][A-Za-z0-9_.-]{0,62})$"
    )]
    pub from: Option<String>,
    /// The permissions of its API key; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub permissions: Option<PermissionsSpec>,
    /// It is removed after this time without a request: `15m`, `PT15M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "15m")]
    pub ttl: Option<String>,
    /// Stores the account in memory even if the server has a data directory.
    pub ephemeral: bool,
    /// Rejects every request that causes a warning. Inherited from the initial state by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

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
                let detail =
                    format!("permissions must be \"all\" or a list of names; {sent} was sent");
                Err(D::Error::custom(detail))
            }
        }
    }
}

impl PartialSchema for PermissionsSpec {
    fn schema() -> RefOr<Schema> {
        let string_schema =
            || ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        let all = string_schema().enum_values(Some(["all"]));
        let name = string_schema().enum_values(Some(PERMISSION_NAMES.iter().copied()));
        let schema = OneOfBuilder::new().item(all).item(ArrayBuilder::new().items(name));
        schema.description(Some("What a key may do.")).into()
    }
}

impl ToSchema for PermissionsSpec {}

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeAccount {
    /// Its name.
    pub account: String,
    /// The secret of its API key, only in this response.
    pub api_key: String,
    /// The base URL of its API: the Ticket API is at `/api/v2/ticket` below it.
    #[schema(example = "http://127.0.0.1:8080")]
    pub base_url: String,
}

/// All accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountList {
    /// Sorted by name.
    pub accounts: Vec<AccountEntry>,
}

/// An account in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountEntry {
    /// Its name.
    pub account: String,
    /// Its clock.
    pub clock: ShownClock,
    /// It is removed after this time without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is stored in memory only.
    pub ephemeral: bool,
}

/// The properties of an account, without its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownAccount {
    /// Its name.
    pub account: String,
    /// Increases with every change until the server stops.
    pub version: u64,
    /// Its row counts.
    pub counts: Counts,
    /// Its clock.
    pub clock: ShownClock,
    /// The time zone of its dates, an IANA name.
    pub time_zone: String,
    /// Its effective dialect.
    #[schema(value_type = Object)]
    pub dialect: Map<String, Value>,
    /// The number of its API keys.
    pub keys: usize,
    /// The number of its snapshots.
    pub snapshots: usize,
    /// It is removed after this time without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is stored in memory only.
    pub ephemeral: bool,
}

/// Row counts by resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Counts {
    /// Brands.
    pub brands: u64,
    /// Channels.
    pub channels: u64,
    /// Groups.
    pub groups: u64,
    /// Users.
    pub users: u64,
    /// Customers.
    pub customers: u64,
    /// Views, without the built-in ones.
    pub views: u64,
    /// Tickets, including archived ones.
    pub tickets: u64,
    /// Events and notes of all tickets.
    pub timeline: u64,
}

/// The result of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// The numbers of added rows.
    pub added: Counts,
}

/// The state of an account's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownClock {
    /// Its mode.
    pub mode: ClockMode,
    /// The fixed time of a frozen clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The offset of an offset clock from the system time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Its current time.
    #[schema(example = "2026-03-01T12:00:00Z")]
    pub now: String,
}

/// The mode of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum SetClock {
    /// Follows the system time.
    Real {},
    /// Does not advance.
    Frozen {
        /// The fixed time, RFC 3339; by default the clock's current time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(example = "2026-03-01T12:00:00Z")]
        at: Option<String>,
    },
    /// Follows the system time at a fixed offset.
    Offset {
        /// The offset: `PT2H`, `-P1D`, `90m`.
        #[schema(example = "PT2H")]
        by: String,
    },
}

/// An advance of a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The duration: `P3D`, `90m`; not negative. A day has 24 hours.
    #[schema(example = "P3D")]
    pub by: String,
}

/// The snapshots of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotList {
    /// Sorted by name.
    pub snapshots: Vec<Snapshot>,
}

/// A named copy of an account's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// When it was taken, by the account's clock.
    #[schema(example = "2026-03-01T12:00:00Z")]
    pub taken_at: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The API keys of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// The oldest first.
    pub keys: Vec<ShownKey>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownKey {
    /// Its id in the routes.
    pub id: i64,
    /// Its name in timelines.
    pub name: String,
    /// Its permissions.
    pub permissions: Vec<String>,
}

/// The parameters of a new API key. All are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// Its name in timelines; by default `key 2` or similar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Its permissions; all by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub permissions: Option<PermissionsSpec>,
    /// Its secret; random by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{4,128}$")]
    pub api_key: Option<String>,
}

/// A new API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeKey {
    /// Its id in the routes.
    pub id: i64,
    /// Its name in timelines.
    pub name: String,
    /// Its permissions.
    pub permissions: Vec<String>,
    /// Its secret, only in this response.
    pub api_key: String,
}

/// An error of the control API (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Identifies the kind of problem; a stable path to its documentation on this server.
    #[serde(rename = "type")]
    #[schema(example = "/docs/control#unknown-account")]
    pub kind: String,
    /// A summary of the kind of problem.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The near misses: the most similar requests, for `not-verified` and `wait-over`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<Miss>,
}

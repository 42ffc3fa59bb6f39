//! What the control API takes and gives. The server, the typed client and the OpenAPI document share these types.
#![expect(unused_qualifications, reason = "the derive of a schema spells paths out")]

mod journal;
mod provoke;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::accounts::PERMISSIONS;

pub use journal::{
    AppliedFault, Change, ChangeList, ColumnChange, Count, Did, Difference, JournalEntry, Miss,
    Pattern, RequestList, Row, StatusWanted, Verification, Verified, Waited, Warning,
};
pub use provoke::{
    Effect, Limits, Loss, LossWay, Rule, RuleList, ShownRule, Strictness, TimeToLive, When,
};

/// An account to be made. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// A name of its own, `[a-z0-9][a-z0-9-]{0,62}`; without one it is called `account-1` or the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "checkout-tests")]
    pub name: Option<String>,
    /// What it starts from, and goes back to at a reset: `seed` (the first account of the seed; the default),
    /// `seed:NAME`, `empty`, `account:NAME`, or `snapshot:ACCOUNT/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "seed",
        pattern = "^(empty|seed|(seed|account):[a-z0-9][a-z0-9-]{0,62}|snapshot:[a-z0-9][a-z0-9-]{0,62}/[A-Za-z0-9][A-Za-z0-9_.-]{0,62})$"
    )]
    pub from: Option<String>,
    /// What its key may do; everything by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub permissions: Option<Permitted>,
    /// It is removed after so long without a request: `15m`, `PT15M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "15m")]
    pub ttl: Option<String>,
    /// Kept in memory, even where other accounts are kept in a folder.
    pub ephemeral: bool,
    /// Refuses every request that leaves a warning. By default it is as what it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permitted {
    /// Everything: `"all"`.
    All,
    /// These documented permissions, such as `TICKET_READ`.
    Only(Vec<String>),
}

impl Serialize for Permitted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => to.serialize_str("all"),
            Self::Only(names) => names.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Permitted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(word) if word == "all" => Ok(Self::All),
            Value::Array(names) => serde_json::from_value(Value::Array(names))
                .map(Self::Only)
                .map_err(D::Error::custom),
            sent => {
                let rule =
                    format!("permissions must be \"all\" or a list of names; {sent} was sent");
                Err(D::Error::custom(rule))
            }
        }
    }
}

impl PartialSchema for Permitted {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        let all = text().enum_values(Some(["all"]));
        let name = text().enum_values(Some(PERMISSIONS.iter().copied()));
        let schema = OneOfBuilder::new().item(all).item(ArrayBuilder::new().items(name));
        schema.description(Some("What a key may do.")).into()
    }
}

impl ToSchema for Permitted {}

/// An account that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeAccount {
    /// Its name.
    pub account: String,
    /// Its key. This is the only time that it is shown.
    pub api_key: String,
    /// Where its API is: the Ticket API is at `/api/v2/ticket` below it.
    #[schema(example = "http://127.0.0.1:8080")]
    pub base_url: String,
}

/// All accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountList {
    /// By name.
    pub accounts: Vec<AccountEntry>,
}

/// An account in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountEntry {
    /// Its name.
    pub account: String,
    /// Its clock.
    pub clock: ShownClock,
    /// It is removed after so long without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is in memory only.
    pub ephemeral: bool,
}

/// All there is to say of an account, other than its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownAccount {
    /// Its name.
    pub account: String,
    /// Moves with every change, in this run of the server.
    pub version: u64,
    /// How much there is of each kind.
    pub counts: Counts,
    /// Its clock.
    pub clock: ShownClock,
    /// The zone of its dates, an IANA name.
    pub time_zone: String,
    /// The settings that hold in it.
    #[schema(value_type = Object)]
    pub dialect: Map<String, Value>,
    /// How many keys it has.
    pub keys: usize,
    /// How many snapshots it has.
    pub snapshots: usize,
    /// It is removed after so long without a request; null for never.
    pub ttl: Option<String>,
    /// Whether it is in memory only.
    pub ephemeral: bool,
}

/// How much there is of each kind.
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
    /// Views, other than the built-in ones.
    pub views: u64,
    /// Tickets, archived ones among them.
    pub tickets: u64,
    /// Events and notes of all tickets.
    pub timeline: u64,
}

/// What an import has added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// How much of each kind.
    pub added: Counts,
}

/// What an account's clock shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownClock {
    /// How it goes.
    pub mode: ClockMode,
    /// The moment at which it stands, if it is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// How far it is from the machine's time, if that is a fixed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What it shows now.
    #[schema(example = "2026-03-01T12:00:00Z")]
    pub now: String,
}

/// How a clock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockMode {
    /// With the machine's time.
    Real,
    /// Not at all.
    Frozen,
    /// With the machine's time, a fixed time off it.
    Offset,
}

/// How a clock shall go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum SetClock {
    /// With the machine's time.
    Real {},
    /// Not at all.
    Frozen {
        /// The moment at which it stands, RFC 3339; without it, what it shows now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(example = "2026-03-01T12:00:00Z")]
        at: Option<String>,
    },
    /// With the machine's time, a fixed time off it.
    Offset {
        /// How far: `PT2H`, `-P1D`, `90m`.
        #[schema(example = "PT2H")]
        by: String,
    },
}

/// How far a clock goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// `P3D`, `90m`; not negative. A day has 24 hours.
    #[schema(example = "P3D")]
    pub by: String,
}

/// The snapshots of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotList {
    /// By name.
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
    /// How large the copy is.
    pub bytes: u64,
}

/// The keys of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// The oldest first.
    pub keys: Vec<ShownKey>,
}

/// A key, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownKey {
    /// What the routes call it.
    pub id: i64,
    /// What timelines call it.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// A key to be made. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// What timelines call it; without one it is called `key 2` or the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it may do; everything by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub permissions: Option<Permitted>,
    /// Its text; without one it is made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_-]{4,128}$")]
    pub api_key: Option<String>,
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeKey {
    /// What the routes call it.
    pub id: i64,
    /// What timelines call it.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// Its text. This is the only time that it is shown.
    pub api_key: String,
}

/// Why a request of the control API failed (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// Says what kind of problem it is, and where on the server it is explained. It never changes.
    #[serde(rename = "type")]
    #[schema(example = "/docs/control#unknown-account")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The requests that came nearest to what was expected, for `not-verified` and `wait-over`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<Miss>,
}

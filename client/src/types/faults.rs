//! Fault rules.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FaultEffect;

/// A rule that injects a fault into requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FaultRule {
    /// Matches only this operation: `ticket.create`, or `create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Matches only the key with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Matches only these fields, as in a verification.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// Applies to the first N matching requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub first: Option<u64>,
    /// Applies to every Nth matching request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub every: Option<u64>,
    /// Applies to all but the first N.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_007_199_254_740_991_u64))]
    pub after: Option<u64>,
    /// When the rule expires; never by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<TimeToLive>,
    /// The effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<FaultEffect>,
    /// Instead of `effect`: the effects on the first matching request, the second, and so on; null is no effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Option<FaultEffect>>>))]
    pub sequence: Option<Vec<Option<FaultEffect>>>,
    /// Instead of `effect`: `flaky`, `slow`, `down`, `rate-limited` or `dropped-responses`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
}

/// When a rule expires.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"requests\": 10}")]
pub struct TimeToLive {
    /// After this many matching requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub requests: Option<u64>,
    /// After this time, by the account's clock: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// An active rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActiveFaultRule {
    /// Its id in the routes. Rules are evaluated in ascending order of ids.
    pub id: u64,
    /// The number of matching requests.
    pub matched: u64,
    /// The number of matching requests to which an effect was applied.
    pub applied: u64,
    /// The rule as it was sent.
    #[serde(flatten)]
    pub rule: FaultRule,
}

/// The rules of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaultRuleList {
    /// The rules in evaluation order.
    pub faults: Vec<ActiveFaultRule>,
}

//! Types of fault rules, rate limits and strict mode.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A rule that injects a fault into requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Matches only this operation: `ticket.create`, or `create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ticket.create")]
    pub operation: Option<String>,
    /// Matches only the key with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Matches only these fields, as in a verification.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// Applies to the first N matching requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64", example = 1)]
    pub first: Option<u64>,
    /// Applies to every Nth matching request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64")]
    pub every: Option<u64>,
    /// Applies to all but the first N.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64")]
    pub after: Option<u64>,
    /// When the rule expires; never by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub ttl: Option<TimeToLive>,
    /// The effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub effect: Option<Effect>,
    /// Instead of `effect`: the effects on the first matching request, the second, and so on; null is no effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Option<Effect>>>)]
    pub sequence: Option<Vec<Option<Effect>>>,
    /// Instead of `effect`: `flaky`, `slow`, `down`, `rate-limited` or `lost-replies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "flaky")]
    pub preset: Option<String>,
}

/// When a rule expires.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"requests\": 10}")]
pub struct TimeToLive {
    /// After this many matching requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub requests: Option<u64>,
    /// After this time, by the account's clock: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub time: Option<String>,
}

/// The effect of a fault: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an object with an effect, such as {\"reset\": true}"
)]
pub struct Effect {
    /// Delays the response by this time: `2s`, `50ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2s")]
    pub delay: Option<String>,
    /// With `delay`: whether it precedes the request's execution (the default) or follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Rejects the request with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 400, maximum = 599, example = 503)]
    pub status: Option<u16>,
    /// With `status`: the message of the error response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// With `status`: the time in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10s")]
    pub retry_after: Option<String>,
    /// `true`: resets the connection; does not execute the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
    /// Executes the request; truncates the response body to this many bytes, then closes the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
    /// `true`: executes the request; the response body is malformed JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garbage: Option<bool>,
    /// Executes the request; sends the response in small chunks at this interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100ms")]
    pub drip: Option<String>,
    /// Does not execute the request; sends no response and closes the connection after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub hang: Option<String>,
    /// Executes the request but drops its response: by `reset`, by `hang`, or by another status in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub lose_answer: Option<ResponseDrop>,
}

/// Whether a delay precedes or follows the request's execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before.
    Before,
    /// After.
    After,
}

/// How a response is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "lose_answer is \"reset\", \"hang\" or a status from 400 to 599")]
pub enum ResponseDrop {
    /// Without a replacement.
    Mode(LossWay),
    /// Sends this status instead.
    Status(u16),
}

/// How a response is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossWay {
    /// Resets the connection.
    Reset,
    /// Sends nothing.
    Hang,
}

/// An active rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownRule {
    /// Its id in the routes. Rules are evaluated in ascending order of ids.
    pub id: u64,
    /// The number of matching requests.
    pub seen: u64,
    /// To how many of them an effect was applied.
    pub applied: u64,
    /// The rule as it was sent.
    #[serde(flatten)]
    pub rule: Rule,
}

/// The rules of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleList {
    /// The rules in evaluation order.
    pub faults: Vec<ShownRule>,
}

/// The rate limit of each API key of an account. Empty: unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The maximum number of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    pub requests: Option<u64>,
    /// The length of the window, by the account's clock: `1s` to `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub per: Option<String>,
}

/// Strict mode: rejects requests that cause a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Strictness {
    /// Whether it is on.
    pub strict: bool,
    /// The kinds of warnings that do not cause a rejection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["chosen-rule"]))]
    pub allow: Vec<String>,
}

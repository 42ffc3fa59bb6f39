//! What is to happen to requests.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A rule that makes requests fail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Only this operation: `ticket.create`, or `create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ticket.create")]
    pub operation: Option<String>,
    /// Only the key with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only with these fields, as in a verification.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// The first so many of these requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64", example = 1)]
    pub first: Option<u64>,
    /// This one of these requests, the one twice as far, and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64")]
    pub every: Option<u64>,
    /// All but the first so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, format = "uint64")]
    pub after: Option<u64>,
    /// How long the rule stays; by default until it is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub ttl: Option<TimeToLive>,
    /// What happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub effect: Option<Effect>,
    /// Instead of `effect`: what happens to the first of these requests, to the second, and so on; null is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Option<Effect>>>)]
    pub sequence: Option<Vec<Option<Effect>>>,
    /// Instead of `effect`: `flaky`, `slow`, `down`, `rate-limited` or `lost-replies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "flaky")]
    pub preset: Option<String>,
}

/// How long a rule stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"requests\": 10}")]
pub struct TimeToLive {
    /// For so many requests that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub requests: Option<u64>,
    /// For so long, by the account's clock: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub time: Option<String>,
}

/// What happens to a request: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an object with an effect, such as {\"reset\": true}"
)]
pub struct Effect {
    /// The answer takes so much longer: `2s`, `50ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2s")]
    pub delay: Option<String>,
    /// With `delay`: whether it comes before what the request does (the default), or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// The request is refused with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 400, maximum = 599, example = 503)]
    pub status: Option<u16>,
    /// With `status`: the message of the envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// With `status`: the time of the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10s")]
    pub retry_after: Option<String>,
    /// `true`: the connection is reset, and the request is not carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
    /// The request is carried out; so many bytes of the answer's body arrive, and then the connection ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
    /// `true`: the request is carried out; the body of its answer is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garbage: Option<bool>,
    /// The request is carried out; its answer arrives bit by bit, so long apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100ms")]
    pub drip: Option<String>,
    /// There is no answer, the request is not carried out, and after this time the connection ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub hang: Option<String>,
    /// The request is carried out and its answer is lost: by `reset`, by `hang`, or by another status in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub lose_answer: Option<Loss>,
}

/// Whether a delay comes before what a request does, or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before.
    Before,
    /// After.
    After,
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "lose_answer is \"reset\", \"hang\" or a status from 400 to 599")]
pub enum Loss {
    /// As the word says.
    Way(LossWay),
    /// This status comes in its place.
    Status(u16),
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossWay {
    /// The connection is reset.
    Reset,
    /// It never comes.
    Hang,
}

/// A rule in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownRule {
    /// What the routes call it. The rule with the lowest id is asked first.
    pub id: u64,
    /// How many requests it was about.
    pub seen: u64,
    /// To how many of them something happened.
    pub applied: u64,
    /// As it was written.
    #[serde(flatten)]
    pub rule: Rule,
}

/// The rules of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleList {
    /// In the order in which they are asked.
    pub faults: Vec<ShownRule>,
}

/// How many requests each key of an account may make. Empty: as many as it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// So many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    pub requests: Option<u64>,
    /// In a window of this length, by the account's clock: `1s` to `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub per: Option<String>,
}

/// Whether an account refuses what leaves a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Strictness {
    /// Whether it does.
    pub strict: bool,
    /// The kinds of warnings that pass all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["chosen-rule"]))]
    pub allow: Vec<String>,
}

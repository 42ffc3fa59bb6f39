//! Types of the request journal, its filters and verifications.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Requests of an account, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestList {
    /// The requests.
    pub requests: Vec<JournalEntry>,
    /// The position after the last request examined; pass it as `since` to continue.
    pub cursor: String,
    /// Whether requests after `since`, or from the start, were evicted.
    pub truncated: bool,
    /// Whether `limit` left out some.
    pub more: bool,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its sequence number: ascending and unique in an account.
    pub seq: u64,
    /// The position after it.
    pub cursor: String,
    /// When it arrived, by the account's clock, RFC 3339.
    #[schema(example = "2026-03-01T12:00:00Z")]
    pub at: String,
    /// When it arrived, by the system clock.
    pub real_at: String,
    /// The operation, such as `ticket.create`; null if no operation matches.
    pub operation: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The decoded input of path, query and body, without the API key.
    pub fields: Map<String, Value>,
    /// Whether the fields were too large for the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fields_left_out: bool,
    /// The name of the API key; null if it was missing or unknown.
    pub key: Option<String>,
    /// The status of the response; null if none was sent.
    pub status: Option<u16>,
    /// The response body: JSON, or text if it is not JSON; null if none was sent.
    pub body: Value,
    /// Whether the body was too large for the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub body_left_out: bool,
    /// Time until the response was ready, in milliseconds.
    pub duration_ms: f64,
    /// The fault that was applied.
    #[schema(inline)]
    pub fault: Option<AppliedFault>,
    /// The changed rows.
    pub changes: Vec<Row>,
    /// The number of further changed rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_left_out: usize,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A fault that was applied to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedFault {
    /// The id of the rule.
    pub id: u64,
    /// The name of the effect.
    pub effect: String,
}

/// One row of the account's data that a request changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// `ticket` or `customer`.
    pub kind: String,
    /// Its id.
    pub id: i64,
    /// The kind of change.
    pub did: Did,
    /// The old and new values of its columns: of a created row those that are not null, of a deleted row none.
    pub columns: Vec<ColumnChange>,
}

/// The kind of change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Did {
    /// It was created.
    Created,
    /// It was updated.
    Updated,
    /// It was deleted.
    Deleted,
}

/// The old and new value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnChange {
    /// The name of the column.
    pub column: String,
    /// The old value.
    pub from: Value,
    /// The new value.
    pub to: Value,
}

/// A warning: the server accepted something undocumented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// The kind of warning.
    #[schema(example = "unknown-field")]
    pub kind: String,
    /// The path of the affected field, if any: `actions[0][value]`.
    pub field: Option<String>,
    /// The closest valid name.
    pub nearest: Option<String>,
    /// The complete message.
    pub text: String,
}

/// The changes of an account by request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeList {
    /// Requests that changed data, in commit order.
    pub changes: Vec<Change>,
    /// The position after the last request examined.
    pub cursor: String,
    /// Whether requests after `since`, or from the start, were evicted.
    pub truncated: bool,
    /// Whether `limit` left out some.
    pub more: bool,
}

/// The changes of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The request's sequence number.
    pub seq: u64,
    /// The position after it.
    pub cursor: String,
    /// When it arrived, by the account's clock.
    pub at: String,
    /// The operation.
    pub operation: Option<String>,
    /// The name of the API key.
    pub key: Option<String>,
    /// The changed rows.
    pub rows: Vec<Row>,
    /// The number of further changed rows.
    pub rows_left_out: usize,
}

/// A filter of requests. Omitted conditions match everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"operation\": \"create\"}")]
pub struct Pattern {
    /// `ticket.setStatus`, or `setStatus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "setStatus")]
    pub operation: Option<String>,
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "POST")]
    pub method: Option<String>,
    /// The status of the response: a number, a class such as `4xx`, or `none` if none was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub status: Option<StatusFilter>,
    /// The name of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the request changed data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// Whether a fault was applied to the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<bool>,
    /// A kind of warning that it caused, or `any` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "any")]
    pub warning: Option<String>,
    /// Conditions on fields by name, or by path such as `actions[0][value]`: a value to equal, or `{"matches": REGEX}`,
    /// `{"present": true}`, `{"absent": true}`, `{"equals": VALUE}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// A condition on the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a status such as 400, a class such as \"4xx\", or \"none\"")]
pub enum StatusFilter {
    /// Exactly this status.
    Code(u16),
    /// A class such as `4xx`, or `none`.
    Class(String),
}

/// An expectation of a test: a number of requests, or an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Verification {
    /// The pattern.
    #[serde(flatten)]
    pub pattern: Pattern,
    /// The count; at least one by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub count: Option<ExpectedCount>,
    /// Instead of a pattern and a count: requests in this order. Others may come between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<Pattern>>,
    /// With `order`: the minimum interval between successive requests, by the account's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1s")]
    pub apart: Option<String>,
    /// A cursor: only requests after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl<'de> Deserialize<'de> for Verification {
    /// Deserializes by hand, since serde's `flatten` accepts unknown fields.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pattern = Map::<String, Value>::deserialize(deserializer)?;
        let mut take = |name: &str| pattern.remove(name).filter(|value| !value.is_null());
        let (count, order, apart, since) =
            (take("count"), take("order"), take("apart"), take("since"));
        Ok(Self {
            pattern: parse_member(
                "a pattern, beside count, order, apart and since: ",
                Some(pattern.into()),
            )?
            .unwrap_or_default(),
            count: parse_member("count: ", count)?,
            order: parse_member("order: ", order)?,
            apart: parse_member("apart: ", apart)?,
            since: parse_member("since: ", since)?,
        })
    }
}

fn parse_member<T: DeserializeOwned, E: Error>(
    name: &str,
    value: Option<Value>,
) -> Result<Option<T>, E> {
    let parsed = value.map(serde_path_to_error::deserialize).transpose();
    parsed.map_err(|error| E::custom(format_args!("{name}{error}")))
}

/// The expected number of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"exactly\": 1}")]
pub struct ExpectedCount {
    /// Exactly this many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub exactly: Option<u64>,
    /// This many or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// This many or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// `true`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never: Option<bool>,
}

impl ExpectedCount {
    /// Expects exactly this many.
    pub fn exactly(number: u64) -> Self {
        Self { exactly: Some(number), ..Self::default() }
    }

    /// Expects this many or more.
    pub fn at_least(number: u64) -> Self {
        Self { at_least: Some(number), ..Self::default() }
    }

    /// Expects this many or fewer.
    pub fn at_most(number: u64) -> Self {
        Self { at_most: Some(number), ..Self::default() }
    }

    /// Expects none.
    pub fn never() -> Self {
        Self { never: Some(true), ..Self::default() }
    }
}

/// A passed verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// The number of matching requests.
    pub count: usize,
    /// Their sequence numbers.
    pub requests: Vec<u64>,
    /// The position after the last request examined.
    pub cursor: String,
}

/// A near miss: a request that almost matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Miss {
    /// Its sequence number.
    pub seq: u64,
    /// The operation.
    pub operation: Option<String>,
    /// How it differs from the pattern.
    pub differences: Vec<Difference>,
}

/// One difference from the pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The attribute: `status`, `field title`.
    pub what: String,
    /// The expected value.
    pub wanted: String,
    /// The actual value.
    pub was: String,
}

/// The result of a wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// The matching requests; absent with `ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<JournalEntry>>,
    /// The ticket, without its timeline; null if it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<Value>,
    /// The position after the last request, for the next wait.
    pub cursor: String,
}

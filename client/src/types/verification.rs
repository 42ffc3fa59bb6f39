//! Patterns of requests, verifications and near misses.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A filter of requests. Omitted conditions match everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"operation\": \"create\"}")]
pub struct RequestPattern {
    /// `ticket.setStatus`, or `setStatus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The status of the response: a number, a class such as `4xx`, or `none` if none was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// A kind of warning that it caused; or `any` or `none`, which ignore the kind `no-documented-way`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// A condition on the path as it was sent, without the query: a text to equal, or `{"matches": REGEX}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub path: Option<Value>,
    /// Conditions on headers by name, in any case; the same conditions as those of fields.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// Conditions on fields by name, or by path such as `actions[0][value]`: a value to equal, or `{"matches": REGEX}`,
    /// `{"present": true}`, `{"absent": true}`, `{"equals": VALUE}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// A condition on the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a status such as 400, a class such as \"4xx\", or \"none\"")]
pub enum StatusFilter {
    /// Exactly this status.
    Code(u16),
    /// A class such as `4xx`, or `none`.
    Class(String),
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for StatusFilter {
    /// Describes one schema with two types, because code generators for typed languages fail on a choice of them.
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Integer]))
            .pattern(Some("^([0-9]{3}|[1-5]xx|none)$"))
            .minimum(Some(0))
            .maximum(Some(u16::MAX));
        schema.description(Some("A status such as 400, a class such as `4xx`, or `none`.")).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for StatusFilter {}

/// An expectation of a test: a number of requests, or an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verification {
    /// The pattern.
    #[serde(flatten)]
    pub pattern: RequestPattern,
    /// The count; at least one by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<ExpectedCount>,
    /// Instead of a pattern and a count: requests in this order. Other requests may arrive in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<RequestPattern>>,
    /// With `order`: the minimum interval between successive requests, by the account's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_interval: Option<String>,
    /// A cursor: only requests after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl<'de> Deserialize<'de> for Verification {
    /// Deserializes by hand, since serde's `flatten` accepts unknown fields.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pattern = Map::<String, Value>::deserialize(deserializer)?;
        let mut take = |name: &str| pattern.remove(name).filter(|value| !value.is_null());
        let (count, order, min_interval, since) =
            (take("count"), take("order"), take("min_interval"), take("since"));
        if let Some(name) = COUNT_MEMBERS.into_iter().find(|name| take(name).is_some()) {
            return Err(D::Error::custom(format_args!(
                "{name} is a member of count: {{\"count\": {{\"{name}\": …}}}}"
            )));
        }
        Ok(Self {
            pattern: parse_member(
                "pattern (all members except count, order, min_interval and since): ",
                Some(pattern.into()),
            )?
            .unwrap_or_default(),
            count: parse_member("count: ", count)?,
            order: parse_member("order: ", order)?,
            min_interval: parse_member("min_interval: ", min_interval)?,
            since: parse_member("since: ", since)?,
        })
    }
}

/// The members of [`ExpectedCount`]; a pattern has none of these names.
const COUNT_MEMBERS: [&str; 4] = ["exactly", "at_least", "at_most", "never"];

fn parse_member<T: DeserializeOwned, E: Error>(
    name: &str,
    value: Option<Value>,
) -> Result<Option<T>, E> {
    let parsed = value.map(serde_path_to_error::deserialize).transpose();
    parsed.map_err(|error| E::custom(format_args!("{name}{error}")))
}

/// The expected number of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"exactly\": 1}")]
pub struct ExpectedCount {
    /// Exactly this many.
    #[serde(skip_serializing_if = "Option::is_none")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerificationResult {
    /// The number of matching requests.
    pub count: usize,
    /// Their sequence numbers.
    pub requests: Vec<u64>,
    /// The position after the last request examined.
    pub cursor: String,
}

/// A near miss: a request that almost matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NearMiss {
    /// Its sequence number.
    pub seq: u64,
    /// The operation.
    pub operation: Option<String>,
    /// When it arrived, by the account's clock, RFC 3339.
    pub at: String,
    /// When it arrived, by the system clock.
    pub real_at: String,
    /// How it differs from the pattern.
    pub differences: Vec<Difference>,
}

/// One difference from the pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// The attribute: `status`, `field title`.
    pub attribute: String,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

//! What was asked, what came of it, and what a test expects of that.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Requests of an account, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestList {
    /// The requests.
    pub requests: Vec<JournalEntry>,
    /// The place after the last one that was looked at, to go on from with `since`.
    pub cursor: String,
    /// Whether some were dropped that `since`, or the beginning, asks for.
    pub truncated: bool,
    /// Whether `limit` has left some out.
    pub more: bool,
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its number. Numbers of an account go up and are never used twice.
    pub seq: u64,
    /// The place after it.
    pub cursor: String,
    /// When it came, by the account's clock, RFC 3339.
    #[schema(example = "2026-03-01T12:00:00Z")]
    pub at: String,
    /// When it came, by the machine's clock.
    pub real_at: String,
    /// What it asked for, such as `ticket.create`; null where nothing is.
    pub operation: Option<String>,
    /// The method.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// What was sent in path, query and body, decoded, without the key.
    pub fields: Map<String, Value>,
    /// Whether there were too many fields to keep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fields_left_out: bool,
    /// The name of the key; null where none was known.
    pub key: Option<String>,
    /// The status of the answer; null where there was none.
    pub status: Option<u16>,
    /// The body of the answer: JSON, or text where it is none; null where there was none.
    pub body: Value,
    /// Whether the body was too long to keep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub body_left_out: bool,
    /// Until the answer was ready, in milliseconds.
    pub duration_ms: f64,
    /// The fault that was applied.
    #[schema(inline)]
    pub fault: Option<AppliedFault>,
    /// What it changed.
    pub changes: Vec<Row>,
    /// How many more rows it changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_left_out: usize,
    /// What was accepted although no document says so.
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
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
    /// What happened to it.
    pub did: Did,
    /// What its columns held before and hold now. Of a new one those that hold something, of a deleted one none.
    pub columns: Vec<ColumnChange>,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Did {
    /// It is new.
    Created,
    /// It is another one now.
    Updated,
    /// It is gone.
    Deleted,
}

/// What a column held before and holds now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnChange {
    /// The name of the column.
    pub column: String,
    /// What it held.
    pub from: Value,
    /// What it holds.
    pub to: Value,
}

/// What was accepted although no document says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// The kind of warning.
    #[schema(example = "unknown-field")]
    pub kind: String,
    /// The way to the field, where it is about one: `actions[0][value]`.
    pub field: Option<String>,
    /// What was probably meant.
    pub nearest: Option<String>,
    /// The whole in words.
    pub text: String,
}

/// What changed, request by request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeList {
    /// Requests that changed something, in the order in which that was kept.
    pub changes: Vec<Change>,
    /// The place after the last request that was looked at.
    pub cursor: String,
    /// Whether some were dropped that `since`, or the beginning, asks for.
    pub truncated: bool,
    /// Whether `limit` has left some out.
    pub more: bool,
}

/// What one request changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The number of the request.
    pub seq: u64,
    /// The place after it.
    pub cursor: String,
    /// When it came, by the account's clock.
    pub at: String,
    /// What it asked for.
    pub operation: Option<String>,
    /// The name of the key.
    pub key: Option<String>,
    /// What it changed.
    pub rows: Vec<Row>,
    /// How many more rows it changed.
    pub rows_left_out: usize,
}

/// What requests are asked for. What is left out does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"operation\": \"create\"}")]
pub struct Pattern {
    /// `ticket.setStatus`, or `setStatus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "setStatus")]
    pub operation: Option<String>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "POST")]
    pub method: Option<String>,
    /// The status of the answer: a number, a class such as `4xx`, or `none` where there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub status: Option<StatusWanted>,
    /// The name of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether it changed something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// Whether a fault was applied to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<bool>,
    /// A kind of warning that it left, or `any` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "any")]
    pub warning: Option<String>,
    /// Fields by name, or by path such as `actions[0][value]`: a value that they equal, or `{"matches": REGEX}`,
    /// `{"present": true}`, `{"absent": true}`, `{"equals": VALUE}`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// A status that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a status such as 400, a class such as \"4xx\", or \"none\"")]
pub enum StatusWanted {
    /// This one.
    Number(u16),
    /// A class such as `4xx`, or `none`.
    Word(String),
}

/// What a test expects of the requests that came: a number of them, or an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Verification {
    /// Which requests.
    #[serde(flatten)]
    pub pattern: Pattern,
    /// How many; at least one by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub count: Option<Count>,
    /// Instead of a pattern and a count: one after the other. Others may come between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<Pattern>>,
    /// With `order`: how long after the one before each comes at least, by the account's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1s")]
    pub apart: Option<String>,
    /// Only requests after this place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl<'de> Deserialize<'de> for Verification {
    /// By hand, since what is flattened does not refuse what it does not know.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut pattern = Map::<String, Value>::deserialize(from)?;
        let mut take = |name: &str| pattern.remove(name).filter(|value| !value.is_null());
        let (count, order, apart, since) =
            (take("count"), take("order"), take("apart"), take("since"));
        Ok(Self {
            pattern: read(
                "a pattern, beside count, order, apart and since: ",
                Some(pattern.into()),
            )?
            .unwrap_or_default(),
            count: read("count: ", count)?,
            order: read("order: ", order)?,
            apart: read("apart: ", apart)?,
            since: read("since: ", since)?,
        })
    }
}

fn read<T: DeserializeOwned, E: Error>(name: &str, value: Option<Value>) -> Result<Option<T>, E> {
    let read = value.map(serde_path_to_error::deserialize).transpose();
    read.map_err(|error| E::custom(format_args!("{name}{error}")))
}

/// How many requests are expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, expecting = "an object such as {\"exactly\": 1}")]
pub struct Count {
    /// So many, no more and no less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub exactly: Option<u64>,
    /// So many or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// So many or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// None.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never: Option<bool>,
}

impl Count {
    /// So many, no more and no less.
    pub fn exactly(number: u64) -> Self {
        Self { exactly: Some(number), ..Self::default() }
    }

    /// So many or more.
    pub fn at_least(number: u64) -> Self {
        Self { at_least: Some(number), ..Self::default() }
    }

    /// So many or fewer.
    pub fn at_most(number: u64) -> Self {
        Self { at_most: Some(number), ..Self::default() }
    }

    /// None.
    pub fn never() -> Self {
        Self { never: Some(true), ..Self::default() }
    }
}

/// That an expectation holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// How many requests are as expected.
    pub count: usize,
    /// Their numbers.
    pub requests: Vec<u64>,
    /// The place after the last request that was looked at.
    pub cursor: String,
}

/// A request that is nearly as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Miss {
    /// Its number.
    pub seq: u64,
    /// What it asked for.
    pub operation: Option<String>,
    /// In what it is different.
    pub differences: Vec<Difference>,
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Of what: `status`, `field title`.
    pub what: String,
    /// What was expected.
    pub wanted: String,
    /// What it was.
    pub was: String,
}

/// What a wait has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// The requests that were waited for; with `ticket` there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<JournalEntry>>,
    /// The ticket that was waited for, without its timeline; null where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<Value>,
    /// The place after the last of the requests, to wait on from.
    pub cursor: String,
}

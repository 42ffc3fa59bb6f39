//! The request journal: requests, their warnings and their changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Requests of an account, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestList {
    /// The requests.
    pub requests: Vec<JournalEntry>,
    /// The position after the last request examined; pass it as `since` to continue.
    pub cursor: String,
    /// Whether requests after `since`, or from the start, were evicted.
    pub truncated: bool,
    /// Whether more requests follow after this page.
    pub has_more: bool,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the JSON object")]
pub struct JournalEntry {
    /// Its sequence number: ascending and unique in an account.
    pub seq: u64,
    /// The position after it.
    pub cursor: String,
    /// When it arrived, by the account's clock, RFC 3339.
    pub at: String,
    /// When it arrived, by the system clock.
    pub real_at: String,
    /// The operation, such as `ticket.create`; null if no operation matches.
    pub operation: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The headers, with lower-case names. Values of the same name are joined with a comma; credentials are redacted.
    pub headers: BTreeMap<String, String>,
    /// Whether some headers were too large for the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub headers_omitted: bool,
    /// The decoded input of path, query and body, without the API key. A field of the path precedes one of the body, and
    /// that one of the query.
    pub fields: Map<String, Value>,
    /// The fields of the query alone.
    pub query: Map<String, Value>,
    /// The first 256 bytes of a body that could not be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecoded_body: Option<String>,
    /// Whether the fields were too large for the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fields_omitted: bool,
    /// Whether the console sent it. Verifications and waits ignore such requests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub console: bool,
    /// The name of the API key; null if it was missing or unknown.
    pub key: Option<String>,
    /// The status of the response; null if none was sent.
    pub status: Option<u16>,
    /// The headers of the response, except those that describe the connection and the length of the body.
    #[cfg_attr(feature = "openapi", schema(example = json!({ "content-type": "application/json" })))]
    pub response_headers: BTreeMap<String, String>,
    /// The response body: JSON, or text if it is not JSON; null if none was sent.
    pub response_body: Value,
    /// Whether the response body was too large for the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub response_body_omitted: bool,
    /// Time until the response was ready, in milliseconds.
    pub duration_ms: f64,
    /// The fault that was applied.
    pub fault: Option<AppliedFault>,
    /// The changed rows.
    pub changes: Vec<RowChange>,
    /// The number of further changed rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_omitted: usize,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A fault that was applied to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedFault {
    /// The id of the rule.
    pub id: u64,
    /// The name of the effect.
    pub effect: String,
}

/// A warning: the server accepted something undocumented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The kind of warning.
    pub kind: String,
    /// The path of the affected field, if any: `actions[0][value]`.
    pub field: Option<String>,
    /// The closest valid name.
    pub suggestion: Option<String>,
    /// The complete message.
    pub message: String,
}

/// One row of the account's data that a request changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowChange {
    /// `ticket` or `customer`.
    pub resource: String,
    /// Its id.
    pub id: i64,
    /// The kind of change.
    pub change: ChangeKind,
    /// The old and new values of its columns: of a created row those that are not null, of a deleted row none.
    pub columns: Vec<ColumnChange>,
}

/// The kind of change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// It was updated.
    Updated,
    /// It was deleted.
    Deleted,
}

/// The old and new value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnChange {
    /// The name of the column.
    pub column: String,
    /// The old value.
    pub from: Value,
    /// The new value.
    pub to: Value,
}

/// The changes of an account by request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeList {
    /// Requests that changed data, in commit order.
    pub changes: Vec<RequestChanges>,
    /// The position after the last request examined.
    pub cursor: String,
    /// Whether requests after `since`, or from the start, were evicted.
    pub truncated: bool,
    /// Whether more requests follow after this page.
    pub has_more: bool,
}

/// The changes of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestChanges {
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
    pub rows: Vec<RowChange>,
    /// The number of further changed rows.
    pub rows_omitted: usize,
}

/// The result of a wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitResult {
    /// The matching requests; absent with `ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<JournalEntry>>,
    /// The ticket, without its timeline; null if it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub ticket: Option<Value>,
    /// The position after the last request, for the next wait.
    pub cursor: String,
}

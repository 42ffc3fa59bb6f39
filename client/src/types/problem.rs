//! The error response.

use serde::{Deserialize, Serialize};

use super::NearMiss;

/// An error of the control API (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProblemDetails {
    /// Identifies the kind of problem: the path of its documentation on this server. What follows `#` never changes;
    /// the path begins with that of the base URL, if it has one.
    #[serde(rename = "type")]
    pub kind: String,
    /// A summary of the kind of problem.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The most similar requests, for `verification-failed` and `wait-timeout`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub near_misses: Vec<NearMiss>,
}

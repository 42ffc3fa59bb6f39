//! What the server says of itself.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::problem::Problem;
use crate::fidelity::{self, Entry};
use crate::state::Shared;

/// Whether the server runs.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, body = String, content_type = "text/plain", description = "ok")))]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// Whether the server answers requests.
#[utoipa::path(get, path = "/ready", tag = "server", operation_id = "ready",
    responses((status = 200, body = String, content_type = "text/plain", description = "ready")))]
pub(super) async fn ready() -> &'static str {
    "ready"
}

/// The ledger: what the vendor documents, and what is chosen where it is silent.
#[utoipa::path(get, path = "/fidelity", tag = "server", operation_id = "fidelity",
    responses((status = 200, body = Vec<Object>, description = "Every fact with its source"), Problem))]
pub(super) async fn fidelity(State(state): State<Shared>) -> Json<Vec<Entry>> {
    Json(fidelity::ledger(&state.accounts.dialect))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "server", operation_id = "controlOpenapi",
    responses((status = 200, body = Object, description = "OpenAPI 3.1"), Problem))]
pub(super) async fn openapi() -> Json<Value> {
    Json(serde_json::to_value(super::document()).unwrap_or_default())
}

//! What the server says of itself.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::problem::{Kind, Problem};
use crate::fidelity::{self, Entry};
use crate::metrics;
use crate::state::Shared;

/// Whether the server runs.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, body = String, content_type = "text/plain", description = "ok")))]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// Whether the server answers requests: it has not been told to end, and its catalogue can be read.
#[utoipa::path(get, path = "/ready", tag = "server", operation_id = "ready",
    responses((status = 200, body = String, content_type = "text/plain", description = "ready"), Problem))]
pub(super) async fn ready(State(state): State<Shared>) -> Result<&'static str, Problem> {
    if *state.ending.borrow() {
        return Err(Problem::new(Kind::Ending, "It was told to end, and takes no more requests."));
    }
    state.accounts.check().await.map_err(|error| {
        tracing::error!(%error, "the server is not ready");
        Problem::new(Kind::NotReady, "The catalogue of accounts cannot be read; the log says why.")
    })?;
    Ok("ready")
}

/// What the server counts of itself, as Prometheus reads it. No label names an account.
#[utoipa::path(get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "The text format 0.0.4"), Problem))]
pub(super) async fn metrics(State(state): State<Shared>) -> Result<Response, Problem> {
    let text = state.metrics.text(state.accounts.census());
    let text = text.map_err(|error| Problem::new(Kind::Failed, error.to_string()))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
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

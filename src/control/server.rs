//! Handlers for health, metrics and fidelity report.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, ProblemKind};
use crate::api::state::SharedState;
use crate::control::fidelity;
use crate::control::fidelity::FidelityFact;
use crate::metrics;

/// Returns `ok` if the server runs.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, body = String, content_type = "text/plain", description = "ok")))]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// Returns `ready` if the server accepts requests: it is not shutting down and can read its catalogue.
#[utoipa::path(get, path = "/ready", tag = "server", operation_id = "ready",
    responses((status = 200, body = String, content_type = "text/plain", description = "ready"), Problem))]
pub(super) async fn ready(State(state): State<SharedState>) -> Result<&'static str, Problem> {
    if state.is_draining.load(Ordering::Relaxed) {
        return Err(Problem::new(
            ProblemKind::ShuttingDown,
            "The server will shut down after --drain-delay. It still serves requests.",
        ));
    }
    if *state.shutdown.borrow() {
        return Err(Problem::new(
            ProblemKind::ShuttingDown,
            "The server accepts no more requests.",
        ));
    }
    state.accounts.check_catalogue().await.map_err(|error| {
        tracing::error!(%error, "the server is not ready");
        Problem::new(
            ProblemKind::NotReady,
            "The account catalogue cannot be read. The server's log has the cause.",
        )
    })?;
    Ok("ready")
}

/// Returns the server's metrics in the Prometheus text format. No label names an account.
#[utoipa::path(get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "The text format 0.0.4"), Problem))]
pub(super) async fn metrics(State(state): State<SharedState>) -> Result<Response, Problem> {
    let text = state.metrics.encode(state.accounts.gauge_snapshot());
    let text = text.map_err(|error| Problem::new(ProblemKind::InternalError, error.to_string()))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// Returns the fidelity report: the documented facts and the undocumented assumptions.
#[utoipa::path(get, path = "/fidelity", tag = "server", operation_id = "fidelity",
    responses((status = 200, body = Vec<FidelityFact>, description = "Every fact with its fidelity"), Problem))]
pub(super) async fn fidelity(State(state): State<SharedState>) -> Json<Vec<FidelityFact>> {
    Json(fidelity::fidelity_report(&state.accounts.default_dialect))
}

//! The log lines of requests. API keys never reach them.

use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::api::{AuthenticationFailure, ProtocolError, RequestLogInfo};

/// Logs a protocol-level rejection of a request head or a connection.
pub(super) fn log_rejection(error: ProtocolError) {
    tracing::info!(reason = %error, "rejected");
}

/// Logs a request; the status is 0 if a fault suppresses the response, and only a request that is not authenticated has a
/// reason. `route` is the path template of the contract, so
/// that ids and queries stay out of the log.
pub(super) fn log_request(
    (method, route): (&Method, &str),
    info: Option<&RequestLogInfo>,
    status: Option<StatusCode>,
    failure: Option<AuthenticationFailure>,
    elapsed: Duration,
) {
    let account = info.and_then(|info| info.account_name.as_deref()).unwrap_or("-");
    let method = standard_method_name(method);
    // Rounded to microseconds; the rest is noise.
    let milliseconds = (elapsed.as_secs_f64() * 1_000_000.0).round() / 1000.0;
    tracing::info!(
        method,
        route,
        account,
        status = status.map_or(0, |status| status.as_u16()),
        reason = failure.map(|AuthenticationFailure(reason)| reason),
        ms = milliseconds,
        "request"
    );
}

/// Returns the method for the log. A non-standard method may have any length, and may contain a key.
fn standard_method_name(method: &Method) -> &'static str {
    const ALL: [&str; 9] =
        ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT"];
    ALL.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}

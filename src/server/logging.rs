//! Logs to standard error, one line per request. API keys never reach the log.

use std::io::BufWriter;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::api::{ProtocolError, RequestLogInfo};
use crate::cli::settings::LogFormat;

/// The buffer for log lines that arrive faster than they are written, in bytes.
const LOG_BUFFER_BYTES: usize = 16 * 1024;

/// Starts the log. Dropping the guard flushes it; later lines are lost.
pub(crate) fn init(format: LogFormat) -> WorkerGuard {
    init_with_level(format, "info")
}

/// Starts a log of warnings and errors only.
pub(crate) fn init_warnings_only(format: LogFormat) -> WorkerGuard {
    init_with_level(format, "warn")
}

/// Starts the log at this level, which `RUST_LOG` overrides.
fn init_with_level(format: LogFormat, level: &str) -> WorkerGuard {
    // The worker flushes whenever its queue is empty.
    let stderr = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (writer, guard) = tracing_appender::non_blocking(stderr);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    match format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    guard
}

/// Logs a protocol-level rejection of a request head or a connection.
pub(crate) fn log_rejection(error: ProtocolError) {
    tracing::info!(reason = %error, "refused");
}

/// Logs a request; the status is 0 if a fault suppresses the response. `route` is the path template of the contract, so
/// that ids and queries stay out of the log.
pub(crate) fn log_request(
    (method, route): (&Method, &str),
    info: Option<&RequestLogInfo>,
    status: Option<StatusCode>,
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

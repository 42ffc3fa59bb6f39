//! How the log looks: lines on standard error, one for each request. No key ever gets here.

use std::io::BufWriter;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::http::{Trail, Unheard};
use crate::settings::LogForm;

/// How much of the log is written at once where lines come faster than one by one, in bytes.
const TOGETHER: usize = 16 * 1024;

/// Starts the log. What is written is lost when the guard is dropped too early.
pub(crate) fn start(form: LogForm) -> WorkerGuard {
    start_at(form, "info")
}

/// Starts a log of what is wrong alone.
pub(crate) fn start_quietly(form: LogForm) -> WorkerGuard {
    start_at(form, "warn")
}

/// `RUST_LOG` sets another level.
fn start_at(form: LogForm, level: &str) -> WorkerGuard {
    // Flushed whenever no further line waits.
    let together = BufWriter::with_capacity(TOGETHER, std::io::stderr());
    let (writer, guard) = tracing_appender::non_blocking(together);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    match form {
        LogForm::Text => lines.with_ansi(false).init(),
        LogForm::Json => lines.json().flatten_event(true).init(),
    }
    guard
}

/// Writes the line of what was refused before it was understood: its head, or its connection.
pub(crate) fn refused(unheard: Unheard) {
    tracing::info!(reason = %unheard, "refused");
}

/// Writes the line of a request; its status is 0 where a fault leaves it without an answer. `route` is the path of the contract, so no id and no query gets here.
pub(crate) fn request(
    (method, route): (&Method, &str),
    trail: Option<&Trail>,
    status: Option<StatusCode>,
    time: Duration,
) {
    let account = trail.and_then(|trail| trail.account.as_deref()).unwrap_or("-");
    let method = registered(method);
    // To the microsecond; below that is noise.
    let milliseconds = (time.as_secs_f64() * 1_000_000.0).round() / 1000.0;
    tracing::info!(
        method,
        route,
        account,
        status = status.map_or(0, |status| status.as_u16()),
        ms = milliseconds,
        "request"
    );
}

/// A method as the log has it. One that is not registered may be of any length, and may be a key.
fn registered(method: &Method) -> &'static str {
    const ALL: [&str; 9] =
        ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT"];
    ALL.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}

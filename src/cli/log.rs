//! Starts the log on standard error.

use std::io::BufWriter;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::cli::arguments::LogFormat;

/// The buffer for log lines that arrive faster than they are written, in bytes.
const LOG_BUFFER_BYTES: usize = 16 * 1024;
/// The most log lines that wait to be written; more are dropped, so that a slow reader of the log delays no request. The
/// queue is allocated at the start: the default of 128,000 lines takes a third of the time that the start takes.
const MAX_WAITING_LINES: usize = 16_384;

/// Starts the log. Dropping the guard flushes it; later lines are lost.
pub(super) fn init(format: LogFormat) -> WorkerGuard {
    init_with_level(format, "info")
}

/// Starts a log of warnings and errors only.
pub(super) fn init_warnings_only(format: LogFormat) -> WorkerGuard {
    init_with_level(format, "warn")
}

/// Starts the log at this level, which `RUST_LOG` overrides.
fn init_with_level(format: LogFormat, level: &str) -> WorkerGuard {
    // The worker flushes whenever its queue is empty.
    let stderr = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(MAX_WAITING_LINES).finish(stderr);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    match format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    guard
}

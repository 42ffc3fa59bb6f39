//! The command line flags for limits and timeouts.

use std::time::Duration;

use clap::Args;

use super::parse_duration;
use crate::api::limits::{self, ConnectionLimits, InputLimits, Limits};

/// The limits of a server. A request beyond one of them is rejected with a message that names it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Maximum number of open connections; beyond it 503
    #[arg(long, env = "OMNIDESK_MOCK_MAX_CONNECTIONS", default_value = "4096", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: u32,
    /// Maximum size of a request's URL and headers, in bytes; beyond it 431
    #[arg(long, env = "OMNIDESK_MOCK_MAX_HEADER_BYTES", default_value = "131072", value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(8192..=1_048_576))]
    max_header_bytes: u32,
    /// Maximum size of a request body, in bytes; beyond it 413
    #[arg(long, env = "OMNIDESK_MOCK_MAX_BODY_BYTES", default_value_t = limits::DEFAULT_MAX_BODY_BYTES, value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_073_741_824))]
    max_body_bytes: u32,
    /// Maximum number of values in a request, for query and body each; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_VALUES", default_value_t = limits::DEFAULT_MAX_VALUES, value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_values: u32,
    /// Maximum nesting depth of brackets or JSON in a request; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_DEPTH", default_value_t = limits::DEFAULT_MAX_DEPTH, value_name = "NUMBER",
        value_parser = clap::value_parser!(u8).range(4..=64))]
    max_depth: u8,
    /// Maximum size of a Ticket API response, in bytes; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_ANSWER_BYTES", default_value = "268435456", value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(1024..=1_000_000_000))]
    max_answer_bytes: u32,
    /// Maximum number of concurrent waits and streams per account; beyond it 429
    #[arg(long, env = "OMNIDESK_MOCK_MAX_WAITS", default_value = "100", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_waits: u32,
    /// Timeout for receiving the headers of a request; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_HEADER_TIMEOUT", default_value = "10s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    header_timeout: Duration,
    /// Timeout for receiving a request body; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_BODY_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    body_timeout: Duration,
    /// Timeout for a queued request, and for a read; beyond it 503, and nothing is changed
    #[arg(long, env = "OMNIDESK_MOCK_ANSWER_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    pub(crate) answer_timeout: Duration,
    /// Timeout of an idle connection; it is closed then
    #[arg(long, env = "OMNIDESK_MOCK_IDLE_TIMEOUT", default_value = "5m", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, DAY))]
    idle_timeout: Duration,
    /// Timeout of a client that reads nothing of its response; its connection is closed then
    #[arg(long, env = "OMNIDESK_MOCK_SEND_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, DAY))]
    send_timeout: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The shortest allowed timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

fn parse_timeout(text: &str, max: Duration) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if (MIN_TIMEOUT..=max).contains(&timeout) {
        return Ok(timeout);
    }
    let max = if max == DAY { "24h" } else { "1h" };
    Err(format!("must be from 10ms to {max}"))
}

impl LimitArgs {
    /// Converts the flags to the server's limits.
    pub(crate) fn to_limits(&self) -> Limits {
        Limits {
            input: InputLimits {
                max_values: to_usize(self.max_values),
                max_depth: usize::from(self.max_depth),
            },
            max_body_bytes: to_usize(self.max_body_bytes),
            max_response_bytes: to_usize(self.max_answer_bytes),
            body_timeout: self.body_timeout,
            connections: ConnectionLimits {
                max_open: to_usize(self.max_connections),
                max_rejected: limits::MAX_REJECTED_CONNECTIONS,
                max_head_bytes: to_usize(self.max_header_bytes),
                head_timeout: self.header_timeout,
                idle_timeout: self.idle_timeout,
                send_timeout: self.send_timeout,
            },
        }
    }

    /// Returns the maximum number of concurrent waits and streams per account.
    pub(crate) fn max_waits(&self) -> usize {
        to_usize(self.max_waits)
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

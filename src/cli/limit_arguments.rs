//! The command line flags for limits and timeouts.

use std::time::Duration;

use clap::Args;

use crate::api::limits::{self, ConnectionLimits, InputLimits, Limits};
use crate::cli::flag_values::{DAY, HOUR, number_in, parse_timeout};
use crate::server::config::ServerConfig;

/// The limits of a server. A request beyond one of them is rejected with a message that names it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Maximum number of open connections; beyond it 503
    #[arg(long, env = "OMNIDESK_MOCK_MAX_CONNECTIONS",
        default_value_t = ServerConfig::default().limits.connections.max_open,
        value_name = "NUMBER", value_parser = number_in(1..=100_000))]
    max_connections: usize,
    /// Maximum size of a request's URL and headers, in bytes; beyond it 431
    #[arg(long, env = "OMNIDESK_MOCK_MAX_HEADER_BYTES",
        default_value_t = ServerConfig::default().limits.connections.max_header_bytes,
        value_name = "BYTES", value_parser = number_in(8192..=1_048_576))]
    max_header_bytes: usize,
    /// Maximum size of a request body, in bytes; beyond it 413
    #[arg(long, env = "OMNIDESK_MOCK_MAX_BODY_BYTES",
        default_value_t = ServerConfig::default().limits.max_body_bytes,
        value_name = "BYTES", value_parser = number_in(1024..=1_073_741_824))]
    max_body_bytes: usize,
    /// Maximum number of values in a request, for query and body each; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_VALUES",
        default_value_t = ServerConfig::default().limits.input.max_values,
        value_name = "NUMBER", value_parser = number_in(1..=1_000_000))]
    max_values: usize,
    /// Maximum nesting depth of brackets or JSON in a request; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_DEPTH",
        default_value_t = ServerConfig::default().limits.input.max_depth,
        value_name = "NUMBER", value_parser = number_in(4..=64))]
    max_depth: usize,
    /// Maximum size of a Ticket API response, in bytes; beyond it 400
    #[arg(long, env = "OMNIDESK_MOCK_MAX_RESPONSE_BYTES",
        default_value_t = ServerConfig::default().limits.max_response_bytes,
        value_name = "BYTES", value_parser = number_in(1024..=1_000_000_000))]
    max_response_bytes: usize,
    /// Maximum number of concurrent waits and streams per account; beyond it 429
    #[arg(long, env = "OMNIDESK_MOCK_MAX_WAITS", default_value_t = ServerConfig::default().max_waits,
        value_name = "NUMBER", value_parser = number_in(1..=10_000))]
    pub(super) max_waits: usize,
    // A test compares these texts with `ServerConfig::default`.
    /// Timeout for receiving the headers of a request; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_HEADER_TIMEOUT", default_value = "10s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    header_timeout: Duration,
    /// Timeout for receiving a request body; beyond it 408
    #[arg(long, env = "OMNIDESK_MOCK_BODY_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    body_timeout: Duration,
    /// Timeout for a queued request, and for a read; beyond it 503, and nothing is changed
    #[arg(long, env = "OMNIDESK_MOCK_OPERATION_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, HOUR))]
    pub(super) operation_timeout: Duration,
    /// Timeout of an idle connection; beyond it the connection is closed
    #[arg(long, env = "OMNIDESK_MOCK_IDLE_TIMEOUT", default_value = "5m", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, DAY))]
    idle_timeout: Duration,
    /// Timeout of a client that reads nothing of its response; beyond it the connection is closed
    #[arg(long, env = "OMNIDESK_MOCK_SEND_TIMEOUT", default_value = "60s", value_name = "TIME",
        value_parser = |text: &str| parse_timeout(text, DAY))]
    send_timeout: Duration,
}

impl LimitArgs {
    /// Converts the flags to the server's limits.
    pub(super) fn to_limits(&self) -> Limits {
        Limits {
            input: InputLimits { max_values: self.max_values, max_depth: self.max_depth },
            max_body_bytes: self.max_body_bytes,
            max_response_bytes: self.max_response_bytes,
            body_timeout: self.body_timeout,
            connections: ConnectionLimits {
                max_open: self.max_connections,
                max_rejected: limits::MAX_REJECTED_CONNECTIONS,
                max_header_bytes: self.max_header_bytes,
                header_timeout: self.header_timeout,
                idle_timeout: self.idle_timeout,
                send_timeout: self.send_timeout,
            },
        }
    }
}

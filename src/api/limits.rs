//! Limits of one request, one connection and all connections, with their defaults (all arbitrary).

use std::time::Duration;

/// How much of a too large body is discarded, in bytes, so that the client can read the response.
pub(crate) const MAX_DISCARDED_BYTES: usize = 256 * 1024 * 1024;
/// The timeout of discarding a body.
pub(crate) const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of excess connections that get a 503.
pub(crate) const MAX_REJECTED_CONNECTIONS: usize = 64;

/// The limits of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) input: InputLimits,
    /// The largest body, in bytes.
    pub(crate) max_body_bytes: usize,
    /// The largest Ticket API response, in bytes.
    pub(crate) max_response_bytes: usize,
    /// The timeout of reading a body.
    pub(crate) body_timeout: Duration,
    pub(crate) connections: ConnectionLimits,
}

impl Limits {
    /// The limits without flags.
    pub(crate) const DEFAULT: Self = Self {
        input: InputLimits { max_values: 8192, max_depth: 8 },
        max_body_bytes: 10 * 1024 * 1024,
        max_response_bytes: 256 * 1024 * 1024,
        body_timeout: Duration::from_mins(1),
        connections: ConnectionLimits {
            max_open: 4096,
            max_rejected: MAX_REJECTED_CONNECTIONS,
            max_header_bytes: 128 * 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(5),
            send_timeout: Duration::from_mins(1),
        },
    };
}

/// The limits of decoded input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputLimits {
    /// The maximum number of values of one request, counted over query and body each.
    pub(crate) max_values: usize,
    /// The deepest nesting.
    pub(crate) max_depth: usize,
}

/// The limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// The most concurrent ones.
    pub(crate) max_open: usize,
    /// The most excess ones that get a 503; more are closed at once.
    pub(crate) max_rejected: usize,
    /// The largest head of a request, its URL and headers, in bytes.
    pub(crate) max_header_bytes: usize,
    /// From the first byte of a request to the end of its head.
    pub(crate) header_timeout: Duration,
    /// Without a request.
    pub(crate) idle_timeout: Duration,
    /// Without a byte of a response being sent.
    pub(crate) send_timeout: Duration,
}

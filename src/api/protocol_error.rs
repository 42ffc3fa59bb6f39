//! Defines the errors of requests that are rejected before routing.

use std::fmt;
use std::time::Duration;

use crate::clock;
use crate::metrics::RejectionReason;

/// Why a request was rejected before routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    /// It is not valid HTTP/1.1.
    MalformedHttp,
    UrlTooLong,
    /// Its head has more than this many bytes, or more than 100 headers.
    HeadersTooLarge(usize),
    /// Its head exceeded this timeout.
    HeaderTimeout(Duration),
    /// This connection limit is reached.
    TooManyConnections(usize),
}

impl ProtocolError {
    /// Labels the metric.
    pub(crate) const fn rejection_reason(self) -> RejectionReason {
        match self {
            Self::MalformedHttp => RejectionReason::MalformedHttp,
            Self::UrlTooLong => RejectionReason::UrlTooLong,
            Self::HeadersTooLarge(_) => RejectionReason::HeadersTooLarge,
            Self::HeaderTimeout(_) => RejectionReason::HeaderTimeout,
            Self::TooManyConnections(_) => RejectionReason::TooManyConnections,
        }
    }
}

/// A sentence for the client.
impl fmt::Display for ProtocolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedHttp => out.write_str("The request is not valid HTTP/1.1."),
            Self::UrlTooLong => out.write_str("The URL is longer than 65534 bytes."),
            Self::HeadersTooLarge(max_bytes) => write!(
                out,
                "The URL and the headers have more than {max_bytes} bytes (--max-header-bytes), or there are more than 100 headers."
            ),
            Self::HeaderTimeout(timeout) => write!(
                out,
                "The headers were not complete after {} (--header-timeout).",
                clock::format_duration(*timeout)
            ),
            Self::TooManyConnections(max_open) => write!(
                out,
                "The limit of {max_open} connections is reached (--max-connections); close unused connections."
            ),
        }
    }
}

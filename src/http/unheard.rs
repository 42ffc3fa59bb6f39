//! Requests that are refused before anyone knows what they ask for.

use std::fmt;
use std::time::Duration;

use crate::clock;
use crate::metrics::Reason;

/// Why a request was refused before it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// It is no HTTP/1.1, or breaks its rules.
    BadHttp,
    UrlTooLong,
    /// Its head has more than so many bytes, or more than a hundred headers.
    HeadTooLarge(usize),
    /// Its head has not arrived within this time.
    TooSlow(Duration),
    /// There are as many connections as there may be.
    Crowded(usize),
}

impl Unheard {
    /// How it is counted.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::BadHttp => Reason::BadHttp,
            Self::UrlTooLong => Reason::UrlTooLong,
            Self::HeadTooLarge(_) => Reason::HeadersTooLarge,
            Self::TooSlow(_) => Reason::TooSlow,
            Self::Crowded(_) => Reason::Connections,
        }
    }
}

/// A sentence for the client.
impl fmt::Display for Unheard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHttp => out.write_str("This is no HTTP/1.1 request that can be understood."),
            Self::UrlTooLong => out.write_str("The URL is longer than 65534 bytes."),
            Self::HeadTooLarge(most) => write!(
                out,
                "The URL and the headers have more than {most} bytes (--max-header-bytes), or there are more than 100 headers."
            ),
            Self::TooSlow(time) => write!(
                out,
                "The headers were not complete after {} (--header-timeout).",
                clock::words(*time)
            ),
            Self::Crowded(most) => write!(
                out,
                "{most} connections are open, as many as there may be (--max-connections); close some that are not used."
            ),
        }
    }
}

//! How much one request, one connection and all of them may ask of the server (all chosen).

use std::time::Duration;

/// The usual bound of a body, in bytes.
pub(crate) const BODY: u32 = 10 * 1024 * 1024;
/// The usual bound of the values of one request, counted over query and body each.
pub(crate) const VALUES: u32 = 8192;
/// The usual bound of the nesting of brackets or of JSON.
pub(crate) const DEPTH: u8 = 8;
/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer.
pub(crate) const DRAINED: usize = 256 * 1024 * 1024;
/// How long that may take.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The most connections beyond the bound that are told so.
pub(crate) const CROWD: usize = 64;

/// The bounds of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) shape: Shape,
    /// The largest body, in bytes.
    pub(crate) body: usize,
    /// The largest answer of the Ticket API, in bytes.
    pub(crate) answer: usize,
    /// How long a body may take to arrive.
    pub(crate) body_time: Duration,
    pub(crate) line: LineLimits,
}

/// The bounds of what is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The most values of one request, counted over query and body each.
    pub(crate) values: usize,
    /// The deepest nesting.
    pub(crate) depth: usize,
}

/// The bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineLimits {
    /// The most at the same time.
    pub(crate) most: usize,
    /// The most beyond them that are told so; more are closed at once.
    pub(crate) crowd: usize,
    /// The largest head of a request, its URL and headers, in bytes.
    pub(crate) head: usize,
    /// From the first byte of a request to the end of its head.
    pub(crate) head_time: Duration,
    /// Without a request.
    pub(crate) idle_time: Duration,
    /// Without a byte of an answer being taken.
    pub(crate) send_time: Duration,
}

//! How much one request may ask of the server (all chosen).

use std::time::Duration;

/// The largest body, in bytes.
pub(crate) const BODY: usize = 10 * 1024 * 1024;
/// How much of a body that is too large is read and thrown away, so that its sender gets to read the answer.
pub(crate) const DRAINED: usize = 256 * 1024 * 1024;
/// How long that may take.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(10);
/// The most values of one request, counted over query and body each.
pub(crate) const VALUES: usize = 8192;
/// The deepest nesting of brackets or of JSON.
pub(crate) const DEPTH: usize = 8;

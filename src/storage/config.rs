//! The settings of database files.

use std::time::Duration;

use super::database_limit::DatabaseLimit;
use crate::metrics::SqliteMetrics;

/// The durability of acknowledged writes: the failures that they survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A crash of the process.
    Process,
    /// A power failure as well, which is slower.
    #[cfg_attr(
        not(any(feature = "cli", test)),
        expect(dead_code, reason = "only the command line offers it")
    )]
    Power,
}

/// Settings and limits of database files.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) durability: Durability,
    /// The timeout of a queued write, and of a query.
    pub(crate) operation_timeout: Duration,
    pub(crate) metrics: SqliteMetrics,
    /// Limits the databases open in files.
    pub(crate) database_limit: DatabaseLimit,
}

//! Divides the file descriptors of the process between connections and databases.

use crate::api::limits::{self, ConnectionLimits, Limits};

/// File descriptors of an open database besides two per reader connection: the database, its write-ahead log, the
/// log's index, and briefly its directory (counted).
const FDS_PER_DATABASE: usize = 4;
/// The most reader connections of one database.
const MAX_READERS_PER_DATABASE: usize = 4;
/// The maximum number of databases that are open at the same time (arbitrary): each connection is a thread with memory of its own.
const MAX_OPEN_DATABASES: usize = 256;
/// The number of databases that must fit before each gets more than one reader connection (arbitrary).
const MIN_DATABASES_BEFORE_READERS: usize = 8;
/// File descriptors of the runtime, all opened when it starts (counted).
pub(crate) const RUNTIME_FDS: usize = 9;
/// File descriptors of a server besides databases and connections: the listener, the lock file and the catalogue (8,
/// counted), running copies (8), and some spare ones.
const SERVER_FDS: usize = 24;
/// The minimum for a server: one database with one reader, and 6 connections (arbitrary).
const MIN_FREE_FDS: usize = FDS_PER_DATABASE + 2 + 6;

/// Divides the file descriptor limit, so that neither connections nor databases use it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FdBudget {
    /// The maximum number of connections.
    connections: usize,
    /// The most of these connections for clients over the limit, which get a 503 response.
    rejecting_connections: usize,
    /// The maximum number of databases that are open at the same time.
    pub(super) open_databases: usize,
    /// The most reader connections of each.
    pub(super) readers_per_database: u32,
}

/// The file descriptor limit is too low for a server.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "the limit on open files is {limit}, and {open} files are already open; a server needs a limit of {required} or more: raise the limit (ulimit -n)"
)]
pub(crate) struct FdLimitTooLow {
    limit: usize,
    open: usize,
    required: usize,
}

impl FdBudget {
    /// Computes the budget of this process for these connections.
    ///
    /// # Errors
    /// If the file descriptor limit is too low.
    pub(super) fn from_process_limits(wanted: &ConnectionLimits) -> Result<Self, FdLimitTooLow> {
        let free_fds = count_free_fds(0)?;
        Ok(Self::from_free_fds(free_fds, wanted.max_open + wanted.max_rejected))
    }

    /// Divides free file descriptors. Connections get up to a half of them, databases the rest.
    fn from_free_fds(free_fds: usize, wanted_connections: usize) -> Self {
        let connections = wanted_connections.min(free_fds / 2);
        let rejecting_connections = (connections / 4).min(limits::MAX_REJECTED_CONNECTIONS);
        let rest = free_fds - connections;
        let fds_per_database = rest / MIN_DATABASES_BEFORE_READERS;
        let readers = (fds_per_database.saturating_sub(FDS_PER_DATABASE) / 2)
            .clamp(1, MAX_READERS_PER_DATABASE);
        Self {
            connections,
            rejecting_connections,
            open_databases: (rest / (FDS_PER_DATABASE + 2 * readers)).min(MAX_OPEN_DATABASES),
            readers_per_database: u32::try_from(readers).unwrap_or(u32::MAX),
        }
    }

    /// Lowers the connection limits to this budget.
    pub(super) fn cap(self, mut limits: Limits) -> Limits {
        let connections = &mut limits.connections;
        if self.connections < connections.max_open + connections.max_rejected {
            let most = self.connections - self.rejecting_connections;
            if most < connections.max_open {
                tracing::warn!(
                    max_connections = most,
                    "the limit on open files (ulimit -n) is too low for --max-connections; the server accepts fewer connections"
                );
                connections.max_open = most;
            }
            connections.max_rejected =
                connections.max_rejected.min(self.connections - connections.max_open);
        }
        limits
    }
}

/// Counts the file descriptors that are left for connections and databases, after `reserved` ones.
///
/// # Errors
/// If these are too few for a server.
pub(crate) fn count_free_fds(reserved: usize) -> Result<usize, FdLimitTooLow> {
    let Some(limit) = fd_limit() else { return Ok(usize::MAX / 2) };
    let open = count_open_fds(limit);
    let taken = open.saturating_add(reserved + SERVER_FDS);
    let required = taken.saturating_add(MIN_FREE_FDS);
    if limit < required { Err(FdLimitTooLow { limit, open, required }) } else { Ok(limit - taken) }
}

/// Returns the file descriptor limit of this process; None if unlimited.
#[cfg(unix)]
fn fd_limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX / 2))
}

/// Other systems report no limit.
#[cfg(not(unix))]
fn fd_limit() -> Option<usize> {
    None
}

/// Counts the open file descriptors below the limit, including inherited ones.
fn count_open_fds(limit: usize) -> usize {
    /// Standard input, output and error, and the runtime's.
    const DEFAULT_OPEN_FDS: usize = 3 + RUNTIME_FDS;
    let Ok(listed) = std::fs::read_dir("/dev/fd") else { return DEFAULT_OPEN_FDS.min(limit) };
    // The limit applies to descriptor numbers; the parent process may have had a higher one.
    let numbers = listed.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<usize>().ok());
    numbers.filter(|number| *number < limit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_never_exceeds_the_free_fds() {
        for free in (MIN_FREE_FDS..6000).chain([20_000, 1_000_000, usize::MAX / 2]) {
            for wanted in [1, 2, 10, 128, 4160] {
                let budget = FdBudget::from_free_fds(free, wanted);
                let FdBudget {
                    connections,
                    rejecting_connections,
                    open_databases,
                    readers_per_database,
                } = budget;
                let each = FDS_PER_DATABASE + 2 * readers_per_database as usize;
                assert!(connections + open_databases * each <= free, "{free}: {budget:?}");
                assert!(open_databases >= 1, "{free}: {budget:?}");
                assert!(connections > rejecting_connections, "{free}: {budget:?}");
                assert!(connections <= wanted, "{free}: {budget:?}");
                assert!((1..=4).contains(&readers_per_database), "{free}: {budget:?}");
            }
        }
    }

    #[test]
    fn low_limit_is_shared_and_high_limit_gives_the_maximums() {
        let low = FdBudget::from_free_fds(29, 4160);
        assert_eq!(
            low,
            FdBudget {
                connections: 14,
                rejecting_connections: 3,
                open_databases: 2,
                readers_per_database: 1
            }
        );
        let high = FdBudget::from_free_fds(20_000, 4160);
        let maximums = FdBudget {
            connections: 4160,
            rejecting_connections: 64,
            open_databases: 256,
            readers_per_database: 4,
        };
        assert_eq!(high, maximums);
    }
}

//! What the program asks of the system: as many open files as it lets it have, and a word instead of a death.

/// Files that an open database has beside two for each connection that reads: itself, its log, the index of the log,
/// and its folder for a moment (counted).
const FILES_OF_DATABASE: usize = 4;
/// The most connections that read one database.
const MOST_READERS: usize = 4;
/// The most databases that are open at the same time, however many files there are (chosen): each connection is a thread
/// with memory of its own.
const MOST_DATABASES: usize = 256;
/// How many databases there are room for before each gets more than one connection that reads (chosen).
const FEW_DATABASES: usize = 8;
/// The most connections beyond the bound that are told so (chosen).
const MOST_CROWD: usize = 64;
/// Files of the runtime, of which none is open before it starts (counted).
const FILES_OF_RUNTIME: usize = 9;
/// What a server has open beside databases and connections: the listener, the lock and the catalogue (8, counted), what
/// is copied at the moment (8), and some more.
const FILES_OF_SERVER: usize = 24;
/// Fewer connections and databases are no server: one database with one reader, and 6 connections (chosen).
const LEAST: usize = FILES_OF_DATABASE + 2 + 6;

/// How the files that a process may open are shared out, so that neither connections nor databases take all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileBudget {
    /// The most connections.
    pub(crate) connections: usize,
    /// How many of these are for clients that are told that there are too many.
    pub(crate) crowd: usize,
    /// The most databases that are open at the same time.
    pub(crate) databases: usize,
    /// The most connections that read one of them.
    pub(crate) readers: u32,
}

/// A process that may open too few files to serve anybody.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "this process may have {limit} files open, and {open} are already; a server needs {least} or more: raise the limit (ulimit -n)"
)]
pub(crate) struct TooFewFiles {
    limit: usize,
    open: usize,
    least: usize,
}

impl FileBudget {
    /// That of this process, where at most so many connections are asked for.
    ///
    /// # Errors
    /// When there are too few files.
    pub(crate) fn of_process(connections: usize) -> Result<Self, TooFewFiles> {
        let Some(limit) = limit() else { return Ok(Self::of(usize::MAX / 2, connections)) };
        let open = open_files(limit);
        let least = open.saturating_add(FILES_OF_SERVER + LEAST);
        if limit < least {
            return Err(TooFewFiles { limit, open, least });
        }
        Ok(Self::of(limit - open - FILES_OF_SERVER, connections))
    }

    /// Shares out files that are free. Connections get up to a half of them, and databases the rest.
    fn of(free: usize, connections: usize) -> Self {
        let connections = connections.min(free / 2);
        let crowd = (connections / 4).min(MOST_CROWD);
        let rest = free - connections;
        let each = rest / FEW_DATABASES;
        let readers = (each.saturating_sub(FILES_OF_DATABASE) / 2).clamp(1, MOST_READERS);
        Self {
            connections,
            crowd,
            databases: (rest / (FILES_OF_DATABASE + 2 * readers)).min(MOST_DATABASES),
            readers: u32::try_from(readers).unwrap_or(u32::MAX),
        }
    }
}

/// Lets this process open as many files as it may. For a process of our own only: it lasts until that ends.
///
/// # Errors
/// When these are too few for a server.
pub(crate) fn prepare() -> Result<(), TooFewFiles> {
    raise_limit();
    let Some(limit) = limit() else { return Ok(()) };
    let open = open_files(limit);
    let least = open.saturating_add(FILES_OF_RUNTIME + FILES_OF_SERVER + LEAST);
    if limit < least { Err(TooFewFiles { limit, open, least }) } else { Ok(()) }
}

#[cfg(unix)]
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where this is not allowed there are fewer.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(not(unix))]
fn raise_limit() {}

/// How many files this process may open; None for as many as it likes.
#[cfg(unix)]
fn limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX / 2))
}

/// Elsewhere the system says nothing of it.
#[cfg(not(unix))]
fn limit() -> Option<usize> {
    None
}

/// How many files are open now, of those that count: some may come from who has started this process.
fn open_files(limit: usize) -> usize {
    /// Standard input and output, and what a runtime has.
    const USUAL: usize = 3 + FILES_OF_RUNTIME;
    let Ok(listed) = std::fs::read_dir("/dev/fd") else { return USUAL.min(limit) };
    // The limit is on their numbers; who started this process may have had a higher one.
    let numbers = listed.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<usize>().ok());
    numbers.filter(|number| *number < limit).count()
}

/// Lets a write fail that would make a file larger than it may be. Without a listener it would end the process.
///
/// # Errors
/// When the system lets it listen to no signal.
#[cfg(unix)]
pub(crate) fn outlive_full_files() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Elsewhere it does not end the process.
#[cfg(not(unix))]
pub(crate) fn outlive_full_files() -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_connections_nor_databases_take_more_than_there_is() {
        for free in (LEAST..6000).chain([20_000, 1_000_000, usize::MAX / 2]) {
            for asked in [1, 2, 10, 128, 4160] {
                let budget = FileBudget::of(free, asked);
                let FileBudget { connections, crowd, databases, readers } = budget;
                let each = FILES_OF_DATABASE + 2 * readers as usize;
                assert!(connections + databases * each <= free, "{free}: {budget:?}");
                assert!(databases >= 1 && connections > crowd, "{free}: {budget:?}");
                assert!(connections <= asked && (1..=4).contains(&readers), "{free}: {budget:?}");
            }
        }
    }

    #[test]
    fn few_files_are_shared_out_evenly_and_many_are_as_many_as_asked_for() {
        let few = FileBudget::of(29, 4160);
        assert_eq!(few, FileBudget { connections: 14, crowd: 3, databases: 2, readers: 1 });
        let many = FileBudget::of(20_000, 4160);
        let all = FileBudget { connections: 4160, crowd: 64, databases: 256, readers: 4 };
        assert_eq!(many, all);
    }
}

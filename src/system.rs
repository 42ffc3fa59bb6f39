//! What the program asks of the system: as many open files as it lets it have, and a word instead of a death.

/// Files that are kept free for databases: those that are open at once have up to 15 each (counted).
const FILES_OF_DATABASES: u64 = 1000;

/// Lets this process open as many files as it may. For a process of our own only: it lasts until that ends.
///
/// # Errors
/// Never, as yet.
#[cfg(unix)]
pub(crate) fn prepare() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where this is not allowed there are fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    Ok(())
}

/// Elsewhere there is nothing to ask for.
#[cfg(not(unix))]
pub(crate) fn prepare() -> std::io::Result<()> {
    Ok(())
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

/// The most connections for which there are files, beside those of databases.
#[cfg(unix)]
pub(crate) fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let Some(files) = getrlimit(Resource::Nofile).current else { return usize::MAX };
    let free = files.saturating_sub(FILES_OF_DATABASES).max(files / 4).max(1);
    usize::try_from(free).unwrap_or(usize::MAX)
}

/// Elsewhere the system says nothing of it.
#[cfg(not(unix))]
pub(crate) fn most_connections() -> usize {
    usize::MAX
}

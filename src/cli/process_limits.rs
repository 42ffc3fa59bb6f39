//! Limits of the process that runs a server: raises the limit on open files, and handles SIGXFSZ at the limit on file
//! sizes. An embedded server does not change the limits of its process.

use crate::server::os_limits::{self, FdLimitTooLow};

/// Raises the file descriptor limit to its hard limit.
///
/// # Errors
/// If that is too low for a server.
pub(super) fn raise_fd_limit() -> Result<(), FdLimitTooLow> {
    raise_soft_limit();
    os_limits::count_free_fds(os_limits::RUNTIME_FDS).map(drop)
}

#[cfg(unix)]
fn raise_soft_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If this fails, the lower limit stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(not(unix))]
fn raise_soft_limit() {}

/// Makes a write beyond the file size limit fail. Without a handler, SIGXFSZ would kill the process.
///
/// # Errors
/// If the signal handler cannot be installed.
#[cfg(unix)]
pub(super) fn ignore_sigxfsz() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub(super) fn ignore_sigxfsz() -> std::io::Result<()> {
    Ok(())
}

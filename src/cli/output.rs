//! Messages for the user on standard output and standard error.

use std::io::{ErrorKind, Write};

/// Prints a line to standard error.
pub(super) fn print_error(text: &str) {
    // If standard error is closed, nothing can be reported.
    let _ = writeln!(std::io::stderr(), "omnidesk-mock: {text}");
}

/// Prints a line to standard output; ignores a closed pipe.
///
/// # Errors
/// If writing fails for another reason.
pub(super) fn print_line(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

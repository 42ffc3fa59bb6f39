//! Messages for the user on standard output and standard error.

use std::io::{ErrorKind, Write};

/// The error of a failed command: a message for the user.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Prints a line to standard error.
pub(crate) fn print_error(text: &str) {
    // If standard error is closed, nothing can be reported.
    let _ = writeln!(std::io::stderr(), "omnidesk-mock: {text}");
}

/// Prints a line to standard output; ignores a closed pipe.
///
/// # Errors
/// If writing fails for another reason.
pub(crate) fn print_line(text: &str) -> Result<(), BoxError> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

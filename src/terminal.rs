//! What the program says to people: on standard output, and when it fails.

use std::io::{ErrorKind, Write};

/// What a command ends in when it fails: a sentence for people.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A line on standard error.
pub(crate) fn complain(text: &str) {
    // There is no better place when standard error is gone.
    let _ = writeln!(std::io::stderr(), "omnidesk-mock: {text}");
}

/// A line on standard output; a reader that has gone needs none.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

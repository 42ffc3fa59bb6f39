//! The command `seed check`: validates seeds, and writes nothing.

use std::path::PathBuf;

use crate::cli::output::{print_error, print_line};
use crate::seed::Seed;

/// Prints warnings, and a summary of the seeds.
///
/// # Errors
/// If a file cannot be read or is invalid; the message has all violations with their lines.
pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    let (seed, warnings) = Seed::check(files)?;
    for warning in warnings {
        print_error(&format!("warning: {warning}"));
    }
    print_line(&format!("The seed is valid; {}", seed.summary()))
}

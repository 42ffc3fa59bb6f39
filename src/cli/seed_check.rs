//! The command `seed check`: validates seeds, and writes nothing.

use std::path::PathBuf;

use crate::cli::output::print_line;
use crate::seed::Seed;

/// Prints a summary of the seeds.
///
/// # Errors
/// If a file cannot be read or is invalid; the message has all violations with their lines.
pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    let seed = Seed::load(files, &[])?;
    print_line(&format!("The seed is valid; {}", seed.summary()))
}

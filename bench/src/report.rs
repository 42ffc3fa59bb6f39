//! Prints a report and stores it as a file.

use std::fs;

use crate::{BenchResult, target_folder};

/// Prints the Markdown text, and writes it to `target/bench/NAME.md`.
pub fn publish(name: &str, text: &str) -> BenchResult<()> {
    println!("{text}");
    let file = target_folder::report_folder()?.join(format!("{name}.md"));
    fs::write(&file, text)?;
    eprintln!("report: {}", file.display());
    Ok(())
}

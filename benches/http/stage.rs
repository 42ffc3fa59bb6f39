//! What every benchmark begins and ends with.

use std::{fs, path::Path, process::ExitCode};

/// A benchmark that cannot go on says why and stops; nobody handles its errors by kind.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs a benchmark, where `cargo bench` asks for it. It fails on an error, and where it says that all is not well.
pub(crate) fn run(
    name: &str,
    is_asked_for: bool,
    bench: impl FnOnce() -> Outcome<bool>,
) -> ExitCode {
    if !is_asked_for {
        eprintln!("this is a benchmark: run it with `cargo bench --bench {name}`");
        return ExitCode::SUCCESS;
    }
    match bench() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a report, and keeps it as a file.
pub(crate) fn publish(name: &str, report: &str) -> Outcome<()> {
    println!("{report}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.md"));
    fs::write(&file, report)?;
    eprintln!("written to {}", file.display());
    Ok(())
}

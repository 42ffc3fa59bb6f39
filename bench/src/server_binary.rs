//! The server under test: an existing binary, or the release build of this workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::BenchResult;

/// Returns the absolute path of the existing binary, or builds the release binary and returns its path.
pub fn find_or_build(existing: Option<&Path>) -> BenchResult<PathBuf> {
    match existing {
        Some(path) => path
            .canonicalize()
            .map_err(|error| format!("server binary {}: {error}", path.display()).into()),
        None => build(),
    }
}

fn build() -> BenchResult<PathBuf> {
    eprintln!("building omnidesk-mock (release)");
    // Cargo sets CARGO when it runs a benchmark.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", "omnidesk-mock", "--bin", "omnidesk-mock"]);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths = messages.filter_map(|message| Some(message["executable"].as_str()?.into()));
    paths.next_back().ok_or_else(|| format!("{command:?} reported no executable").into())
}

//! Cargo's target folder, where the benchmarks store reports and temporary files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::BenchResult;

/// Returns the subfolder for reports and for installed packages, and creates it if it is missing.
pub fn report_folder() -> BenchResult<PathBuf> {
    create_subfolder("bench")
}

/// Creates a temporary folder on the disk of the build, because `/tmp` can be in memory.
pub fn create_temporary_folder(benchmark: &str) -> BenchResult<TempDir> {
    Ok(TempDir::with_prefix_in(format!("{benchmark}-"), create_subfolder("tmp")?)?)
}

fn create_subfolder(name: &str) -> BenchResult<PathBuf> {
    let executable = env::current_exe()?;
    // Cargo marks its target folder with this file.
    let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let target = executable.ancestors().find(is_target);
    let target = target
        .ok_or_else(|| format!("{} is not in a target folder of cargo", executable.display()))?;
    let folder = target.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

//! Temporary directories and their files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::process::build_clean_env_command;

/// Creates a temporary directory that is removed when dropped.
pub(crate) fn create_temp_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Writes a file into the directory and returns its path.
pub(crate) fn write_file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("the file is written");
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// Copies the content of a directory, recursively. Returns the paths of the copies.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> Vec<PathBuf> {
    std::fs::create_dir_all(to).expect("the directory is created");
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(from).expect("the directory exists") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copies.extend(copy_dir(&from, &to));
        } else {
            std::fs::copy(&from, &to).expect("the file is copied");
            copies.push(to);
        }
    }
    copies
}

/// Creates a FIFO. A reader blocks until a writer opens it.
pub(crate) fn create_fifo(path: &Path) {
    let path = path.to_str().expect("the path is UTF-8");
    let status = build_clean_env_command("mkfifo", &[path]).status().expect("mkfifo starts");
    assert!(status.success(), "mkfifo {path}: {status}");
}

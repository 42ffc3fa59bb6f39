//! Files of databases: copied, written and removed whole.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Durability, StorageError};

/// Makes the folder where it is missing.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(folder)
        .map_err(|source| StorageError::File { path: folder.to_owned(), source })
}

/// Copies a closed database to a file that does not exist yet.
///
/// # Errors
/// When the disk fails, or is full.
pub(super) async fn copy(
    from: PathBuf,
    to: PathBuf,
    durability: Durability,
) -> Result<(), StorageError> {
    apart(to.clone(), move || {
        fs::copy(from, &to)?;
        keep(&to, durability)
    })
    .await
}

/// Reads a closed database.
///
/// # Errors
/// When the file cannot be read.
pub(crate) async fn read(path: PathBuf) -> Result<Vec<u8>, StorageError> {
    apart(path.clone(), move || fs::read(path)).await
}

/// Writes the content of a database into a file.
///
/// # Errors
/// When the disk fails, or is full.
pub(super) async fn write(
    path: PathBuf,
    content: impl AsRef<[u8]> + Send + 'static,
    durability: Durability,
) -> Result<(), StorageError> {
    apart(path.clone(), move || {
        fs::write(&path, content)?;
        keep(&path, durability)
    })
    .await
}

/// Lets a new file reach the disk, where that is promised.
///
/// # Errors
/// When the disk fails.
pub(super) async fn kept(path: PathBuf, durability: Durability) -> Result<(), StorageError> {
    apart(path.clone(), move || keep(&path, durability)).await
}

/// Lets a new file, and its name in the folder, reach the disk, where that is promised.
fn keep(path: &Path, durability: Durability) -> std::io::Result<()> {
    if durability == Durability::Process {
        return Ok(());
    }
    fs::File::open(path)?.sync_all()?;
    match path.parent() {
        // Where a folder cannot be opened, as on Windows, its names are kept by the system.
        Some(folder) if cfg!(unix) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Whether nothing is in the folder, or there is none.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_empty(folder: &Path) -> Result<bool, StorageError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(StorageError::File { path: folder.to_owned(), source }),
    }
}

/// How large the file is, in bytes.
///
/// # Errors
/// When it is not there.
pub(crate) fn size(path: &Path) -> Result<u64, StorageError> {
    let found = fs::metadata(path);
    found
        .map(|found| found.len())
        .map_err(|source| StorageError::File { path: path.to_owned(), source })
}

/// Removes databases, each of which has a name. Gives the names of those of which nothing is left.
///
/// # Errors
/// When the work was given up.
pub(crate) async fn remove_all(files: Vec<(PathBuf, String)>) -> Result<Vec<String>, StorageError> {
    let removed = tokio::task::spawn_blocking(move || {
        let gone = files.into_iter().filter(|(path, _)| remove(path));
        gone.map(|(_, name)| name).collect()
    });
    removed.await.map_err(|_| StorageError::Abandoned)
}

/// Removes a database with the files beside it. Says whether nothing is left.
fn remove(path: &Path) -> bool {
    let gone = |ending: &str| match fs::remove_file(beside(path, ending)) {
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(()) => true,
    };
    ["-wal", "-shm", ""].iter().all(|ending| gone(ending))
}

/// The file that SQLite keeps beside a database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(ending);
    file.into()
}

/// Runs work on files where it makes nobody wait.
async fn apart<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Abandoned)?;
    done.map_err(|source| StorageError::File { path, source })
}

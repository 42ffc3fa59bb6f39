//! Copies, writes, checks and removes database files.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tokio::sync::Semaphore;

use super::config::Durability;
use super::error::StorageError;
use super::wal::{self, Damage};

/// Creates the data directory if it is missing. It gets the group permissions of a parent directory that shares its group
/// (setgid), and otherwise those of the umask.
///
/// # Errors
/// If it cannot be created.
pub(crate) fn ensure_data_dir(dir: &Path, durability: Durability) -> Result<(), StorageError> {
    create_dir(dir, durability, has_shared_group(parent_dir(dir)))
}

/// Creates a directory in the data directory if it is missing, with the group permissions of its parent.
///
/// # Errors
/// If it cannot be created.
pub(crate) fn ensure_dir(dir: &Path, durability: Durability) -> Result<(), StorageError> {
    create_dir(dir, durability, true)
}

fn create_dir(
    dir: &Path,
    durability: Durability,
    inherits_group_permissions: bool,
) -> Result<(), StorageError> {
    if dir.is_dir() {
        return Ok(());
    }
    let create = || {
        fs::create_dir_all(dir)?;
        if inherits_group_permissions {
            inherit_group_permissions(&fs::File::open(dir)?, dir);
        }
        fsync_if_durable_blocking(dir, durability)
    };
    create().map_err(|source| StorageError::Io { path: dir.to_owned(), source })
}

/// Returns the directory that contains a path.
fn parent_dir(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Returns whether new files in a directory get its group.
#[cfg(unix)]
fn has_shared_group(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(dir).is_ok_and(|metadata| metadata.mode() & 0o2000 != 0)
}

#[cfg(not(unix))]
fn has_shared_group(_: &Path) -> bool {
    false
}

/// Adds the group permissions of its directory to a new file or directory, which the umask may have removed. Then another
/// user of the group can open it. SQLite gives the files beside a database the permissions of the database.
#[cfg(unix)]
fn inherit_group_permissions(file: &fs::File, path: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let inherit = || {
        let metadata = file.metadata()?;
        let allowed = if metadata.is_dir() { 0o070 } else { 0o060 };
        let missing = fs::metadata(parent_dir(path))?.mode() & allowed & !metadata.mode();
        if missing != 0 {
            let mode = metadata.mode() & 0o7777 | missing;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        Ok::<(), io::Error>(())
    };
    if let Err(error) = inherit() {
        // Some file systems have no permissions.
        tracing::debug!(%error, path = %path.display(), "the group permissions are not inherited");
    }
}

#[cfg(not(unix))]
fn inherit_group_permissions(_: &fs::File, _: &Path) {}

/// Copies a closed database to a new file.
///
/// # Errors
/// If the disk fails, or is full.
pub(crate) async fn copy(
    from: PathBuf,
    to: PathBuf,
    durability: Durability,
) -> Result<(), StorageError> {
    run_blocking(to.clone(), move || {
        io::copy(&mut fs::File::open(from)?, &mut create_new(&to)?)?;
        fsync_if_durable_blocking(&to, durability)
    })
    .await
}

/// Reads the file of a closed database.
///
/// # Errors
/// If the file cannot be read.
pub(crate) async fn read(path: PathBuf) -> Result<Vec<u8>, StorageError> {
    run_blocking(path.clone(), move || fs::read(path)).await
}

/// The journal mode's bytes in the header of a database (documented: SQLite's file format).
const FORMAT_VERSION_BYTES: std::ops::Range<usize> = 18..20;
/// WAL mode.
const WAL_FORMAT_VERSION: [u8; 2] = [2, 2];

/// Writes the content of a database into a new file, with the header of WAL mode.
///
/// # Errors
/// If the disk fails, or is full.
pub(crate) async fn write(
    path: PathBuf,
    content: impl AsRef<[u8]> + Send + 'static,
    durability: Durability,
) -> Result<(), StorageError> {
    run_blocking(path.clone(), move || {
        let content = content.as_ref();
        let mut file = create_new(&path)?;
        if content.len() < FORMAT_VERSION_BYTES.end {
            file.write_all(content)?;
        } else {
            for part in [
                &content[..FORMAT_VERSION_BYTES.start],
                &WAL_FORMAT_VERSION,
                &content[FORMAT_VERSION_BYTES.end..],
            ] {
                file.write_all(part)?;
            }
        }
        fsync_if_durable_blocking(&path, durability)
    })
    .await
}

/// Creates a new file. It follows no symlink and overwrites no file.
fn create_new(path: &Path) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    inherit_group_permissions(&file, path);
    Ok(file)
}

/// Removes an unfinished file of an earlier start. A symlink is removed itself, not its target.
///
/// # Errors
/// If it cannot be removed.
pub(super) fn remove_if_exists(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StorageError::Io { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Checks that a new file may take this path: it is free, or a regular file.
///
/// # Errors
/// If it is a symlink, a FIFO, a device or a directory, which is not removed.
pub(super) fn check_replaceable(path: &Path) -> Result<(), StorageError> {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => {
            let source = io::Error::other(
                "it is not a regular file; remove it, or use another data directory",
            );
            Err(StorageError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Returns whether the file is missing or empty.
pub(super) fn is_missing_or_empty(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Fsyncs a new file, if the durability is `Power`.
///
/// # Errors
/// If the disk fails.
pub(crate) async fn fsync_if_durable(
    path: PathBuf,
    durability: Durability,
) -> Result<(), StorageError> {
    run_blocking(path.clone(), move || fsync_if_durable_blocking(&path, durability)).await
}

/// Fsyncs a new file and its directory, if the durability is `Power`.
fn fsync_if_durable_blocking(path: &Path, durability: Durability) -> io::Result<()> {
    if durability == Durability::Process {
        return Ok(());
    }
    fs::File::open(path)?.sync_all()?;
    // Windows cannot open a directory; the system persists its entries.
    if cfg!(unix) { fs::File::open(parent_dir(path))?.sync_all() } else { Ok(()) }
}

/// Returns whether the directory is empty or missing.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn is_dir_empty(dir: &Path) -> Result<bool, StorageError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(StorageError::Io { path: dir.to_owned(), source }),
    }
}

/// Checks that a database file exists, is a file and is not empty. SQLite validates its content: an interrupted
/// checkpoint leaves a file that is shorter than its header states, and its write-ahead log completes it. An empty file
/// is rejected here, because SQLite would take it for a new database and delete the log.
///
/// # Errors
/// If the file is missing or empty.
pub(crate) fn check_nonempty_file(path: &Path) -> Result<(), StorageError> {
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 || !file.is_file() => {
            Err(StorageError::UnrecognizedDatabase { path: path.to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(StorageError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(StorageError::Io { path: path.to_owned(), source }),
    }
}

/// Validates the header of a database file without a write-ahead log, before it is copied: the header holds the file
/// type and the size (documented: SQLite's file format).
///
/// # Errors
/// If it is missing or damaged.
pub(crate) fn check_header(path: &Path) -> Result<(), StorageError> {
    check_nonempty_file(path)?;
    let read = || {
        let mut file = fs::File::open(path)?;
        let mut header = [0; 100];
        // A file that is shorter than a header is damaged; the disk has not failed.
        let has_header = file.read_exact(&mut header).is_ok();
        Ok((file.metadata()?.len(), has_header.then_some(header)))
    };
    let (length, header) =
        read().map_err(|source| StorageError::Io { path: path.to_owned(), source })?;
    let is_valid = header.is_some_and(|header| {
        header.starts_with(b"SQLite format 3\0") && length >= size_from_header(&header)
    });
    if is_valid {
        Ok(())
    } else {
        Err(StorageError::UnrecognizedDatabase { path: path.to_owned() })
    }
}

/// Returns the database size from a header in bytes; 0 if it is out of date.
fn size_from_header(header: &[u8; 100]) -> u64 {
    let read_u32 = |offset: usize| {
        u32::from_be_bytes([
            header[offset],
            header[offset + 1],
            header[offset + 2],
            header[offset + 3],
        ])
    };
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        page_size => u64::from(page_size),
    };
    if read_u32(24) == read_u32(92) { page_size * u64::from(read_u32(28)) } else { 0 }
}

/// Returns whether a closed database has no log, or an empty one, so that its file alone is complete.
pub(crate) fn is_wal_empty(path: &Path) -> bool {
    fs::metadata(wal_path(path)).map_or(true, |log| log.len() == 0)
}

/// Returns whether a database file, or one of SQLite's files beside it, exists at this path.
pub(crate) fn is_path_taken(path: &Path) -> bool {
    ["", "-wal", "-shm", "-journal"].iter().any(|suffix| {
        // A dangling symlink exists as well.
        sidecar_path(path, suffix).symlink_metadata().is_ok()
    })
}

/// Logs an error if the write-ahead log is damaged before commits, which SQLite drops.
pub(super) async fn report_lost_commits(path: &Path) {
    if is_wal_empty(path) {
        return;
    }
    let log = wal_path(path);
    match run_blocking(log.clone(), {
        let log = log.clone();
        move || wal::find_damage(&log)
    })
    .await
    {
        Ok(None) => {}
        Ok(Some(Damage { frame, lost_commits })) => tracing::error!(
            log = %log.display(), frame, lost_commits,
            "the write-ahead log is damaged; the commits after the damaged frame are lost, and the database continues from the last commit before that frame"
        ),
        Err(error) => tracing::warn!(%error, "cannot check the write-ahead log for damage"),
    }
}

/// Returns the path of the write-ahead log.
fn wal_path(path: &Path) -> PathBuf {
    sidecar_path(path, "-wal")
}

/// Returns the file's size in bytes.
///
/// # Errors
/// If it is missing.
pub(crate) fn file_size(path: &Path) -> Result<u64, StorageError> {
    let metadata = fs::metadata(path);
    metadata
        .map(|metadata| metadata.len())
        .map_err(|source| StorageError::Io { path: path.to_owned(), source })
}

/// A database file: its path, and its name in the catalogue.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

/// Removes databases. Returns the names of those that are completely removed.
///
/// # Errors
/// If the blocking task fails.
pub(crate) async fn remove_databases(
    files: Vec<DatabaseFile>,
) -> Result<Vec<String>, StorageError> {
    let removed = tokio::task::spawn_blocking(move || {
        let removed = files.into_iter().filter(|file| remove_database(&file.path));
        removed.map(|file| file.name).collect()
    });
    removed.await.map_err(|_| StorageError::TaskFailed)
}

/// Removes a database with the files beside it. Returns whether nothing is left.
fn remove_database(path: &Path) -> bool {
    let try_remove = |suffix: &str| match fs::remove_file(sidecar_path(path, suffix)) {
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(()) => true,
    };
    ["-wal", "-shm", ""].iter().all(|suffix| try_remove(suffix))
}

/// Returns the path of a file beside a database.
pub(super) fn sidecar_path(path: &Path, suffix: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(suffix);
    file.into()
}

/// The most concurrent file jobs (arbitrary): each may open two files, besides the database files.
const MAX_CONCURRENT_FILE_JOBS: usize = 4;

/// Runs a file job on a blocking thread.
async fn run_blocking<T: Send + 'static>(
    path: PathBuf,
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    static FILE_JOB_PERMITS: Semaphore = Semaphore::const_new(MAX_CONCURRENT_FILE_JOBS);
    let _permit = FILE_JOB_PERMITS.acquire().await.map_err(|_| StorageError::TaskFailed)?;
    let result = tokio::task::spawn_blocking(job).await.map_err(|_| StorageError::TaskFailed)?;
    result.map_err(|source| StorageError::Io { path, source })
}

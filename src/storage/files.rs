//! Files of databases: copied, written and removed whole.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tokio::sync::Semaphore;

use super::wal::{self, Damage};
use super::{Durability, StorageError};

/// Makes the folder where it is missing.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(folder: &Path, durability: Durability) -> Result<(), StorageError> {
    if folder.is_dir() {
        return Ok(());
    }
    let made = fs::create_dir_all(folder).and_then(|()| keep(folder, durability));
    made.map_err(|source| StorageError::File { path: folder.to_owned(), source })
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
        io::copy(&mut fs::File::open(from)?, &mut create_new(&to)?)?;
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

/// The bytes of a database that say how it is written to (documented: SQLite's file format).
const VERSIONS: std::ops::Range<usize> = 18..20;
/// By a log beside it.
const WAL: [u8; 2] = [2, 2];

/// Writes the content of a database into a file, which need not be told then that it has a log.
///
/// # Errors
/// When the disk fails, or is full.
pub(super) async fn write(
    path: PathBuf,
    content: impl AsRef<[u8]> + Send + 'static,
    durability: Durability,
) -> Result<(), StorageError> {
    apart(path.clone(), move || {
        let content = content.as_ref();
        let mut file = create_new(&path)?;
        if content.len() < VERSIONS.end {
            file.write_all(content)?;
        } else {
            for part in [&content[..VERSIONS.start], &WAL, &content[VERSIONS.end..]] {
                file.write_all(part)?;
            }
        }
        keep(&path, durability)
    })
    .await
}

/// Makes a file that is not there yet. A link that somebody has put there is not followed, and no file is written over.
fn create_new(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Removes what an earlier start did not finish. A link is removed itself, not what it leads to.
///
/// # Errors
/// When it stays.
pub(super) fn remove_unfinished(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StorageError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Checks that a new file may take this path: nothing is there, or an empty regular file.
///
/// # Errors
/// When a link, a FIFO, a device or a folder is there, which is somebody's and stays.
pub(super) fn check_replaceable(path: &Path) -> Result<(), StorageError> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            let source =
                io::Error::other("it is no regular file; remove it, or use another folder");
            Err(StorageError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Whether there is no file, or an empty one.
pub(super) fn is_nothing(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Lets a new file reach the disk, where that is promised.
///
/// # Errors
/// When the disk fails.
pub(super) async fn kept(path: PathBuf, durability: Durability) -> Result<(), StorageError> {
    apart(path.clone(), move || keep(&path, durability)).await
}

/// Lets a new file, and its name in the folder, reach the disk, where that is promised.
fn keep(path: &Path, durability: Durability) -> io::Result<()> {
    if durability == Durability::Process {
        return Ok(());
    }
    fs::File::open(path)?.sync_all()?;
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    // Where a folder cannot be opened, as on Windows, its names are kept by the system.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
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

/// Checks that a database file exists, is a file and is not empty. What the file holds is for SQLite to judge: a checkpoint that
/// was cut off leaves a file that is shorter than its header says, and the log beside it makes it whole. An empty file is
/// refused here because SQLite would take it for a new database and delete the log.
///
/// # Errors
/// When the file is missing or empty.
pub(crate) fn check_present(path: &Path) -> Result<(), StorageError> {
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 || !file.is_file() => {
            Err(StorageError::NotOurs { path: path.to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(StorageError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(StorageError::File { path: path.to_owned(), source }),
    }
}

/// Checks that a database file that has no log beside it looks like a database of its size, before it is copied: the
/// bytes at its beginning (documented: SQLite's file format) say what it is, and how long it is.
///
/// # Errors
/// When it is missing or damaged.
pub(crate) fn check_whole(path: &Path) -> Result<(), StorageError> {
    check_present(path)?;
    let read = || {
        let mut file = fs::File::open(path)?;
        let mut head = [0; 100];
        // A file that is shorter than its head is damaged, and no failure of the disk.
        let has_head = file.read_exact(&mut head).is_ok();
        Ok((file.metadata()?.len(), has_head.then_some(head)))
    };
    let (length, head) =
        read().map_err(|source| StorageError::File { path: path.to_owned(), source })?;
    let is_sound =
        head.is_some_and(|head| head.starts_with(b"SQLite format 3\0") && length >= size_in(&head));
    if is_sound { Ok(()) } else { Err(StorageError::NotOurs { path: path.to_owned() }) }
}

/// The size that the head of a database tells, in bytes; 0 where it is not kept up.
fn size_in(head: &[u8; 100]) -> u64 {
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        page => u64::from(page),
    };
    if number(24) == number(92) { page * u64::from(number(28)) } else { 0 }
}

/// Whether the file of a closed database holds all of it, so that a copy of the file is a database as well.
pub(crate) fn is_whole(path: &Path) -> bool {
    fs::metadata(log_of(path)).map_or(true, |log| log.len() == 0)
}

/// Whether a database or a part of one has this path: the file itself, or one that SQLite keeps beside it.
pub(crate) fn is_taken(path: &Path) -> bool {
    ["", "-wal", "-shm", "-journal"].iter().any(|ending| {
        // A link that leads nowhere is there as well.
        beside(path, ending).symlink_metadata().is_ok()
    })
}

/// Writes into the log of the server if the database's own log is damaged in front of commits, which SQLite drops.
pub(super) async fn report_lost_commits(path: &Path) {
    if is_whole(path) {
        return;
    }
    let log = log_of(path);
    match apart(log.clone(), {
        let log = log.clone();
        move || wal::find_damage(&log)
    })
    .await
    {
        Ok(None) => {}
        Ok(Some(Damage { frame, lost_commits })) => tracing::error!(
            log = %log.display(), frame, lost_commits,
            "the write-ahead log is damaged; the commits behind the damage are lost, and the account goes on from the one before"
        ),
        Err(error) => tracing::warn!(%error, "the write-ahead log could not be checked"),
    }
}

/// The write-ahead log of a database.
fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
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

/// The most works on files at the same time (chosen): each may have two open, beside those of databases.
const MOST_WORKS: usize = 4;

/// Runs work on files where it makes nobody wait.
async fn apart<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    static WORKS: Semaphore = Semaphore::const_new(MOST_WORKS);
    let _turn = WORKS.acquire().await.map_err(|_| StorageError::Abandoned)?;
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Abandoned)?;
    done.map_err(|source| StorageError::File { path, source })
}

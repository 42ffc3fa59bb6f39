//! Errors of disks, files and databases, and what clients read about them.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

/// A failure that is not the client's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("database: {0}")]
    Sqlite(#[from] sqlx::Error),
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} was written by a newer version of this program; start that version, or use another folder", path.display())]
    NewerVersion { path: PathBuf },
    #[error("{}: cannot be brought to this version: {source}", path.display())]
    Migration { path: PathBuf, source: MigrateError },
    #[error("{} is in use by another server; stop it, or use another folder with --data", path.display())]
    InUse { path: PathBuf },
    #[error("{} was moved, removed or replaced while the server runs, so nothing in it is read or written; put the folder back, or restart the server", path.display())]
    DataDirReplaced { path: PathBuf },
    #[error("{} is missing, but the catalogue names it; put it back, or use another folder", path.display())]
    Missing { path: PathBuf },
    #[error("{} is damaged: it holds no tables of this program; before you change anything, keep a copy of it and of the files beside it (-wal, -shm); then put a good copy in its place, or use another folder", path.display())]
    UnrecognizedDatabase { path: PathBuf },
    #[error("{} is missing or empty, but there are accounts or a log beside it; put it back, or use another folder", path.display())]
    MissingCatalogue { path: PathBuf },
    #[error("{}: the log beside it could not be written into it, so it was not copied", path.display())]
    CheckpointIncomplete { path: PathBuf },
    #[error("{}: the disk failed while a change was committed, and it is not known whether the change was made; it is found out as soon as the disk can be written", path.display())]
    CommitInDoubt { path: PathBuf },
    #[error("{}: the disk failed while an earlier change was committed; nothing is read or written before it is known whether that change was made", path.display())]
    EarlierCommitInDoubt { path: PathBuf },
    #[error("{}: as many files are open as the system lets this process have; raise the limit (ulimit -n)", path.display())]
    TooManyOpenFiles { path: PathBuf },
    #[error(
        "{max} databases are open and in use, as many as there are files for; raise the limit (ulimit -n)"
    )]
    TooManyOpenDatabases { max: usize },
    #[error("the database is closed")]
    Closed,
    #[error("the database gave up on this request; the log says why")]
    TaskFailed,
    #[error("the database was busy for too long, so this request was not begun")]
    Busy,
    #[error("the query took too long, so it was given up")]
    QueryTimeout,
    /// Stored data cannot be parsed.
    #[error("{}{detail}", path.as_deref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    Corrupt { path: Option<PathBuf>, detail: String },
}

/// What a failure means for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The disk, or the file, cannot grow.
    DiskFull,
    /// Nothing can be written.
    ReadOnly,
    /// One of the two; SQLite's code does not tell which.
    DiskFullOrReadOnly,
    /// A file is damaged or missing.
    Damaged,
    /// A newer version wrote the file.
    NewerVersion,
    /// The job waited too long.
    Busy,
    /// The disk failed, and the write's outcome is unknown.
    CommitInDoubt,
    /// The disk failed earlier, and nothing runs while that write's outcome is unknown.
    EarlierCommitInDoubt,
    /// The limit on open files is reached.
    TooManyOpenFiles,
    /// The query was interrupted.
    QueryTimeout,
    /// The data directory is not the one of the server's start.
    DataDirReplaced,
    /// A text would exceed SQLite's limit, 1 GB.
    TextTooBig,
    Other,
}

impl StorageError {
    /// Creates an error for corrupt data.
    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { path: None, detail: detail.into() }
    }

    /// Adds the path of the file.
    pub(crate) fn with_path(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(source) => {
                Self::Open { path: path.to_owned(), source }.detect_open_file_limit()
            }
            Self::Corrupt { path: None, detail } => {
                Self::Corrupt { path: Some(path.to_owned()), detail }
            }
            other => other,
        }
    }

    /// Detects a reached limit on open files, which SQLite reports like a missing permission: opens the file again.
    pub(super) fn detect_open_file_limit(self) -> Self {
        let (Self::Open { path, .. } | Self::Migration { path, .. }) = &self else { return self };
        let is_open_file_limit = self.kind() == FailureKind::ReadOnly
            && File::open(path)
                .is_err_and(|error| classify_io_error(&error) == FailureKind::TooManyOpenFiles);
        if is_open_file_limit { Self::TooManyOpenFiles { path: path.clone() } } else { self }
    }

    /// Replaces the path of a copy by that of the original.
    pub(crate) fn with_original_path(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Self::Open { source, .. } => Self::Open { path, source },
            Self::NewerVersion { .. } => Self::NewerVersion { path },
            Self::TooManyOpenFiles { .. } => Self::TooManyOpenFiles { path },
            Self::UnrecognizedDatabase { .. } => Self::UnrecognizedDatabase { path },
            Self::Migration { source, .. } => Self::Migration { path, source },
            other => other,
        }
    }

    /// Classifies the error.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Sqlite(source) | Self::Open { source, .. } => classify_sqlite_error(source),
            Self::Io { source, .. } => classify_io_error(source),
            Self::Migration { source, .. } => match source {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    classify_sqlite_error(error)
                }
                _ => FailureKind::Damaged,
            },
            Self::NewerVersion { .. } => FailureKind::NewerVersion,
            Self::DataDirReplaced { .. } => FailureKind::DataDirReplaced,
            Self::Missing { .. }
            | Self::UnrecognizedDatabase { .. }
            | Self::MissingCatalogue { .. }
            | Self::Corrupt { .. } => FailureKind::Damaged,
            Self::Busy => FailureKind::Busy,
            Self::CommitInDoubt { .. } => FailureKind::CommitInDoubt,
            Self::EarlierCommitInDoubt { .. } => FailureKind::EarlierCommitInDoubt,
            Self::TooManyOpenFiles { .. } | Self::TooManyOpenDatabases { .. } => {
                FailureKind::TooManyOpenFiles
            }
            Self::QueryTimeout => FailureKind::QueryTimeout,
            Self::InUse { .. }
            | Self::CheckpointIncomplete { .. }
            | Self::Closed
            | Self::TaskFailed => FailureKind::Other,
        }
    }

    /// Returns whether a retry may succeed soon.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.kind(), FailureKind::Busy | FailureKind::TooManyOpenFiles)
    }

    /// Returns the client's message, without paths.
    pub(crate) fn client_message(&self) -> &'static str {
        match self.kind() {
            FailureKind::DiskFull => "The disk of the server is full; nothing was changed.",
            FailureKind::ReadOnly => {
                "The data folder of the server cannot be written; nothing was changed."
            }
            FailureKind::DiskFullOrReadOnly => {
                "The disk of the server is full, fails, or cannot be written; nothing was changed."
            }
            FailureKind::Damaged => {
                "The data of this account cannot be read: a file is damaged or missing, and the log of the server names it. Nothing was changed; other accounts go on."
            }
            FailureKind::NewerVersion => {
                "The data of this account were written by a newer version of this program; start that one. Nothing was changed; other accounts go on."
            }
            FailureKind::Busy => {
                "This account was busy for too long (--operation-timeout), so the request was not begun; nothing was changed."
            }
            FailureKind::DataDirReplaced => {
                "The data folder of the server was moved, removed or replaced while it runs; nothing was changed. Put the folder back, or restart the server."
            }
            FailureKind::CommitInDoubt => {
                "The disk of the server failed while this was committed, so it is not known whether it was done. Until that is known this account is refused; see the log of the server, then look at what is there before you try again."
            }
            FailureKind::EarlierCommitInDoubt => {
                "The disk of the server failed earlier, and it is not known what became of a change then. Until that is known this account is refused; this request changed nothing. See the log of the server."
            }
            FailureKind::TooManyOpenFiles => {
                "The server has as many files open as the system lets it, so the request was not begun; nothing was changed. Try again; to have more accounts in use at the same time, raise the limit of open files (ulimit -n)."
            }
            FailureKind::QueryTimeout => {
                "This took longer than it may (--operation-timeout), so it was given up; nothing was changed. Ask for less: another query, a view with fewer conditions, or a smaller account."
            }
            FailureKind::TextTooBig | FailureKind::Other => {
                "The server could not do this; its log says why."
            }
        }
    }

    /// Returns whether this error of a transaction rules out a commit in the log: a frame could not be written, and the
    /// commit frame is the last. After any other error, such as a failed fsync, the frames may be there.
    pub(super) fn rules_out_commit(&self) -> bool {
        const SQLITE_FULL: i32 = 13;
        const SQLITE_IOERR_WRITE: i32 = 778;
        let (Self::Sqlite(source) | Self::Open { source, .. }) = self else { return false };
        sqlite_code(source).is_some_and(|code| [SQLITE_FULL, SQLITE_IOERR_WRITE].contains(&code))
    }
}

fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Classifies by result code (documented: SQLite's list); the lowest byte is the primary code.
fn classify_sqlite_error(error: &sqlx::Error) -> FailureKind {
    const SQLITE_READONLY: i32 = 8;
    const SQLITE_IOERR: i32 = 10;
    const SQLITE_CORRUPT: i32 = 11;
    const SQLITE_FULL: i32 = 13;
    const SQLITE_CANTOPEN: i32 = 14;
    const SQLITE_TOOBIG: i32 = 18;
    const SQLITE_NOTADB: i32 = 26;
    /// A failed write, fsync, truncate or shared-memory resize, on a full or read-only disk.
    const IOERR_WRITE_CODES: [i32; 5] = [778, 1034, 1290, 1546, 4874];
    if let sqlx::Error::Io(error) = error {
        return classify_io_error(error);
    }
    let Some(code) = sqlite_code(error) else { return FailureKind::Other };
    match code & 0xff {
        SQLITE_FULL => FailureKind::DiskFull,
        SQLITE_IOERR if IOERR_WRITE_CODES.contains(&code) => FailureKind::DiskFullOrReadOnly,
        SQLITE_READONLY | SQLITE_CANTOPEN => FailureKind::ReadOnly,
        SQLITE_CORRUPT | SQLITE_NOTADB => FailureKind::Damaged,
        SQLITE_TOOBIG => FailureKind::TextTooBig,
        _ => FailureKind::Other,
    }
}

fn classify_io_error(error: &std::io::Error) -> FailureKind {
    if is_open_file_limit(error) {
        return FailureKind::TooManyOpenFiles;
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => {
            FailureKind::DiskFull
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => FailureKind::ReadOnly,
        ErrorKind::NotFound => FailureKind::Damaged,
        _ => FailureKind::Other,
    }
}

/// Returns whether the process or the system has reached its limit on open files. `ErrorKind` lacks it.
#[cfg(unix)]
fn is_open_file_limit(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno == Some(Errno::MFILE) || errno == Some(Errno::NFILE)
}

/// Compares with `ERROR_TOO_MANY_OPEN_FILES`.
#[cfg(not(unix))]
fn is_open_file_limit(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(4)
}

//! Errors of disks, files and databases, and their messages for clients.

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
    #[error("{} was written by a newer version of this program; use that version, or another data directory", path.display())]
    NewerVersion { path: PathBuf },
    #[error("{}: migration failed: {source}", path.display())]
    Migration { path: PathBuf, source: MigrateError },
    #[error("{} is in use by another server; stop that server, or use another data directory with --data", path.display())]
    InUse { path: PathBuf },
    #[error("the data directory {} cannot be used{user}: {source}; {advice}", path.display())]
    UnusableDataDir { path: PathBuf, user: String, source: Box<StorageError>, advice: &'static str },
    #[error("the data directory {} was moved, removed or replaced while the server was running, so the server no longer reads or writes it; move it back, or restart the server", path.display())]
    DataDirReplaced { path: PathBuf },
    #[error("{} is missing, but the catalogue references it; restore the file, or use another data directory", path.display())]
    Missing { path: PathBuf },
    #[error("{} is damaged: it is not a database of this program; first, back up the file and the files beside it (-wal, -shm); then replace it with a good copy, or use another data directory", path.display())]
    UnrecognizedDatabase { path: PathBuf },
    #[error("{} is missing or empty, but its directory has accounts or a write-ahead log; restore the file, or use another data directory", path.display())]
    MissingCatalogue { path: PathBuf },
    #[error("{}: the checkpoint of its write-ahead log failed, so the file was not copied", path.display())]
    CheckpointIncomplete { path: PathBuf },
    #[error("{}: the disk failed during a commit, so it is unknown whether the change was made; the server resolves this as soon as the disk is writable", path.display())]
    CommitInDoubt { path: PathBuf },
    #[error("{}: the disk failed during an earlier commit; reads and writes fail until it is known whether that change was made", path.display())]
    EarlierCommitInDoubt { path: PathBuf },
    #[error("{}: the limit on open files is reached; raise the limit (ulimit -n)", path.display())]
    TooManyOpenFiles { path: PathBuf },
    #[error(
        "{max} databases are open and in use, the maximum under the limit on open files; raise the limit (ulimit -n)"
    )]
    TooManyOpenDatabases { max: usize },
    #[error("the database is closed")]
    Closed,
    #[error("the database task failed; see the log")]
    TaskFailed,
    #[error("timeout: the database was busy, so this request was not started")]
    Busy,
    #[error("timeout: the query took too long, so it was interrupted")]
    QueryTimeout,
    /// Stored data cannot be parsed.
    #[error("{}{detail}", path.as_deref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    Corrupt { path: Option<PathBuf>, detail: String },
}

/// The class of a failure, which selects the client's message.
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

    /// Replaces the path of a copy by the path of the original.
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
            Self::UnusableDataDir { source, .. } => source.kind(),
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

    /// Explains an error of the first access to a data directory, if the directory is the cause.
    pub(crate) fn in_data_dir(self, path: &Path) -> Self {
        let io_kind = match &self {
            Self::UnusableDataDir { .. } => return self,
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        };
        let advice = match (self.kind(), io_kind) {
            (FailureKind::ReadOnly, _) => {
                "give this user write access to the directory and its files, or choose another directory with --data"
            }
            (_, Some(ErrorKind::AlreadyExists | ErrorKind::NotADirectory)) => {
                "choose the path of a directory with --data"
            }
            (_, Some(ErrorKind::Unsupported)) => {
                "its file system has no locks; choose a directory on another one with --data"
            }
            (FailureKind::Damaged, _) if matches!(self, Self::Open { .. }) => {
                "the file is damaged or no database of this program; move it away, or choose another directory with --data"
            }
            (FailureKind::DiskFull | FailureKind::TooManyOpenFiles, _) => return self,
            (_, Some(_)) => "choose another directory with --data",
            _ => return self,
        };
        Self::UnusableDataDir {
            path: path.to_owned(),
            user: process_user(),
            source: Box::new(self),
            advice,
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
                "The data directory of the server is not writable; nothing was changed."
            }
            FailureKind::DiskFullOrReadOnly => {
                "The disk of the server is full, failing or not writable; nothing was changed."
            }
            FailureKind::Damaged => {
                "The data of this account cannot be read: a file is damaged or missing, and the server log names it. Nothing was changed; other accounts still work."
            }
            FailureKind::NewerVersion => {
                "The data of this account was written by a newer version of this program; use that version. Nothing was changed; other accounts still work."
            }
            FailureKind::Busy => {
                "Timeout: this account was busy for too long (--operation-timeout), so the request was not started; nothing was changed. Try again."
            }
            FailureKind::DataDirReplaced => {
                "The data directory of the server was moved, removed or replaced while the server was running; nothing was changed. Move it back, or restart the server."
            }
            FailureKind::CommitInDoubt => {
                "The disk of the server failed during the commit, so it is unknown whether the change was made. Until that is known, all requests to this account fail. See the server log, and check the data before you try again."
            }
            FailureKind::EarlierCommitInDoubt => {
                "The disk of the server failed during an earlier commit, so it is unknown whether that change was made. Until that is known, all requests to this account fail; this request changed nothing. See the server log."
            }
            FailureKind::TooManyOpenFiles => {
                "The server has reached the limit on open files, so the request was not started; nothing was changed. Try again; to use more accounts at the same time, raise the limit (ulimit -n)."
            }
            FailureKind::QueryTimeout => {
                "Timeout: the query took too long (--operation-timeout), so it was interrupted; nothing was changed. Use a simpler query, a view with fewer conditions, or an account with less data."
            }
            FailureKind::TextTooBig | FailureKind::Other => {
                "The server could not process the request; see the server log."
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

/// Returns the user of the process, for messages.
#[cfg(unix)]
fn process_user() -> String {
    use rustix::process::{getegid, geteuid};
    format!(" by user {} of group {}", geteuid(), getegid())
}

#[cfg(not(unix))]
fn process_user() -> String {
    String::new()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_data_directory_is_explained() {
        let error = |kind: ErrorKind| {
            let path = PathBuf::from("data/catalogue.db");
            StorageError::Io { path, source: kind.into() }
                .in_data_dir(Path::new("data"))
                .to_string()
        };
        for (kind, words) in [
            (ErrorKind::PermissionDenied, "give this user write access"),
            (ErrorKind::ReadOnlyFilesystem, "give this user write access"),
            (ErrorKind::AlreadyExists, "choose the path of a directory"),
            (ErrorKind::NotADirectory, "choose the path of a directory"),
            (ErrorKind::Unsupported, "has no locks"),
            (ErrorKind::NotFound, "choose another directory"),
            (ErrorKind::InvalidFilename, "choose another directory"),
        ] {
            let message = error(kind);
            assert!(message.starts_with("the data directory data cannot be used"), "{message}");
            assert!(message.contains(words) && message.contains("catalogue.db"), "{message}");
            #[cfg(unix)]
            assert!(message.contains(" by user "), "{message}");
        }
        let twice = StorageError::Io { path: "x".into(), source: ErrorKind::NotADirectory.into() };
        let twice = twice.in_data_dir(Path::new("data")).in_data_dir(Path::new("data"));
        assert_eq!(twice.to_string().matches("cannot be used").count(), 1);
        let other = error(ErrorKind::StorageFull);
        assert!(!other.contains("cannot be used"), "{other}");
    }
}

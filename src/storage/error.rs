//! What can go wrong below the domain: the disk, the file, the database.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

/// A failure that no request causes by what it says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("database: {0}")]
    Sqlite(#[from] sqlx::Error),
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} was written by a newer version of this program; start that version, or use another folder", path.display())]
    Newer { path: PathBuf },
    #[error("{}: cannot be brought to this version: {source}", path.display())]
    Migration { path: PathBuf, source: MigrateError },
    #[error("{} is in use by another server; stop it, or use another folder with --data", path.display())]
    InUse { path: PathBuf },
    #[error("{} was moved, removed or replaced while the server runs, so nothing in it is read or written; put the folder back, or restart the server", path.display())]
    FolderReplaced { path: PathBuf },
    #[error("{} is missing, but the catalogue names it; put it back, or use another folder", path.display())]
    Missing { path: PathBuf },
    #[error("{} is damaged: it holds no tables of this program; before you change anything, keep a copy of it and of the files beside it (-wal, -shm); then put a good copy in its place, or use another folder", path.display())]
    NotOurs { path: PathBuf },
    #[error("{} is missing or empty, but there are accounts or a log beside it; put it back, or use another folder", path.display())]
    NoCatalogue { path: PathBuf },
    #[error("{}: the log beside it could not be written into it, so it was not copied", path.display())]
    NotWhole { path: PathBuf },
    #[error("{}: the disk failed while a change was committed, and it is not known whether the change was made; it is found out as soon as the disk can be written", path.display())]
    Uncertain { path: PathBuf },
    #[error("{}: the disk failed while an earlier change was committed; nothing is read or written before it is known whether that change was made", path.display())]
    Unsettled { path: PathBuf },
    #[error("{}: as many files are open as the system lets this process have; raise the limit (ulimit -n)", path.display())]
    NoFile { path: PathBuf },
    #[error(
        "{most} databases are open and in use, as many as there are files for; raise the limit (ulimit -n)"
    )]
    NoRoom { most: usize },
    #[error("the database is closed")]
    Closed,
    #[error("the database gave up on this request; the log says why")]
    Abandoned,
    #[error("the database was busy for too long, so this request was not begun")]
    Busy,
    #[error("the query took too long, so it was given up")]
    TooLong,
    /// What a file holds cannot be understood.
    #[error("{}{what}", path.as_deref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    Corrupt { path: Option<PathBuf>, what: String },
}

/// What a failure means for who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The disk, or the file, cannot grow.
    Full,
    /// Nothing can be written.
    ReadOnly,
    /// One of the two; the system's own word for it was lost on the way.
    FullOrReadOnly,
    /// The file is not what it was.
    Damaged,
    /// The file is of a later version.
    Newer,
    /// It took too long to begin.
    Busy,
    /// The disk failed, and it is not known whether the change was made.
    Uncertain,
    /// The disk failed earlier, and nothing is done before it is known what became of a change then.
    Unsettled,
    /// As many files are open as there may be.
    NoFile,
    /// It was given up before it was done.
    TooLong,
    /// The data folder is not the one that the server was started on.
    FolderReplaced,
    /// A text would be larger than SQLite can hold, 1 GB.
    TooBig,
    Other,
}

impl StorageError {
    /// What was read makes no sense.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { path: None, what: what.into() }
    }

    /// The same, naming the file that it is about.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(source) => Self::Open { path: path.to_owned(), source }.told_apart(),
            Self::Corrupt { path: None, what } => {
                Self::Corrupt { path: Some(path.to_owned()), what }
            }
            other => other,
        }
    }

    /// SQLite says the same of a file that may not be opened and of one too many; to open it once more tells them apart.
    pub(super) fn told_apart(self) -> Self {
        let (Self::Open { path, .. } | Self::Migration { path, .. }) = &self else { return self };
        let is_one_too_many = self.trouble() == Trouble::ReadOnly
            && File::open(path).is_err_and(|error| of_system(&error) == Trouble::NoFile);
        if is_one_too_many { Self::NoFile { path: path.clone() } } else { self }
    }

    /// The same about another file, of which the first one was a copy.
    pub(crate) fn of_original(self, path: &Path) -> Self {
        let path = path.to_owned();
        match self {
            Self::Open { source, .. } => Self::Open { path, source },
            Self::Newer { .. } => Self::Newer { path },
            Self::NoFile { .. } => Self::NoFile { path },
            Self::NotOurs { .. } => Self::NotOurs { path },
            Self::Migration { source, .. } => Self::Migration { path, source },
            other => other,
        }
    }

    /// What it means.
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Sqlite(source) | Self::Open { source, .. } => of_sqlite(source),
            Self::File { source, .. } => of_system(source),
            Self::Migration { source, .. } => match source {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    of_sqlite(error)
                }
                _ => Trouble::Damaged,
            },
            Self::Newer { .. } => Trouble::Newer,
            Self::FolderReplaced { .. } => Trouble::FolderReplaced,
            Self::Missing { .. }
            | Self::NotOurs { .. }
            | Self::NoCatalogue { .. }
            | Self::Corrupt { .. } => Trouble::Damaged,
            Self::Busy => Trouble::Busy,
            Self::Uncertain { .. } => Trouble::Uncertain,
            Self::Unsettled { .. } => Trouble::Unsettled,
            Self::NoFile { .. } | Self::NoRoom { .. } => Trouble::NoFile,
            Self::TooLong => Trouble::TooLong,
            Self::InUse { .. } | Self::NotWhole { .. } | Self::Closed | Self::Abandoned => {
                Trouble::Other
            }
        }
    }
}

impl StorageError {
    /// Whether the same request can be done a little later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.trouble(), Trouble::Busy | Trouble::NoFile)
    }

    /// What the client is told, who need not know of files.
    pub(crate) fn sentence(&self) -> &'static str {
        match self.trouble() {
            Trouble::Full => "The disk of the server is full; nothing was changed.",
            Trouble::ReadOnly => {
                "The data folder of the server cannot be written; nothing was changed."
            }
            Trouble::FullOrReadOnly => {
                "The disk of the server is full, fails, or cannot be written; nothing was changed."
            }
            Trouble::Damaged => {
                "The data of this account cannot be read: a file is damaged or missing, and the log of the server names it. Nothing was changed; other accounts go on."
            }
            Trouble::Newer => {
                "The data of this account were written by a newer version of this program; start that one. Nothing was changed; other accounts go on."
            }
            Trouble::Busy => {
                "This account was busy for too long (--answer-timeout), so the request was not begun; nothing was changed."
            }
            Trouble::FolderReplaced => {
                "The data folder of the server was moved, removed or replaced while it runs; nothing was changed. Put the folder back, or restart the server."
            }
            Trouble::Uncertain => {
                "The disk of the server failed while this was committed, so it is not known whether it was done. Until that is known this account is refused; see the log of the server, then look at what is there before you try again."
            }
            Trouble::Unsettled => {
                "The disk of the server failed earlier, and it is not known what became of a change then. Until that is known this account is refused; this request changed nothing. See the log of the server."
            }
            Trouble::NoFile => {
                "The server has as many files open as the system lets it, so the request was not begun; nothing was changed. Try again; to have more accounts in use at the same time, raise the limit of open files (ulimit -n)."
            }
            Trouble::TooLong => {
                "This took longer than it may (--answer-timeout), so it was given up; nothing was changed. Ask for less: another query, a view with fewer conditions, or a smaller account."
            }
            Trouble::TooBig | Trouble::Other => "The server could not do this; its log says why.",
        }
    }
}

impl StorageError {
    /// Whether this error of a transaction says that no commit is in the log: its frames could not be written, the one
    /// that commits being the last. After any other error, as of the disk that does not confirm a sync, they may be there.
    pub(super) fn left_no_commit(&self) -> bool {
        const FULL: i32 = 13;
        const IOERR_WRITE: i32 = 778;
        let (Self::Sqlite(source) | Self::Open { source, .. }) = self else { return false };
        sqlite_code(source).is_some_and(|code| [FULL, IOERR_WRITE].contains(&code))
    }
}

fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// SQLite's result codes (documented: its list of result codes); the lowest byte is the primary one.
fn of_sqlite(error: &sqlx::Error) -> Trouble {
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const TOOBIG: i32 = 18;
    const NOTADB: i32 = 26;
    /// What writing, syncing, truncating and mapping a file end in, when there is no room, or no right.
    const NOT_WRITTEN: [i32; 5] = [778, 1034, 1290, 1546, 4874];
    if let sqlx::Error::Io(error) = error {
        return of_system(error);
    }
    let Some(code) = sqlite_code(error) else { return Trouble::Other };
    match code & 0xff {
        FULL => Trouble::Full,
        IOERR if NOT_WRITTEN.contains(&code) => Trouble::FullOrReadOnly,
        READONLY | CANTOPEN => Trouble::ReadOnly,
        CORRUPT | NOTADB => Trouble::Damaged,
        TOOBIG => Trouble::TooBig,
        _ => Trouble::Other,
    }
}

fn of_system(error: &std::io::Error) -> Trouble {
    if is_one_too_many(error) {
        return Trouble::NoFile;
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => {
            Trouble::Full
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Trouble::ReadOnly,
        ErrorKind::NotFound => Trouble::Damaged,
        _ => Trouble::Other,
    }
}

/// Whether the process, or the whole system, has as many files open as it may. The library has no kind for it.
#[cfg(unix)]
fn is_one_too_many(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno == Some(Errno::MFILE) || errno == Some(Errno::NFILE)
}

/// `ERROR_TOO_MANY_OPEN_FILES`.
#[cfg(not(unix))]
fn is_one_too_many(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(4)
}

//! What can go wrong below the domain: the disk, the file, the database.

use std::path::PathBuf;

/// A failure that no request causes by what it says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("database: {0}")]
    Sqlite(#[from] sqlx::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("{} was written by a newer version of this program; start that version, or use another folder", path.display())]
    Newer { path: PathBuf },
    #[error("{}: cannot be brought to this version: {source}", path.display())]
    Migration { path: PathBuf, source: sqlx::migrate::MigrateError },
    #[error("{} is in use by another server; stop it, or use another folder with --data", path.display())]
    InUse { path: PathBuf },
    #[error("{} is missing, but the catalogue names it; put it back, or use another folder", path.display())]
    Missing { path: PathBuf },
    #[error("{} could not be closed whole, so it was not copied", path.display())]
    NotWhole { path: PathBuf },
    #[error("the database is closed")]
    Closed,
    #[error("the database gave up on this request; the log says why")]
    Abandoned,
    #[error("the group of writes that this one belonged to was not kept: {0}")]
    NotCommitted(String),
    #[error("{0}")]
    Corrupt(String),
}

impl StorageError {
    /// Whether SQLite gave up since a text would be larger than it can hold, 1 GB.
    pub(crate) fn is_too_big(&self) -> bool {
        const SQLITE_TOOBIG: &str = "18";
        match self {
            Self::Sqlite(sqlx::Error::Database(error)) => {
                error.code().as_deref() == Some(SQLITE_TOOBIG)
            }
            _ => false,
        }
    }
}

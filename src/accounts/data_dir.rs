//! The data directory: its lock, and the paths in it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::storage::{OpenMode, Storage, StorageError, files, is_wal_empty};

/// A data directory that no other server uses.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Held until shutdown.
    #[cfg_attr(not(unix), expect(dead_code, reason = "held for its Drop"))]
    lock: File,
}

impl DataDir {
    /// Locks the data directory against other servers. The lock is on the directory itself, so its removal is noticed.
    ///
    /// # Errors
    /// If another server has locked it, or it cannot be created.
    pub(super) fn lock(storage: &Storage, data_dir: &Path) -> Result<Self, StorageError> {
        files::ensure_data_dir(data_dir, storage.durability)?;
        let (path, file) = if cfg!(unix) {
            (data_dir.to_owned(), File::open(data_dir))
        } else {
            // Other systems cannot open a directory, and cannot remove an open file.
            let path = data_dir.join("lock");
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            (path, file)
        };
        let lock = file.map_err(|source| StorageError::Io { path: path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: data_dir.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(StorageError::Io { path, source }),
        }
    }

    /// Checks that the directory is still the one that was locked. Files are opened by path, so a replaced directory
    /// would give this server the files of another server.
    ///
    /// # Errors
    /// If it was moved, removed or replaced.
    #[cfg(unix)]
    pub(super) fn check_not_replaced(&self) -> Result<(), StorageError> {
        use std::os::unix::fs::MetadataExt;
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let io_error = |source| StorageError::Io { path: self.path.clone(), source };
        let locked = self.lock.metadata().map(identity).map_err(io_error)?;
        if std::fs::metadata(&self.path).is_ok_and(|current| identity(current) == locked) {
            Ok(())
        } else {
            Err(StorageError::DataDirReplaced { path: self.path.clone() })
        }
    }

    /// A directory with an open file cannot be moved here.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "it is used on Unix")]
    pub(super) fn check_not_replaced(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Resolves a path in the directory.
    pub(super) fn resolve(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Returns how to open the catalogue. It must exist if there are accounts: a new one would lack them. A file that
    /// exists must be a catalogue: the database of another program is not migrated.
    pub(super) fn catalogue_open_mode<'p>(
        &self,
        catalogue: &'p Path,
    ) -> Result<OpenMode<'p>, StorageError> {
        if matches!(files::file_size(catalogue), Ok(1..)) {
            return Ok(OpenMode::OpenExisting(catalogue));
        }
        // SQLite would delete an empty file's WAL, or replay it into a new one.
        if !is_wal_empty(catalogue) {
            return Err(StorageError::MissingCatalogue { path: catalogue.to_owned() });
        }
        for subdir in ["accounts", "seeds"] {
            if !files::is_dir_empty(&self.path.join(subdir))? {
                return Err(StorageError::MissingCatalogue { path: catalogue.to_owned() });
            }
        }
        Ok(OpenMode::OpenOrCreate(catalogue))
    }
}

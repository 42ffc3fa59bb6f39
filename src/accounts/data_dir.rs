//! The data directory: its lock, access to its catalogue, and reserved and orphaned files.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalogue;
use super::{Account, Accounts, Image, StorageMode};
use crate::storage::{BoxFuture, Connection, OpenMode, Storage, StorageError, files, is_wal_empty};

impl Accounts {
    /// Reads from the catalogue, which must exist.
    pub(super) async fn read_catalogue<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.catalogue.as_ref().ok_or(StorageError::Closed)?.read(query).await
    }

    /// Checks that the data directory is still the one that this server has locked. Files are opened by path, so a
    /// replaced directory would give this server the files of another server.
    ///
    /// # Errors
    /// If it was moved, removed or replaced.
    #[cfg(unix)]
    pub(super) fn check_data_dir(&self) -> Result<(), StorageError> {
        use std::os::unix::fs::MetadataExt;
        let (StorageMode::DataDir(data_dir), Some(lock)) =
            (&self.storage_mode, &self.data_dir_lock)
        else {
            return Ok(());
        };
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let io_error = |source| StorageError::Io { path: data_dir.clone(), source };
        let locked = lock.metadata().map(identity).map_err(io_error)?;
        if std::fs::metadata(data_dir).is_ok_and(|current| identity(current) == locked) {
            Ok(())
        } else {
            Err(StorageError::DataDirReplaced { path: data_dir.clone() })
        }
    }

    /// A directory with an open file cannot be moved here.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "it is used on Unix")]
    pub(super) fn check_data_dir(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Commits a change to the catalogue, which must exist.
    pub(super) async fn write_catalogue<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let catalogue = self.catalogue.as_ref().ok_or(StorageError::Closed)?;
        self.check_data_dir()?;
        catalogue.write(change).await.map_err(|error| error.with_path(catalogue.path()))
    }

    /// Commits a change to an account's catalogue rows. While the commit is in doubt, requests to the account fail:
    /// a restart could lose what they change.
    pub(super) async fn write_catalogue_for<T, F>(
        &self,
        account: &Account,
        change: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let result = self.write_catalogue(change).await;
        if matches!(result, Err(StorageError::CommitInDoubt { .. })) {
            account.mark_commit_in_doubt();
        }
        result
    }

    /// Deletes files that no row references. Logs a failure, and the next start retries: the change that orphaned
    /// the files is committed, so it must not fail here.
    pub(super) async fn delete_orphaned_files(&self, files: Vec<String>) {
        if files.is_empty() {
            return;
        }
        let removal = async {
            self.check_data_dir()?;
            let files = files
                .into_iter()
                .map(|name| files::DatabaseFile { path: self.resolve_path(&name), name });
            let removed = files::remove_databases(files.collect()).await?;
            self.write_catalogue(move |catalogue| {
                Box::pin(async move {
                    for file in &removed {
                        catalogue::unmark_orphaned(catalogue, file).await?;
                    }
                    Ok(())
                })
            })
            .await
        };
        if let Err(error) = removal.await {
            tracing::warn!(%error, "files that are not needed stay until the next start");
        }
    }

    pub(super) fn file_image(&self, id: i64, file: &str, size_bytes: i64) -> Arc<Image> {
        Arc::new(Image::File {
            id,
            path: self.resolve_path(file),
            size_bytes: size_bytes.unsigned_abs(),
        })
    }

    /// Resolves a path in the data directory.
    pub(super) fn resolve_path(&self, file: &str) -> PathBuf {
        match &self.storage_mode {
            StorageMode::DataDir(data_dir) => data_dir.join(file),
            StorageMode::Memory => PathBuf::from(file),
        }
    }

    /// Reserves a name for a new file, and records it so that the next start cleans up after a crash. The name is
    /// unused: by any file, any row of the catalogue, and any file that is being deleted.
    pub(super) async fn reserve_file(&self, stem: &str) -> Result<String, StorageError> {
        if let Some(parent) = self.resolve_path(stem).parent() {
            files::ensure_dir(parent, self.storage.durability)?;
        }
        let numbered = (2..).map(|number| format!("{stem}.{number}.db"));
        for file in std::iter::once(format!("{stem}.db")).chain(numbered) {
            if files::is_path_taken(&self.resolve_path(&file)) {
                continue;
            }
            let name = file.clone();
            let reserved = self.write_catalogue(move |catalogue| {
                Box::pin(async move { catalogue::reserve_file(catalogue, &name).await })
            });
            if reserved.await? {
                return Ok(file);
            }
        }
        unreachable!("there is always another number")
    }
}

/// Returns how to open the catalogue. It must exist if there are accounts: a new one would lack them.
pub(super) fn catalogue_open_mode<'p>(
    data_dir: &Path,
    path: &'p Path,
) -> Result<OpenMode<'p>, StorageError> {
    if matches!(files::file_size(path), Ok(1..)) {
        return Ok(OpenMode::OpenOrCreate(path));
    }
    // SQLite would delete an empty file's WAL, or replay it into a new one.
    if !is_wal_empty(path) {
        return Err(StorageError::MissingCatalogue { path: path.to_owned() });
    }
    for subdir in ["accounts", "seeds"] {
        if !files::is_dir_empty(&data_dir.join(subdir))? {
            return Err(StorageError::MissingCatalogue { path: path.to_owned() });
        }
    }
    Ok(OpenMode::OpenOrCreate(path))
}

/// Locks the data directory against other servers while the file is held. The lock is on the directory itself, so its
/// removal is noticed.
pub(super) fn lock_data_dir(storage: &Storage, data_dir: &Path) -> Result<File, StorageError> {
    files::ensure_dir(data_dir, storage.durability)?;
    let (path, file) = if cfg!(unix) {
        (data_dir.to_owned(), File::open(data_dir))
    } else {
        // Other systems cannot open a directory, and cannot remove an open file.
        let path = data_dir.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        (path, file)
    };
    let file = file.map_err(|source| StorageError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StorageError::Io { path, source }),
    }
}

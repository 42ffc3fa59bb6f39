//! The folder of a server: its lock, its catalogue, and files that the catalogue knows before and after they are there.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::store;
use super::{Account, Accounts, Home, Image};
use crate::storage::{BoxFuture, Connection, Place, Storage, StorageError, files, is_whole};

impl Accounts {
    /// Reads from the catalogue, which there must be.
    pub(super) async fn look<T, F>(&self, query: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.catalogue.as_ref().ok_or(StorageError::Closed)?.read(query).await
    }

    /// Checks that the data folder is still the one that this server has locked. Files are opened by their paths, so a
    /// folder that was moved away, and another one in its place, would give this server the files of another server.
    ///
    /// # Errors
    /// When it was moved, removed or replaced.
    #[cfg(unix)]
    pub(super) fn check_folder(&self) -> Result<(), StorageError> {
        use std::os::unix::fs::MetadataExt;
        let (Home::Folder(folder), Some(lock)) = (&self.home, &self.lock) else { return Ok(()) };
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let failed = |source| StorageError::File { path: folder.clone(), source };
        let locked = lock.metadata().map(identity).map_err(failed)?;
        if std::fs::metadata(folder).is_ok_and(|found| identity(found) == locked) {
            Ok(())
        } else {
            Err(StorageError::FolderReplaced { path: folder.clone() })
        }
    }

    /// Elsewhere a folder with an open file in it cannot be moved.
    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "it is used on Unix")]
    pub(super) fn check_folder(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Commits a change to the catalogue, which there must be.
    pub(super) async fn commit<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let catalogue = self.catalogue.as_ref().ok_or(StorageError::Closed)?;
        self.check_folder()?;
        catalogue.write(change).await.map_err(|error| error.at(catalogue.path()))
    }

    /// Commits a change of what the catalogue says of an account. As long as it is not known whether that was done, the
    /// account is refused: what clients do meanwhile could be gone after a restart.
    pub(super) async fn commit_for<T, F>(
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
        let done = self.commit(change).await;
        if matches!(done, Err(StorageError::Uncertain { .. })) {
            account.begin_doubt();
        }
        done
    }

    /// Removes files that nothing names any more. What cannot be removed now is removed at the next start: what made
    /// them unneeded has been done, so it must not fail here.
    pub(super) async fn discard(&self, files: Vec<String>) {
        if files.is_empty() {
            return;
        }
        let removed = async {
            self.check_folder()?;
            let files: Vec<_> = files.into_iter().map(|file| (self.path(&file), file)).collect();
            let gone = files::remove_all(files).await?;
            self.commit(move |catalogue| {
                Box::pin(async move {
                    for file in &gone {
                        store::forget(catalogue, file).await?;
                    }
                    Ok(())
                })
            })
            .await
        };
        if let Err(error) = removed.await {
            tracing::warn!(%error, "files that are not needed stay until the next start");
        }
    }

    pub(super) fn image(&self, id: i64, file: &str, bytes: i64) -> Arc<Image> {
        Arc::new(Image::File { id, path: self.path(file), bytes: bytes.unsigned_abs() })
    }

    /// The path of a file inside the data folder.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        match &self.home {
            Home::Folder(folder) => folder.join(file),
            Home::Memory => PathBuf::from(file),
        }
    }

    /// A file that is about to be made, noted so that a crash leaves nothing behind. It has a name that nothing has: no
    /// file, whatever it is, no row of the catalogue, and no file that is being removed.
    pub(super) async fn fresh_file(&self, stem: &str) -> Result<String, StorageError> {
        if let Some(folder) = self.path(stem).parent() {
            self.storage.make_folder(folder)?;
        }
        let numbered = (2..).map(|number| format!("{stem}.{number}.db"));
        for file in std::iter::once(format!("{stem}.db")).chain(numbered) {
            if files::is_taken(&self.path(&file)) {
                continue;
            }
            let noted = file.clone();
            let is_ours = self.commit(move |catalogue| {
                Box::pin(async move { store::reserve(catalogue, &noted).await })
            });
            if is_ours.await? {
                return Ok(file);
            }
        }
        unreachable!("there is always another number")
    }
}

/// The catalogue of a folder. Where there are accounts it must be there: a new one would know none of them.
pub(super) fn catalogue<'p>(folder: &Path, path: &'p Path) -> Result<Place<'p>, StorageError> {
    if matches!(files::size(path), Ok(1..)) {
        return Ok(Place::New(path));
    }
    // SQLite would delete the log of an empty file, or read it into a new one.
    if !is_whole(path) {
        return Err(StorageError::NoCatalogue { path: path.to_owned() });
    }
    for part in ["accounts", "seeds"] {
        if !files::is_empty(&folder.join(part))? {
            return Err(StorageError::NoCatalogue { path: path.to_owned() });
        }
    }
    Ok(Place::New(path))
}

/// Keeps other servers away from a folder as long as this is held. The lock is on the folder itself, which nobody removes
/// without noticing.
pub(super) fn lock(storage: &Storage, folder: &Path) -> Result<File, StorageError> {
    storage.make_folder(folder)?;
    let (path, file) = if cfg!(unix) {
        (folder.to_owned(), File::open(folder))
    } else {
        // Elsewhere a folder cannot be opened; a file that is open cannot be removed there.
        let path = folder.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        (path, file)
    };
    let file = file.map_err(|source| StorageError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StorageError::File { path, source }),
    }
}

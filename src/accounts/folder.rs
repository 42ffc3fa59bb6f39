//! The folder of a server: its lock, its catalogue, and files that the catalogue knows before and after they are there.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::store;
use super::{Accounts, Home, Image};
use crate::storage::{BoxFuture, Connection, Place, Storage, StorageError, files};

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

    /// Commits a change to the catalogue, which there must be.
    pub(super) async fn commit<T, F>(&self, change: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let catalogue = self.catalogue.as_ref().ok_or(StorageError::Closed)?;
        catalogue.write(change).await.map_err(|error| error.at(catalogue.path()))
    }

    /// Removes files that nothing names any more. What cannot be removed now is removed at the next start.
    pub(super) async fn discard(&self, files: Vec<String>) -> Result<(), StorageError> {
        if files.is_empty() {
            return Ok(());
        }
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

    /// A file that is about to be made, noted so that a crash leaves nothing behind. One that is there already is
    /// left alone, whatever it is.
    pub(super) async fn fresh_file(&self, stem: &str) -> Result<String, StorageError> {
        if let Some(folder) = self.path(stem).parent() {
            self.storage.make_folder(folder)?;
        }
        let numbered = (2..).map(|number| format!("{stem}.{number}.db"));
        let mut files = std::iter::once(format!("{stem}.db")).chain(numbered);
        let file = files.find(|file| !self.path(file).exists()).unwrap_or_default();
        let noted = file.clone();
        self.commit(move |catalogue| {
            Box::pin(async move { store::expect(catalogue, &noted).await })
        })
        .await?;
        Ok(file)
    }
}

/// The catalogue of a folder. Where there are accounts it must be there: a new one would know none of them.
pub(super) fn catalogue<'p>(folder: &Path, path: &'p Path) -> Result<Place<'p>, StorageError> {
    let is_new = !matches!(files::size(path), Ok(1..));
    if !is_new {
        return Ok(Place::New(path));
    }
    for part in ["accounts", "seeds"] {
        if !files::is_empty(&folder.join(part))? {
            return Err(StorageError::NoCatalogue { path: path.to_owned() });
        }
    }
    Ok(Place::New(path))
}

/// Keeps other servers away from a folder as long as this is held.
pub(super) fn lock(storage: &Storage, folder: &Path) -> Result<File, StorageError> {
    storage.make_folder(folder)?;
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| StorageError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StorageError::File { path, source }),
    }
}

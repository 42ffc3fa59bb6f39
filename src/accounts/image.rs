//! An image: an immutable copy of an account's data, shared by accounts, snapshots, seeds.

use std::path::PathBuf;
use std::sync::Arc;

use super::settings::AccountSettings;
use crate::storage::{SqliteOwnedBuf, Storage, StorageError, files};

/// An image, in memory or in a file.
#[derive(Debug)]
pub(super) enum Image {
    Memory(Arc<SqliteOwnedBuf>),
    /// `id` is its row in the catalogue.
    File {
        id: i64,
        path: PathBuf,
        size_bytes: u64,
    },
}

impl Image {
    /// Wraps a serialized database.
    pub(super) fn from_buffer(content: SqliteOwnedBuf) -> Arc<Self> {
        Arc::new(Self::Memory(Arc::new(content)))
    }

    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::Memory(content) => content.len() as u64,
            Self::File { size_bytes, .. } => *size_bytes,
        }
    }

    /// Maps an error about a copy to the image's file.
    pub(super) fn attribute_error(&self, error: StorageError) -> StorageError {
        match self {
            Self::Memory(_) => error,
            Self::File { path, .. } => error.with_original_path(path),
        }
    }

    /// Returns its row id, if any.
    pub(super) fn id(&self) -> Option<i64> {
        match self {
            Self::Memory(_) => None,
            Self::File { id, .. } => Some(*id),
        }
    }

    /// Returns the row id of an image in a file.
    ///
    /// # Errors
    /// If it is in memory.
    pub(super) fn row_id(&self) -> Result<i64, StorageError> {
        self.id().ok_or_else(|| StorageError::corrupt("an image has no file".to_owned()))
    }

    /// Copies it to a file that does not exist yet.
    pub(super) async fn copy_to(
        &self,
        storage: &Storage,
        path: PathBuf,
    ) -> Result<(), StorageError> {
        match self {
            Self::Memory(content) => {
                files::write(path, SharedBuffer(Arc::clone(content)), storage.durability).await
            }
            Self::File { path: source, .. } => {
                files::check_header(source)?;
                files::copy(source.clone(), path, storage.durability).await
            }
        }
    }

    /// Loads the image into memory.
    pub(super) async fn load_into_memory(self: &Arc<Self>) -> Result<Arc<Self>, StorageError> {
        match &**self {
            Self::Memory(_) => Ok(Arc::clone(self)),
            Self::File { path, .. } => {
                files::check_header(path)?;
                let mut content = files::read(path.clone()).await?;
                clear_wal_flag(&mut content);
                Ok(Self::from_buffer(SqliteOwnedBuf::try_from(content.as_slice())?))
            }
        }
    }
}

/// Clears WAL mode (bytes 18 and 19), which a database in memory does not support
/// (documented: SQLite's file format).
fn clear_wal_flag(content: &mut [u8]) {
    if let Some(versions) = content.get_mut(18..20) {
        versions.fill(1);
    }
}

/// Shares the content of an image in memory with a writer.
struct SharedBuffer(Arc<SqliteOwnedBuf>);

impl AsRef<[u8]> for SharedBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An account's saved state: its data and its settings at one time.
#[derive(Clone, Debug)]
pub(crate) struct SavedState {
    pub(super) image: Arc<Image>,
    pub(super) settings: AccountSettings,
}

//! An image: a copy of an account's data that never changes, shared by all that stand on it.

use std::path::PathBuf;
use std::sync::Arc;

use super::Profile;
use crate::storage::{Buffer, Storage, StorageError, files};

/// An image, in memory or in a file.
#[derive(Debug)]
pub(super) enum Image {
    Memory(Buffer),
    /// `id` is its row in the catalogue.
    File {
        id: i64,
        path: PathBuf,
        bytes: u64,
    },
}

impl Image {
    /// The content of a database in memory.
    pub(super) fn of(content: Buffer) -> Arc<Self> {
        Arc::new(Self::Memory(content))
    }

    /// How large it is, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Memory(content) => content.len() as u64,
            Self::File { bytes, .. } => *bytes,
        }
    }

    /// An error about a copy of it, as one about its own file.
    pub(super) fn blame(&self, error: StorageError) -> StorageError {
        match self {
            Self::Memory(_) => error,
            Self::File { path, .. } => error.of_original(path),
        }
    }

    /// Its row in the catalogue.
    pub(super) fn id(&self) -> Option<i64> {
        match self {
            Self::Memory(_) => None,
            Self::File { id, .. } => Some(*id),
        }
    }

    /// Puts a copy into a file that does not exist yet.
    pub(super) async fn copy_to(
        self: &Arc<Self>,
        storage: &Storage,
        path: PathBuf,
    ) -> Result<(), StorageError> {
        match &**self {
            Self::Memory(_) => storage.write(path, Held(Arc::clone(self))).await,
            Self::File { path: from, .. } => {
                files::check_whole(from)?;
                storage.copy(from.clone(), path).await
            }
        }
    }

    /// The same image, held in memory.
    pub(super) async fn in_memory(self: &Arc<Self>) -> Result<Arc<Self>, StorageError> {
        match &**self {
            Self::Memory(_) => Ok(Arc::clone(self)),
            Self::File { path, .. } => {
                files::check_whole(path)?;
                let mut content = files::read(path.clone()).await?;
                forget_wal(&mut content);
                Ok(Self::of(Buffer::try_from(content.as_slice())?))
            }
        }
    }
}

/// A database in memory has no write-ahead log; bytes 18 and 19 of a file say that it has one
/// (documented: SQLite's file format).
fn forget_wal(content: &mut [u8]) {
    if let Some(versions) = content.get_mut(18..20) {
        versions.fill(1);
    }
}

/// Lends the content of an image in memory.
struct Held(Arc<Image>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        match &*self.0 {
            Image::Memory(content) => content,
            Image::File { .. } => &[],
        }
    }
}

/// The whole state of an account at some time: its data, and its profile then.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(super) image: Arc<Image>,
    pub(super) profile: Profile,
}

//! The context of a handler.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::accounts::{ApiKey, EffectiveSettings, Lease};
use crate::journal::{Journal, PendingEntry, WithChanges};
use crate::storage::BatchedWrite;

/// A validated request, from a key with the permission.
#[derive(Debug)]
pub(crate) struct HandlerContext {
    pub(crate) key: Arc<ApiKey>,
    /// The database of the key's account.
    pub(crate) database: Lease,
    pub(crate) settings: Arc<EffectiveSettings>,
    /// The base URL of the links in the response.
    pub(crate) base_url: String,
    pub(super) values: Map<String, Value>,
    pub(super) journal_slot: JournalSlot,
}

/// The journal entry that a committed change has reserved.
#[derive(Clone, Debug, Default)]
pub(super) struct JournalSlot(Arc<Mutex<Option<PendingEntry>>>);

impl JournalSlot {
    pub(super) fn take(&self) -> Option<PendingEntry> {
        self.0.lock().take()
    }
}

impl HandlerContext {
    /// Deserializes the values.
    ///
    /// # Errors
    /// Only if the struct disagrees with the table of fields, which is a bug.
    pub(crate) fn take_input<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let values = Value::Object(std::mem::take(&mut self.values));
        serde_json::from_value(values).map_err(|error| ApiError::Internal(error.to_string()))
    }

    /// Commits a change of the account, or rolls it back on an error. Reserves a journal entry, in the order of the
    /// commits.
    ///
    /// # Errors
    /// The change's own, and those of the database.
    pub(crate) async fn commit<C, T>(&self, change: C) -> Result<T, ApiError>
    where
        C: BatchedWrite<Output = WithChanges<T>>,
        T: Send + 'static,
        ApiError: From<C::Error>,
    {
        let journal =
            Some(&self.key.account.journal).filter(|journal| journal.is_enabled()).cloned();
        let on_commit = move |WithChanges { changes, value }| {
            (journal.map(|journal| Journal::reserve(&journal, changes)), value)
        };
        let (pending_entry, value) = self.database.write_batched(change, on_commit).await?;
        *self.journal_slot.0.lock() = pending_entry;
        Ok(value)
    }
}

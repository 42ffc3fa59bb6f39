//! What a handler works with.

use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Error;
use crate::accounts::{Key, Lease, Terms};
use crate::journal::{Changed, Journal, Place};
use crate::state::Shared;
use crate::storage::Together;

/// A request that holds what its rules ask for, from a key that may make it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) state: Shared,
    pub(crate) key: Arc<Key>,
    /// The data of the account that the key picked.
    pub(crate) database: Lease,
    /// What holds in that account.
    pub(crate) terms: Arc<Terms>,
    pub(super) values: Map<String, Value>,
    pub(super) note: Note,
}

/// The place that a change has taken in the journal, once it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Note(Arc<Mutex<Option<Place>>>);

impl Note {
    pub(super) fn take(&self) -> Option<Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Call {
    /// The checked values as a struct.
    ///
    /// # Errors
    /// Only when the struct disagrees with the table of fields, which is a defect.
    pub(crate) fn input<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let values = Value::Object(std::mem::take(&mut self.values));
        serde_json::from_value(values).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Makes a change of the account, or, when it ends in an error, none. What it changed takes its place in the
    /// journal, in the order in which changes are kept.
    ///
    /// # Errors
    /// The change's own, and those of the database.
    pub(crate) async fn make<C, T>(&self, change: C) -> Result<T, Error>
    where
        C: Together<Done = Changed<T>>,
        T: Send + 'static,
        Error: From<C::Error>,
    {
        let journal = Some(&self.key.account.journal).filter(|journal| journal.is_on()).cloned();
        let then = move |Changed { rows, value }| {
            (journal.map(|journal| Journal::take(&journal, rows)), value)
        };
        let (place, value) = self.database.together(change, then).await?;
        *self.note.0.lock().unwrap_or_else(PoisonError::into_inner) = place;
        Ok(value)
    }
}

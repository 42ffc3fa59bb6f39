//! The outcome of a request: the body or the error, and the data of its journal entry.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinError;

use super::error::ApiError;
use super::response::RenderedResponse;
use crate::accounts::EffectiveSettings;
use crate::journal::{PendingEntry, RecordedInput};

#[derive(Debug)]
pub(super) struct HandlerOutcome {
    pub(super) result: Result<Bytes, ApiError>,
    pub(super) recorded_input: Arc<RecordedInput>,
    /// The settings that match its data.
    pub(super) settings: Arc<EffectiveSettings>,
    pub(super) pending_entry: Option<PendingEntry>,
}

impl HandlerOutcome {
    /// Renders it.
    pub(super) fn to_response(&self) -> RenderedResponse {
        let settings = Some(&*self.settings);
        match &self.result {
            Ok(body) => RenderedResponse::ok(body.clone(), settings),
            Err(error) => error.to_response(&self.settings.dialect, settings),
        }
    }
}

/// Renders the response for a task that has failed, and logs the reason.
pub(super) fn task_failure_response(
    error: &JoinError,
    settings: &EffectiveSettings,
) -> RenderedResponse {
    ApiError::Internal(error.to_string()).to_response(&settings.dialect, Some(settings))
}

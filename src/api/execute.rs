//! Executes a decoded request: validates it, checks the permission and runs the handler.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::endpoint::Endpoint;
use super::error::ApiError;
use super::handler_context::{HandlerContext, JournalSlot};
use super::input::RawInput;
use super::outcome::HandlerOutcome;
use super::redactor::redact_error;
use super::request_context::RequestContext;
use super::validate::{ValidatedInput, enforce_strict_mode, validate};

/// Validates the input and runs the handler.
pub(super) async fn execute(
    endpoint: &'static Endpoint,
    context: &mut RequestContext,
    input: RawInput,
) -> HandlerOutcome {
    let operation = &endpoint.operation;
    let ValidatedInput { recorded_input, values } =
        validate(operation, input, context.recorder.redactor());
    context.recorder.set_recorded_input(&recorded_input);
    let mut outcome = HandlerOutcome {
        result: Err(ApiError::Forbidden(operation.permission)),
        recorded_input,
        settings: context.key.account.settings(),
        pending_entry: None,
    };
    if context.key.permissions.contains(operation.permission) {
        outcome.result = match values {
            Ok(values) => run_handler(endpoint, context, values, &mut outcome).await,
            Err(error) => Err(error),
        };
    }
    if let Err(error) = &mut outcome.result {
        redact_error(error, context.recorder.redactor(), &|name| operation.has_field(name));
    }
    outcome
}

async fn run_handler(
    endpoint: &'static Endpoint,
    context: &mut RequestContext,
    values: Map<String, Value>,
    outcome: &mut HandlerOutcome,
) -> Result<Bytes, ApiError> {
    let database = Box::pin(context.lease_or_reauthenticate()).await?;
    // Read after leasing, to match the data.
    outcome.settings = context.key.account.settings();
    enforce_strict_mode(&outcome.settings, &context.warnings, &outcome.recorded_input)?;
    let journal_slot = JournalSlot::default();
    let handler_context = HandlerContext {
        key: Arc::clone(&context.key),
        database,
        settings: Arc::clone(&outcome.settings),
        base_url: context.base_url.clone(),
        values,
        journal_slot: journal_slot.clone(),
    };
    let handler_result = (endpoint.handler)(handler_context).await;
    outcome.pending_entry = journal_slot.take();
    let body = handler_result?.bytes;
    // Reads only: a write has been committed, and its response is small.
    let max_bytes = context.state.limits.max_response_bytes;
    if endpoint.cache_policy.is_some() && body.len() > max_bytes {
        Err(ApiError::ResponseTooLarge(max_bytes))
    } else {
        Ok(body)
    }
}

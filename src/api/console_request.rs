//! Executes an operation for the console: by the same steps as a request of a client, but without a key, a cache,
//! faults and rate limits. Changes are recorded with a mark; reads are not recorded.

use std::sync::Arc;

use axum::extract::Request;

use super::endpoint::Endpoint;
use super::execute::execute;
use super::input::decode_unless_rejected;
use super::outcome::task_failure_response;
use super::request_context::RequestContext;
use super::response::RenderedResponse;
use super::state::SharedState;
use crate::accounts::{Account, ApiKey, PermissionSet, SecretHash};

/// The name that stands for a key in timelines and in the journal.
const CONSOLE_KEY_NAME: &str = "console";

/// Executes a request with all permissions of an account. A disconnect does not cancel it.
pub(crate) async fn execute_for_console(
    endpoint: &'static Endpoint,
    state: SharedState,
    account: &Arc<Account>,
    request: Request,
) -> RenderedResponse {
    let key = ApiKey {
        hash: SecretHash::from_secret(""),
        name: CONSOLE_KEY_NAME.into(),
        permissions: PermissionSet::ALL,
        account: Arc::clone(account),
    };
    let settings = account.settings();
    let operation = &endpoint.operation;
    let mut context = RequestContext::new(state, Arc::new(key), String::new(), operation, &request);
    if endpoint.cache_policy.is_some() {
        context.recorder.discard();
    }
    context.recorder.update_entry(|entry| {
        entry.is_from_console = true;
        // There is no key to redact.
        entry.key_fingerprint = None;
    });
    let input = decode_unless_rejected(operation, &context, request).await;
    let task = tokio::spawn(async move {
        let outcome = execute(endpoint, &mut context, input).await;
        let response = outcome.to_response();
        context.recorder.record(Some(&response), outcome, None);
        response
    });
    task.await.unwrap_or_else(|error| task_failure_response(&error, &settings))
}

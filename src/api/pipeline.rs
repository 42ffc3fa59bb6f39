//! The request pipeline: authenticates a request, and serves it from the cache, in a task of its own, or with fault
//! injection. One file a step: `auth` finds the key, `request_context` starts the record, `input` decodes, `validate`
//! applies the contract, `execute` runs the handler, `recorder` writes the journal, `response` renders.

use std::slice;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Response;

use super::auth::{self, AuthenticatedKey};
use super::base_url::RequestedAddress;
use super::cache::{CacheKey, CachedResponse};
use super::cache_key::cache_key;
use super::client_disconnect::DisconnectGuard;
use super::cross_origin::UntrustedOrigin;
use super::endpoint::{CachePolicy, Endpoint};
use super::execute::execute;
use super::fallback;
use super::fault_injection::serve_with_faults;
use super::input::decode_unless_rejected;
use super::outcome::{HandlerOutcome, task_failure_response};
use super::request_context::RequestContext;
use super::response::RenderedResponse;
use super::state::SharedState;

/// A response extension for the request log.
#[derive(Clone, Debug)]
pub(crate) struct RequestLogInfo {
    pub(crate) operation: &'static str,
    pub(crate) account_name: Option<Arc<str>>,
    pub(crate) route: &'static str,
}

/// Serves one request.
pub(crate) async fn serve(
    endpoint: &'static Endpoint,
    state: SharedState,
    request: Request,
) -> Response<Body> {
    let operation = &endpoint.operation;
    let address = RequestedAddress::from(&request);
    let query = request.uri().query().unwrap_or_default();
    let extracted = auth::extract_key(request.headers(), query);
    let detect_untrusted = || UntrustedOrigin::detect(&state, address);
    let authenticated = auth::authenticate(&state.accounts, extracted, detect_untrusted).await;
    let (mut response, account_name) = match authenticated {
        Ok(AuthenticatedKey { key, key_text }) => {
            let account_name = Arc::clone(&key.account.name);
            let context = RequestContext::new(state, key, key_text, operation, &request);
            (dispatch(endpoint, context, request).await, Some(account_name))
        }
        Err(error) => (fallback::reject_unauthenticated(&state, &request, operation, &error), None),
    };
    response.extensions_mut().insert(RequestLogInfo {
        operation: operation.name,
        account_name,
        route: operation.path,
    });
    response
}

/// Executes an authenticated request, records it and responds.
async fn dispatch(
    endpoint: &'static Endpoint,
    context: RequestContext,
    request: Request,
) -> Response<Body> {
    let account = &context.key.account;
    if account.faults.has_rules() || account.rate_limiter.is_active() {
        return Box::pin(serve_with_faults(endpoint, context, request)).await;
    }
    let response = if let Some(policy) = endpoint.cache_policy {
        serve_read(endpoint, policy, context, request).await
    } else {
        Box::pin(serve_write(endpoint, context, request)).await
    };
    response.into_http_response(None)
}

/// Serves a read-only request, from the cache if possible.
async fn serve_read(
    endpoint: &'static Endpoint,
    policy: CachePolicy,
    mut context: RequestContext,
    request: Request,
) -> RenderedResponse {
    let settings = context.key.account.settings();
    let is_cacheable = context.key.permissions.contains(endpoint.operation.permission)
        && (context.warnings.is_empty() || settings.account_settings.strict.is_none());
    let secrets = slice::from_ref(&context.recorder.redactor().key);
    let base_url = context.state.own_urls.base_url_for(&request, secrets);
    let cache_key = cache_key(policy, &context.key, settings.now(), request.uri(), base_url);
    // The cached entry holds the input, and is shared with other API keys.
    let is_cacheable = is_cacheable
        && request.body().is_end_stream()
        && !context.recorder.redactor().uri_contains_key(request.uri());
    let cache_key = cache_key.filter(|_| is_cacheable).map(CacheKey::from);
    let outcome = if let Some(cache_key) = cache_key {
        cached_or_compute(endpoint, &mut context, &cache_key, request).await
    } else {
        Box::pin(compute(endpoint, &mut context, request)).await
    };
    let response = outcome.to_response();
    context.recorder.record(Some(&response), outcome, None);
    response
}

/// Returns the cached response, or computes it.
async fn cached_or_compute(
    endpoint: &'static Endpoint,
    context: &mut RequestContext,
    cache_key: &CacheKey,
    request: Request,
) -> HandlerOutcome {
    let state = Arc::clone(&context.state);
    let cached = state.response_cache.get_or_compute(cache_key, async {
        // Boxed: it is rare and large, and would enlarge the future of every request.
        let computed = Box::pin(compute(endpoint, context, request));
        let HandlerOutcome { result, recorded_input, settings, pending_entry } = computed.await;
        match result {
            Ok(body) => Ok(CachedResponse { body, recorded_input, settings }),
            error => Err(HandlerOutcome { result: error, recorded_input, settings, pending_entry }),
        }
    });
    match cached.await {
        Ok(CachedResponse { body, recorded_input, settings }) => {
            HandlerOutcome { result: Ok(body), recorded_input, settings, pending_entry: None }
        }
        Err(outcome) => outcome,
    }
}

async fn compute(
    endpoint: &'static Endpoint,
    context: &mut RequestContext,
    request: Request,
) -> HandlerOutcome {
    let input = decode_unless_rejected(&endpoint.operation, context, request).await;
    execute(endpoint, context, input).await
}

/// Executes a request in its own task: a disconnect of the client does not cancel it or its journal entry.
async fn serve_write(
    endpoint: &'static Endpoint,
    mut context: RequestContext,
    request: Request,
) -> RenderedResponse {
    let input = decode_unless_rejected(&endpoint.operation, &context, request).await;
    let settings = context.key.account.settings();
    let (guard, mut watcher) = DisconnectGuard::with_watcher();
    let task_result = tokio::spawn(async move {
        let outcome = execute(endpoint, &mut context, input).await;
        let response = outcome.to_response();
        let sent_response = Some(&response).filter(|_| watcher.is_connected());
        context.recorder.record(sent_response, outcome, None);
        response
    });
    let task_result = task_result.await;
    drop(guard);
    task_result.unwrap_or_else(|error| task_failure_response(&error, &settings))
}

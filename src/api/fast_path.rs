//! The cache fast path: responds from the response cache at once, without allocating a future or a cache key. Leaves
//! all other requests to the full pipeline, which gives the same response.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Response;

use super::auth;
use super::cache::CachedResponse;
use super::cache_key::cache_key;

use super::endpoint::Endpoint;
use super::recorder::{CachedExchange, RequestTimes, record_cached};
use super::redactor::Redactor;
use super::response::RenderedResponse;
use super::state::AppState;
use crate::clock::{self, Stopwatch};

/// A request served from the cache.
#[derive(Debug)]
pub(crate) struct CacheHit {
    pub(crate) response: Response<Body>,
    pub(crate) account_name: Arc<str>,
    pub(crate) elapsed: Duration,
}

/// Returns the cached response, and adds it to the journal. Returns None, without side effects, on a cache miss or if
/// the request needs the full pipeline.
pub(crate) fn try_cached(
    endpoint: &'static Endpoint,
    state: &AppState,
    request: &Request,
) -> Option<CacheHit> {
    let stopwatch = Stopwatch::start();
    let policy = endpoint.cache_policy?;
    let (uri, headers) = (request.uri(), request.headers());
    let query = uri.query().unwrap_or_default();
    let key_text = auth::extract_key(headers, query).ok()?;
    let key = state.accounts.find_key(&key_text)?;
    let account = &key.account;
    let redactor = Redactor { key: key_text, other_keys: Vec::new() };
    let needs_full_pipeline = account.faults.has_rules()
        || account.rate_limiter.is_active()
        || account.retry_after.has_periods()
        || !request.body().is_end_stream()
        || auth::has_key_parameter(query)
        || redactor.uri_contains_key(uri);
    if needs_full_pipeline || !key.permissions.contains(endpoint.operation.permission) {
        return None;
    }
    let now = clock::system_now();
    let times = RequestTimes { account: account.settings().to_account_time(now), system: now };
    let cache_key = cache_key(
        policy,
        &key,
        times.account,
        uri,
        state.own_urls.base_url_for(request, slice::from_ref(&redactor.key)),
    )?;
    let CachedResponse { body, recorded_input, settings } =
        state.response_cache.lookup(&cache_key)?;
    let response = RenderedResponse::ok(body, Some(&settings));
    let elapsed = stopwatch.elapsed();
    record_cached(CachedExchange {
        times,
        method: request.method(),
        path: uri.path(),
        headers,
        operation: &endpoint.operation,
        key: &key,
        redactor: &redactor,
        input: recorded_input,
        response: &response,
        duration: elapsed,
    });
    let account_name = Arc::clone(&account.name);
    Some(CacheHit { response: response.into_http_response(None), account_name, elapsed })
}

//! The cache fast path: responds from the response cache at once. Leaves all other requests to the full pipeline.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use super::redact::Redactor;
use super::response::RenderedResponse;
use super::{Endpoint, auth};
use crate::api::cache::CachedResponse;
use crate::api::state::AppState;
use crate::clock::{self, Stopwatch};
use crate::journal::Entry;

/// A request served from the cache.
#[derive(Debug)]
pub(crate) struct CacheHit {
    pub(crate) response: Response<Body>,
    pub(crate) account_name: Arc<str>,
    pub(crate) elapsed: Duration,
}

impl Endpoint {
    /// Returns the cached response, and adds it to the journal. Returns None, without side effects, on a cache miss
    /// or if the request needs the full pipeline.
    pub(crate) fn try_cached(&self, state: &AppState, request: &Request) -> Option<CacheHit> {
        let stopwatch = Stopwatch::start();
        let (uri, headers) = (request.uri(), request.headers());
        let query = uri.query().unwrap_or_default();
        let key_text = auth::extract_key(headers, query).ok()?;
        let key = state.accounts.find_key(&key_text)?;
        let account = &key.account;
        let redactor = Redactor { key: key_text, other_keys: Vec::new() };
        let needs_full_pipeline = account.faults.has_rules()
            || account.rate_limiter.is_active()
            || auth::has_key_parameter(query)
            || redactor.uri_contains_key(uri);
        if needs_full_pipeline || !key.permissions.contains(self.permission) {
            return None;
        }
        let now = clock::system_now();
        let at = account.settings().to_account_time(now);
        let cache_key = self.cache_key(&key, at, uri)?;
        let CachedResponse { body, recorded_input, settings } =
            state.response_cache.lookup(&cache_key)?;
        let response = RenderedResponse::ok(body, Some(&settings));
        let elapsed = stopwatch.elapsed();
        if account.journal.is_enabled() {
            let method = redactor.redact_method(request.method());
            let mut entry = Entry::new((at, now), method, uri.path());
            entry.operation = Some(self.operation);
            entry.key_name = Some(Arc::clone(&key.name));
            entry.key_fingerprint = Some(key.fingerprint(&redactor.key));
            entry.input = recorded_input;
            entry.duration = elapsed;
            entry.set_response(response.status.as_u16(), &response.body);
            account.journal.add(Arc::new(entry));
        }
        let account_name = Arc::clone(&account.name);
        Some(CacheHit { response: response.into_http_response(None), account_name, elapsed })
    }
}

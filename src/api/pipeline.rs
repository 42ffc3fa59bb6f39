//! The request pipeline: authenticates, decodes, validates, authorizes, runs the handler, responds.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::http::{Response, Uri};
use jiff::Timestamp;

use super::handler_context::JournalSlot;
use super::input::{RawInput, ValidatedInput};
use super::origin::UntrustedOrigin;
use super::request_context::{DisconnectGuard, HandlerOutcome, RequestContext};
use super::response::RenderedResponse;
use super::{ApiError, CachePolicy, Endpoint, HandlerContext, auth, fallback};
use crate::accounts::{ApiKey, EffectiveSettings};
use crate::api::cache::{CacheKey, CacheKeyRef, CachedResponse};
use crate::api::state::SharedState;

/// A response extension for the request log.
#[derive(Clone, Debug)]
pub(crate) struct RequestLogInfo {
    pub(crate) operation: &'static str,
    pub(crate) account_name: Option<Arc<str>>,
    pub(crate) route: &'static str,
}

impl Endpoint {
    /// Serves one request.
    pub(crate) async fn serve(
        &'static self,
        state: SharedState,
        request: Request,
    ) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let extracted = auth::extract_key(request.headers(), query);
        let headers = request.headers();
        let uri = request.uri();
        let detect_untrusted = || UntrustedOrigin::detect(&state, uri, headers);
        let authenticated = auth::authenticate(&state.accounts, extracted, detect_untrusted).await;
        let (mut response, account_name) = match authenticated {
            Ok((text, key)) => {
                let account_name = Arc::clone(&key.account.name);
                let context = RequestContext::new(state, key, text, self, &request);
                (self.dispatch(context, request).await, Some(account_name))
            }
            Err(error) => (fallback::reject_unauthenticated(&state, &request, self, &error), None),
        };
        response.extensions_mut().insert(RequestLogInfo {
            operation: self.operation,
            account_name,
            route: self.path,
        });
        response
    }

    async fn dispatch(&'static self, context: RequestContext, request: Request) -> Response<Body> {
        let account = &context.key.account;
        if account.faults.has_rules() || account.rate_limiter.is_active() {
            return Box::pin(self.serve_with_faults(context, request)).await;
        }
        let response = if self.cache_policy.is_some() {
            self.serve_read(context, request).await
        } else {
            Box::pin(self.serve_write(context, request)).await
        };
        response.into_http_response(None)
    }

    /// Decodes a request. Without the permission, `Expect: 100-continue` gets no `100`: no body is sent.
    pub(super) async fn decode_unless_rejected(
        &self,
        context: &RequestContext,
        request: Request,
    ) -> RawInput {
        if !context.key.permissions.contains(self.permission)
            && request.headers().contains_key(EXPECT)
        {
            return RawInput::default();
        }
        self.decode_request(request, &context.state.limits).await
    }

    /// Serves a read-only request, from the cache if possible.
    async fn serve_read(
        &'static self,
        mut context: RequestContext,
        request: Request,
    ) -> RenderedResponse {
        let settings = context.key.account.settings();
        let is_cacheable = context.key.permissions.contains(self.permission)
            && (context.warnings.is_empty() || settings.account_settings.strict.is_none());
        let cache_key = self.cache_key(&context.key, settings.now(), request.uri());
        // The cached entry holds the input, and is shared with other API keys.
        let is_cacheable =
            is_cacheable && !context.recorder.redactor().uri_contains_key(request.uri());
        let cache_key = cache_key.filter(|_| is_cacheable).map(CacheKey::from);
        let outcome = if let Some(cache_key) = cache_key {
            self.cached_or_compute(&mut context, &cache_key, request).await
        } else {
            Box::pin(self.compute(&mut context, request)).await
        };
        let response = outcome.to_response();
        context.recorder.record(Some(&response), outcome, None);
        response
    }

    /// Returns the cached response, or computes it.
    async fn cached_or_compute(
        &'static self,
        context: &mut RequestContext,
        cache_key: &CacheKey,
        request: Request,
    ) -> HandlerOutcome {
        let state = Arc::clone(&context.state);
        let cached = state.response_cache.get_or_compute(cache_key, async {
            // Boxed: it is rare and large, and would enlarge the future of every request.
            let computed = Box::pin(self.compute(context, request));
            let HandlerOutcome { result, recorded_input, settings, pending_entry } = computed.await;
            match result {
                Ok(body) => Ok(CachedResponse { body, recorded_input, settings }),
                error => {
                    Err(HandlerOutcome { result: error, recorded_input, settings, pending_entry })
                }
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
        &'static self,
        context: &mut RequestContext,
        request: Request,
    ) -> HandlerOutcome {
        let input = self.decode_unless_rejected(context, request).await;
        self.execute(context, input).await
    }

    /// Executes a request in its own task: a disconnect of the client does not cancel it or its journal entry.
    async fn serve_write(
        &'static self,
        mut context: RequestContext,
        request: Request,
    ) -> RenderedResponse {
        let input = self.decode_unless_rejected(&context, request).await;
        let settings = context.key.account.settings();
        let (guard, mut watcher) = DisconnectGuard::with_watcher();
        let task_result = tokio::spawn(async move {
            let outcome = self.execute(&mut context, input).await;
            let response = outcome.to_response();
            context.recorder.record(
                Some(&response).filter(|_| watcher.is_connected()),
                outcome,
                None,
            );
            response
        });
        let task_result = task_result.await;
        drop(guard);
        task_result.unwrap_or_else(|error| task_failure_response(&error, &settings))
    }

    /// Returns the cache key. Returns None for a write, and while a change of the data is being committed: a read may
    /// then be newer than the counter.
    pub(super) fn cache_key<'a>(
        &self,
        key: &ApiKey,
        now: Timestamp,
        uri: &'a Uri,
    ) -> Option<CacheKeyRef<'a>> {
        let policy = self.cache_policy?;
        let counter = &key.account.change_counter;
        let ticket = Some(policy).filter(|policy| *policy == CachePolicy::UntilTicketChanges);
        let ticket = ticket.and_then(|_| uri.path().rsplit('/').next()?.parse().ok());
        Some(CacheKeyRef {
            account: key.account.serial,
            version: ticket.map_or_else(
                || counter.stable_value(),
                |ticket| counter.stable_row_value(ticket),
            )?,
            second: if policy == CachePolicy::ThisSecond { now.as_second() } else { 0 },
            path: uri.path(),
            query: auth::strip_key_from_query(uri.query().unwrap_or_default()),
        })
    }

    /// Validates the input and runs the handler.
    pub(super) async fn execute(
        &'static self,
        context: &mut RequestContext,
        input: RawInput,
    ) -> HandlerOutcome {
        let ValidatedInput { recorded_input, values } =
            self.validate(input, context.recorder.redactor());
        context.recorder.set_recorded_input(&recorded_input);
        let mut outcome = HandlerOutcome {
            result: Err(ApiError::Forbidden(self.permission)),
            recorded_input,
            settings: context.key.account.settings(),
            pending_entry: None,
        };
        if context.key.permissions.contains(self.permission) {
            outcome.result = match values {
                Ok(values) => self.run_handler(context, values, &mut outcome).await,
                Err(error) => Err(error),
            };
        }
        if let Err(error) = &mut outcome.result {
            error.redact(context.recorder.redactor(), &|name| self.has_field(name));
        }
        outcome
    }

    async fn run_handler(
        &'static self,
        context: &mut RequestContext,
        values: serde_json::Map<String, serde_json::Value>,
        outcome: &mut HandlerOutcome,
    ) -> Result<bytes::Bytes, ApiError> {
        let database = Box::pin(context.lease()).await?;
        // Read after leasing, to match the data.
        outcome.settings = context.key.account.settings();
        context.enforce_strict(&outcome.settings, &outcome.recorded_input)?;
        let journal_slot = JournalSlot::default();
        let handler_context = HandlerContext {
            state: Arc::clone(&context.state),
            key: Arc::clone(&context.key),
            database,
            settings: Arc::clone(&outcome.settings),
            values,
            journal_slot: journal_slot.clone(),
        };
        let handler_result = (self.handler)(handler_context).await;
        outcome.pending_entry = journal_slot.take();
        let body = handler_result?.bytes;
        // Reads only: a write has been committed, and its response is small.
        let is_too_large =
            self.cache_policy.is_some() && body.len() > context.state.limits.max_response_bytes;
        if is_too_large {
            Err(ApiError::ResponseTooLarge(context.state.limits.max_response_bytes))
        } else {
            Ok(body)
        }
    }
}

/// Renders the response for a task that has failed, and logs the reason.
pub(super) fn task_failure_response(
    error: &tokio::task::JoinError,
    settings: &EffectiveSettings,
) -> RenderedResponse {
    ApiError::Internal(error.to_string()).to_response(&settings.dialect, Some(settings))
}

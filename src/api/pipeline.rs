//! The request pipeline, one file a step: `auth` finds the key, `request_context` starts the record, `input` decodes,
//! `validate` applies the contract, `execute` runs the handler, `recorder` writes the journal, `response` renders.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use super::auth::{self, Authenticated};
use super::cross_origin::UntrustedOrigin;
use super::dispatch::dispatch;
use super::endpoint::Endpoint;
use super::fallback;
use super::request_context::RequestContext;
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
    let (uri, headers) = (request.uri(), request.headers());
    let extracted = auth::extract_key(headers, uri.query().unwrap_or_default());
    let detect_untrusted = || UntrustedOrigin::detect(&state, uri, headers);
    let authenticated = auth::authenticate(&state.accounts, extracted, detect_untrusted).await;
    let (mut response, account_name) = match authenticated {
        Ok(Authenticated { key, key_text }) => {
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

//! The docs pages. The server renders them, and they load nothing from other hosts.

mod api_docs;
pub(crate) mod control_docs;
mod layout;

use std::future::ready;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use maud::Markup;
use serde_json::Value;

use crate::api::state::SharedState;
use crate::api::{auth, check_host};
use crate::contract::openapi::{Alternatives, set_server};

/// The Content Security Policy: a page connects to this server only.
const CSP_VALUE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The icon of the pages: browsers request it at a fixed path.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#14532d"/><path d="M3 5h10v2a1.5 1.5 0 0 0 0 3v2H3v-2a1.5 1.5 0 0 0 0-3z" fill="#fff"/></svg>"##;

/// Returns the routes of the pages, their assets and the OpenAPI document of the Ticket API, built on first use.
pub(crate) fn routes(
    state: &SharedState,
    openapi: impl Fn(Alternatives) -> Value + Clone + Send + Sync + 'static,
) -> Router<SharedState> {
    let all = openapi.clone();
    Router::new()
        .route("/openapi.json", serve_openapi(move || openapi(Alternatives::Preferred)))
        .route("/openapi-all.json", serve_openapi(move || all(Alternatives::All)))
        .route("/", get(redirect_to_docs))
        .route("/favicon.ico", get(|| async { asset_response("image/svg+xml", ICON) }))
        .route("/docs", get(|| async { html_response(api_docs::render_page()) }))
        .route("/docs/control", get(|| async { html_response(control_docs::render_page()) }))
        .route(
            "/assets/page.css",
            get(|| async { asset_response("text/css; charset=utf-8", include_str!("page.css")) }),
        )
        .route(
            "/assets/docs.js",
            get(|| async {
                asset_response("text/javascript; charset=utf-8", include_str!("docs.js"))
            }),
        )
        .route_layer(from_fn_with_state(Arc::clone(state), require_own_host))
        .route_layer(map_response(add_security_headers))
}

/// Serves an OpenAPI document, built on first use, with the address that the client used as its server.
fn serve_openapi(
    build: impl FnOnce() -> Value + Send + Sync + 'static,
) -> MethodRouter<SharedState> {
    let document = Arc::new(LazyLock::new(build));
    get(move |State(state): State<SharedState>, request: Request| {
        let mut document = Value::clone(&document);
        let secrets = auth::extract_all_secrets(request.uri(), request.headers());
        let base_url = state.own_urls.base_url_for(&request, &secrets);
        set_server(&mut document, &base_url.to_string());
        ready(asset_response("application/json", document.to_string()))
    })
}

/// Rejects requests for foreign host names (DNS rebinding).
async fn require_own_host(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response {
    match check_host(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Redirects to the docs: relative, unless the path of the base URL is known.
async fn redirect_to_docs(State(state): State<SharedState>, request: Request) -> Redirect {
    let secrets = auth::extract_all_secrets(request.uri(), request.headers());
    match &*state.own_urls.requested_path((&request).into(), &secrets) {
        "" => Redirect::temporary("docs"),
        path => Redirect::temporary(&format!("{path}/docs")),
    }
}

fn html_response(markup: Markup) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string())
}

fn asset_response(content_type: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-cache"), (CONTENT_TYPE, content_type)], text)
}

/// Adds the Content Security Policy, and disables MIME sniffing.
async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP_VALUE));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

//! The pages: server-rendered, with nothing loaded from another host.

mod control;
mod docs;

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
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use crate::control::hosts;
use crate::state::Shared;

/// What a page may do: nothing that leaves this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of all pages and of what they load, and the document of the Ticket API, which is made for the first that
/// asks.
pub(crate) fn routes(
    state: &Shared,
    openapi: impl FnOnce() -> String + Send + Sync + 'static,
) -> Router<Shared> {
    let openapi = Arc::new(LazyLock::new(openapi));
    Router::new()
        .route(
            "/openapi.json",
            get(move || ready(asset("application/json", String::clone(&openapi)))),
        )
        .route("/", get(|| async { Redirect::temporary("/docs") }))
        .route("/docs", get(|| async { page(docs::page()) }))
        .route("/docs/control", get(|| async { page(control::page()) }))
        .route(
            "/assets/page.css",
            get(|| async { asset("text/css; charset=utf-8", include_str!("page.css")) }),
        )
        .route(
            "/assets/docs.js",
            get(|| async { asset("text/javascript; charset=utf-8", include_str!("docs.js")) }),
        )
        .route_layer(from_fn_with_state(Arc::clone(state), own_host))
        .route_layer(map_response(confined))
}

/// Shows pages under the server's own names alone.
async fn own_host(State(state): State<Shared>, request: Request, next: Next) -> Response {
    match hosts::known(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(foreign) => foreign.into_response(),
    }
}

/// A whole page.
fn framed(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · omnidesk-mock" }
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/docs.js" defer {}
            }
            body {
                a.skip href="#operations" { "Skip to the operations" }
                (content)
            }
        }
    }
}

fn page(markup: Markup) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string())
}

fn asset(content_type: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-cache"), (CONTENT_TYPE, content_type)], text)
}

/// Nothing here may be taken for what it is not, or do more than it should.
async fn confined(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

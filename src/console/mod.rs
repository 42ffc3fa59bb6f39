//! The pages: server-rendered, with nothing loaded from another host.

mod control;
mod docs;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use crate::control::hosts;
use crate::state::Shared;

/// What a page may do: nothing that leaves this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of all pages and of what they load.
pub(crate) fn routes(state: &Shared) -> Router<Shared> {
    Router::new()
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
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, markup.into_string())
}

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}

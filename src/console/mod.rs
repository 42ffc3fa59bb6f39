//! The console: pages that show the accounts, their tickets and requests, and the documentation of the APIs. The server
//! renders them, every form works without a script, and they load nothing from other hosts.

mod access;
mod accounts;
mod api_docs;
mod api_page;
mod clock;
mod code_snippets;
mod components;
pub(crate) mod control_docs;
mod faults;
mod fidelity;
mod form;
mod keys;
mod login;
mod next_fault;
mod page;
mod query;
mod request;
mod requests;
mod search;
mod session;
mod settings;
mod snapshots;
mod status;
mod ticket;
mod ticket_api;
mod tickets;
mod unauthorized;

use std::future::ready;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;

use crate::api::auth;
use crate::api::state::SharedState;
use crate::contract::openapi::{Alternatives, set_server};
use crate::control;
use crate::control::ProblemKind;
use form::Form;
use page::{PageContext, html_response, redirect};
use query::Query;

pub(crate) use session::{ConsoleAccess, ConsoleMode};

/// The Content Security Policy: a page loads from, and sends to, this server only, and runs no script of its own text.
const CSP_VALUE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The icon of the pages: browsers request it at a fixed path.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#14532d"/><path d="M3 5h10v2a1.5 1.5 0 0 0 0 3v2H3v-2a1.5 1.5 0 0 0 0-3z" fill="#fff"/></svg>"##;

/// Returns the routes of the pages, their assets and the OpenAPI document of the Ticket API, built on first use.
pub(crate) fn routes(
    state: &SharedState,
    access: &ConsoleAccess,
    openapi: impl Fn(Alternatives) -> Value + Clone + Send + Sync + 'static,
) -> Router<SharedState> {
    let with_access = (Arc::clone(state), access.clone());
    let all = openapi.clone();
    let document = Arc::new(LazyLock::new({
        let openapi = openapi.clone();
        move || openapi(Alternatives::Preferred)
    }));
    let documents = Router::new()
        .route("/openapi.json", serve_openapi(move || openapi(Alternatives::Preferred)))
        .route("/openapi-all.json", serve_openapi(move || all(Alternatives::All)))
        .route("/favicon.ico", get(|| async { asset_response("image/svg+xml", ICON) }))
        .route(
            "/assets/console.css",
            get(|| async {
                asset_response("text/css; charset=utf-8", include_str!("console.css"))
            }),
        )
        .route(
            "/assets/console.js",
            get(|| async {
                asset_response("text/javascript; charset=utf-8", include_str!("console.js"))
            }),
        );
    let documents = if access.mode == ConsoleMode::Off {
        documents.route("/", get(redirect_to_openapi))
    } else {
        documents
    };
    let routes =
        documents.route_layer(from_fn_with_state(with_access.clone(), access::require_own_host));
    let routes = if access.mode == ConsoleMode::Off {
        routes
    } else {
        routes.merge(pages(state, access, document))
    };
    routes.route_layer(map_response(add_security_headers))
}

/// Returns the routes of the pages.
fn pages<D>(
    state: &SharedState,
    access: &ConsoleAccess,
    document: Arc<LazyLock<Value, D>>,
) -> Router<SharedState>
where
    D: FnOnce() -> Value + Send + Sync + 'static,
{
    let with_access = (Arc::clone(state), access.clone());
    let log_in = {
        let with_access = with_access.clone();
        move |context: PageContext, headers: HeaderMap, form: Form| {
            ready(access::log_in(&with_access, &context, &headers, &form))
        }
    };
    let show_ticket_operation =
        move |State(state): State<SharedState>, context: PageContext, Path(id): Path<String>| {
            ready(api_docs::show_operation(&state, &context, &id, &document))
        };
    Router::new()
        .route("/", get(accounts::show))
        .route("/login", get(show_login).post(log_in))
        .route("/logout", post(access::log_out))
        .route("/theme", post(set_theme))
        .route("/search", get(search::show))
        .route("/unauthorized", get(unauthorized::show))
        .route("/unauthorized/clear", post(unauthorized::clear))
        .route("/unauthorized/account", post(unauthorized::create_account))
        .route("/fidelity", get(fidelity::show))
        .route("/status", get(status::show))
        .route("/docs", get(api_docs::show))
        .route("/docs/{operation}", get(show_ticket_operation))
        .route("/docs/control", get(control_docs::show))
        .route("/docs/control/{operation}", get(control_docs::show_operation))
        .route("/accounts", post(accounts::create))
        .route("/accounts/{account}/", get(redirect_to_requests))
        .merge(account_pages())
        .route_layer(from_fn_with_state(with_access, access::authorize))
}

/// Returns the routes of the pages of an account.
fn account_pages() -> Router<SharedState> {
    let routes = Router::new()
        .route("/", get(redirect_to_requests))
        .route("/requests", get(requests::show))
        .route("/requests/stream", get(requests::stream))
        .route("/requests/clear", post(requests::clear))
        .route("/requests.har", get(control::har::export))
        .route("/requests/{seq}", get(request::show))
        .route("/requests/{seq}/fault", post(request::add_fault))
        .route("/tickets", get(tickets::show))
        .route("/tickets/changes", post(tickets::change))
        .route("/tickets/{id}", get(ticket::show).post(ticket::change))
        .route("/tickets/{id}/fault", post(ticket::add_fault))
        .route("/tickets/{id}/delete", post(ticket::delete))
        .route("/clock", get(clock::show).post(clock::change))
        .route("/faults", get(faults::show).post(faults::add))
        .route("/faults/clear", post(faults::clear))
        .route("/faults/{id}/remove", post(faults::remove))
        .route("/rate-limit", post(faults::set_rate_limit))
        .route("/strict", post(faults::set_strict_mode))
        .route("/snapshots", get(snapshots::show).post(snapshots::take))
        .route("/snapshots/{name}/restore", post(snapshots::restore))
        .route("/snapshots/{name}/remove", post(snapshots::remove))
        .route("/snapshots/{name}/account", post(snapshots::create_account))
        .route("/snapshots/{name}/export.json", get(snapshots::export_snapshot))
        .route("/snapshots/{name}/compare", get(snapshots::compare))
        .route("/export.json", get(snapshots::export))
        .route("/undo", post(snapshots::undo))
        .route("/reset", post(snapshots::reset))
        .route("/delete", post(accounts::delete))
        .route("/keys", get(keys::show).post(keys::create))
        .route("/keys/{id}/remove", post(keys::remove))
        .route("/settings", get(settings::show).post(settings::change))
        .route("/{*rest}", get(show_unknown_page));
    Router::new().nest("/accounts/{account}", routes)
}

/// Shows the login page.
async fn show_login(context: PageContext, uri: Uri) -> Result<Response, control::Problem> {
    let next = Query::parse(&uri)?.optional("next").unwrap_or_default();
    if context.requires_token {
        return Ok(html_response(&login::render_page(&context, &next, false)));
    }
    Ok(redirect(&context.root))
}

/// Remembers the chosen colours.
async fn set_theme(context: PageContext, form: Form) -> Response {
    let mut response = context.redirect_back();
    if let Ok(cookie) = PageContext::theme_cookie(form.text("theme")).parse() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Shows that an account has no such page.
async fn show_unknown_page() -> control::Problem {
    control::Problem::new(ProblemKind::UnknownPath, "The console has no such page.")
}

/// Opens the first page of an account.
async fn redirect_to_requests(context: PageContext, path: control::AccountPath) -> Response {
    redirect(&context.account_url(&path.account.name, "requests"))
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

/// Leads to what a server without a console has to show.
async fn redirect_to_openapi() -> Redirect {
    Redirect::temporary("openapi.json")
}

fn asset_response(content_type: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-cache"), (CONTENT_TYPE, content_type)], text)
}

/// Adds the Content Security Policy, and disables MIME sniffing and caching of pages.
async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP_VALUE));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

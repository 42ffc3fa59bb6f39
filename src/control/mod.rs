//! Routes and OpenAPI document of the control API, with which tests set up and inspect the mock server.

pub(crate) mod accounts;
mod changes;
pub(crate) mod clock;
pub(crate) mod dialect;
mod duration;
mod extract;
pub(crate) mod faults;
pub(crate) mod fidelity;
pub(crate) mod fixtures;
mod guard;
pub(crate) mod har;
mod journal_page;
pub(crate) mod keys;
mod openapi;
mod openapi_examples;
mod pattern;
mod problem;
mod problem_completion;
mod query;
pub(crate) mod rate_limits;
pub(crate) mod requests;
mod server;
pub(crate) mod snapshots;
pub(crate) mod strict;
mod verify;
mod wait;

use std::sync::LazyLock;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::{Json, Router};
pub(crate) use omnidesk_mock_client::PATH_PREFIX;
use parking_lot::Mutex;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::state::SharedState;
use crate::api::{SimilarPath, auth, find_similar_path};
use crate::contract::openapi::set_server;
pub(crate) use accounts::create_account;
pub(crate) use clock::to_clock_status;
pub(crate) use extract::{
    AccountPath, FaultPath, JsonBody, KeyPath, RequestPath, SnapshotPath, check_snapshot_name,
    read_body,
};
pub(crate) use guard::bearer_token;
pub(crate) use journal_page::{check_journal_enabled, parse_cursor, to_journal_entry};
pub(crate) use pattern::parse_pattern;
pub(crate) use problem::{PROBLEM_KINDS, Problem, ProblemKind};
pub(crate) use query::{CursorParams, FilterQuery};
pub(crate) use requests::{StreamPace, open_stream, require_entry};

/// Builds the routes and their document early, since this takes a noticeable part of the startup. [`router`] takes
/// them, or waits for the rest.
pub(crate) fn prebuild_router() {
    let mut prebuilt = PREBUILT_ROUTER.lock();
    prebuilt.get_or_insert_with(protected_routes);
}

/// The first call of [`router`] takes the value, which frees its memory.
static PREBUILT_ROUTER: Mutex<Option<OpenApiRouter<SharedState>>> = Mutex::new(None);

/// Returns the routes that require authorization.
fn protected_routes() -> OpenApiRouter<SharedState> {
    OpenApiRouter::with_openapi(openapi::base_document())
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::show, accounts::remove))
        .routes(routes!(accounts::reset))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::take, snapshots::remove))
        .routes(routes!(snapshots::restore))
        .routes(routes!(fixtures::export))
        .routes(routes!(fixtures::import))
        .routes(routes!(clock::show, clock::set))
        .routes(routes!(clock::advance))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::remove))
        .routes(routes!(dialect::show, dialect::set))
        .routes(routes!(requests::list, requests::clear))
        .routes(routes!(requests::stream))
        .routes(routes!(requests::show))
        .routes(routes!(har::export))
        .routes(routes!(verify::verify))
        .routes(routes!(wait::wait))
        .routes(routes!(changes::list))
        .routes(routes!(faults::list, faults::add, faults::clear))
        .routes(routes!(faults::remove))
        .routes(routes!(rate_limits::show, rate_limits::set))
        .routes(routes!(strict::show, strict::set))
        .routes(routes!(requests::list_unmatched, requests::clear_unmatched))
        .routes(routes!(server::metrics))
        .routes(routes!(server::fidelity))
        .routes(routes!(serve_document))
}

/// Returns the health checks, which need no authorization.
fn public_routes() -> OpenApiRouter<SharedState> {
    OpenApiRouter::new().routes(routes!(server::health)).routes(routes!(server::ready))
}

/// Returns all routes.
pub(crate) fn router(state: &SharedState) -> Router<SharedState> {
    let prebuilt = PREBUILT_ROUTER.lock().take();
    let (protected, _) = prebuilt.unwrap_or_else(protected_routes).split_for_parts();
    let (public, _) = public_routes().split_for_parts();
    let add_nosniff = map_response(async |mut response: Response| {
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    });
    let method_not_allowed = async |request: Request| {
        let truncate = |text: &str, max_chars| text.chars().take(max_chars).collect::<String>();
        let method = truncate(request.method().as_str(), 40);
        let path = truncate(request.uri().path(), 200);
        Problem::new(
            ProblemKind::MethodNotAllowed,
            format!("{PATH_PREFIX}{path} does not support {method}."),
        )
    };
    let public = public.method_not_allowed_fallback(method_not_allowed);
    let protected = protected
        .fallback(async |request: Request| {
            let path: String = request.uri().path().chars().take(200).collect();
            // Below the prefix, `/_control` and `/_control/` are the same path.
            let path = if path == "/" { "" } else { &*path };
            let similar = find_similar_path(&format!("{PATH_PREFIX}{path}"), known_paths());
            let hint = similar.map_or_else(String::new, |SimilarPath { path, difference }| {
                format!(" Did you mean {path}? The difference: {difference}.")
            });
            Problem::new(
                ProblemKind::UnknownPath,
                format!(
                    "The control API has no path {PATH_PREFIX}{path}; see /docs/control.{hint}"
                ),
            )
        })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guard::authorize));
    let routes = public
        .merge(protected)
        .layer(from_fn_with_state(state.clone(), problem_completion::complete));
    Router::new().nest(PATH_PREFIX, routes.layer(add_nosniff))
}

/// Iterates over the paths of the control API, with its prefix.
fn known_paths() -> impl Iterator<Item = &'static str> {
    static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let document = openapi_document();
        document["paths"].as_object().into_iter().flatten().map(|(path, _)| path.clone()).collect()
    });
    PATHS.iter().map(String::as_str)
}

/// Returns whether the path is a health check or the metrics.
pub(crate) fn is_monitoring_path(path: &str) -> bool {
    let route = path.strip_prefix(PATH_PREFIX);
    route.is_some_and(|route| ["/health", "/ready", "/metrics"].contains(&route))
}

/// Returns the OpenAPI document of these routes, without its server.
pub(crate) fn openapi_document() -> Value {
    let router = OpenApiRouter::with_openapi(openapi::base_document());
    let (_, document) =
        router.nest(PATH_PREFIX, public_routes().merge(protected_routes())).split_for_parts();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    openapi::complete(&mut document);
    document
}

/// Returns this document.
#[utoipa::path(get, path = "/openapi.json", tag = "server", operation_id = "controlOpenapi",
    responses((status = 200, body = Object, description = "OpenAPI 3.1"), Problem))]
async fn serve_document(State(state): State<SharedState>, request: Request) -> Json<Value> {
    let mut document = openapi_document();
    let secrets = auth::extract_all_secrets(request.uri(), request.headers());
    let base_url = state.own_urls.base_url_for(&request, &secrets);
    set_server(&mut document, &base_url.to_string());
    Json(document)
}

//! Our own API, for tests and tools: accounts, snapshots, clocks, keys, dialects and fixtures.

mod accounts;
mod changes;
mod clock;
mod dialect;
mod faults;
mod fixtures;
mod guard;
pub(crate) mod hosts;
mod keys;
mod limits;
mod pattern;
mod problem;
mod redact;
mod request;
mod requests;
mod server;
mod snapshots;
mod verify;
mod waiting;
pub(crate) mod wire;

use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;
pub(crate) use problem::KINDS;
use problem::Kind;
pub(crate) use problem::Problem;
pub(crate) use wire::ProblemBody;

/// What stands before all routes.
pub(crate) const PREFIX: &str = "/_control";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "omnidesk-mock: control API",
        description = "Accounts, snapshots, clocks, keys and fixtures of a mock server; what clients asked it, and what is to \
            happen to their requests. Not part of Omnidesk. \
            `{account}` is a name, or `self` with an API key in the request.",
    ),
    components(schemas(ProblemBody)),
    modifiers(&Security)
)]
struct Document;

/// The two secrets that a request may carry.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        };
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of --control-token, where there is one."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let key =
            ApiKeyValue::with_description("apiKey", "The API key whose account `self` means.");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let none: [&str; 0] = [];
        let named = |name: &str| SecurityRequirement::new(name, none);
        let alternatives = [SecurityRequirement::default(), named("token"), named("apiKey")];
        document.security = Some(alternatives.into());
    }
}

/// A rule that is shown has the fields of a rule and more. As the two are put together by the library, neither
/// would let the other's fields be.
fn put_together(document: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::{RefOr, Schema};
    let Some(components) = &mut document.components else { return };
    let rule = components.schemas.get("Rule").cloned();
    let shown = components.schemas.get("ShownRule").cloned();
    let (Some(RefOr::T(Schema::Object(mut whole))), Some(RefOr::T(Schema::AllOf(parts)))) =
        (rule, shown)
    else {
        return;
    };
    for part in parts.items {
        if let RefOr::T(Schema::Object(own)) = part {
            whole.properties.extend(own.properties);
            whole.required.extend(own.required);
        }
    }
    whole.description = parts.description;
    components.schemas.insert("ShownRule".to_owned(), RefOr::T(Schema::Object(whole)));
}

/// Makes the routes and their document, which takes a noticeable part of a start. Whoever needs them finds them made,
/// or waits for the rest.
pub(crate) fn prepare() {
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    prepared.get_or_insert_with(guarded);
}

/// Taken by the first router, so that nothing of it stays when it is of no more use.
static PREPARED: Mutex<Option<OpenApiRouter<Shared>>> = Mutex::new(None);

/// The routes that only those may use who are let in.
fn guarded() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(accounts::list, accounts::make))
        .routes(routes!(accounts::show, accounts::remove))
        .routes(routes!(accounts::reset))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::take, snapshots::remove))
        .routes(routes!(snapshots::restore))
        .routes(routes!(fixtures::export))
        .routes(routes!(fixtures::import))
        .routes(routes!(clock::show, clock::set))
        .routes(routes!(clock::advance))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::remove))
        .routes(routes!(dialect::show, dialect::set))
        .routes(routes!(requests::list, requests::clear))
        .routes(routes!(requests::stream))
        .routes(routes!(requests::show))
        .routes(routes!(verify::verify))
        .routes(routes!(waiting::wait))
        .routes(routes!(changes::list))
        .routes(routes!(faults::list, faults::add, faults::clear))
        .routes(routes!(faults::remove))
        .routes(routes!(limits::show, limits::set))
        .routes(routes!(limits::show_strict, limits::set_strict))
        .routes(routes!(requests::strangers, requests::clear_strangers))
        .routes(routes!(server::metrics))
        .routes(routes!(server::fidelity))
        .routes(routes!(server::openapi))
}

/// The routes that say nothing but how the server is.
fn open() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(server::health)).routes(routes!(server::ready))
}

/// All routes.
pub(crate) fn router(state: &Shared) -> Router<Shared> {
    let prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (guarded, _) = prepared.unwrap_or_else(guarded).split_for_parts();
    let (open, _) = open().split_for_parts();
    let nosniff = map_response(async |mut response: Response| {
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    });
    let wrong_method = async |request: Request| {
        let cut = |text: &str, most| text.chars().take(most).collect::<String>();
        let (method, path) = (cut(request.method().as_str(), 40), cut(request.uri().path(), 200));
        Problem::new(Kind::WrongMethod, format!("{method} is not a method of {PREFIX}{path}."))
    };
    let open = open.method_not_allowed_fallback(wrong_method);
    let guarded = guarded
        .fallback(async |request: Request| {
            let path: String = request.uri().path().chars().take(200).collect();
            Problem::new(Kind::UnknownPath, format!("There is nothing at {PREFIX}{path}."))
        })
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), guard::guard));
    let routes = open.merge(guarded).layer(from_fn(redact::redact));
    Router::new().nest(PREFIX, routes.layer(nosniff))
}

/// Whether the path is one of those that watch the server.
pub(crate) fn is_check(path: &str) -> bool {
    let rest = path.strip_prefix(PREFIX);
    rest.is_some_and(|rest| ["/health", "/ready", "/metrics"].contains(&rest))
}

/// The OpenAPI document of these routes.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let all = OpenApiRouter::with_openapi(Document::openapi());
    let (_, mut document) = all.nest(PREFIX, open().merge(guarded())).split_for_parts();
    put_together(&mut document);
    document
}

//! Routes and OpenAPI document of the control API, with which tests set up and inspect the mock server.

mod accounts;
mod changes;
mod clock;
mod dialect;
mod extract;
mod faults;
pub(crate) mod fidelity;
mod fixtures;
mod guard;
pub(crate) mod hosts;
mod keys;
mod pattern;
mod problem;
mod rate_limits;
mod redact;
mod requests;
mod server;
mod snapshots;
mod verify;
mod wait;
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

use crate::api::state::SharedState;
pub(crate) use problem::PROBLEM_KINDS;
pub(crate) use problem::Problem;
use problem::ProblemKind;
pub(crate) use wire::ProblemBody;

/// The path prefix of all routes.
pub(crate) const PATH_PREFIX: &str = "/_control";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "omnidesk-mock: control API",
        description = "Accounts, snapshots, clocks, keys and fixtures of a mock server; what clients asked it, and what is to \
            happen to their requests. Not part of Omnidesk. \
            `{account}` is a name, or `self` with an API key in the request.",
    ),
    components(schemas(ProblemBody)),
    modifiers(&SecuritySchemes)
)]
struct ApiDoc;

/// The two credentials of a request.
struct SecuritySchemes;

impl utoipa::Modify for SecuritySchemes {
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
        let no_scopes: [&str; 0] = [];
        let requirement = |name: &str| SecurityRequirement::new(name, no_scopes);
        let alternatives =
            [SecurityRequirement::default(), requirement("token"), requirement("apiKey")];
        document.security = Some(alternatives.into());
    }
}

/// Merges the flattened fields of a rule into the schema of an active rule: utoipa joins them with `allOf`, and each
/// schema would reject the other's fields.
fn flatten_fault_rule_schema(document: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::{RefOr, Schema};
    let Some(components) = &mut document.components else { return };
    let rule_schema = components.schemas.get("Rule").cloned();
    let active_rule_schema = components.schemas.get("ShownRule").cloned();
    let (Some(RefOr::T(Schema::Object(mut merged))), Some(RefOr::T(Schema::AllOf(all_of)))) =
        (rule_schema, active_rule_schema)
    else {
        return;
    };
    for item in all_of.items {
        if let RefOr::T(Schema::Object(object)) = item {
            merged.properties.extend(object.properties);
            merged.required.extend(object.required);
        }
    }
    merged.description = all_of.description;
    components.schemas.insert("ShownRule".to_owned(), RefOr::T(Schema::Object(merged)));
}

/// Builds the routes and their document early, since this takes a noticeable part of the startup. [`router`] takes
/// them, or waits for the rest.
pub(crate) fn prebuild_router() {
    let mut prebuilt = PREBUILT_ROUTER.lock().unwrap_or_else(PoisonError::into_inner);
    prebuilt.get_or_insert_with(protected_routes);
}

/// The first call of [`router`] takes the value, which frees its memory.
static PREBUILT_ROUTER: Mutex<Option<OpenApiRouter<SharedState>>> = Mutex::new(None);

/// Returns the routes that require authorization.
fn protected_routes() -> OpenApiRouter<SharedState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
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
        .routes(routes!(wait::wait))
        .routes(routes!(changes::list))
        .routes(routes!(faults::list, faults::add, faults::clear))
        .routes(routes!(faults::remove))
        .routes(routes!(rate_limits::show, rate_limits::set))
        .routes(routes!(rate_limits::show_strict, rate_limits::set_strict))
        .routes(routes!(requests::strangers, requests::clear_strangers))
        .routes(routes!(server::metrics))
        .routes(routes!(server::fidelity))
        .routes(routes!(server::openapi))
}

/// Returns the health checks, which need no authorization.
fn public_routes() -> OpenApiRouter<SharedState> {
    OpenApiRouter::new().routes(routes!(server::health)).routes(routes!(server::ready))
}

/// Returns all routes.
pub(crate) fn router(state: &SharedState) -> Router<SharedState> {
    let prebuilt = PREBUILT_ROUTER.lock().unwrap_or_else(PoisonError::into_inner).take();
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
            ProblemKind::WrongMethod,
            format!("{method} is not a method of {PATH_PREFIX}{path}."),
        )
    };
    let public = public.method_not_allowed_fallback(method_not_allowed);
    let protected = protected
        .fallback(async |request: Request| {
            let path: String = request.uri().path().chars().take(200).collect();
            Problem::new(
                ProblemKind::UnknownPath,
                format!("There is nothing at {PATH_PREFIX}{path}."),
            )
        })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guard::authorize));
    let routes = public.merge(protected).layer(from_fn(redact::redact));
    Router::new().nest(PATH_PREFIX, routes.layer(add_nosniff))
}

/// Returns whether the path is a health check or the metrics.
pub(crate) fn is_monitoring_path(path: &str) -> bool {
    let route = path.strip_prefix(PATH_PREFIX);
    route.is_some_and(|route| ["/health", "/ready", "/metrics"].contains(&route))
}

/// Returns the OpenAPI document of these routes.
pub(crate) fn openapi_document() -> utoipa::openapi::OpenApi {
    let router = OpenApiRouter::with_openapi(ApiDoc::openapi());
    let (_, mut document) =
        router.nest(PATH_PREFIX, public_routes().merge(protected_routes())).split_for_parts();
    flatten_fault_rule_schema(&mut document);
    document
}

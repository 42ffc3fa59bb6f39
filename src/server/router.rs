//! The router: built from the endpoint tables, with a fast path for cached responses and the request log.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Response};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter};
use futures_util::FutureExt;
use futures_util::future::Either;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

use crate::api::state::SharedState;
use crate::api::{
    ApiError, AuthenticationFailure, BaseUrl, CacheHit, ConnectionAbort, Endpoint, OriginalPath,
    ProtocolError, RequestLogInfo, is_ticket_api_path, method_not_allowed, not_found, serve,
    try_cached,
};
use crate::clock::Stopwatch;
use crate::console::ConsoleAccess;
use crate::contract::dialect::Dialect;
use crate::contract::openapi::{Alternatives, DocumentedResource, build_document};
use crate::contract::{self, Operation};
use crate::control::Problem;
use crate::controllers::{CONTROLLERS, all_endpoints, all_operations};
use crate::metrics::EndpointMetrics;
use crate::server::{cors, logging};
use crate::{console, control, metrics};

/// Builds the parts of the router that do not depend on the accounts.
pub(crate) fn prebuild_router() {
    control::prebuild_router();
}

/// The HTTP application: all routes, and the fast path for cached responses.
#[derive(Clone, Debug)]
pub(crate) struct App {
    state: SharedState,
    /// The routes with cached responses.
    cached_routes: Arc<[CachedRoute]>,
    router: Router,
    /// Adds the headers that let pages of other origins use the Ticket API.
    cors: Option<CorsLayer>,
}

/// A route with cached responses.
#[derive(Debug)]
struct CachedRoute {
    endpoint: &'static Endpoint,
    method: Method,
    /// The path up to the parameter.
    path_prefix: &'static str,
    has_parameter: bool,
    metrics: EndpointMetrics,
}

impl CachedRoute {
    /// Returns None if the endpoint is not cached, or its path does not end in the parameter.
    fn from_endpoint(endpoint: &'static Endpoint) -> Option<Self> {
        endpoint.cache_policy?;
        let operation = &endpoint.operation;
        let (path_prefix, rest) = operation.path.split_once('{').unwrap_or((operation.path, ""));
        (rest.find('}').is_none_or(|end| end + 1 == rest.len())).then(|| Self {
            endpoint,
            method: http_method(operation.method),
            path_prefix,
            has_parameter: !rest.is_empty(),
            metrics: EndpointMetrics::new(operation.name),
        })
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        let parameter = path.strip_prefix(self.path_prefix).filter(|_| self.method == *method);
        parameter.is_some_and(|part| {
            let is_other_route =
                self.has_parameter && (part.contains('/') || find_named_method(path).is_some());
            part.is_empty() != self.has_parameter && !is_other_route
        })
    }
}

/// A cached response, or the future of a computed one.
type ResponseFuture =
    Either<Ready<Response<Body>>, Pin<Box<dyn Future<Output = Response<Body>> + Send>>>;

impl App {
    pub(crate) fn new(state: SharedState, console: &ConsoleAccess) -> Self {
        let cached_routes = all_endpoints().filter_map(CachedRoute::from_endpoint).collect();
        let router = build_router(Arc::clone(&state), console);
        let cors = cors::build_layer(&state.cors_origins);
        Self { state, cached_routes, router, cors }
    }

    /// Handles a request; immediately if the response is cached.
    pub(crate) fn handle(&self, request: Request) -> ResponseFuture {
        match &self.cors {
            Some(cors) if is_ticket_api_path(request.uri().path()) => {
                let app = self.clone();
                let service = cors.layer(service_fn(move |request| {
                    app.handle_same_origin(request).map(Ok::<_, Infallible>)
                }));
                Either::Right(Box::pin(async {
                    let Ok(response) = service.oneshot(request).await;
                    response
                }))
            }
            _ => self.handle_same_origin(request),
        }
    }

    fn handle_same_origin(&self, request: Request) -> ResponseFuture {
        if let Some(response) = self.try_cached(&request) {
            return Either::Left(ready(response));
        }
        let response_future = self.router.clone().oneshot(normalize_path(request));
        Either::Right(Box::pin(async {
            let Ok(response) = response_future.await;
            response
        }))
    }

    /// Returns the cached response, and records it in the metrics and the log like any other.
    fn try_cached(&self, request: &Request) -> Option<Response<Body>> {
        let (method, path) = (request.method(), request.uri().path());
        let CachedRoute { endpoint, metrics, .. } =
            self.cached_routes.iter().find(|route| route.matches(method, path))?;
        let CacheHit { response, account_name, elapsed } =
            try_cached(endpoint, &self.state, request)?;
        self.state.metrics.record_ok_response(metrics, elapsed);
        let Operation { name, path: route, .. } = endpoint.operation;
        let info = RequestLogInfo { operation: name, account_name: Some(account_name), route };
        let status = Some(response.status());
        logging::log_request((method, route), Some(&info), status, None, elapsed);
        Some(response)
    }
}

fn build_router(state: SharedState, console: &ConsoleAccess) -> Router {
    let accounts = Arc::clone(&state.accounts);
    let openapi = move |alternatives| openapi_document(&accounts.default_dialect, alternatives);
    let mut router = Router::new()
        .merge(console::routes(&state, console, openapi))
        .merge(control::router(&state));
    for (path, endpoints) in endpoints_by_path() {
        router = router.route(path, build_method_router(endpoints));
    }
    router
        .fallback(|State(state): State<SharedState>, request: Request| async move {
            not_found(&state, &request, operation_paths().chain(PAGE_PATHS))
        })
        .method_not_allowed_fallback(
            |State(state): State<SharedState>, request: Request| async move {
                // All routes outside of the endpoint tables are read-only.
                method_not_allowed(
                    &state,
                    &request,
                    None,
                    methods_for(contract::Method::Get).join(", "),
                    std::iter::empty(),
                )
            },
        )
        .layer(from_fn_with_state(Arc::clone(&state), log_request))
        .with_state(state)
}

/// Builds the response to a protocol error, with `Connection: close`. The path may be incomplete.
pub(crate) fn protocol_error_response(
    state: &SharedState,
    path: &str,
    base_url: &BaseUrl<'_>,
    error: ProtocolError,
) -> Response<Body> {
    let mut response = if path.starts_with(control::PATH_PREFIX) {
        Problem::from(error).with_base_path(base_url.path()).into_response()
    } else {
        ApiError::Protocol(error)
            .to_response(&state.accounts.default_dialect, None)
            .into_http_response(None)
    };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Builds the OpenAPI document for a dialect, without its server.
pub(crate) fn openapi_document(dialect: &Dialect, alternatives: Alternatives) -> serde_json::Value {
    let resources: Vec<DocumentedResource> =
        CONTROLLERS.iter().map(|controller| controller.to_documented_resource()).collect();
    build_document(&resources, dialect, alternatives)
}

fn endpoints_by_path() -> BTreeMap<&'static str, Vec<&'static Endpoint>> {
    let mut paths: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for endpoint in all_endpoints() {
        paths.entry(endpoint.operation.path).or_default().push(endpoint);
    }
    paths
}

/// The pages and documents that a misspelled path can mean.
const PAGE_PATHS: [&str; 6] =
    ["/docs", "/docs/control", "/fidelity", "/status", "/openapi.json", "/openapi-all.json"];

fn operation_paths() -> impl Iterator<Item = &'static str> {
    all_operations().map(|operation| operation.path)
}

/// Builds the routes of one path; any other method gets a 405 response with the allowed ones.
fn build_method_router(endpoints: Vec<&'static Endpoint>) -> MethodRouter<SharedState> {
    let allowed = endpoints.iter().flat_map(|endpoint| methods_for(endpoint.operation.method));
    let allowed = allowed.copied().collect::<Vec<&str>>().join(", ");
    let route = endpoints.first().map(|endpoint| endpoint.operation.path);
    let fallback = move |State(state): State<SharedState>, request: Request| {
        let allowed = allowed.clone();
        async move { method_not_allowed(&state, &request, route, allowed, operation_paths()) }
    };
    let mut methods = MethodRouter::new().fallback(fallback);
    for endpoint in endpoints {
        let filter = method_filter(endpoint.operation.method);
        methods = methods.on(filter, |State(state): State<SharedState>, request: Request| {
            serve(endpoint, state, request)
        });
    }
    methods
}

/// Returns the methods that a route accepts: `GET` implies `HEAD`.
const fn methods_for(method: contract::Method) -> &'static [&'static str] {
    match method {
        contract::Method::Get => &["GET", "HEAD"],
        contract::Method::Post => &["POST"],
        contract::Method::Put => &["PUT"],
        contract::Method::Delete => &["DELETE"],
    }
}

const fn http_method(method: contract::Method) -> Method {
    match method {
        contract::Method::Get => Method::GET,
        contract::Method::Post => Method::POST,
        contract::Method::Put => Method::PUT,
        contract::Method::Delete => Method::DELETE,
    }
}

const fn method_filter(method: contract::Method) -> MethodFilter {
    match method {
        contract::Method::Get => MethodFilter::GET,
        contract::Method::Post => MethodFilter::POST,
        contract::Method::Put => MethodFilter::PUT,
        contract::Method::Delete => MethodFilter::DELETE,
    }
}

/// Finds the named method at the end of a path, ignoring case. Returns the path before it and its name.
fn find_named_method(path: &str) -> Option<(&'static str, &'static str)> {
    static ALL: LazyLock<Vec<(&str, &str)>> =
        LazyLock::new(|| all_operations().filter_map(Operation::named_method).collect());
    let matches = |(base, name): &&(&str, &str)| {
        path.len() == base.len() + name.len()
            && path.strip_prefix(base).is_some_and(|suffix| suffix.eq_ignore_ascii_case(name))
    };
    ALL.iter().find(matches).copied()
}

/// Normalizes the case of a named method (our choice; undocumented: the vendor spells one in two cases).
fn normalize_path(mut request: Request) -> Request {
    let path = request.uri().path();
    if let Some((base, name)) = find_named_method(path)
        && !path.ends_with(name)
    {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let original_path = OriginalPath(path.into());
        if let Ok(uri) = format!("{base}{name}{query}").parse() {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(original_path);
        }
    }
    request
}

/// Records each request in the metrics and the log.
async fn log_request(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (method, stopwatch) = (request.method().clone(), Stopwatch::start());
    let path = request.uri().path();
    let is_control = path.starts_with(control::PATH_PREFIX);
    // Monitoring requests repeat every few seconds without information, unless they are rejected.
    let is_monitoring = is_control && control::is_monitoring_path(path);
    let route = if is_control { request.extensions().get::<MatchedPath>().cloned() } else { None };
    let response = next.run(request).await;
    let failure = response.extensions().get::<AuthenticationFailure>().copied();
    if is_monitoring && failure.is_none() {
        return response;
    }
    let info = response.extensions().get::<RequestLogInfo>();
    let is_aborted = response.extensions().get::<ConnectionAbort>().is_some();
    let status = Some(response.status()).filter(|_| !is_aborted);
    let operation = if is_control { metrics::CONTROL_OPERATION } else { metrics::OTHER_OPERATION };
    let operation = info.map_or(operation, |info| info.operation);
    let elapsed = stopwatch.elapsed();
    state.metrics.record_response(operation, status.map(|status| status.as_u16()), elapsed);
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let route = info.map_or(route, |info| info.route);
    logging::log_request((&method, route), info, status, failure, elapsed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_routes_match_the_same_paths_as_the_router() {
        let cached_routes: Vec<CachedRoute> =
            all_endpoints().filter_map(CachedRoute::from_endpoint).collect();
        let find = |method, path| {
            let route = cached_routes.iter().find(|route| route.matches(&method, path));
            route.map(|route| route.endpoint.operation.name)
        };
        assert_eq!(cached_routes.len(), 2);
        assert_eq!(find(Method::GET, "/api/v2/ticket"), Some("ticket.list"));
        for path in ["/api/v2/ticket/7", "/api/v2/ticket/x%2Fy", "/api/v2/ticket/multiple"] {
            assert_eq!(find(Method::GET, path), Some("ticket.get"), "{path}");
        }
        for path in [
            "/api/v2/ticket/",
            "/api/v2/ticket7",
            "/api/v2/ticket/7/",
            "/api/v2/ticket/7/8",
            "/api/v2/ticket/multi",
            "/api/v2/ticket/SETSTATUS",
            "/api/v2",
        ] {
            assert_eq!(find(Method::GET, path), None, "{path}");
        }
        assert_eq!(find(Method::HEAD, "/api/v2/ticket/7"), None);
        assert_eq!(find(Method::PUT, "/api/v2/ticket/7"), None);
    }
}

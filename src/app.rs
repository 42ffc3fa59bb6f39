//! The router, made from the endpoint tables.

use std::collections::BTreeMap;
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
use futures_util::future::Either;
use tower::ServiceExt;

use crate::clock::Stopwatch;
use crate::control::Problem;
use crate::http::{
    Break, Document, Endpoint, Error, Recalled, Respelled, Trail, Unheard, document,
    method_not_allowed, not_found,
};
use crate::metrics::Tally;
use crate::state::Shared;
use crate::{console, control, metrics, telemetry, tickets};

/// Makes what does not depend on the accounts.
pub(crate) fn prepare() {
    control::prepare();
}

/// Everything that the server answers.
#[derive(Clone, Debug)]
pub(crate) struct App {
    state: Shared,
    /// The operations whose answers are kept.
    kept: Arc<[Kept]>,
    router: Router,
}

/// An operation whose answers are kept.
#[derive(Debug)]
struct Kept {
    endpoint: &'static Endpoint,
    /// Its path, up to the part that varies.
    path: &'static str,
    varies: bool,
    tally: Tally,
}

impl Kept {
    /// None where more than the end of the path varies.
    fn of(endpoint: &'static Endpoint) -> Option<Self> {
        endpoint.keeps?;
        let (path, rest) = endpoint.path.split_once('{').unwrap_or((endpoint.path, ""));
        (rest.find('}').is_none_or(|end| end + 1 == rest.len())).then(|| Self {
            endpoint,
            path,
            varies: !rest.is_empty(),
            tally: Tally::of(endpoint.operation),
        })
    }

    fn is_asked(&self, method: &Method, path: &str) -> bool {
        let varying = path.strip_prefix(self.path).filter(|_| self.endpoint.method == *method);
        varying.is_some_and(|part| {
            let is_other = self.varies && (part.contains('/') || named(path).is_some());
            part.is_empty() != self.varies && !is_other
        })
    }
}

/// An answer that is there, or comes.
type Answering =
    Either<Ready<Response<Body>>, Pin<Box<dyn Future<Output = Response<Body>> + Send>>>;

impl App {
    pub(crate) fn new(state: Shared) -> Self {
        let kept = tickets::ENDPOINTS.iter().filter_map(Kept::of).collect();
        let router = router(Arc::clone(&state));
        Self { state, kept, router }
    }

    /// Answers a request; at once, where the answer is kept.
    pub(crate) fn answer(&self, request: Request) -> Answering {
        if let Some(response) = self.recalled(&request) {
            return Either::Left(ready(response));
        }
        let answer = self.router.clone().oneshot(canonical(request));
        Either::Right(Box::pin(async {
            let Ok(response) = answer.await;
            response
        }))
    }

    /// The kept answer, which is counted and has its line in the log as any other.
    fn recalled(&self, request: &Request) -> Option<Response<Body>> {
        let (method, path) = (request.method(), request.uri().path());
        let Kept { endpoint, tally, .. } =
            self.kept.iter().find(|kept| kept.is_asked(method, path))?;
        let Recalled { response, account, time } = endpoint.recall(&self.state, request)?;
        self.state.metrics.answered_well(tally, time);
        let account = Some(account);
        let trail = Trail { operation: endpoint.operation, account, route: endpoint.path };
        telemetry::request((method, endpoint.path), Some(&trail), Some(response.status()), time);
        Some(response)
    }
}

fn router(state: Shared) -> Router {
    let accounts = Arc::clone(&state.accounts);
    let openapi = move || openapi(&accounts.dialect).to_string();
    let mut router =
        Router::new().merge(console::routes(&state, openapi)).merge(control::router(&state));
    for (path, endpoints) in by_path() {
        router = router.route(path, methods(endpoints));
    }
    router
        .fallback(|State(state): State<Shared>, request: Request| async move {
            not_found(&state, &request)
        })
        .method_not_allowed_fallback(|State(state): State<Shared>, request: Request| async move {
            // All that is not in the tables can only be read.
            method_not_allowed(&state, &request, None, names(&Method::GET).join(", "))
        })
        .layer(from_fn_with_state(Arc::clone(&state), logged))
        .with_state(state)
}

/// The answer to a request that was refused before it was understood; its path is as far known as it was read. The
/// connection ends with it.
pub(crate) fn unheard(state: &Shared, path: &str, unheard: Unheard) -> Response<Body> {
    let mut response = if path.starts_with(control::PREFIX) {
        Problem::from(unheard).into_response()
    } else {
        Error::Unheard(unheard).said(&state.accounts.dialect, None).respond(None)
    };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The OpenAPI document under a dialect.
pub(crate) fn openapi(dialect: &crate::dialect::Dialect) -> serde_json::Value {
    document(&Document {
        endpoints: &tickets::ENDPOINTS,
        item: tickets::item_schema(),
        entry: tickets::entry_schema(),
        dialect,
    })
}

fn by_path() -> BTreeMap<&'static str, Vec<&'static Endpoint>> {
    let mut paths: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for endpoint in tickets::ENDPOINTS.iter() {
        paths.entry(endpoint.path).or_default().push(endpoint);
    }
    paths
}

/// The methods of one path; any other is answered with those that there are.
fn methods(endpoints: Vec<&'static Endpoint>) -> MethodRouter<Shared> {
    let names: Vec<&str> =
        endpoints.iter().flat_map(|endpoint| names(&endpoint.method)).copied().collect();
    let allowed = names.join(", ");
    let route = endpoints.first().map(|endpoint| endpoint.path);
    let fallback = move |State(state): State<Shared>, request: Request| {
        let allowed = allowed.clone();
        async move { method_not_allowed(&state, &request, route, allowed) }
    };
    let mut methods = MethodRouter::new().fallback(fallback);
    for endpoint in endpoints {
        let filter = MethodFilter::try_from(endpoint.method.clone())
            .expect("the tables name ordinary methods");
        methods = methods.on(filter, |State(state): State<Shared>, request: Request| {
            endpoint.serve(state, request)
        });
    }
    methods
}

/// `HEAD` comes with `GET`.
fn names(method: &Method) -> &'static [&'static str] {
    match method.as_str() {
        "GET" => &["GET", "HEAD"],
        "POST" => &["POST"],
        "PUT" => &["PUT"],
        _ => &["DELETE"],
    }
}

/// The named method that a path asks for, in any case, and what stands before it.
fn named(path: &str) -> Option<(&'static str, &'static str)> {
    static ALL: LazyLock<Vec<(&str, &str)>> =
        LazyLock::new(|| tickets::ENDPOINTS.iter().filter_map(Endpoint::named_method).collect());
    let is_asked = |(base, name): &&(&str, &str)| {
        path.len() == base.len() + name.len()
            && path.strip_prefix(base).is_some_and(|asked| asked.eq_ignore_ascii_case(name))
    };
    ALL.iter().find(is_asked).copied()
}

/// Named methods in any case become what the tables call them (chosen: the documents spell one in two cases).
fn canonical(mut request: Request) -> Request {
    let path = request.uri().path();
    if let Some((base, name)) = named(path)
        && !path.ends_with(name)
    {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let sent = Respelled(path.into());
        if let Ok(uri) = format!("{base}{name}{query}").parse() {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(sent);
        }
    }
    request
}

/// One line in the log for each request, which is counted as well.
async fn logged(State(state): State<Shared>, request: Request, next: Next) -> Response<Body> {
    let (method, watch) = (request.method().clone(), Stopwatch::start());
    let path = request.uri().path();
    let is_control = path.starts_with(control::PREFIX);
    if is_control && control::is_check(path) {
        // These come every few seconds and say nothing new.
        return next.run(request).await;
    }
    let route = if is_control { request.extensions().get::<MatchedPath>().cloned() } else { None };
    let response = next.run(request).await;
    let trail = response.extensions().get::<Trail>();
    let is_broken = response.extensions().get::<Break>().is_some();
    let status = Some(response.status()).filter(|_| !is_broken);
    let operation = if is_control { metrics::CONTROL } else { metrics::OTHER };
    let operation = trail.map_or(operation, |trail| trail.operation);
    let time = watch.elapsed();
    state.metrics.answered(operation, status.map(|status| status.as_u16()), time);
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let route = trail.map_or(route, |trail| trail.route);
    telemetry::request((&method, route), trail, status, time);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_router_would_take_there_is_looked_for_among_kept_answers() {
        let kept: Vec<Kept> = tickets::ENDPOINTS.iter().filter_map(Kept::of).collect();
        let found = |method, path| {
            let kept = kept.iter().find(|kept| kept.is_asked(&method, path));
            kept.map(|kept| kept.endpoint.operation)
        };
        assert_eq!(kept.len(), 2);
        assert_eq!(found(Method::GET, "/api/v2/ticket"), Some("ticket.list"));
        for path in ["/api/v2/ticket/7", "/api/v2/ticket/x%2Fy", "/api/v2/ticket/multiple"] {
            assert_eq!(found(Method::GET, path), Some("ticket.get"), "{path}");
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
            assert_eq!(found(Method::GET, path), None, "{path}");
        }
        assert_eq!(found(Method::HEAD, "/api/v2/ticket/7"), None);
        assert_eq!(found(Method::PUT, "/api/v2/ticket/7"), None);
    }
}

//! Requests that no endpoint serves: their key opens nothing, or nothing is where they ask.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use jiff::Timestamp;

use super::filing::Filing;
use super::hearing::in_query;
use super::redact::Secrets;
use super::visit::{Respelled, key_in_query};
use super::{Endpoint, Error, key};
use crate::clock;
use crate::journal::{Asked, Entry, Journal};
use crate::state::Shared;

/// The longest path that a message repeats, in characters (chosen).
const LONGEST_PATH: usize = 200;

/// The answer to a request whose key opens nothing.
pub(super) fn turned_away(
    state: &Shared,
    request: &Request,
    endpoint: &Endpoint,
    error: &Error,
) -> Response<Body> {
    let now = clock::machine();
    let mut filing = begun(&state.journal, (now, now), request, Some(endpoint.path));
    let asked = asked(state, request, &filing);
    filing.note(|entry| {
        entry.operation = Some(endpoint.operation);
        entry.asked = asked;
    });
    let said = error.said(&state.accounts.dialect, None);
    filing.answered(Some(&said), None);
    said.respond(None)
}

/// The answer for a path that nothing serves.
pub(crate) fn not_found(state: &Shared, request: &Request) -> Response<Body> {
    refused(state, request, None, |_, path| Error::UnknownPath(path))
}

/// The answer for a method that a path does not have; `route` is that path of the contract, where it is in there.
pub(crate) fn method_not_allowed(
    state: &Shared,
    request: &Request,
    route: Option<&str>,
    allowed: String,
) -> Response<Body> {
    let error = |method, path| Error::WrongMethod { method, path, allowed };
    refused(state, request, route, error)
}

/// The answer to a request that no operation is for. It is in the journal of the account that its key opens.
/// What is wrong is said of a method and a path that fit a message, without keys.
fn refused(
    state: &Shared,
    request: &Request,
    route: Option<&str>,
    error: impl FnOnce(String, String) -> Error,
) -> Response<Body> {
    let is_api = request.uri().path().starts_with("/api/");
    let text = key::sent(request.headers(), request.uri().query().unwrap_or_default());
    let text = text.ok().filter(|_| is_api);
    let key = text.and_then(|text| state.accounts.find_key(&text));
    let now = clock::machine();
    let (journal, at) = match &key {
        Some(key) => (&key.account.journal, key.account.terms().at(now)),
        None => (&state.journal, now),
    };
    let mut filing = begun(journal, (at, now), request, route);
    let (secrets, path) = (filing.secrets(), request.uri().path());
    let path = secrets.redact_path(path, route).chars().take(LONGEST_PATH).collect();
    let error = error(secrets.redact_method(request.method()).into_owned(), path);
    let asked = asked(state, request, &filing);
    filing.note(|entry: &mut Entry| {
        entry.key = key.as_ref().map(|key| Arc::clone(&key.name));
        entry.asked = asked;
    });
    let terms = key.as_ref().map(|key| key.account.terms());
    let dialect = terms.as_ref().map_or(&state.accounts.dialect, |terms| &terms.dialect);
    let said = error.said(dialect, terms.as_deref());
    if is_api {
        filing.answered(Some(&said), None);
    } else {
        filing.forget();
    }
    said.respond(None)
}

fn begun(
    journal: &Arc<Journal>,
    now: (Timestamp, Timestamp),
    request: &Request,
    route: Option<&str>,
) -> Filing {
    let respelled = request.extensions().get::<Respelled>();
    let path = respelled.map_or(request.uri().path(), |Respelled(path)| path);
    let keys = key::all(request.headers(), request.uri().query().unwrap_or_default());
    let secrets = Secrets { others: keys, ..Secrets::default() };
    Filing::begin(journal, now, (request.method(), path, route), secrets)
}

fn asked(state: &Shared, request: &Request, filing: &Filing) -> Arc<Asked> {
    let fields = in_query(request.uri(), filing.secrets(), state.limits.shape);
    Arc::new(Asked::new(fields, key_in_query(request.uri()).into_iter().collect()))
}

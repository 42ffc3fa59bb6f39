//! Rejects requests without a valid key, path or method, and records them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use super::auth;
use super::error::ApiError;
use super::input::redacted_query_fields;
use super::recorder::{JournalRecorder, RequestHead, RequestTimes};
use super::redactor::Redactor;
use super::request_context::{OriginalPath, key_in_query_warning};
use super::similar_path::{find_similar_path, is_ticket_api_path};
use super::state::SharedState;
use crate::clock;
use crate::contract::Operation;
use crate::journal::{Entry, InputFields, Journal, RecordedInput};

/// The longest path in a message, in characters (arbitrary).
const MAX_PATH_CHARS: usize = 200;

/// Responds to a request without a valid key.
pub(super) fn reject_unauthenticated(
    state: &SharedState,
    request: &Request,
    operation: &Operation,
    error: &ApiError,
) -> Response<Body> {
    let now = clock::system_now();
    let times = RequestTimes { account: now, system: now };
    let mut recorder =
        begin_recording(&state.unmatched_journal, times, request, Some(operation.path));
    let recorded_input = record_query_input(state, request, &recorder);
    let key_hint = find_key_hint(state, request, error);
    recorder.update_entry(|entry| {
        entry.key_hint = key_hint;
        entry.operation = Some(operation.name);
        entry.input = recorded_input;
    });
    let response = error.to_response(&state.accounts.default_dialect, None);
    recorder.record_response(Some(&response), None);
    let mut response = response.into_http_response(None);
    if let Some(failure) = error.authentication_failure() {
        response.extensions_mut().insert(failure);
    }
    response
}

/// Describes how an unknown key resembles a known one. Only the journal has it: the client could guess keys with it.
fn find_key_hint(state: &SharedState, request: &Request, error: &ApiError) -> Option<Box<str>> {
    if !matches!(error, ApiError::UnknownApiKey) || !state.unmatched_journal.is_enabled() {
        return None;
    }
    let query = request.uri().query().unwrap_or_default();
    let key = auth::extract_key(request.headers(), query).ok()?;
    state.accounts.describe_similar_key(&key).map(String::into_boxed_str)
}

/// Responds to an unknown path; `routes` are the paths of all operations.
pub(crate) fn not_found(
    state: &SharedState,
    request: &Request,
    routes: impl Iterator<Item = &'static str>,
) -> Response<Body> {
    let similar = find_similar_path(request.uri().path(), routes);
    reject(state, request, None, |_, path| ApiError::UnknownPath { path, similar })
}

/// Responds to a method that the path does not have; `route` is the path in the contract, if it is there, and `routes`
/// are the paths of all operations.
pub(crate) fn method_not_allowed(
    state: &SharedState,
    request: &Request,
    route: Option<&str>,
    allowed: String,
    routes: impl Iterator<Item = &'static str>,
) -> Response<Body> {
    // A misspelled operation such as `setStatuss` matches the route of an id.
    let named = routes.filter(|route| !route.contains('{'));
    let similar = find_similar_path(request.uri().path(), named);
    let similar = similar.filter(|similar| similar.path != request.uri().path());
    let error = |method, path| ApiError::MethodNotAllowed { method, path, allowed, similar };
    reject(state, request, route, error)
}

/// Responds to a request that matches no operation, and records it in the account of its key. `make_error` gets
/// the method and the path, redacted and truncated.
fn reject(
    state: &SharedState,
    request: &Request,
    route: Option<&str>,
    make_error: impl FnOnce(String, String) -> ApiError,
) -> Response<Body> {
    let is_api = is_ticket_api_path(request.uri().path());
    let key_text = auth::extract_key(request.headers(), request.uri().query().unwrap_or_default());
    let key_text = key_text.ok().filter(|_| is_api);
    let key = key_text.and_then(|text| state.accounts.find_key(&text));
    let now = clock::system_now();
    let (journal, at) = match &key {
        Some(key) => (&key.account.journal, key.account.settings().to_account_time(now)),
        None => (&state.unmatched_journal, now),
    };
    let times = RequestTimes { account: at, system: now };
    let mut recorder = begin_recording(journal, times, request, route);
    let (redactor, path) = (recorder.redactor(), request.uri().path());
    let path = redactor.redact_path(path, route).chars().take(MAX_PATH_CHARS).collect();
    let error = make_error(redactor.redact_method(request.method()).into_owned(), path);
    let recorded_input = record_query_input(state, request, &recorder);
    recorder.update_entry(|entry: &mut Entry| {
        entry.key_name = key.as_ref().map(|key| Arc::clone(&key.name));
        entry.input = recorded_input;
    });
    let settings = key.as_ref().map(|key| key.account.settings());
    let dialect =
        settings.as_ref().map_or(&state.accounts.default_dialect, |settings| &settings.dialect);
    let response = error.to_response(dialect, settings.as_deref());
    if is_api {
        recorder.record_response(Some(&response), None);
    } else {
        recorder.discard();
    }
    response.into_http_response(None)
}

fn begin_recording(
    journal: &Arc<Journal>,
    times: RequestTimes,
    request: &Request,
    route: Option<&str>,
) -> JournalRecorder {
    let original_path = request.extensions().get::<OriginalPath>();
    let path = original_path.map_or(request.uri().path(), |OriginalPath(path)| path);
    let keys = auth::extract_all_keys(request.headers(), request.uri().query().unwrap_or_default());
    let redactor = Redactor { other_keys: keys, ..Redactor::default() };
    let head = RequestHead { method: request.method(), path, route, headers: request.headers() };
    JournalRecorder::begin(journal, times, head, redactor)
}

fn record_query_input(
    state: &SharedState,
    request: &Request,
    recorder: &JournalRecorder,
) -> Arc<RecordedInput> {
    let fields = redacted_query_fields(request.uri(), recorder.redactor(), state.limits.input);
    let fields = InputFields { query: fields, ..InputFields::default() };
    Arc::new(RecordedInput::new(fields, key_in_query_warning(request.uri()).into_iter().collect()))
}

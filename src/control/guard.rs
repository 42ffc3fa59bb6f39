//! Authorization of the control API: checks Host, origin and bearer token.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, ProblemKind};
use crate::accounts::SecretHash;
use crate::api::state::SharedState;
use crate::api::{check_every_host, check_host, is_cross_origin};

pub(super) async fn authorize(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response {
    match check_access(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_access(state: &SharedState, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let token = check_token(state, headers);
    // DNS rebinding: a page's own host can resolve to this address, but `Host` still has its name. Such a page does not
    // know the token, so whoever sends it may use any name, such as that of a container.
    let hosts = match (&state.control_token, &token) {
        (None, _) => check_every_host(state, request),
        (Some(_), Err(_)) => check_host(state, request),
        (Some(_), Ok(())) => Ok(()),
    };
    hosts.map_err(|error| Problem::new(ProblemKind::HostNotAllowed, error.to_string()))?;
    if is_cross_origin(state, request.into()) {
        let detail = "The request comes from a web page of another origin.";
        return Err(Problem::new(ProblemKind::OriginNotAllowed, detail));
    }
    token
}

/// Checks the token, if the server requires one.
fn check_token(state: &SharedState, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &state.control_token else { return Ok(()) };
    match bearer_token(headers) {
        Some(sent) if SecretHash::from_secret(sent) == *token => Ok(()),
        Some(_) => Err(Problem::new(
            ProblemKind::InvalidToken,
            "The control token is invalid. It is the one of --control-token, or the one that the server prints when it starts.",
        )),
        None if headers.contains_key(AUTHORIZATION) => Err(Problem::new(
            ProblemKind::InvalidToken,
            "The control token is missing: the header Authorization has another form than Bearer TOKEN.",
        )),
        None => Err(Problem::new(
            ProblemKind::InvalidToken,
            "The control token is missing. Send it as Authorization: Bearer TOKEN.",
        )),
    }
}

pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

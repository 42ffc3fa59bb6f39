//! Who may use the control API: whoever has the token, and no web page of another origin.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::hosts;
use super::problem::{Kind, Problem};
use crate::accounts::Digest;
use crate::http::is_foreign;
use crate::state::Shared;

pub(super) async fn guard(State(state): State<Shared>, request: Request, next: Next) -> Response {
    match admitted(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn admitted(state: &Shared, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    // A page can give its own host this address; the name of the host then is still its own.
    hosts::known(state, request)
        .map_err(|foreign| Problem::new(Kind::ForeignHost, foreign.to_string()))?;
    if is_foreign(headers, &state.public_url) {
        let detail = "The request comes from a page of another origin.";
        return Err(Problem::new(Kind::ForeignOrigin, detail));
    }
    let Some(token) = &state.control_token else { return Ok(()) };
    match bearer(headers) {
        Some(sent) if Digest::of(sent) == *token => Ok(()),
        Some(_) => Err(Problem::new(Kind::NoToken, "The token is another one.")),
        None => Err(Problem::new(Kind::NoToken, "Send it as Authorization: Bearer TOKEN.")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

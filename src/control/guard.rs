//! Who may use the control API: whoever has the token, and no web page of another origin.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::hosts;
use super::problem::{Kind, Problem};
use crate::accounts::Digest;
use crate::state::Shared;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

/// Whether a browser says that the request comes from a page that this server has not sent.
fn is_foreign(headers: &HeaderMap, public_url: &str) -> bool {
    if text(headers, &FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = text(headers, &HOST).unwrap_or_default();
    let own = |scheme| format!("{scheme}://{host}");
    let origin = origin.to_str().unwrap_or_default();
    origin != public_url && origin != own("http") && origin != own("https")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

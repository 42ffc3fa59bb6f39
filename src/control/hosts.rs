//! Validates `Host` as protection against DNS rebinding: a web page can let its own host name resolve to this server's
//! address, and the browser then treats the server as same-origin; but it still sends that name.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::is_own_host;
use crate::api::state::AppState;

/// The host of a request is not this server.
#[derive(Debug, thiserror::Error)]
#[error(
    "The Host of the request is none of this server's: it is neither of loopback, nor the address that it listens on, nor that of --public-url. Start it with --public-url http://HOST:PORT to use it under another name."
)]
pub(crate) struct HostNotAllowed;

impl IntoResponse for HostNotAllowed {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, format!("{self}\n")).into_response()
    }
}

/// Validates every host name in the request. A request without one does not come from a browser.
///
/// # Errors
/// When one of the names is not this server's.
pub(crate) fn check_host(state: &AppState, request: &Request) -> Result<(), HostNotAllowed> {
    let is_own = is_own_host(state, request.uri(), request.headers());
    if is_own { Ok(()) } else { Err(HostNotAllowed) }
}

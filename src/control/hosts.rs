//! Validates `Host` as protection against DNS rebinding: a web page can let its own host name resolve to this server's
//! address, and the browser then treats the server as same-origin; but it still sends that name.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::is_own_host;
use crate::api::state::AppState;

/// The host of the request is not a host of this server.
#[derive(Debug, thiserror::Error)]
#[error(
    "The Host of the request is not a host of this server. Allowed are loopback hosts, the listen address and the host of --public-url. To use another host name, start the server with --public-url http://HOST:PORT."
)]
pub(crate) struct HostNotAllowed;

impl IntoResponse for HostNotAllowed {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, format!("{self}\n")).into_response()
    }
}

/// Validates every host name in the request. A request without a host name does not come from a browser.
///
/// # Errors
/// If one of the names is not a host of this server.
pub(crate) fn check_host(state: &AppState, request: &Request) -> Result<(), HostNotAllowed> {
    let is_own = is_own_host(state, request.uri(), request.headers());
    if is_own { Ok(()) } else { Err(HostNotAllowed) }
}

//! Under which names the server lets itself be asked. A page of the web can give a name of its own this server's
//! address, and the browser then takes the server for the page's; but it still sends the page's name.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::http::names_own_host;
use crate::state::State;

/// A request names a host that is not this server.
#[derive(Debug, thiserror::Error)]
#[error(
    "The Host of the request is none of this server's: it is neither of loopback, nor the address that it listens on, nor that of --public-url. Start it with --public-url http://HOST:PORT to use it under another name."
)]
pub(crate) struct ForeignHost;

impl IntoResponse for ForeignHost {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, format!("{self}\n")).into_response()
    }
}

/// Checks every name that the request gives the server. One that gives none comes from no browser.
///
/// # Errors
/// When one of the names is not the server's.
pub(crate) fn known(state: &State, request: &Request) -> Result<(), ForeignHost> {
    let is_known = names_own_host(state, request.uri(), request.headers());
    if is_known { Ok(()) } else { Err(ForeignHost) }
}

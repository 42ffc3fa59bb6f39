//! Validates the Host against DNS rebinding: a web page's own name can resolve to this server, so that the browser
//! treats both as one origin, but it still sends the page's name.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::state::AppState;

/// The host of the request is not a host of this server.
#[derive(Debug, thiserror::Error)]
#[error(
    "The Host of the request is not a host of this server. Allowed are localhost, loopback addresses, the host of --public-url and the listen address (any IP address if the server listens on all addresses). To use another host name, start the server with --public-url http://HOST:PORT."
)]
pub(crate) struct HostNotAllowed;

impl IntoResponse for HostNotAllowed {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, format!("{self}\n")).into_response()
    }
}

/// Validates every host in the request.
///
/// # Errors
/// If one of them is not a host of this server.
pub(crate) fn check_host(state: &AppState, request: &Request) -> Result<(), HostNotAllowed> {
    let is_own = is_own_host(state, request.uri(), request.headers());
    if is_own { Ok(()) } else { Err(HostNotAllowed) }
}

/// Returns whether every host in a request is the server's. A request without a host does not come from a browser.
pub(super) fn is_own_host(state: &AppState, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let target = uri.authority().map(Authority::as_str);
    let host_header = hosts.next().map(|host| host.to_str().unwrap_or_default());
    hosts.next().is_none()
        && [host_header, target].into_iter().flatten().all(|host| is_own_authority(state, host))
}

fn is_own_authority(state: &AppState, host: &str) -> bool {
    let public_host = state.public_url.split_once("://").map(|(_, rest)| rest);
    let public_host = public_host.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.eq_ignore_ascii_case(public_host) {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    let public_name = public_host.rsplit_once(':').map_or(public_host, |(name, _)| name);
    let is_public = !public_name.is_empty() && name.eq_ignore_ascii_case(public_name);
    is_public || name.eq_ignore_ascii_case("localhost") || is_own_address(state, name)
}

fn is_own_address(state: &AppState, name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let Ok(address) = inner.unwrap_or(name).parse::<IpAddr>() else { return false };
    let bound = state.listen_address.ip();
    // DNS rebinding needs a name; an IP address is safe.
    address.is_loopback() || bound.is_unspecified() || address == bound
}

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
    "The Host of the request is not a host of this server. Allowed are localhost and names below it, loopback addresses, the host of --public-url and the listen address (any IP address if the server listens on all addresses). To use another host name, start the server with --public-url http://HOST:PORT; requests to the control API with the right control token may use any name."
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
    let name = host_name(host);
    let is_public = state.own_urls.iter_configured().any(|url| {
        url.authority().eq_ignore_ascii_case(host)
            || host_name(url.authority()).eq_ignore_ascii_case(name)
    });
    is_public || is_localhost(name) || is_own_address(state, name)
}

/// Returns a host without its port, and without the dot that a name may end with.
fn host_name(host: &str) -> &str {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    name.strip_suffix('.').unwrap_or(name)
}

/// Returns whether a name is loopback: `localhost`, or below it (RFC 6761).
fn is_localhost(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|top| top.eq_ignore_ascii_case("localhost"))
}

fn is_own_address(state: &AppState, name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let Ok(address) = inner.unwrap_or(name).parse::<IpAddr>() else { return false };
    let bound = state.listen_address.ip();
    // DNS rebinding needs a name; an IP address is safe.
    address.is_loopback() || bound.is_unspecified() || address == bound
}

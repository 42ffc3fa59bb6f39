//! Validates the Host against DNS rebinding: a web page's own name can resolve to this server, so that the browser
//! treats both as one origin, but it still sends the page's name.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Response};

use super::base_url::RequestedAddress;
use super::state::AppState;

/// The host of the request is not a host of this server.
#[derive(Debug, thiserror::Error)]
#[error(
    "The Host of the request is not a host of this server. Allowed are localhost and names below it, loopback addresses, the host of --public-url and the listen address (any IP address if the server listens on all addresses). To use another host name, start the server with --public-url http://HOST:PORT, and the path if the server is below one; requests to the control API with the right control token may use any name. The host that a proxy of --trusted-proxy sends in X-Forwarded-Host counts instead; for the control API without a control token, both count."
)]
pub(crate) struct HostNotAllowed;

impl IntoResponse for HostNotAllowed {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, format!("{self}\n")).into_response()
    }
}

/// Validates the host that a trusted proxy reports, or else those in the request itself. This is for responses without
/// secrets: on the machine of the proxy, a web page can send the headers of the proxy.
///
/// # Errors
/// If one of them is not a host of this server.
pub(crate) fn check_host(state: &AppState, request: &Request) -> Result<(), HostNotAllowed> {
    let address = RequestedAddress::from(request);
    let is_own = match address.forwarded_host() {
        Some(host) => is_own_authority(state, host),
        None => has_own_direct_hosts(state, address),
    };
    if is_own { Ok(()) } else { Err(HostNotAllowed) }
}

/// Validates every host in the request, also those that a trusted proxy replaces.
///
/// # Errors
/// If one of them is not a host of this server.
pub(crate) fn check_every_host(state: &AppState, request: &Request) -> Result<(), HostNotAllowed> {
    if has_only_own_hosts(state, request.into()) { Ok(()) } else { Err(HostNotAllowed) }
}

/// Returns whether every host in a request is the server's. A request without a host does not come from a browser.
pub(super) fn has_only_own_hosts(state: &AppState, address: RequestedAddress<'_>) -> bool {
    address.forwarded_host().is_none_or(|host| is_own_authority(state, host))
        && has_own_direct_hosts(state, address)
}

/// Returns whether the hosts in `Host` and in the request target are the server's.
fn has_own_direct_hosts(state: &AppState, address: RequestedAddress<'_>) -> bool {
    let mut hosts = address.headers().get_all(HOST).iter();
    let host_header = hosts.next().map(|host| host.to_str().unwrap_or_default());
    hosts.next().is_none()
        && [host_header, address.target_host()]
            .into_iter()
            .flatten()
            .all(|host| is_own_authority(state, host))
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
    let mut bound = state.listen_addresses.iter().map(SocketAddr::ip);
    // DNS rebinding needs a name; an IP address is safe.
    address.is_loopback() || bound.any(|bound| bound.is_unspecified() || address == bound)
}

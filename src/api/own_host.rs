//! Validates the Host against DNS rebinding: a web page's own name can resolve to this server, so that the browser
//! treats both as one origin, but it still sends the page's name.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use super::state::AppState;

/// Returns whether every host in a request is the server's. A request without a host does not come from a browser.
pub(crate) fn is_own_host(state: &AppState, uri: &Uri, headers: &HeaderMap) -> bool {
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

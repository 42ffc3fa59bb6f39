//! Which names are the server's own. A page of the web can give a name of its own this server's address, and the
//! browser then takes the server for the page's; but it still sends the page's name.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::state::State;

/// Whether every name that a request gives the server is its own. One that gives none comes from no browser.
pub(crate) fn names_own_host(state: &State, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let in_header = hosts.next();
    let target = uri.authority().map(Authority::as_str);
    let named = in_header.map(|host| host.to_str().unwrap_or_default());
    hosts.next().is_none() && [named, target].into_iter().flatten().all(|host| is_own(state, host))
}

fn is_own(state: &State, host: &str) -> bool {
    let public = state.public_url.split_once("://").map(|(_, rest)| rest);
    let public = public.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.eq_ignore_ascii_case(public) {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    let public_name = public.rsplit_once(':').map_or(public, |(name, _)| name);
    let is_public = !public_name.is_empty() && name.eq_ignore_ascii_case(public_name);
    is_public || name.eq_ignore_ascii_case("localhost") || is_own_address(state, name)
}

fn is_own_address(state: &State, name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let Ok(address) = inner.unwrap_or(name).parse::<IpAddr>() else { return false };
    let bound = state.address.ip();
    // An address is no name that somebody could point elsewhere.
    address.is_loopback() || bound.is_unspecified() || address == bound
}

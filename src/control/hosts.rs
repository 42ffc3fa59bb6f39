//! Under which names the server lets itself be asked. A page of the web can give a name of its own this server's
//! address, and the browser then takes the server for the page's; but it still sends the page's name.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};

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
    let mut hosts = request.headers().get_all(HOST).iter();
    let in_header = hosts.next();
    let target = request.uri().authority().map(Authority::as_str);
    let named = in_header.map(|host| host.to_str().unwrap_or_default());
    let is_known = hosts.next().is_none()
        && [named, target].into_iter().flatten().all(|host| is_own(state, host));
    if is_known { Ok(()) } else { Err(ForeignHost) }
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

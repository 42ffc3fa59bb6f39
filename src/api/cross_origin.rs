//! Detects cross-origin requests (CSRF) by the headers that browsers send.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

use super::base_url::RequestedAddress;
use super::host_check::has_only_own_hosts;
use super::state::AppState;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns whether a browser marks the request as coming from another origin's page.
pub(crate) fn is_cross_origin(state: &AppState, address: RequestedAddress<'_>) -> bool {
    let headers = address.headers();
    match header_text(headers, &SEC_FETCH_SITE) {
        Some("cross-site" | "same-site") => return true,
        // A page cannot set this header. Behind a proxy that sends its own `Host`, the origin is another one.
        Some("same-origin") => return false,
        _ => {}
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = address.forwarded_host().or_else(|| header_text(headers, &HOST)).unwrap_or_default();
    let own_origin = |scheme| format!("{scheme}://{host}");
    let origin = origin.to_str().unwrap_or_default();
    let is_configured = state
        .own_urls
        .iter_configured()
        .any(|url| format!("{}://{}", url.scheme, url.authority()).eq_ignore_ascii_case(origin));
    !is_configured && origin != own_origin("http") && origin != own_origin("https")
}

/// Why an unknown key creates no account: a foreign web page may have sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UntrustedOrigin {
    /// The page is of another origin.
    CrossOriginPage,
    /// The Host is not the server's (DNS rebinding); the browser sees one origin.
    HostNotAllowed,
}

impl UntrustedOrigin {
    /// Returns None if it may create an account.
    pub(super) fn detect(state: &AppState, address: RequestedAddress<'_>) -> Option<Self> {
        if is_cross_origin(state, address) {
            Some(Self::CrossOriginPage)
        } else if state.listen_addresses.iter().all(|bound| bound.ip().is_loopback())
            && !has_only_own_hosts(state, address)
        {
            // On other addresses, clients use names that the server cannot know, as a container's.
            Some(Self::HostNotAllowed)
        } else {
            None
        }
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

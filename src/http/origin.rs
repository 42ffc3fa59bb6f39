//! Whether a web page of another origin has sent a request, as far as its browser says so.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Uri};

use super::names_own_host;
use crate::state::State;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser says that the request comes from a page that this server has not sent.
pub(crate) fn is_foreign(headers: &HeaderMap, public_url: &str) -> bool {
    if text(headers, &FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = text(headers, &HOST).unwrap_or_default();
    let own = |scheme| format!("{scheme}://{host}");
    let origin = origin.to_str().unwrap_or_default();
    origin != public_url && origin != own("http") && origin != own("https")
}

/// Why an unknown key of a request makes no account: a page may have sent it that is not the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It comes from a page of another origin.
    Page,
    /// It names a host that the server is not; what such a page sends is of the same origin to its browser.
    Host,
}

impl Foreign {
    /// None where the request may make an account.
    pub(super) fn of(state: &State, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        if is_foreign(headers, &state.public_url) {
            Some(Self::Page)
        } else if state.address.ip().is_loopback() && !names_own_host(state, uri, headers) {
            // On other addresses clients use names that the server cannot know, as that of a container.
            Some(Self::Host)
        } else {
            None
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

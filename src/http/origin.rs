//! Whether a web page of another origin has sent a request, as far as its browser says so.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

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

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

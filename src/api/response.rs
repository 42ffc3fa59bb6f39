//! Renders responses: JSON, with `200` on success (documented: conventions).

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

use crate::accounts::EffectiveSettings;
use crate::clock;

/// The result of a handler.
#[derive(Debug)]
pub(crate) struct JsonBody {
    pub(super) bytes: Bytes,
}

impl JsonBody {
    /// Wraps a rendered body.
    pub(crate) fn from_rendered(body: impl Into<Bytes>) -> Self {
        Self { bytes: body.into() }
    }

    /// Renders a value.
    pub(crate) fn from_value(value: &Value) -> Self {
        Self::from_rendered(value.to_string())
    }

    /// Returns the body as text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("JSON is UTF-8")
    }
}

/// A response to be sent.
#[derive(Clone, Debug)]
pub(crate) struct RenderedResponse {
    pub(crate) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl RenderedResponse {
    /// Renders a success.
    pub(super) fn ok(body: Bytes, settings: Option<&EffectiveSettings>) -> Self {
        Self::new(StatusCode::OK, body, settings)
    }

    /// Renders JSON. Sets `Date` if the account's clock is not the system's.
    pub(super) fn new(
        status: StatusCode,
        body: Bytes,
        settings: Option<&EffectiveSettings>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(date) = settings.and_then(date_header) {
            headers.insert(DATE, date);
        }
        Self { status, headers, body }
    }

    /// Converts to an HTTP response, with `body` as the body if given.
    pub(crate) fn into_http_response(self, body: Option<Body>) -> Response<Body> {
        let mut response = Response::new(body.unwrap_or_else(|| self.body.into()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Returns the `Date` header by the account's clock; None if that is the system's, since hyper adds it then.
fn date_header(settings: &EffectiveSettings) -> Option<HeaderValue> {
    if settings.uses_system_time() {
        return None;
    }
    HeaderValue::try_from(clock::format_http_date(settings.now())).ok()
}

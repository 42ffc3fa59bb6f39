//! A successful answer: always `200`, always JSON (documented: conventions).

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

use crate::accounts::Terms;

/// What a handler gives back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(super) body: Bytes,
}

impl Reply {
    /// A body that is JSON already.
    pub(crate) fn rendered(body: impl Into<Bytes>) -> Self {
        Self { body: body.into() }
    }

    /// A value as the body.
    pub(crate) fn json(value: &Value) -> Self {
        Self::rendered(value.to_string())
    }
}

/// What a request is answered.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Said {
    /// A successful answer.
    pub(super) fn good(body: Bytes, terms: Option<&Terms>) -> Self {
        Self::new(StatusCode::OK, body, terms)
    }

    /// JSON; its date is the account's, where that differs from the machine's.
    pub(super) fn new(status: StatusCode, body: Bytes, terms: Option<&Terms>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(date) = terms.and_then(Terms::date_header)
            && let Ok(date) = HeaderValue::try_from(date)
        {
            headers.insert(DATE, date);
        }
        Self { status, headers, body }
    }

    /// As it goes to the client, with another body where one is given.
    pub(crate) fn respond(self, body: Option<Body>) -> Response<Body> {
        let mut response = Response::new(body.unwrap_or_else(|| self.body.into()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

//! A successful answer: always `200`, always JSON (documented: conventions).

use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderValue, Response, StatusCode};
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

/// A JSON response; its date is the account's, where that differs from the machine's.
pub(super) fn response(
    status: StatusCode,
    body: Bytes,
    terms: Option<&Terms>,
) -> Response<axum::body::Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(date) = terms.and_then(Terms::date_header)
        && let Ok(date) = HeaderValue::try_from(date)
    {
        response.headers_mut().insert(DATE, date);
    }
    response
}

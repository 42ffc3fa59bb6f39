//! Every way a request of the control API can fail. Statuses and titles stand in one table.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::wire::{Miss, ProblemBody};
use crate::accounts::AccountError;
use crate::http::Unheard;
use crate::journal::GivenUp;
use crate::storage::{StorageError, Trouble};

macro_rules! kinds {
    ($($variant:ident = $name:literal, $status:literal, $title:literal);+ $(;)?) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($variant),+ }

        /// Each kind: its name, its status, its title.
        pub(crate) const KINDS: &[(&str, u16, &str)] = &[$(($name, $status, $title)),+];
    };
}

kinds! {
    Invalid = "invalid", 400, "The request holds something that it must not.";
    BadHttp = "bad-http", 400, "This is no HTTP/1.1 request.";
    NoToken = "no-token", 401, "The control API asks for a token.";
    NoApiKey = "no-api-key", 401, "self means the account of an API key, and the request has no known one.";
    ForeignOrigin = "foreign-origin", 403, "A page of another origin must not use the control API.";
    ForeignHost = "foreign-host", 403, "The request names a host that this server is not.";
    UnknownPath = "unknown-path", 404, "There is nothing at this path.";
    UnknownSeed = "unknown-seed", 404, "The seed has no such account.";
    UnknownAccount = "unknown-account", 404, "There is no such account.";
    UnknownSnapshot = "unknown-snapshot", 404, "The account has no such snapshot.";
    UnknownKey = "unknown-key", 404, "The account has no such key.";
    UnknownRequest = "unknown-request", 404, "The journal has no such request.";
    UnknownFault = "unknown-fault", 404, "The account has no such fault rule.";
    WrongMethod = "wrong-method", 405, "The path does not have this method.";
    NameTaken = "name-taken", 409, "The name is taken.";
    KeyTaken = "key-taken", 409, "The API key is taken.";
    Conflict = "conflict", 409, "What is to be imported is there already.";
    NoOrigin = "no-origin", 409, "There is nothing to go back to.";
    TooMany = "too-many", 409, "There are as many as there may be.";
    NotVerified = "not-verified", 409, "What was expected has not happened.";
    JournalTruncated = "journal-truncated", 409, "The journal no longer holds all that it would take to know.";
    JournalOff = "journal-off", 409, "The server keeps no journal.";
    TooMuchWork = "too-much-work", 409, "This takes more work than one request may.";
    WaitOver = "wait-over", 409, "What was waited for has not happened in time.";
    TooSlow = "too-slow", 408, "The request did not arrive in time.";
    TooLarge = "too-large", 413, "This is too large.";
    UrlTooLong = "url-too-long", 414, "The URL is too long.";
    TooManyWaits = "too-many-waits", 429, "As many wait as may wait at the same time.";
    HeadersTooLarge = "headers-too-large", 431, "The headers are too large.";
    NotReady = "not-ready", 503, "The server cannot do its work at the moment.";
    Busy = "busy", 503, "The server is busy; try again.";
    Ending = "ending", 503, "The server ends.";
    Failed = "failed", 500, "The server could not do this.";
}

/// A failed request.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    misses: Vec<Miss>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), misses: Vec::new() }
    }

    /// The same, about a part of what was sent.
    pub(super) fn inside(self, part: &str) -> Self {
        Self { detail: format!("{part}{}", self.detail), ..self }
    }

    /// The same, with the requests that came nearest.
    pub(super) fn with(self, misses: Vec<Miss>) -> Self {
        Self { misses, ..self }
    }

    /// Something that was sent breaks a rule.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let kind = match &error {
            AccountError::Storage(failed) => {
                let kind = match failed.trouble() {
                    Trouble::TooBig => {
                        let detail = "The account is larger than one answer can hold, 1 GB.";
                        return Self::new(Kind::TooLarge, detail);
                    }
                    Trouble::Busy | Trouble::NoFile | Trouble::TooLong => Kind::Busy,
                    _ => Kind::Failed,
                };
                tracing::error!(%error, "the control API could not do this");
                return Self::new(kind, failed.sentence());
            }
            AccountError::Random(_) => {
                tracing::error!(%error, "the control API could not do this");
                return Self::new(Kind::Failed, "The log of the server says why.");
            }
            AccountError::Profile { .. } => Kind::Invalid,
            AccountError::UnfitKey => Kind::NoApiKey,
            AccountError::NoSeed | AccountError::UnknownSeed(_) => Kind::UnknownSeed,
            AccountError::Unknown(_) => Kind::UnknownAccount,
            AccountError::UnknownSnapshot { .. } => Kind::UnknownSnapshot,
            AccountError::UnknownKey { .. } => Kind::UnknownKey,
            AccountError::NoOrigin { .. } => Kind::NoOrigin,
            AccountError::NameTaken(_) | AccountError::KeyNameTaken { .. } => Kind::NameTaken,
            AccountError::KeyTaken { .. } => Kind::KeyTaken,
            AccountError::TooMany(_) | AccountError::Full { .. } => Kind::TooMany,
        };
        Self::new(kind, error.sentence())
    }
}

impl From<Unheard> for Problem {
    fn from(unheard: Unheard) -> Self {
        let kind = match unheard {
            Unheard::BadHttp => Kind::BadHttp,
            Unheard::UrlTooLong => Kind::UrlTooLong,
            Unheard::HeadTooLarge(_) => Kind::HeadersTooLarge,
            Unheard::TooSlow(_) => Kind::TooSlow,
            Unheard::Crowded(_) => Kind::Busy,
        };
        Self::new(kind, unheard.to_string())
    }
}

impl From<GivenUp> for Problem {
    fn from(given_up: GivenUp) -> Self {
        Self::new(Kind::TooMuchWork, format!("{given_up}."))
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        AccountError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, status, title) = KINDS[self.kind as usize];
        let body = ProblemBody {
            kind: format!("/docs/control#{name}"),
            title: title.to_owned(),
            status,
            detail: self.detail,
            misses: self.misses,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(&body)).into_response();
        // For `redact`, which knows what the request must not find in it.
        response.extensions_mut().insert(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.kind, Kind::TooLarge | Kind::TooSlow) {
            // What is still to come of the body is not read.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.kind == Kind::Busy {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.kind == Kind::NoToken {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let schema = Ref::from_schema_name(ProblemBody::name());
        let content = Content::new(Some(schema));
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457)")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

//! Errors of the control API (RFC 9457). One table lists all kinds with status and title.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::wire::{Miss, ProblemBody};
use crate::accounts::AccountError;
use crate::api::ProtocolError;
use crate::faults::InvalidEffect;
use crate::journal::SearchError;
use crate::storage::{FailureKind, StorageError};

macro_rules! problem_kinds {
    ($($variant:ident = $name:literal, $status:literal, $title:literal);+ $(;)?) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemKind { $($variant),+ }

        /// Every kind, in the order of [`ProblemKind`].
        pub(crate) const PROBLEM_KINDS: &[ProblemDefinition] =
            &[$(ProblemDefinition { name: $name, status: $status, title: $title }),+];
    };
}

problem_kinds! {
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

/// What a response says about a kind of problem.
#[derive(Debug)]
pub(crate) struct ProblemDefinition {
    /// The fragment of its `type`.
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
}

impl ProblemKind {
    const fn definition(self) -> &'static ProblemDefinition {
        &PROBLEM_KINDS[self as usize]
    }
}

/// An error response.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: ProblemKind,
    detail: String,
    near_misses: Vec<Miss>,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), near_misses: Vec::new() }
    }

    /// Adds the near misses.
    pub(super) fn with_near_misses(self, near_misses: Vec<Miss>) -> Self {
        Self { near_misses, ..self }
    }

    /// Logs a failure of the server, and returns its problem.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "the control API could not do this");
        Self::new(ProblemKind::Failed, "The log of the server says why.")
    }

    /// Returns a problem for invalid input.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, detail)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let kind = match &error {
            AccountError::Storage(failure) => {
                let kind = match failure.kind() {
                    FailureKind::TextTooBig => {
                        let detail = "The account is larger than one answer can hold, 1 GB.";
                        return Self::new(ProblemKind::TooLarge, detail);
                    }
                    FailureKind::Busy
                    | FailureKind::TooManyOpenFiles
                    | FailureKind::QueryTimeout => ProblemKind::Busy,
                    _ => ProblemKind::Failed,
                };
                tracing::error!(%error, "the control API could not do this");
                return Self::new(kind, failure.client_message());
            }
            AccountError::RandomUnavailable(_) => return Self::internal(&error),
            AccountError::InvalidSettings { .. } => ProblemKind::Invalid,
            AccountError::MalformedKey => ProblemKind::NoApiKey,
            AccountError::NoSeed | AccountError::SeedNotFound(_) => ProblemKind::UnknownSeed,
            AccountError::NotFound(_) => ProblemKind::UnknownAccount,
            AccountError::SnapshotNotFound { .. } => ProblemKind::UnknownSnapshot,
            AccountError::KeyNotFound { .. } => ProblemKind::UnknownKey,
            AccountError::NameTaken(_) | AccountError::KeyNameTaken { .. } => {
                ProblemKind::NameTaken
            }
            AccountError::KeyTaken { .. } => ProblemKind::KeyTaken,
            AccountError::TooManyAccounts(_) | AccountError::LimitReached { .. } => {
                ProblemKind::TooMany
            }
        };
        Self::new(kind, error.to_sentence())
    }
}

impl From<ProtocolError> for Problem {
    fn from(error: ProtocolError) -> Self {
        let kind = match error {
            ProtocolError::MalformedHttp => ProblemKind::BadHttp,
            ProtocolError::UrlTooLong => ProblemKind::UrlTooLong,
            ProtocolError::HeadersTooLarge(_) => ProblemKind::HeadersTooLarge,
            ProtocolError::HeaderTimeout(_) => ProblemKind::TooSlow,
            ProtocolError::TooManyConnections(_) => ProblemKind::Busy,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<InvalidEffect> for Problem {
    fn from(error: InvalidEffect) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        Self::new(ProblemKind::TooMuchWork, format!("{error}."))
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        AccountError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let ProblemDefinition { name, status, title } = *self.kind.definition();
        let body = ProblemBody {
            kind: format!("/docs/control#{name}"),
            title: title.to_owned(),
            status,
            detail: self.detail,
            misses: self.near_misses,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(&body)).into_response();
        // The middleware `redact` removes the request's secrets from it.
        response.extensions_mut().insert(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.kind, ProblemKind::TooLarge | ProblemKind::TooSlow) {
            // The rest of the request body is not read.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.kind == ProblemKind::Busy {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.kind == ProblemKind::NoToken {
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

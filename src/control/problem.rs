//! Errors of the control API (RFC 9457). One table lists all kinds with status and title.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use omnidesk_mock_client::types::{NearMiss, ProblemDetails};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::accounts::AccountError;
use crate::api::{AuthenticationFailure, ProtocolError};
use crate::faults::InvalidEffect;
use crate::journal::EvaluationError;
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
    InvalidRequest = "invalid-request", 400, "The request is invalid.";
    MalformedHttp = "malformed-http", 400, "The request is not valid HTTP/1.1.";
    UnsupportedEncoding = "unsupported-encoding", 415, "The body has a content encoding.";
    InvalidToken = "invalid-token", 401, "The control token is missing or invalid.";
    InvalidApiKey = "invalid-api-key", 401, "The account `self` requires a valid API key.";
    OriginNotAllowed = "origin-not-allowed", 403, "This origin is not allowed to use the control API.";
    HostNotAllowed = "host-not-allowed", 403, "The host name of the request is not allowed.";
    UnknownPath = "unknown-path", 404, "The path does not exist.";
    UnknownSeed = "unknown-seed", 404, "The seed does not contain this account.";
    UnknownAccount = "unknown-account", 404, "The account does not exist.";
    UnknownSnapshot = "unknown-snapshot", 404, "The snapshot does not exist.";
    UnknownKey = "unknown-key", 404, "The API key does not exist.";
    UnknownRequest = "unknown-request", 404, "The journal does not contain this request.";
    UnknownFault = "unknown-fault", 404, "The fault rule does not exist.";
    MethodNotAllowed = "method-not-allowed", 405, "The path does not support this method.";
    NameTaken = "name-taken", 409, "The name is already in use.";
    KeyTaken = "key-taken", 409, "The API key is already in use.";
    ImportConflict = "import-conflict", 409, "The import contains rows that already exist.";
    LimitReached = "limit-reached", 409, "A limit is reached.";
    VerificationFailed = "verification-failed", 409, "The verification failed.";
    JournalTruncated = "journal-truncated", 409, "The journal has evicted requests that the result depends on.";
    JournalDisabled = "journal-disabled", 409, "The journal is disabled.";
    EvaluationLimitExceeded = "evaluation-limit-exceeded", 409, "The evaluation exceeds the limit for one request.";
    WaitTimeout = "wait-timeout", 409, "The wait timed out.";
    RequestTimeout = "request-timeout", 408, "The request did not arrive in time.";
    TooLarge = "too-large", 413, "The request or its response is too large.";
    UrlTooLong = "url-too-long", 414, "The URL is too long.";
    TooManyWaits = "too-many-waits", 429, "Too many requests are waiting.";
    HeadersTooLarge = "headers-too-large", 431, "The headers are too large.";
    NotReady = "not-ready", 503, "The server is not ready.";
    Busy = "busy", 503, "The server is busy. Try again.";
    ShuttingDown = "shutting-down", 503, "The server is shutting down.";
    InternalError = "internal-error", 500, "The server failed to handle the request.";
}

/// The name, status and title of a kind of problem.
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
    near_misses: Vec<NearMiss>,
    /// The path of the base URL, if no middleware adds it to the `type`.
    base_path: String,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), near_misses: Vec::new(), base_path: String::new() }
    }

    /// Sets the path of the base URL, for a response that passes no middleware.
    pub(crate) fn with_base_path(self, base_path: &str) -> Self {
        Self { base_path: base_path.to_owned(), ..self }
    }

    /// Adds the near misses.
    pub(super) fn with_near_misses(self, near_misses: Vec<NearMiss>) -> Self {
        Self { near_misses, ..self }
    }

    /// Logs a failure of the server, and returns its problem.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request to the control API failed");
        Self::new(ProblemKind::InternalError, "The server's log has the cause.")
    }

    /// Returns a problem for invalid input.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidRequest, detail)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let kind = match &error {
            AccountError::Storage(failure) => {
                let kind = match failure.kind() {
                    FailureKind::TextTooBig => {
                        let detail = "The account exceeds the maximum size of a response, 1 GB.";
                        return Self::new(ProblemKind::TooLarge, detail);
                    }
                    FailureKind::Busy
                    | FailureKind::TooManyOpenFiles
                    | FailureKind::QueryTimeout => ProblemKind::Busy,
                    _ => ProblemKind::InternalError,
                };
                tracing::error!(%error, "a request to the control API failed");
                return Self::new(kind, failure.client_message());
            }
            AccountError::RandomUnavailable(_) => return Self::internal(&error),
            AccountError::InvalidSettings { .. } => ProblemKind::InvalidRequest,
            AccountError::MalformedKey => ProblemKind::InvalidApiKey,
            AccountError::NoSeed | AccountError::SeedNotFound(_) => ProblemKind::UnknownSeed,
            AccountError::NotFound(_) => ProblemKind::UnknownAccount,
            AccountError::SnapshotNotFound { .. } => ProblemKind::UnknownSnapshot,
            AccountError::KeyNotFound { .. } => ProblemKind::UnknownKey,
            AccountError::NameTaken(_) | AccountError::KeyNameTaken { .. } => {
                ProblemKind::NameTaken
            }
            AccountError::KeyTaken { .. } => ProblemKind::KeyTaken,
            AccountError::TooManyAccounts(_) | AccountError::LimitReached { .. } => {
                ProblemKind::LimitReached
            }
        };
        Self::new(kind, error.to_sentence())
    }
}

impl From<ProtocolError> for Problem {
    fn from(error: ProtocolError) -> Self {
        let kind = match error {
            ProtocolError::MalformedHttp => ProblemKind::MalformedHttp,
            ProtocolError::UrlTooLong => ProblemKind::UrlTooLong,
            ProtocolError::HeadersTooLarge(_) => ProblemKind::HeadersTooLarge,
            ProtocolError::HeaderTimeout(_) => ProblemKind::RequestTimeout,
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

impl From<EvaluationError> for Problem {
    fn from(error: EvaluationError) -> Self {
        Self::new(ProblemKind::EvaluationLimitExceeded, format!("{error}."))
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
        let body = ProblemDetails {
            kind: format!("{}/docs/control#{name}", self.base_path),
            title: title.to_owned(),
            status,
            detail: self.detail,
            near_misses: self.near_misses,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(&body)).into_response();
        // The middleware `complete` redacts it.
        response.extensions_mut().insert(body);
        if matches!(
            self.kind,
            ProblemKind::InvalidToken
                | ProblemKind::InvalidApiKey
                | ProblemKind::OriginNotAllowed
                | ProblemKind::HostNotAllowed
        ) {
            response.extensions_mut().insert(AuthenticationFailure(name));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.kind, ProblemKind::TooLarge | ProblemKind::RequestTimeout) {
            // The rest of the request body is not read.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.kind == ProblemKind::Busy {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.kind == ProblemKind::InvalidToken {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let schema = Ref::from_schema_name(ProblemDetails::name());
        let content = Content::new(Some(schema));
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457)")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

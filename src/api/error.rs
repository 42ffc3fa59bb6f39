//! Defines the errors of the Ticket API, with their statuses, headers and messages.

use std::time::Duration;

use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use omnidesk_mock_client::types::{CustomResponse, RetryAfterFormat};
use serde_json::{Value, json};

use super::body::BodyError;
use super::content_encoding;
use super::decode::DecodeError;
use super::protocol_error::ProtocolError;
use super::response::RenderedResponse;
use super::similar_path::SimilarPath;
use crate::accounts::{AccountError, EffectiveSettings};
use crate::clock;
use crate::contract::dialect::Dialect;
use crate::contract::openapi::NotFoundResponse;
use crate::contract::{AUTH_SCHEME, MediaType, Permission, Violation, quote_value};
use crate::journal::{Warning, WarningKind};
use crate::storage::{FailureKind, StorageError};

/// The most unknown ids in a message.
const MAX_LISTED_IDS: usize = 20;
/// SQLite's largest text, in bytes (default of `SQLITE_MAX_LENGTH`).
const SQLITE_MAX_TEXT_BYTES: usize = 1_000_000_000;
/// The message of an internal error.
const INTERNAL_ERROR_MESSAGE: &str =
    "The server could not process the request; see the server log.";

/// A response extension for the request log: why a request is not authenticated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthenticationFailure(pub(crate) &'static str);

/// Where a client sent a key that the server does not read from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MisplacedKey {
    /// In `Authorization`, with another scheme than `apikey` or none.
    OtherScheme,
    /// In a header with this name.
    Header(String),
    /// In a query parameter with this name.
    Parameter(String),
    /// In a cookie with this name.
    Cookie(String),
    /// In the right place, but with other text around it.
    WithOtherText,
}

/// A failed request.
#[derive(Debug)]
pub(crate) enum ApiError {
    UnknownPath {
        path: String,
        /// What makes it differ from the path of an operation, and that path.
        similar: Option<SimilarPath>,
    },
    MethodNotAllowed {
        method: String,
        path: String,
        allowed: String,
        /// The operation that the path probably names.
        similar: Option<SimilarPath>,
    },
    MissingApiKey,
    /// A key was probably sent, in a place that the server does not read.
    MisplacedApiKey(MisplacedKey),
    UnknownApiKey,
    /// It is unknown, and malformed, so it creates no account.
    MalformedApiKey,
    /// It is unknown, and creates no account for a web page of another origin.
    CrossOriginPage,
    /// It is unknown, and creates no account under a host name that is not the server's.
    HostNotAllowed,
    ConflictingApiKeys,
    Forbidden(Permission),
    UnsupportedMediaType(Option<String>),
    UnsupportedContentEncoding(String),
    /// The body exceeds this many bytes.
    BodyTooLarge(usize),
    IncompleteBody,
    /// The body exceeded this timeout.
    BodyTimeout(Duration),
    /// It was rejected before it was parsed.
    Protocol(ProtocolError),
    Decode(DecodeError),
    Invalid(Vec<Violation>),
    /// The account is strict.
    StrictMode {
        warnings: Vec<Warning>,
        /// The setting that would accept such requests.
        allow: Vec<WarningKind>,
    },
    /// The key is over its rate limit.
    RateLimited {
        limit: u64,
        window: String,
        retry_after: SignedDuration,
    },
    /// A fault was injected.
    Fault {
        status: u16,
        message: Option<String>,
        retry_after: Option<SignedDuration>,
        response: Box<CustomResponse>,
    },
    /// The one ticket that the request is about does not exist.
    UnknownRow(&'static NotFoundResponse),
    /// Of several tickets, these do not exist.
    UnknownRows {
        resource: &'static str,
        ids: Vec<String>,
    },
    /// The response exceeds this many bytes.
    ResponseTooLarge(usize),
    Storage(StorageError),
    /// An unknown key creates no account, because this limit is reached.
    TooManyAccounts(usize),
    /// A bug. The log has the details, the response has none.
    Internal(String),
}

impl ApiError {
    /// Makes an error for a value that breaks a rule outside the field tables.
    pub(crate) fn invalid_value(field: &str, rule: impl Into<String>, value: &Value) -> Self {
        Self::Invalid(vec![Violation::custom(field, rule, value)])
    }

    /// Makes the error of a fault with this status.
    pub(super) fn fault(status: u16) -> Self {
        Self::Fault { status, message: None, retry_after: None, response: Box::default() }
    }

    /// Returns why the request is not authenticated; None for other errors.
    pub(crate) fn authentication_failure(&self) -> Option<AuthenticationFailure> {
        let reason = match self {
            Self::MissingApiKey => "missing-api-key",
            Self::MisplacedApiKey(_) => "misplaced-api-key",
            Self::UnknownApiKey | Self::TooManyAccounts(_) => "unknown-api-key",
            Self::MalformedApiKey => "malformed-api-key",
            Self::ConflictingApiKeys => "conflicting-api-keys",
            Self::CrossOriginPage => "cross-origin-page",
            Self::HostNotAllowed => "host-not-allowed",
            _ => return None,
        };
        Some(AuthenticationFailure(reason))
    }

    fn status(&self, dialect: &Dialect) -> StatusCode {
        let number = match self {
            Self::UnknownPath { .. } => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::MissingApiKey
            | Self::MisplacedApiKey(_)
            | Self::UnknownApiKey
            | Self::MalformedApiKey
            | Self::CrossOriginPage
            | Self::HostNotAllowed => dialect.no_key_status,
            Self::Forbidden(_) => dialect.no_permission_status,
            Self::UnsupportedMediaType(_) | Self::UnsupportedContentEncoding(_) => 415,
            Self::BodyTooLarge(_) => 413,
            Self::BodyTimeout(_) | Self::Protocol(ProtocolError::HeaderTimeout(_)) => 408,
            Self::Protocol(ProtocolError::UrlTooLong) => 414,
            Self::Protocol(ProtocolError::HeadersTooLarge(_)) => 431,
            Self::Protocol(ProtocolError::TooManyConnections(_))
            | Self::Storage(StorageError::QueryTimeout) => 503,
            Self::Storage(error) if error.is_transient() => 503,
            Self::TooManyAccounts(_) | Self::RateLimited { .. } => 429,
            Self::Fault { status, .. } => *status,
            Self::Protocol(ProtocolError::MalformedHttp)
            | Self::ConflictingApiKeys
            | Self::ResponseTooLarge(_)
            | Self::IncompleteBody
            | Self::Decode(_)
            | Self::Invalid(_)
            | Self::StrictMode { .. }
            | Self::UnknownRows { .. } => 400,
            Self::UnknownRow(not_found) => (not_found.status)(dialect),
            Self::Storage(_) | Self::Internal(_) => 500,
        };
        StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_REQUEST)
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::UnknownPath { path, similar: None } => {
                format!("The path {path} does not exist. The Ticket API is at /api/v2/ticket, see /docs; the control API is at /_control, see /docs/control.")
            }
            Self::UnknownPath { path, similar: Some(similar) } => {
                let SimilarPath { path: meant, difference } = similar;
                format!("The path {path} does not exist: {difference}. Did you mean {meant}?")
            }
            Self::MethodNotAllowed { method, path, similar: Some(similar), .. } => {
                format!("The method {method} is not allowed for {path}. Did you mean {}?", similar.path)
            }
            Self::MethodNotAllowed { method, path, allowed, .. } if method == "OPTIONS" => {
                format!("The method OPTIONS is not allowed for {path}. Allowed: {allowed}. Browsers send it before a request from a page of another origin; to allow such requests, start the server with --cors-origin ORIGIN.")
            }
            Self::MethodNotAllowed { method, path, allowed, .. } => {
                format!("The method {method} is not allowed for {path}. Allowed: {allowed}.")
            }
            Self::MissingApiKey => "No API key was sent. Send it as the header apiKey, as Authorization: apikey KEY, or as the query parameter apiKey; the body and cookies are not read.".to_owned(),
            Self::MisplacedApiKey(place) => {
                let place = match place {
                    MisplacedKey::OtherScheme => "the header Authorization has another scheme than apikey".to_owned(),
                    MisplacedKey::Header(name) => format!("the header {name} is not read"),
                    MisplacedKey::Parameter(name) => format!("the query parameter {name} is not read"),
                    MisplacedKey::Cookie(name) => format!("the cookie {name} is not read"),
                    MisplacedKey::WithOtherText => "what was sent as the key contains quotes, spaces or a word such as Bearer; send the key alone".to_owned(),
                };
                format!("No API key was sent: {place}. Send Authorization: apikey KEY, the header apiKey, or the query parameter apiKey.")
            }
            Self::UnknownApiKey => "This API key is unknown. Compare it with the key that the server was started with or printed at its start, or with the response that created its account. The account may have been removed, or the key belongs to another server. With --accounts auto, an unknown key creates an account.".to_owned(),
            Self::MalformedApiKey => AccountError::MalformedKey.to_sentence(),
            Self::CrossOriginPage => "This API key is unknown, and no account is created for it: according to its header Origin or Sec-Fetch-Site, the request comes from a web page of another origin. Create the account first, with a request from outside such a page; then the key works from there as well.".to_owned(),
            Self::HostNotAllowed => "This API key is unknown, and no account is created for it: the Host of the request is not a host of this server. It is neither a loopback host, nor the listen address, nor the host of --public-url. Start the server with --public-url http://HOST:PORT to use another name, or create the account first; a known key works with every Host.".to_owned(),
            Self::ConflictingApiKeys => "The API key apiKey was sent more than once, with different values.".to_owned(),
            Self::Forbidden(permission) => format!("This API key lacks the permission {}.", permission.name()),
            Self::UnsupportedMediaType(sent) => content_type_message(sent.as_deref()),
            Self::UnsupportedContentEncoding(sent) => content_encoding::message(sent),
            Self::BodyTooLarge(max_bytes) => format!("The body is larger than {max_bytes} bytes (--max-body-bytes)."),
            Self::BodyTimeout(timeout) => format!("The body was not complete after {} (--body-timeout).", clock::format_duration(*timeout)),
            Self::Protocol(error) => error.to_string(),
            Self::IncompleteBody => "The body ended before it was complete.".to_owned(),
            Self::Decode(error) => format!("{error}."),
            Self::Invalid(violations) => violations.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Self::StrictMode { warnings, allow } => {
                let messages: Vec<String> = warnings.iter().map(ToString::to_string).collect();
                format!(
                    "{} (This account is strict; nothing was changed. To accept such requests, PUT /_control/accounts/self/strict with {}.)",
                    messages.join(" "),
                    json!({ "strict": true, "allow": allow })
                )
            }
            Self::RateLimited { limit, window, retry_after } => format!("This API key has exceeded its rate limit of {limit} per {window}. Wait {}s.", ceil_seconds(*retry_after)),
            Self::Fault { message: Some(message), .. } => message.clone(),
            Self::Fault { status, .. } => format!("A fault rule responds to this request with {status}."),
            Self::UnknownRow(not_found) => not_found.description.to_owned(),
            Self::UnknownRows { resource, ids } => unknown_rows_message(resource, ids),
            Self::ResponseTooLarge(max_bytes) => format!("The response would be larger than {max_bytes} bytes (--max-response-bytes). Request fewer tickets with itemLimit, or exclude the events with getTicketHistory=false."),
            Self::TooManyAccounts(max_accounts) => format!("This API key is unknown, and no account can be created for it: the limit of {max_accounts} accounts is reached. Remove some, or raise --max-accounts."),
            Self::Storage(error) => error.client_message().to_owned(),
            Self::Internal(_) => INTERNAL_ERROR_MESSAGE.to_owned(),
        }
    }

    /// Renders the documented envelope, and logs server errors. `dialect` sets the undocumented statuses.
    pub(crate) fn to_response(
        &self,
        dialect: &Dialect,
        settings: Option<&EffectiveSettings>,
    ) -> RenderedResponse {
        match self {
            Self::Storage(StorageError::Busy) => tracing::warn!("an account was busy for too long"),
            Self::Storage(StorageError::QueryTimeout) => tracing::warn!("a query timed out"),
            Self::Storage(error) => tracing::error!(%error, "the storage failed"),
            Self::Internal(error) => tracing::error!(error, "a request failed"),
            _ => {}
        }
        let body = json!({ "status": "error", "message": self.message() }).to_string();
        let mut response = RenderedResponse::new(self.status(dialect), body.into(), settings);
        let headers = &mut response.headers;
        match self {
            Self::MissingApiKey
            | Self::MisplacedApiKey(_)
            | Self::UnknownApiKey
            | Self::MalformedApiKey
            | Self::CrossOriginPage
            | Self::HostNotAllowed => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(AUTH_SCHEME))
            }
            Self::MethodNotAllowed { allowed, .. } => HeaderValue::try_from(allowed)
                .ok()
                .and_then(|allowed| headers.insert(ALLOW, allowed)),
            Self::BodyTooLarge(_) | Self::BodyTimeout(_) => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"))
            }
            Self::Protocol(ProtocolError::TooManyConnections(_)) => {
                insert_short_retry_after(headers)
            }
            Self::Storage(error) if error.is_transient() => insert_short_retry_after(headers),
            Self::RateLimited { retry_after, .. } => {
                headers.insert(RETRY_AFTER, seconds_header(*retry_after))
            }
            Self::Fault { status, retry_after, response: custom, .. } => {
                if *status == 401 {
                    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(AUTH_SCHEME));
                }
                if let Some(time) = *retry_after {
                    let value = match custom.retry_after_format {
                        RetryAfterFormat::Seconds => seconds_header(time),
                        RetryAfterFormat::Date => date_header(time, settings),
                    };
                    headers.insert(RETRY_AFTER, value);
                }
                customize(&mut response, custom);
                None
            }
            _ => None,
        };
        response
    }
}

/// Replaces the parts of a response that a fault rule sets.
fn customize(response: &mut RenderedResponse, custom: &CustomResponse) {
    let CustomResponse { headers, body, .. } = custom;
    let has_error_body = response.status.is_client_error() || response.status.is_server_error();
    match body {
        Some(Value::String(text)) => {
            response.body = text.clone().into();
            let text_type = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers.insert(CONTENT_TYPE, text_type);
        }
        Some(json) => response.body = json.to_string().into(),
        None if has_error_body => {}
        None => {
            response.body = Bytes::new();
            response.headers.remove(CONTENT_TYPE);
        }
    }
    for (name, value) in headers {
        // Validated when the rule was added.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers.insert(name, value);
        }
    }
}

/// Renders the time after now by the account's clock, rounded up to a second.
fn date_header(time: SignedDuration, settings: Option<&EffectiveSettings>) -> HeaderValue {
    let now = settings.map_or_else(clock::system_now, EffectiveSettings::now);
    let whole_second = i64::from(now.subsec_nanosecond() > 0);
    let after = SignedDuration::from_secs(ceil_seconds(time).saturating_add(whole_second));
    let date = clock::format_http_date(now.checked_add(after).unwrap_or(Timestamp::MAX));
    HeaderValue::try_from(date).unwrap_or_else(|_| seconds_header(time))
}

/// Asks the client to retry soon.
fn insert_short_retry_after(headers: &mut HeaderMap) -> Option<HeaderValue> {
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Renders seconds, rounded up.
fn seconds_header(time: SignedDuration) -> HeaderValue {
    HeaderValue::from(ceil_seconds(time))
}

fn ceil_seconds(time: SignedDuration) -> i64 {
    let round_up = i64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(round_up).max(0)
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        if error.kind() == FailureKind::TextTooBig {
            Self::ResponseTooLarge(SQLITE_MAX_TEXT_BYTES)
        } else {
            Self::Storage(error)
        }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(max_bytes) => Self::BodyTooLarge(max_bytes),
            BodyError::Incomplete => Self::IncompleteBody,
            BodyError::Timeout(timeout) => Self::BodyTimeout(timeout),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Storage(error) => error.into(),
            AccountError::TooManyAccounts(max_accounts) => Self::TooManyAccounts(max_accounts),
            AccountError::MalformedKey => Self::MalformedApiKey,
            // Race: removed after the lookup.
            AccountError::NotFound(_) => Self::UnknownApiKey,
            error => Self::Internal(error.to_string()),
        }
    }
}

fn content_type_message(sent: Option<&str>) -> String {
    let known = MediaType::ALL.map(MediaType::name).join(", ");
    match sent {
        Some(sent) => format!(
            "The Content-Type {} is not supported; it must be one of {known}.",
            quote_value(&sent.into())
        ),
        None => format!("The body has no Content-Type; it must be one of {known}."),
    }
}

fn unknown_rows_message(resource: &str, ids: &[String]) -> String {
    let listed: Vec<&str> = ids.iter().take(MAX_LISTED_IDS).map(String::as_str).collect();
    let more = ids.len().saturating_sub(MAX_LISTED_IDS);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    match ids {
        [id] => format!("This {resource} does not exist: {id}. Nothing was changed."),
        _ => {
            format!(
                "These {resource}s do not exist: {}{rest}. Nothing was changed.",
                listed.join(", ")
            )
        }
    }
}

//! Every way a request can fail, as the client sees it. Statuses and wordings stand here and nowhere else.

use std::time::Duration;

use axum::http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use super::body::NotWhole;
use super::decode::{DecodeError, Encoding};
use super::key::SCHEME;
use super::reply::Said;
use super::unheard::Unheard;
use crate::accounts::{AccountError, Permission, Terms};
use crate::clock;
use crate::dialect::Dialect;
use crate::journal::Warning;
use crate::rules::{Violation, quoted};
use crate::storage::{StorageError, Trouble};

/// How many unknown ids a message names.
const MOST_IDS: usize = 20;
/// The largest text that SQLite holds, in bytes (documented: its limits).
const LARGEST_TEXT: usize = 1_000_000_000;
/// What is said of a failure that is ours.
const FAILED: &str = "The server could not do this; its log says why.";

/// A failed request.
#[derive(Debug)]
pub(crate) enum Error {
    UnknownPath(String),
    WrongMethod {
        method: String,
        path: String,
        allowed: String,
    },
    NoKey,
    UnknownKey,
    /// It is unknown, and not of the form that makes an account.
    UnfitKey,
    /// It is unknown, and would have made an account for a web page of another origin.
    ForeignPage,
    /// It is unknown, and would have made an account under a host name that is not the server's.
    ForeignHost,
    TwoKeys,
    Forbidden(Permission),
    ContentType(Option<String>),
    ContentEncoding(String),
    /// The body has more than so many bytes.
    TooLarge(usize),
    Incomplete,
    /// The body has not arrived within this time.
    TooSlow(Duration),
    /// It was refused before it was understood.
    Unheard(Unheard),
    Unreadable(DecodeError),
    Invalid(Vec<Violation>),
    /// It leaves these warnings, and the account is strict.
    Strict(Vec<Warning>),
    /// The key has used up its budget.
    TooFast {
        limit: u64,
        per: String,
        left: SignedDuration,
    },
    /// A fault rule says so.
    Fault {
        status: u16,
        message: Option<String>,
        retry_after: Option<SignedDuration>,
    },
    /// The one ticket that the request is about does not exist.
    UnknownTicket,
    /// Of several tickets, these do not exist.
    UnknownTickets(Vec<String>),
    /// The answer has more than so many bytes.
    AnswerTooLarge(usize),
    Storage(StorageError),
    /// An unknown key would have made an account, but there are as many as there may be.
    TooManyAccounts(usize),
    /// A defect of ours; the client learns nothing of it, the log everything.
    Internal(String),
}

impl Error {
    /// Something that was sent is wrong in a way that no table of fields can say.
    pub(crate) fn refused(field: &str, rule: impl Into<String>, sent: &serde_json::Value) -> Self {
        Self::Invalid(vec![Violation::other(field, rule, sent)])
    }

    fn status(&self, dialect: &Dialect) -> StatusCode {
        let number = match self {
            Self::UnknownPath(_) => 404,
            Self::WrongMethod { .. } => 405,
            Self::NoKey
            | Self::UnknownKey
            | Self::UnfitKey
            | Self::ForeignPage
            | Self::ForeignHost => dialect.no_key_status,
            Self::Forbidden(_) => dialect.no_permission_status,
            Self::ContentType(_) | Self::ContentEncoding(_) => 415,
            Self::TooLarge(_) => 413,
            Self::TooSlow(_) | Self::Unheard(Unheard::TooSlow(_)) => 408,
            Self::Unheard(Unheard::UrlTooLong) => 414,
            Self::Unheard(Unheard::HeadTooLarge(_)) => 431,
            Self::Unheard(Unheard::Crowded(_)) | Self::Storage(StorageError::TooLong) => 503,
            Self::Storage(error) if error.is_passing() => 503,
            Self::TooManyAccounts(_) | Self::TooFast { .. } => 429,
            Self::Fault { status, .. } => *status,
            Self::Unheard(Unheard::BadHttp)
            | Self::TwoKeys
            | Self::AnswerTooLarge(_)
            | Self::Incomplete
            | Self::Unreadable(_)
            | Self::Invalid(_)
            | Self::Strict(_)
            | Self::UnknownTickets(_) => 400,
            Self::UnknownTicket => dialect.unknown_ticket_status,
            Self::Storage(_) | Self::Internal(_) => 500,
        };
        StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_REQUEST)
    }

    fn message(&self) -> String {
        match self {
            Self::UnknownPath(path) => {
                format!("There is nothing at {path}. The Ticket API is at /api/v2/ticket; /docs lists its operations.")
            }
            Self::WrongMethod { method, path, allowed } => {
                format!("{method} is not a method of {path}. It has: {allowed}.")
            }
            Self::NoKey => "No API key was sent. Send it as the header apiKey, as Authorization: apikey KEY, or as the query parameter apiKey.".to_owned(),
            Self::UnknownKey => "This API key is unknown.".to_owned(),
            Self::UnfitKey => AccountError::UnfitKey.sentence(),
            Self::ForeignPage => "This API key is unknown, and no account is made for it: by its Origin or Sec-Fetch-Site the request comes from a web page of another origin. Make the account first, with a request that no such page sends; then the key works from there as well.".to_owned(),
            Self::ForeignHost => "This API key is unknown, and no account is made for it: the Host of the request is none of this server's. It is neither of loopback, nor the address that it listens on, nor that of --public-url. Start the server with --public-url http://HOST:PORT to use it under another name, or make the account first; a known key works under every name.".to_owned(),
            Self::TwoKeys => "The API key apiKey was sent more than once, with different values.".to_owned(),
            Self::Forbidden(permission) => format!("This API key lacks the permission {}.", permission.name()),
            Self::ContentType(sent) => content_type(sent.as_deref()),
            Self::ContentEncoding(sent) => {
                let sent = quoted(&sent.as_str().into());
                format!("The Content-Encoding {sent} is not understood; send the body as it is.")
            }
            Self::TooLarge(most) => format!("The body is larger than {most} bytes (--max-body-bytes)."),
            Self::TooSlow(time) => format!("The body was not complete after {} (--body-timeout).", clock::words(*time)),
            Self::Unheard(unheard) => unheard.to_string(),
            Self::Incomplete => "The body ended before it was complete.".to_owned(),
            Self::Unreadable(error) => format!("{error}."),
            Self::Invalid(broken) => broken.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Self::Strict(warnings) => {
                let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
                format!("{} (This account is strict; nothing was changed.)", said.join(" "))
            }
            Self::TooFast { limit, per, left } => format!("This API key has made as many requests as it may, {limit} per {per}. Wait {}s.", in_seconds(*left)),
            Self::Fault { message: Some(message), .. } => message.clone(),
            Self::Fault { status, .. } => format!("A fault rule answers this request with {status}."),
            Self::UnknownTicket => "This ticket does not exist.".to_owned(),
            Self::UnknownTickets(ids) => unknown_tickets(ids),
            Self::AnswerTooLarge(most) => format!("The answer would be larger than {most} bytes (--max-answer-bytes). Ask for fewer tickets with itemLimit, or leave the events out with getTicketHistory=false."),
            Self::TooManyAccounts(most) => format!("This API key is unknown, and no account can be made for it: there are {most} already, as many as there may be. Remove some, or raise --max-accounts."),
            Self::Storage(error) => error.sentence().to_owned(),
            Self::Internal(_) => FAILED.to_owned(),
        }
    }

    /// The documented envelope; statuses that the dialect leaves open are the account's, or else the server's.
    pub(crate) fn said(&self, dialect: &Dialect, terms: Option<&Terms>) -> Said {
        match self {
            Self::Storage(StorageError::Busy) => tracing::warn!("an account was busy for too long"),
            Self::Storage(StorageError::TooLong) => tracing::warn!("a query took too long"),
            Self::Storage(error) => tracing::error!(%error, "the storage failed"),
            Self::Internal(error) => tracing::error!(error, "a request could not be served"),
            _ => {}
        }
        let body = json!({ "status": "error", "message": self.message() }).to_string();
        let mut said = Said::new(self.status(dialect), body.into(), terms);
        let headers = &mut said.headers;
        match self {
            Self::NoKey
            | Self::UnknownKey
            | Self::UnfitKey
            | Self::ForeignPage
            | Self::ForeignHost => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME))
            }
            Self::WrongMethod { allowed, .. } => HeaderValue::try_from(allowed)
                .ok()
                .and_then(|allowed| headers.insert(ALLOW, allowed)),
            Self::TooLarge(_) | Self::TooSlow(_) => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"))
            }
            Self::Unheard(Unheard::Crowded(_)) => soon(headers),
            Self::Storage(error) if error.is_passing() => soon(headers),
            Self::TooFast { left, .. } => headers.insert(RETRY_AFTER, whole_seconds(*left)),
            Self::Fault { status, retry_after, .. } => {
                if *status == 401 {
                    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME));
                }
                retry_after.and_then(|time| headers.insert(RETRY_AFTER, whole_seconds(time)))
            }
            _ => None,
        };
        said
    }
}

/// Asks the client to come again soon.
fn soon(headers: &mut HeaderMap) -> Option<HeaderValue> {
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Seconds as a header has them, rounded up.
fn whole_seconds(time: SignedDuration) -> HeaderValue {
    HeaderValue::from(in_seconds(time))
}

fn in_seconds(time: SignedDuration) -> i64 {
    let more = i64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more).max(0)
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        if error.trouble() == Trouble::TooBig {
            Self::AnswerTooLarge(LARGEST_TEXT)
        } else {
            Self::Storage(error)
        }
    }
}

impl From<NotWhole> for Error {
    fn from(reason: NotWhole) -> Self {
        match reason {
            NotWhole::TooLarge(most) => Self::TooLarge(most),
            NotWhole::Incomplete => Self::Incomplete,
            NotWhole::TooSlow(time) => Self::TooSlow(time),
        }
    }
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Storage(error) => error.into(),
            AccountError::TooMany(most) => Self::TooManyAccounts(most),
            AccountError::UnfitKey => Self::UnfitKey,
            // Removed after its key was found.
            AccountError::Unknown(_) => Self::UnknownKey,
            error => Self::Internal(error.to_string()),
        }
    }
}

fn content_type(sent: Option<&str>) -> String {
    let known = Encoding::ALL.map(Encoding::media_type).join(", ");
    match sent {
        Some(sent) => format!("The Content-Type {} is none of {known}.", quoted(&sent.into())),
        None => format!("The body has no Content-Type; it must be one of {known}."),
    }
}

fn unknown_tickets(ids: &[String]) -> String {
    let named: Vec<&str> = ids.iter().take(MOST_IDS).map(String::as_str).collect();
    let more = ids.len().saturating_sub(MOST_IDS);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    match ids {
        [id] => format!("This ticket does not exist: {id}. Nothing was changed."),
        _ => {
            format!("These tickets do not exist: {}{rest}. Nothing was changed.", named.join(", "))
        }
    }
}

//! What a request of the control API holds: an account, and a body of JSON.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use crate::accounts::{Account, AccountError, InUse, SELF};
use crate::clock;
use crate::http::body::{self, Most, NotWhole};
use crate::http::decode::{self, DecodeError, Encoding};
use crate::http::{Error, key};
use crate::limits::Shape;
use crate::state::Shared;

/// The largest body, in bytes, but that of an import (chosen).
const BODY: usize = 1024 * 1024;

/// How many values such a body may hold, and how deep (chosen): an order of 100 patterns with 100 fields each fits.
const SHAPE: Shape = Shape { values: 32_768, depth: 32 };

/// What the path names, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct InAccount {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
}

/// What the path names, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct InSnapshot {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The name of a snapshot.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    name: String,
}

/// What the path names, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct OfKey {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The id of a key.
    id: i64,
}

/// What the path names, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct OfRequest {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The number of a request.
    seq: u64,
}

/// What the path names, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct OfFault {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The id of a fault rule.
    #[param(minimum = 0)]
    id: u64,
}

/// Which requests a query asks for, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct Filters {
    /// `ticket.setStatus`, or `setStatus`.
    #[param(required = false)]
    operation: String,
    /// The method.
    #[param(required = false)]
    method: String,
    /// The status of the answer, a class such as `4xx`, or `none`. With `ticket`: that of the ticket.
    #[param(required = false)]
    status: String,
    /// The name of a key.
    #[param(required = false)]
    key: String,
    /// Whether it changed something.
    #[param(required = false)]
    changed: bool,
    /// Whether a fault was applied to it.
    #[param(required = false)]
    fault: bool,
    /// A kind of warning, `any` or `none`.
    #[param(required = false)]
    warning: String,
}

/// Where a list begins and ends, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct Paging {
    /// A cursor: only what comes after it.
    #[param(required = false)]
    since: String,
    /// The most of them.
    #[param(required = false, minimum = 1, maximum = 1000)]
    limit: u64,
}

/// Where a stream begins, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct Since {
    /// A cursor: only what comes after it.
    #[param(required = false)]
    since: String,
}

/// What is waited for, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct Waiting {
    /// A cursor: only what comes after it.
    #[param(required = false)]
    since: String,
    /// How many requests, at most as many as the journal keeps.
    #[param(required = false, minimum = 1, maximum = 1000)]
    count: u64,
    /// How long: `5s` by default, at most `5m`.
    #[param(required = false)]
    timeout: String,
    /// The id of a ticket that is waited for instead.
    #[param(required = false)]
    ticket: i64,
    /// With `ticket`: `true` waits until it is gone.
    #[param(required = false)]
    deleted: bool,
}

/// The account that the path names, which is in use as long as this is held.
pub(super) struct Of(pub(super) InUse);

impl FromRequestParts<Shared> for Of {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let name = in_path(parts, state, "account").await;
        let account = named(&name, parts, state).await?;
        state.accounts.settle(&account).await?;
        Ok(Self(state.accounts.in_use(&account)))
    }
}

/// The account that the path names, and what it names in the account.
pub(super) struct In(pub(super) InUse, pub(super) String);

impl FromRequestParts<Shared> for In {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let Of(account) = Of::from_request_parts(parts, state).await?;
        let name = in_path(parts, state, "name").await;
        let name = if name.is_empty() { in_path(parts, state, "id").await } else { name };
        let name = if name.is_empty() { in_path(parts, state, "seq").await } else { name };
        Ok(Self(account, name))
    }
}

/// The part of the path with this name; empty where it is not UTF-8.
async fn in_path(parts: &mut Parts, state: &Shared, name: &str) -> String {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
    path.ok().and_then(|Path(mut path)| path.remove(name)).unwrap_or_default()
}

/// The account with this name, or that of the request's API key.
pub(super) async fn named(
    name: &str,
    parts: &Parts,
    state: &Shared,
) -> Result<Arc<Account>, Problem> {
    if name != SELF {
        return Ok(state.accounts.named(name)?);
    }
    let text = key::sent(&parts.headers, parts.uri.query().unwrap_or_default());
    let key = match text {
        Ok(text) => key::known(&state.accounts, &text, || None).await,
        Err(error) => Err(error),
    };
    match key {
        Ok(key) => Ok(Arc::clone(&key.account)),
        Err(Error::TooManyAccounts(most)) => Err(AccountError::TooMany(most).into()),
        Err(Error::NoKey) => {
            Err(Problem::new(Kind::NoApiKey, "Send the key as the header apiKey."))
        }
        Err(Error::UnfitKey) => Err(AccountError::UnfitKey.into()),
        Err(Error::UnknownKey) => Err(Problem::new(Kind::NoApiKey, "The API key is unknown.")),
        Err(_) => Err(Problem::new(Kind::NoApiKey, "The API key cannot be told.")),
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        let body = whole(state, request, BODY).await?;
        if body.is_empty() {
            return Err(Problem::invalid("The body is missing; send JSON."));
        }
        read(&body).map(Self)
    }
}

/// A body of JSON that may be left out: nothing, and null, are an empty object.
pub(super) struct Optional<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Optional<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        let body = whole(state, request, BODY).await?;
        let is_nothing = body.is_empty() || body.trim_ascii() == b"null";
        read(if is_nothing { b"{}" } else { &body }).map(Self)
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let wrong = |what: String| Problem::invalid(format!("The body is wrong: {what}."));
    // Read as an object first: a list would be taken for the fields in their order.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(wrong(
            "it must be a JSON object, {…}, and no form or anything else".to_owned(),
        ));
    }
    // Counted while it is read: of a small body, nothing large is made.
    let object: Map<String, Value> =
        decode::body(Encoding::Json, "", text, SHAPE).map_err(|error| match error {
            DecodeError::Json(what) => wrong(what),
            DecodeError::TooMany(most) => {
                wrong(format!("it holds more than {most} values; send less at once"))
            }
            DecodeError::TooDeep { field, most } => {
                wrong(format!("{field} is nested deeper than {most} levels"))
            }
            other => wrong(other.to_string()),
        })?;
    serde_path_to_error::deserialize(Value::Object(object))
        .map_err(|error| wrong(error.to_string()))
}

/// The whole body, if it is not larger than so many bytes.
pub(super) async fn whole(
    state: &Shared,
    request: Request,
    bytes: usize,
) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    let most = Most { bytes, time: state.limits.body_time };
    body::whole(&head.headers, body, most).await.map_err(|reason| match reason {
        NotWhole::TooLarge(most) => {
            Problem::new(Kind::TooLarge, format!("The body may have {most} bytes."))
        }
        NotWhole::Incomplete => Problem::invalid("The body ended before it was complete."),
        NotWhole::TooSlow(time) => {
            let detail =
                format!("The body was not complete after {} (--body-timeout).", clock::words(time));
            Problem::new(Kind::TooSlow, detail)
        }
    })
}

/// Runs work to its end, even when the client leaves before.
pub(super) async fn settled<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(Problem::new(Kind::Failed, "The log of the server says why.")))
}

/// Runs work that has nothing to tell but that it is done.
pub(super) async fn done(
    work: impl Future<Output = Result<(), AccountError>> + Send + 'static,
) -> Result<StatusCode, Problem> {
    settled(async { Ok(work.await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Extractors for accounts and JSON bodies, and parameters for OpenAPI.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::problem::{Problem, ProblemKind};
use crate::accounts::{Account, AccountError, AccountGuard, SELF_ALIAS};
use crate::api::body;
use crate::api::body::{BodyError, BodyLimit};
use crate::api::decode;
use crate::api::decode::{DecodeError, MediaType};
use crate::api::limits::InputLimits;
use crate::api::state::SharedState;
use crate::api::{ApiError, auth};
use crate::clock;

/// The maximum body size, in bytes, except for imports (arbitrary).
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The maximum number of values and depth of such a body: `order` with 100 patterns of 100 fields each fits.
const MAX_BODY_SHAPE: InputLimits = InputLimits { max_values: 32_768, max_depth: 32 };

/// Path parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct AccountParams {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
}

/// Path parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct SnapshotParams {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The name of a snapshot.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    name: String,
}

/// Path parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct KeyParams {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The id of a key.
    id: i64,
}

/// Path parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct RequestParams {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The number of a request.
    seq: u64,
}

/// Path parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct FaultParams {
    /// The name of an account, or `self`.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    account: String,
    /// The id of a fault rule.
    #[param(minimum = 0)]
    id: u64,
}

/// Filter parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct FilterParams {
    /// `ticket.setStatus`, or `setStatus`.
    #[param(required = false)]
    operation: String,
    /// The method.
    #[param(required = false)]
    method: String,
    /// The status of the response, a class such as `4xx`, or `none`. With `ticket`: that of the ticket.
    #[param(required = false)]
    status: String,
    /// The name of a key.
    #[param(required = false)]
    key: String,
    /// Whether the request changed data.
    #[param(required = false)]
    changed: bool,
    /// Whether a fault was applied to the request.
    #[param(required = false)]
    fault: bool,
    /// A kind of warning, `any` or `none`.
    #[param(required = false)]
    warning: String,
}

/// Pagination parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct PageParams {
    /// A cursor: only entries after it.
    #[param(required = false)]
    since: String,
    /// The maximum number of entries.
    #[param(required = false, minimum = 1, maximum = 1000)]
    limit: u64,
}

/// Stream parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct CursorParams {
    /// A cursor: only entries after it.
    #[param(required = false)]
    since: String,
}

/// Wait parameters for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the OpenAPI derive reads the fields")]
pub(super) struct WaitParams {
    /// A cursor: only entries after it.
    #[param(required = false)]
    since: String,
    /// The number of requests, at most the journal's capacity.
    #[param(required = false, minimum = 1, maximum = 1000)]
    count: u64,
    /// The timeout: `5s` by default, at most `5m`.
    #[param(required = false)]
    timeout: String,
    /// The id of a ticket to wait for instead.
    #[param(required = false)]
    ticket: i64,
    /// With `ticket`: `true` waits until the ticket is deleted.
    #[param(required = false)]
    deleted: bool,
}

/// The account of the path. The guard marks it as in use.
pub(super) struct AccountPath(pub(super) AccountGuard);

impl FromRequestParts<SharedState> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let name = path_param(parts, state, "account").await;
        let account = resolve_account(&name, parts, state).await?;
        account.ensure_consistent().await?;
        Ok(Self(account.acquire()))
    }
}

/// The account of the path, and the name or id of an item in it.
pub(super) struct AccountItemPath(pub(super) AccountGuard, pub(super) String);

impl FromRequestParts<SharedState> for AccountItemPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let AccountPath(account) = AccountPath::from_request_parts(parts, state).await?;
        let name = path_param(parts, state, "name").await;
        let name = if name.is_empty() { path_param(parts, state, "id").await } else { name };
        let name = if name.is_empty() { path_param(parts, state, "seq").await } else { name };
        Ok(Self(account, name))
    }
}

/// Returns a path parameter; empty if it is missing or not UTF-8.
async fn path_param(parts: &mut Parts, state: &SharedState, name: &str) -> String {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
    path.ok().and_then(|Path(mut path)| path.remove(name)).unwrap_or_default()
}

/// Finds an account by name, or by API key for `self`.
pub(super) async fn resolve_account(
    name: &str,
    parts: &Parts,
    state: &SharedState,
) -> Result<Arc<Account>, Problem> {
    if name != SELF_ALIAS {
        return Ok(state.accounts.require(name)?);
    }
    let secret = auth::extract_key(&parts.headers, parts.uri.query().unwrap_or_default());
    let key = match secret {
        Ok(secret) => auth::resolve_key(&state.accounts, &secret, || None).await,
        Err(error) => Err(error),
    };
    match key {
        Ok(key) => Ok(Arc::clone(&key.account)),
        Err(ApiError::TooManyAccounts(max)) => Err(AccountError::TooManyAccounts(max).into()),
        Err(ApiError::MissingApiKey) => {
            Err(Problem::new(ProblemKind::NoApiKey, "Send the key as the header apiKey."))
        }
        Err(ApiError::MalformedApiKey) => Err(AccountError::MalformedKey.into()),
        Err(ApiError::UnknownApiKey) => {
            Err(Problem::new(ProblemKind::NoApiKey, "The API key is unknown."))
        }
        Err(_) => Err(Problem::new(ProblemKind::NoApiKey, "The API key cannot be told.")),
    }
}

/// A JSON object in the body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<SharedState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &SharedState) -> Result<Self, Problem> {
        let body = read_body(state, request, MAX_BODY_BYTES).await?;
        if body.is_empty() {
            return Err(Problem::invalid("The body is missing; send JSON."));
        }
        parse_json_object(&body).map(Self)
    }
}

/// An optional JSON object: no body, and null, are an empty object.
pub(super) struct OptionalJsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<SharedState> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &SharedState) -> Result<Self, Problem> {
        let body = read_body(state, request, MAX_BODY_BYTES).await?;
        let is_absent = body.is_empty() || body.trim_ascii() == b"null";
        parse_json_object(if is_absent { b"{}" } else { &body }).map(Self)
    }
}

fn parse_json_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let invalid_body = |what: String| Problem::invalid(format!("The body is wrong: {what}."));
    // serde would accept an array as the fields in order.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(invalid_body(
            "it must be a JSON object, {…}, and no form or anything else".to_owned(),
        ));
    }
    // The limits apply during parsing, so a small body cannot use much memory.
    let object: Map<String, Value> = decode::parse_body(MediaType::Json, "", text, MAX_BODY_SHAPE)
        .map_err(|error| match error {
            DecodeError::InvalidJson(reason) => invalid_body(reason),
            DecodeError::TooManyValues(max_values) => {
                invalid_body(format!("it holds more than {max_values} values; send less at once"))
            }
            DecodeError::TooDeep { field, max_depth } => {
                invalid_body(format!("{field} is nested deeper than {max_depth} levels"))
            }
            other => invalid_body(other.to_string()),
        })?;
    serde_path_to_error::deserialize(Value::Object(object))
        .map_err(|error| invalid_body(error.to_string()))
}

/// Reads the complete body of at most `max_bytes`.
pub(super) async fn read_body(
    state: &SharedState,
    request: Request,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    let limit = BodyLimit { max_bytes, timeout: state.limits.body_timeout };
    body::read_body(&head.headers, body, limit).await.map_err(|reason| match reason {
        BodyError::TooLarge(max_bytes) => {
            Problem::new(ProblemKind::TooLarge, format!("The body may have {max_bytes} bytes."))
        }
        BodyError::Incomplete => Problem::invalid("The body ended before it was complete."),
        BodyError::Timeout(timeout) => {
            let detail = format!(
                "The body was not complete after {} (--body-timeout).",
                clock::format_duration(timeout)
            );
            Problem::new(ProblemKind::TooSlow, detail)
        }
    })
}

/// Runs a future to completion, even if the client disconnects.
pub(super) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let result = tokio::spawn(work).await;
    result.unwrap_or_else(|_| {
        Err(Problem::new(ProblemKind::Failed, "The log of the server says why."))
    })
}

/// Runs a future to completion and responds with 204.
pub(super) async fn respond_no_content(
    work: impl Future<Output = Result<(), AccountError>> + Send + 'static,
) -> Result<StatusCode, Problem> {
    run_to_completion(async { Ok(work.await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

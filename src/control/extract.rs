//! Extractors of paths and JSON bodies. The path parameters of the OpenAPI document are derived from the former.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;

use super::pattern::did_you_mean;
use super::problem::{Problem, ProblemKind};
use crate::accounts::{Account, AccountError, AccountGuard, SELF_ALIAS};
use crate::api::body;
use crate::api::body::{BodyError, BodyLimit};
use crate::api::content_encoding;
use crate::api::decode;
use crate::api::decode::{DecodeError, Decoded};
use crate::api::limits::InputLimits;
use crate::api::state::SharedState;
use crate::api::{ApiError, auth};
use crate::clock;
use crate::contract::{MediaType, quote_value};
use crate::text_encoding::decode_utf8;

/// The maximum body size, in bytes, except for imports (arbitrary).
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The maximum number of values and depth of such a body: `order` with 100 patterns of 100 fields each fits.
const BODY_INPUT_LIMITS: InputLimits = InputLimits { max_values: 32_768, max_depth: 32 };

/// The syntax of a snapshot's name (arbitrary).
static SNAPSHOT_NAME_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$").expect("a valid regex"));

/// The account of the path. The guard marks it as in use.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct AccountPath {
    /// The name of an account, or `self`.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub(crate) account: AccountGuard,
}

/// A snapshot of an account. The name is well-formed.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SnapshotPath {
    /// The name of an account, or `self`.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub(crate) account: AccountGuard,
    /// The name of a snapshot.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    pub(crate) name: String,
}

/// An API key of an account.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    /// The name of an account, or `self`.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub(crate) account: AccountGuard,
    /// The id of a key.
    pub(crate) id: i64,
}

/// A request in the journal of an account.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RequestPath {
    /// The name of an account, or `self`.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub(crate) account: AccountGuard,
    /// The number of a request.
    pub(crate) seq: u64,
}

/// A fault rule of an account.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct FaultPath {
    /// The name of an account, or `self`.
    #[param(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub(crate) account: AccountGuard,
    /// The id of a fault rule.
    #[param(minimum = 0)]
    pub(crate) id: u64,
}

impl FromRequestParts<SharedState> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        Ok(Self { account: RawPath::extract(parts, state).await?.account })
    }
}

impl FromRequestParts<SharedState> for SnapshotPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let path = RawPath::extract(parts, state).await?;
        let name = path.text("name").to_owned();
        check_snapshot_name(&name)?;
        Ok(Self { account: path.account, name })
    }
}

impl FromRequestParts<SharedState> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let path = RawPath::extract(parts, state).await?;
        Ok(Self { id: path.number("id")?, account: path.account })
    }
}

impl FromRequestParts<SharedState> for RequestPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let path = RawPath::extract(parts, state).await?;
        Ok(Self { seq: path.number("seq")?, account: path.account })
    }
}

impl FromRequestParts<SharedState> for FaultPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        let path = RawPath::extract(parts, state).await?;
        Ok(Self { id: path.number("id")?, account: path.account })
    }
}

/// The account of the path, and all parameters as text.
struct RawPath {
    account: AccountGuard,
    params: HashMap<String, String>,
}

impl RawPath {
    async fn extract(parts: &mut Parts, state: &SharedState) -> Result<Self, Problem> {
        // A path that is not UTF-8 has no parameters, and no account has an empty name.
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let params = path.map(|Path(params)| params).unwrap_or_default();
        let name = params.get("account").map_or("", String::as_str);
        let account = resolve_account(name, parts, state).await?;
        account.ensure_consistent().await?;
        Ok(Self { account: account.acquire(), params })
    }

    fn text(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.text(name);
        text.parse().map_err(|_| {
            let sent = quote_value(&text.into());
            Problem::invalid(format!("{name} must be a number; {sent} was sent."))
        })
    }
}

/// Fails if no snapshot can have this name.
pub(crate) fn check_snapshot_name(name: &str) -> Result<(), Problem> {
    if SNAPSHOT_NAME_REGEX.is_match(name) {
        return Ok(());
    }
    let (form, sent) = (SNAPSHOT_NAME_REGEX.as_str(), quote_value(&name.into()));
    Err(Problem::invalid(format!("The name of a snapshot must match {form}; {sent} was sent.")))
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
        Err(ApiError::MissingApiKey) => Err(Problem::new(
            ProblemKind::InvalidApiKey,
            "The API key is missing. Send it in the header apiKey.",
        )),
        Err(error @ ApiError::MisplacedApiKey(_)) => {
            Err(Problem::new(ProblemKind::InvalidApiKey, error.message()))
        }
        Err(ApiError::MalformedApiKey) => Err(AccountError::MalformedKey.into()),
        Err(ApiError::UnknownApiKey) => {
            Err(Problem::new(ProblemKind::InvalidApiKey, ApiError::UnknownApiKey.message()))
        }
        Err(ApiError::ConflictingApiKeys) => Err(Problem::new(
            ProblemKind::InvalidApiKey,
            "The request contains different API keys. Send only one.",
        )),
        // Storage can fail while an unknown key creates an account.
        Err(ApiError::Storage(error)) => Err(error.into()),
        Err(_) => {
            Err(Problem::new(ProblemKind::InvalidApiKey, "The API key could not be verified."))
        }
    }
}

/// A JSON object in the body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<SharedState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &SharedState) -> Result<Self, Problem> {
        let body = read_body(state, request, MAX_BODY_BYTES).await?;
        if body.is_empty() {
            return Err(Problem::invalid("The body is missing; send a JSON object."));
        }
        parse_json_object(&body).map(Self)
    }
}

/// An optional JSON object. A missing body and null count as an empty object.
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
    let invalid_body = |what: String| Problem::invalid(format!("The body is invalid: {what}."));
    let text = decode_utf8(text).map_err(|error| Problem::invalid(format!("The body {error}.")))?;
    // serde would accept an array as the fields in order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(invalid_body(
            "it must be a JSON object, {…}, not a form or another format".to_owned(),
        ));
    }
    // The limits apply during parsing, so a small body cannot use much memory.
    let Decoded { fields, repeated } =
        decode::parse_body(MediaType::Json, "", text.as_bytes(), BODY_INPUT_LIMITS).map_err(
            |error| match error {
                DecodeError::InvalidJson(reason) => invalid_body(reason),
                DecodeError::TooManyValues(max_values) => invalid_body(format!(
                    "it has more than {max_values} values; split it into several requests"
                )),
                DecodeError::TooDeep { field, max_depth } => {
                    invalid_body(format!("{field} is nested deeper than {max_depth} levels"))
                }
                other => invalid_body(other.to_string()),
            },
        )?;
    if let Some(field) = repeated.into_iter().next() {
        return Err(invalid_body(format!("{} was sent more than once", field.path)));
    }
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let message = error.to_string();
        let hint = suggest_member(&message).unwrap_or_default();
        Problem::invalid(format!("The body is invalid: {message}.{hint}"))
    })
}

/// Suggests the nearest of the names that serde lists in its message about an unknown one.
fn suggest_member(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("unknown field `")?;
    let mut quoted = rest.split('`').step_by(2);
    let unknown = quoted.next()?;
    Some(did_you_mean(unknown, quoted.filter(|name| !name.is_empty())))
}

/// Reads the complete body of at most `max_bytes`.
pub(crate) async fn read_body(
    state: &SharedState,
    request: Request,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    let limit = BodyLimit { max_bytes, timeout: state.limits.body_timeout };
    let encoding = content_encoding::find_unsupported(&head.headers);
    if let Some(sent) = encoding.filter(|_| !body.is_end_stream()) {
        return Err(Problem::new(
            ProblemKind::UnsupportedEncoding,
            content_encoding::message(&sent),
        ));
    }
    body::read_body(&head.headers, body, limit).await.map_err(|reason| match reason {
        BodyError::TooLarge(max_bytes) => Problem::new(
            ProblemKind::TooLarge,
            format!("The body exceeds the limit of {max_bytes} bytes."),
        ),
        BodyError::Incomplete => Problem::invalid("The body is incomplete: it ended early."),
        BodyError::Timeout(timeout) => {
            let detail = format!(
                "The body did not arrive within {} (--body-timeout).",
                clock::format_duration(timeout)
            );
            Problem::new(ProblemKind::RequestTimeout, detail)
        }
    })
}

/// Runs a future to completion, even if the client disconnects.
pub(super) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let result = tokio::spawn(work).await;
    result.unwrap_or_else(|_| {
        Err(Problem::new(ProblemKind::InternalError, "The server's log has the cause."))
    })
}

/// Runs a future to completion and responds with 204.
pub(super) async fn respond_no_content(
    work: impl Future<Output = Result<(), AccountError>> + Send + 'static,
) -> Result<StatusCode, Problem> {
    run_to_completion(async { Ok(work.await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_member_gets_the_nearest_name() {
        let message = |name: &str| {
            format!(
                "pattern: {name}: unknown field `{name}`, expected one of `operation`, `headers`, `fields`"
            )
        };
        for (name, expected) in [
            ("heders", Some(" Did you mean headers?")),
            ("Fields", Some(" Did you mean fields?")),
            ("nothing", Some("")),
        ] {
            assert_eq!(suggest_member(&message(name)).as_deref(), expected, "{name}");
        }
        assert_eq!(suggest_member("invalid type: integer `5`, expected a string"), None);
    }
}

//! Decodes a request's input: path, query and body.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::body::{self, BodyLimit};
use super::decode::{Decoded, RepeatedFields};
use super::error::ApiError;
use super::limits::{InputLimits, Limits};
use super::redactor::Redactor;
use super::request_context::RequestContext;
use super::{auth, content_encoding, decode};
use crate::contract::{InputSource, MediaType, Operation};
use crate::journal::InputFields;

/// The decoded input.
#[derive(Debug, Default)]
pub(super) struct RawInput {
    /// The fields, by where they were sent.
    pub(super) fields: InputFields,
    /// Fields that were sent more than once.
    pub(super) repeated: RepeatedFields,
    pub(super) media_type: Option<MediaType>,
    /// Whether a body was sent that the operation does not read.
    pub(super) has_ignored_body: bool,
    /// Why decoding failed.
    pub(super) error: Option<ApiError>,
    /// The body as it was sent.
    pub(super) body: Bytes,
    /// Whether the body could not be decoded.
    pub(super) is_body_undecoded: bool,
}

impl RawInput {
    /// Returns all sent fields, redacted, to match fault rules.
    pub(super) fn redacted_fields(
        &self,
        operation: &Operation,
        redactor: &Redactor<'_>,
    ) -> Map<String, Value> {
        let mut fields = self.fields.merge();
        redactor.redact_fields(&mut fields, &|name| operation.has_field(name));
        fields
    }
}

/// Decodes a request. Without the permission, `Expect: 100-continue` gets no `100`: no body is sent.
pub(super) async fn decode_unless_rejected(
    operation: &Operation,
    context: &RequestContext,
    request: Request,
) -> RawInput {
    if !context.key.permissions.contains(operation.permission)
        && request.headers().contains_key(EXPECT)
    {
        return RawInput::default();
    }
    decode_request(operation, request, &context.state.limits).await
}

async fn decode_request(operation: &Operation, request: Request, limits: &Limits) -> RawInput {
    let (parts, body) = request.into_parts();
    let mut input = RawInput::default();
    if let Err(error) = decode_parts(operation, &mut input, &parts, body, limits).await {
        input.error = Some(error);
    }
    input
}

async fn decode_parts(
    operation: &Operation,
    input: &mut RawInput,
    parts: &Parts,
    body: Body,
    limits: &Limits,
) -> Result<(), ApiError> {
    let query = decode::parse_query(parts.uri.query().unwrap_or_default(), limits.input);
    let body = match operation.input_source {
        InputSource::Query => {
            input.has_ignored_body = !body.is_end_stream();
            Ok(Decoded::default())
        }
        // Read even if the query is invalid, so that the client can read the response.
        InputSource::Body | InputSource::BodyOrQuery => {
            decode_body(input, &parts.headers, body, limits, !(operation.fields)().is_empty()).await
        }
    };
    let Decoded { fields: mut query, repeated } = query.map_err(ApiError::Decode)?;
    auth::remove_key_field(&mut query);
    input.repeated = repeated;
    let is_key = |path: &str| !query.contains_key(path) && !query.contains_key(field_of(path));
    input.repeated.remove(is_key);
    input.fields.query = query;
    let Decoded { fields, repeated } = body?;
    input.repeated.append(repeated);
    input.fields.body = fields;
    if operation.input_source == InputSource::BodyOrQuery {
        record_overridden(input);
    }
    input.fields.path = parse_path_parameters(operation.path, parts.uri.path())?;
    Ok(())
}

/// Parses the path parameters by the names in the route.
fn parse_path_parameters(route: &str, path: &str) -> Result<Map<String, Value>, ApiError> {
    let segments = route.split('/').zip(path.split('/'));
    let parameters = segments
        .filter_map(|(name, text)| Some((name.strip_prefix('{')?.strip_suffix('}')?, text)));
    parameters
        .map(|(name, text)| {
            let text = decode::decode_component(text.as_bytes(), name).map_err(ApiError::Decode)?;
            Ok((name.to_owned(), Value::String(text)))
        })
        .collect()
}

/// Returns the name of the top-level field of a path.
pub(super) fn field_of(path: &str) -> &str {
    path.split('[').next().unwrap_or_default()
}

/// Records the query fields that the body overrides.
fn record_overridden(input: &mut RawInput) {
    let InputFields { query, body, .. } = &input.fields;
    for (name, overridden) in query {
        if let Some(value) = body.get(name) {
            input.repeated.record(name, overridden, value);
        }
    }
}

/// Reads and decodes a body. If the operation has no fields, JSON `null` is accepted as an empty body.
async fn decode_body(
    input: &mut RawInput,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    has_fields: bool,
) -> Result<Decoded, ApiError> {
    let mut content_types: Vec<String> = headers
        .get_all(CONTENT_TYPE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    content_types.dedup();
    // Several are none that is supported, and the message quotes all.
    let content_type = (!content_types.is_empty()).then(|| content_types.join(", "));
    let is_single = content_types.len() == 1;
    let media_type = content_type.as_deref().filter(|_| is_single);
    let media_type = media_type.and_then(MediaType::from_content_type);
    // Before the body is read, so that a client that waits for `100 Continue` does not send it.
    if let Some(sent) =
        content_encoding::find_unsupported(headers).filter(|_| !body.is_end_stream())
    {
        return Err(ApiError::UnsupportedContentEncoding(sent));
    }
    let body = body::read_body(
        headers,
        body,
        BodyLimit { max_bytes: limits.max_body_bytes, timeout: limits.body_timeout },
    )
    .await?;
    // Without content there is no type to object to: some clients always send one.
    if body.is_empty() {
        return Ok(Decoded::default());
    }
    let decoded = match (media_type, content_type) {
        (Some(MediaType::Json), _) if !has_fields && body.trim_ascii() == b"null" => {
            Ok(Decoded::default())
        }
        (Some(media_type), Some(content_type)) => {
            input.media_type = Some(media_type);
            let decoded = decode::parse_body(media_type, &content_type, &body, limits.input);
            decoded.map_err(ApiError::Decode)
        }
        (_, content_type) => Err(ApiError::UnsupportedMediaType(content_type)),
    };
    input.is_body_undecoded = decoded.is_err();
    input.body = body;
    decoded
}

/// Returns the redacted query fields, for requests that match no operation.
pub(super) fn redacted_query_fields(
    uri: &Uri,
    redactor: &Redactor<'_>,
    limits: InputLimits,
) -> Map<String, Value> {
    let mut fields =
        decode::parse_query(uri.query().unwrap_or_default(), limits).unwrap_or_default().fields;
    auth::remove_key_field(&mut fields);
    redactor.redact_fields(&mut fields, &|_| false);
    fields
}

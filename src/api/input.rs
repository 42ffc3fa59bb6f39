//! Decodes a request's input: path, query and body.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::body::{self, BodyLimit};
use super::error::ApiError;
use super::limits::{InputLimits, Limits};
use super::redactor::Redactor;
use super::request_context::RequestContext;
use super::{auth, content_encoding, decode};
use crate::contract::{InputSource, MediaType, Operation};

/// The decoded input.
#[derive(Debug, Default)]
pub(super) struct RawInput {
    pub(super) path: Map<String, Value>,
    /// The query and body fields of the operation.
    pub(super) fields: Map<String, Value>,
    /// Query fields that the operation ignores.
    pub(super) ignored_query: Map<String, Value>,
    pub(super) media_type: Option<MediaType>,
    /// Why decoding failed.
    pub(super) error: Option<ApiError>,
}

impl RawInput {
    /// Returns all sent fields, redacted, to match fault rules.
    pub(super) fn redacted_fields(
        &self,
        operation: &Operation,
        redactor: &Redactor<'_>,
    ) -> Map<String, Value> {
        let sent = self.path.iter().chain(&self.fields).chain(&self.ignored_query);
        let mut fields = Map::new();
        for (name, value) in sent {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
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
        InputSource::Query => Ok(Map::new()),
        // Read even if the query is invalid, so that the client can read the response.
        InputSource::Body | InputSource::BodyOrQuery => {
            decode_body(input, &parts.headers, body, limits, !(operation.fields)().is_empty()).await
        }
    };
    let mut query = query.map_err(ApiError::Decode)?;
    auth::remove_key_field(&mut query);
    match operation.input_source {
        InputSource::Body => input.ignored_query = query,
        InputSource::Query | InputSource::BodyOrQuery => input.fields = query,
    }
    input.fields = merge_fields(std::mem::take(&mut input.fields), body?);
    input.path = parse_path_parameters(operation.path, parts.uri.path())?;
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

/// Merges fields; `others` win.
fn merge_fields(mut fields: Map<String, Value>, others: Map<String, Value>) -> Map<String, Value> {
    // Most requests use the query or the body only.
    if fields.is_empty() {
        return others;
    }
    fields.extend(others);
    fields
}

/// Reads and decodes a body. If the operation has no fields, JSON `null` is accepted as an empty body.
async fn decode_body(
    input: &mut RawInput,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    has_fields: bool,
) -> Result<Map<String, Value>, ApiError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let media_type = content_type.as_deref().and_then(MediaType::from_content_type);
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
        return Ok(Map::new());
    }
    match (media_type, content_type) {
        (Some(MediaType::Json), _) if !has_fields && body.trim_ascii() == b"null" => Ok(Map::new()),
        (Some(media_type), Some(content_type)) => {
            input.media_type = Some(media_type);
            let decoded = decode::parse_body(media_type, &content_type, &body, limits.input);
            decoded.map_err(ApiError::Decode)
        }
        (_, content_type) => Err(ApiError::UnsupportedMediaType(content_type)),
    }
}

/// Returns the redacted query fields, for requests that match no operation.
pub(super) fn redacted_query_fields(
    uri: &Uri,
    redactor: &Redactor<'_>,
    limits: InputLimits,
) -> Map<String, Value> {
    let mut fields =
        decode::parse_query(uri.query().unwrap_or_default(), limits).unwrap_or_default();
    auth::remove_key_field(&mut fields);
    redactor.redact_fields(&mut fields, &|_| false);
    fields
}

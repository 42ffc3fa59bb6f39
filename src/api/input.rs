//! Decodes a request's input and validates it by the contract.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::body::BodyLimit;
use super::decode::{self, MediaType};
use super::redact::Redactor;
use super::{ApiError, Endpoint, InputSource, auth, body};
use crate::api::limits::{InputLimits, Limits};
use crate::contract::{Fidelity, ValidationReport, Violation, ViolationKind, validate};
use crate::journal::{RecordedInput, Warning, WarningKind};

/// The decoded input.
#[derive(Debug, Default)]
pub(super) struct RawInput {
    path: Map<String, Value>,
    /// The fields that it reads.
    fields: Map<String, Value>,
    /// Query fields that the operation ignores.
    ignored_query: Map<String, Value>,
    media_type: Option<MediaType>,
    /// Why decoding failed.
    error: Option<ApiError>,
}

/// The validated input.
#[derive(Debug)]
pub(super) struct ValidatedInput {
    pub(super) recorded_input: Arc<RecordedInput>,
    /// The typed values, or the validation error.
    pub(super) values: Result<Map<String, Value>, ApiError>,
}

impl RawInput {
    /// Returns all sent fields, redacted, to match fault rules.
    pub(super) fn redacted_fields(
        &self,
        endpoint: &Endpoint,
        redactor: &Redactor<'_>,
    ) -> Map<String, Value> {
        let sent = self.path.iter().chain(&self.fields).chain(&self.ignored_query);
        let mut fields = Map::new();
        for (name, value) in sent {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        redactor.redact_fields(&mut fields, &|name| endpoint.has_field(name));
        fields
    }
}

impl Endpoint {
    /// Decodes a request.
    pub(super) async fn decode_request(&self, request: Request, limits: &Limits) -> RawInput {
        let (parts, body) = request.into_parts();
        let mut input = RawInput::default();
        if let Err(error) =
            self.decode_parts(&mut input, (&parts.uri, &parts.headers), body, limits).await
        {
            input.error = Some(error);
        }
        input
    }

    async fn decode_parts(
        &self,
        input: &mut RawInput,
        (uri, headers): (&Uri, &HeaderMap),
        body: Body,
        limits: &Limits,
    ) -> Result<(), ApiError> {
        let query = decode::parse_query(uri.query().unwrap_or_default(), limits.input);
        let body = if self.input_source == InputSource::Query { None } else { Some(body) };
        let body = match body {
            None => Ok(Map::new()),
            // Read even if the query is invalid, so that the client can read the response.
            Some(body) => decode_body(input, headers, body, limits).await,
        };
        let mut query = query.map_err(ApiError::Decode)?;
        auth::remove_key_field(&mut query);
        match self.input_source {
            InputSource::Body => input.ignored_query = query,
            InputSource::Query | InputSource::BodyOrQuery => input.fields = query,
        }
        input.fields = merge_fields(std::mem::take(&mut input.fields), body?);
        input.path = self.parse_path_parameters(uri.path())?;
        Ok(())
    }

    /// Parses the path parameters by name.
    fn parse_path_parameters(&self, path: &str) -> Result<Map<String, Value>, ApiError> {
        let segments = self.path.split('/').zip(path.split('/'));
        let parameters = segments
            .filter_map(|(name, text)| Some((name.strip_prefix('{')?.strip_suffix('}')?, text)));
        parameters
            .map(|(name, text)| {
                let text =
                    decode::decode_component(text.as_bytes(), name).map_err(ApiError::Decode)?;
                Ok((name.to_owned(), Value::String(text)))
            })
            .collect()
    }

    /// Validates the decoded input. The recorded copy and the errors are redacted.
    pub(super) fn validate(&self, input: RawInput, redactor: &Redactor<'_>) -> ValidatedInput {
        let RawInput { path, fields, mut ignored_query, media_type, error } = input;
        let mut warnings = Vec::new();
        let values = match error {
            Some(error) => Err(error),
            None => self.validate_fields((&path, &fields), redactor, &mut warnings),
        };
        let is_contract_name = |name: &str| self.has_field(name);
        redactor.redact_fields(&mut ignored_query, &is_contract_name);
        warnings.extend(ignored_query.keys().take(20).map(|name| ignored_query_warning(name)));
        warnings.extend(media_type.and_then(|sent| self.media_type_warning(sent)));
        if let Fidelity::Undocumented(reason) = self.source {
            warnings.push(Warning::new(
                WarningKind::ChosenRule,
                format!("{}: {reason}", self.operation),
            ));
        }
        let (mut fields, others) = if path.is_empty() { (fields, path) } else { (path, fields) };
        for (name, value) in others.into_iter().chain(ignored_query) {
            fields.entry(name).or_insert(value);
        }
        redactor.redact_fields(&mut fields, &is_contract_name);
        ValidatedInput { recorded_input: Arc::new(RecordedInput::new(fields, warnings)), values }
    }

    fn validate_fields(
        &self,
        (path, fields): (&Map<String, Value>, &Map<String, Value>),
        redactor: &Redactor<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Map<String, Value>, ApiError> {
        let ValidationReport { mut values, mut violations, .. } =
            validate((self.path_fields)(), path);
        let ValidationReport {
            values: field_values,
            violations: field_violations,
            mut unknown_fields,
            mut undocumented,
            ..
        } = validate((self.fields)(), fields);
        violations.extend(field_violations);
        for violation in violations.iter_mut().chain(&mut unknown_fields).chain(&mut undocumented) {
            redactor.redact_violation(violation, &|name| self.has_field(name));
        }
        warnings.extend(unknown_fields.iter().map(unknown_field_warning));
        warnings.extend(undocumented.into_iter().map(undocumented_value_warning));
        if !violations.is_empty() {
            // A misspelled field name is the most likely cause.
            violations.extend(unknown_fields.into_iter().filter(Violation::has_suggestion));
            return Err(ApiError::Invalid(violations));
        }
        values.extend(field_values);
        Ok(values)
    }

    fn media_type_warning(&self, sent: MediaType) -> Option<Warning> {
        let documented = self.documented_media_type.filter(|documented| *documented != sent)?;
        let text = format!(
            "{} is documented with a body of {}; {} was sent.",
            self.operation,
            documented.name(),
            sent.name()
        );
        Some(Warning::new(WarningKind::ContentType, text))
    }
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

/// Reads and decodes a body.
async fn decode_body(
    input: &mut RawInput,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Map<String, Value>, ApiError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let media_type = content_type.as_deref().and_then(MediaType::from_content_type);
    if let Some(content_encoding) =
        headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity")
    {
        let content_encoding = String::from_utf8_lossy(content_encoding.as_bytes()).into_owned();
        return Err(ApiError::UnsupportedContentEncoding(content_encoding));
    }
    let body = body::read_body(
        headers,
        body,
        BodyLimit { max_bytes: limits.max_body_bytes, timeout: limits.body_timeout },
    )
    .await?;
    match (media_type, content_type) {
        (Some(media_type), Some(content_type)) => {
            input.media_type = Some(media_type).filter(|_| !body.is_empty());
            let decoded = decode::parse_body(media_type, &content_type, &body, limits.input);
            decoded.map_err(ApiError::Decode)
        }
        (None, None) if body.is_empty() => Ok(Map::new()),
        (_, content_type) => Err(ApiError::UnsupportedMediaType(content_type)),
    }
}

fn unknown_field_warning(violation: &Violation) -> Warning {
    let suggestion = match violation.kind {
        ViolationKind::UnknownField { suggestion } => suggestion,
        _ => None,
    };
    let name = violation.path.rsplit('[').next().unwrap_or_default().trim_end_matches(']');
    let is_wrong_case = suggestion.is_some_and(|known| known.eq_ignore_ascii_case(name));
    let kind = if is_wrong_case { WarningKind::WrongCase } else { WarningKind::UnknownField };
    Warning {
        kind,
        field: Some(violation.path.clone()),
        suggestion,
        message: violation.to_string(),
    }
}

fn ignored_query_warning(name: &str) -> Warning {
    let message = format!("{name} was sent in the query, but the operation reads its body.");
    let field = Some(name.to_owned());
    Warning { kind: WarningKind::UnknownField, field, suggestion: None, message }
}

fn undocumented_value_warning(violation: Violation) -> Warning {
    let message = violation.to_string();
    Warning {
        kind: WarningKind::ChosenRule,
        field: Some(violation.path),
        suggestion: None,
        message,
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

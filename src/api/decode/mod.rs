//! Decodes all input: query string, urlencoded, multipart and JSON bodies become the same tree.
//!
//! The tree is a JSON object. Texts stay strings: `contract` validates and converts them.

mod brackets;
mod json;
mod multipart;
mod urlencoded;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub(crate) use brackets::TreeBuilder;
pub(crate) use urlencoded::{decode_component, parse_pairs};

use crate::api::limits::InputLimits;

#[cfg(test)]
mod tests;

/// The media types that all endpoints accept; the contract says which one is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    Urlencoded,
    Multipart,
    Json,
}

impl MediaType {
    /// All, in the order of messages.
    pub(crate) const ALL: [Self; 3] = [Self::Multipart, Self::Urlencoded, Self::Json];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Urlencoded => "application/x-www-form-urlencoded",
            Self::Multipart => "multipart/form-data",
            Self::Json => "application/json",
        }
    }

    /// Parses a `Content-Type` header and ignores its parameters.
    pub(crate) fn from_content_type(content_type: &str) -> Option<Self> {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|media_type| name.eq_ignore_ascii_case(media_type.name()))
    }
}

/// Why input cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("Broken percent-encoding at {0:?}: a % must be followed by two hexadecimal digits")]
    PercentEncoding(String),
    #[error("{0} holds bytes that are no UTF-8")]
    InvalidUtf8(String),
    #[error("More than {0} values were sent (--max-values)")]
    TooManyValues(usize),
    #[error("{field} is nested deeper than {max_depth} levels (--max-depth)")]
    TooDeep { field: String, max_depth: usize },
    #[error("The multipart body cannot be read: {0}")]
    InvalidMultipart(String),
    #[error("{0}: a file was sent where text belongs")]
    UnexpectedFile(String),
    #[error("The body is no valid JSON: {0}")]
    InvalidJson(String),
    #[error(
        "The body is JSON, but its Content-Type says that it is a form; send Content-Type: application/json"
    )]
    JsonSentAsForm,
    #[error("The JSON body must be an object with the fields in it, but it is {0}")]
    NotObject(&'static str),
}

/// Detects JSON sent as a form, as by `curl -d '{…}'`. No field of an operation has such a name.
fn is_json_object(form: &[u8]) -> bool {
    form.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(form).is_ok()
}

/// Parses a query.
///
/// # Errors
/// If it exceeds a limit or is malformed.
pub(crate) fn parse_query(
    query: &str,
    limits: InputLimits,
) -> Result<Map<String, Value>, DecodeError> {
    urlencoded::decode(query.as_bytes(), limits)
}

/// Parses a body. An empty one has no fields.
///
/// # Errors
/// If it exceeds a limit or is malformed.
pub(crate) fn parse_body(
    media_type: MediaType,
    content_type: &str,
    body: &[u8],
    limits: InputLimits,
) -> Result<Map<String, Value>, DecodeError> {
    match media_type {
        MediaType::Multipart => multipart::decode(content_type, body, limits),
        _ if body.is_empty() => Ok(Map::new()),
        MediaType::Urlencoded if is_json_object(body) => Err(DecodeError::JsonSentAsForm),
        MediaType::Urlencoded => urlencoded::decode(body, limits),
        MediaType::Json => json::decode(body, limits),
    }
}

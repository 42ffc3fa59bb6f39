//! Decodes all input: query string, urlencoded, multipart and JSON bodies become the same tree.
//!
//! The tree is a JSON object. Texts stay strings: `contract` validates and converts them.

mod brackets;
mod decoded;
mod error;
mod json;
mod multipart;
mod urlencoded;

use serde::de::IgnoredAny;

pub(crate) use decoded::{Decoded, RepeatedField, RepeatedFields};
pub(crate) use error::{DecodeError, MAX_FIELD_NAME_CHARS};
pub(crate) use urlencoded::{decode_component, parse_pairs};

use crate::api::limits::InputLimits;
use crate::contract::MediaType;
use crate::text_encoding::{check_not_wide, strip_byte_order_mark};

#[cfg(test)]
mod tests;

/// Detects JSON sent as a form, as by `curl -d '{…}'`. No field of an operation has such a name.
fn is_json_object(form: &[u8]) -> bool {
    form.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(form).is_ok()
}

/// Parses a query.
///
/// # Errors
/// If it exceeds a limit or is malformed.
pub(crate) fn parse_query(query: &str, limits: InputLimits) -> Result<Decoded, DecodeError> {
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
) -> Result<Decoded, DecodeError> {
    check_not_wide(body).map_err(DecodeError::BodyEncoding)?;
    let form = strip_byte_order_mark(body);
    match media_type {
        MediaType::Multipart => multipart::decode(content_type, form, limits),
        _ if body.is_empty() => Ok(Decoded::default()),
        MediaType::Urlencoded if is_json_object(form) => Err(DecodeError::JsonSentAsForm),
        MediaType::Urlencoded => urlencoded::decode(form, limits),
        MediaType::Json => json::decode(body, limits),
    }
}

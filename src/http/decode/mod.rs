//! One decoder for all input: query string, urlencoded, multipart and JSON become the same tree.
//!
//! The tree is an object of JSON values. Texts stay texts: what a field takes is for its rule to say.

mod brackets;
mod json;
mod multipart;
mod urlencoded;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub(crate) use brackets::Tree;
pub(crate) use urlencoded::{component, pairs};

use crate::limits::Shape;

#[cfg(test)]
mod tests;

/// The content types that are understood everywhere; which of them a page documents is in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Urlencoded,
    Multipart,
    Json,
}

impl Encoding {
    /// Every one, in the order in which messages list them.
    pub(crate) const ALL: [Self; 3] = [Self::Multipart, Self::Urlencoded, Self::Json];

    /// The media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Urlencoded => "application/x-www-form-urlencoded",
            Self::Multipart => "multipart/form-data",
            Self::Json => "application/json",
        }
    }

    /// The encoding that a `Content-Type` header names; its parameters do not matter here.
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|encoding| media_type.eq_ignore_ascii_case(encoding.media_type()))
    }
}

/// Why input cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("Broken percent-encoding at {0:?}: a % must be followed by two hexadecimal digits")]
    Percent(String),
    #[error("{0} holds bytes that are no UTF-8")]
    NotUtf8(String),
    #[error("More than {0} values were sent (--max-values)")]
    TooMany(usize),
    #[error("{field} is nested deeper than {most} levels (--max-depth)")]
    TooDeep { field: String, most: usize },
    #[error("The multipart body cannot be read: {0}")]
    Multipart(String),
    #[error("{0}: a file was sent where text belongs")]
    File(String),
    #[error("The body is no valid JSON: {0}")]
    Json(String),
    #[error(
        "The body is JSON, but its Content-Type says that it is a form; send Content-Type: application/json"
    )]
    LooksLikeJson,
    #[error("The JSON body must be an object with the fields in it, but it is {0}")]
    NotObject(&'static str),
}

/// Whether a form is none: `curl -d '{…}'` sends JSON so. No field of any operation has a name like that.
fn is_json_object(form: &[u8]) -> bool {
    form.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(form).is_ok()
}

/// Reads a query string.
///
/// # Errors
/// When it breaks a bound or its encoding.
pub(crate) fn query(query: &str, shape: Shape) -> Result<Map<String, Value>, DecodeError> {
    urlencoded::decode(query.as_bytes(), shape)
}

/// Reads a body. An empty one holds no fields.
///
/// # Errors
/// When it breaks a bound or its encoding.
pub(crate) fn body(
    encoding: Encoding,
    content_type: &str,
    body: &[u8],
    shape: Shape,
) -> Result<Map<String, Value>, DecodeError> {
    match encoding {
        Encoding::Multipart => multipart::decode(content_type, body, shape),
        _ if body.is_empty() => Ok(Map::new()),
        Encoding::Urlencoded if is_json_object(body) => Err(DecodeError::LooksLikeJson),
        Encoding::Urlencoded => urlencoded::decode(body, shape),
        Encoding::Json => json::decode(body, shape),
    }
}

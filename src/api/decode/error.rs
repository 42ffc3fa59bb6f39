//! The errors of decoding, and how they truncate the names that they quote.

use crate::text_encoding::EncodingError;

/// The longest field name in an error, in characters (arbitrary). `Redactor` recognizes truncated keys by this length.
pub(crate) const MAX_FIELD_NAME_CHARS: usize = 64;

/// Why input cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("Invalid percent-encoding at {0:?}: a % must be followed by two hexadecimal digits")]
    PercentEncoding(String),
    #[error("{0} is not valid UTF-8")]
    InvalidUtf8(String),
    #[error("The body {0}")]
    BodyEncoding(EncodingError),
    #[error("More than {0} values were sent (--max-values)")]
    TooManyValues(usize),
    #[error("{field} is nested deeper than {max_depth} levels (--max-depth)")]
    TooDeep { field: String, max_depth: usize },
    #[error("The multipart body is invalid: {0}")]
    InvalidMultipart(String),
    #[error("The part {name} has the {header} {encoding:?}; send it as it is, without this header")]
    PartEncoding { name: String, header: &'static str, encoding: String },
    #[error("The part {name} has the charset {charset:?}; send it in UTF-8")]
    PartCharset { name: String, charset: String },
    #[error("{0} must be text, but a file was sent")]
    UnexpectedFile(String),
    #[error("The body is not valid JSON: {0}")]
    InvalidJson(String),
    #[error(
        "The body is JSON, but its Content-Type is that of a form; send Content-Type: application/json"
    )]
    JsonSentAsForm,
    #[error("The JSON body must be an object with the fields, but it is {0}")]
    NotObject(&'static str),
}

/// Truncates a field name for an error.
pub(super) fn truncate_field_name(name: &str) -> String {
    name.chars().take(MAX_FIELD_NAME_CHARS).collect()
}

//! How a request carries its API key, as documented.

/// The name of the header and of the query parameter.
pub(crate) const API_KEY_NAME: &str = "apiKey";
/// The scheme of the `Authorization` header.
pub(crate) const AUTH_SCHEME: &str = "apikey";

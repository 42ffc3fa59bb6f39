//! Authenticates API keys, sent in three documented ways.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Uri};

use serde_json::{Map, Value};

use super::cross_origin::UntrustedOrigin;
use super::decode::{decode_component, parse_pairs};
use super::error::{ApiError, MisplacedKey};
use crate::accounts::{Accounts, ApiKey};
use crate::contract::{API_KEY_NAME, AUTH_SCHEME};

/// [`API_KEY_NAME`] in lower case, as a header name.
static API_KEY_HEADER: HeaderName = HeaderName::from_static("apikey");

/// Detects a key in the query.
pub(super) fn has_key_parameter(query: &str) -> bool {
    keys_in_query(query).any(|key| !key.is_empty())
}

/// Extracts the text of the key.
///
/// # Errors
/// If no key was sent, if two keys differ, or if there is other text around it.
pub(crate) fn extract_key<'a>(
    headers: &'a HeaderMap,
    query: &'a str,
) -> Result<Cow<'a, str>, ApiError> {
    let mut keys = iter_keys(headers, query);
    let Some(key) = keys.next() else {
        return Err(match iter_misplaced_keys(headers, query).next() {
            Some((place, _)) => ApiError::MisplacedApiKey(place),
            None => ApiError::MissingApiKey,
        });
    };
    if keys.any(|other| other != key) {
        Err(ApiError::ConflictingApiKeys)
    } else if key.contains(|letter: char| letter.is_whitespace() || "\"'<>".contains(letter)) {
        Err(ApiError::MisplacedApiKey(MisplacedKey::WithOtherText))
    } else {
        Ok(key)
    }
}

/// Returns the key with this text. An unknown one creates an account if that is enabled, except from a page of
/// another origin or host (CSRF): such a page can send any number of them without consent.
///
/// # Errors
/// If it is rejected.
pub(crate) async fn resolve_key(
    accounts: &Arc<Accounts>,
    text: &str,
    detect_untrusted: impl FnOnce() -> Option<UntrustedOrigin>,
) -> Result<Arc<ApiKey>, ApiError> {
    if let Some(key) = accounts.find_key(text) {
        return Ok(key);
    }
    let untrusted_origin = if accounts.auto_creates_accounts() { detect_untrusted() } else { None };
    match untrusted_origin {
        Some(UntrustedOrigin::CrossOriginPage) => Err(ApiError::CrossOriginPage),
        Some(UntrustedOrigin::HostNotAllowed) => Err(ApiError::HostNotAllowed),
        // Boxed: it is rare and large, and would enlarge the future of every request.
        None => Box::pin(accounts.auto_create_account(text)).await?.ok_or(ApiError::UnknownApiKey),
    }
}

/// Extracts the texts of all keys, and of what was probably meant as one.
pub(crate) fn extract_all_keys(headers: &HeaderMap, query: &str) -> Vec<String> {
    let keys = iter_keys(headers, query).map(Cow::into_owned);
    keys.chain(iter_misplaced_keys(headers, query).map(|(_, key)| key)).collect()
}

/// Extracts the texts of all keys and tokens.
pub(crate) fn extract_all_secrets(uri: &Uri, headers: &HeaderMap) -> Vec<String> {
    let mut secrets = extract_all_keys(headers, uri.query().unwrap_or_default());
    for value in headers.get_all(AUTHORIZATION) {
        let text = String::from_utf8_lossy(value.as_bytes());
        secrets.extend(text.split_once(' ').map(|(_, token)| token.trim().to_owned()));
    }
    secrets
}

/// Finds non-empty values that were probably meant as keys, such as `X-API-Key: K`.
fn iter_misplaced_keys(
    headers: &HeaderMap,
    query: &str,
) -> impl Iterator<Item = (MisplacedKey, String)> {
    let schemes = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let text = header_text(value);
        let (scheme, key) = text.trim().split_once(' ').unwrap_or(("", text.trim()));
        let is_other =
            !scheme.eq_ignore_ascii_case(AUTH_SCHEME) && !key.eq_ignore_ascii_case(AUTH_SCHEME);
        is_other.then(|| (MisplacedKey::OtherScheme, key.trim().to_owned()))
    });
    let named = headers
        .iter()
        .filter(|(name, _)| **name != API_KEY_HEADER && resembles_key_name(name.as_str()));
    let named = named.map(|(name, value)| {
        (MisplacedKey::Header(name.as_str().to_owned()), header_text(value).trim().to_owned())
    });
    let parameters = parse_pairs(query.as_bytes())
        .filter_map(Result::ok)
        .filter(|(name, _)| name != API_KEY_NAME && resembles_key_name(name))
        .map(|(name, value)| (MisplacedKey::Parameter(name), value));
    let cookies = headers.get_all(COOKIE).iter().flat_map(|value| {
        let text = header_text(value).into_owned();
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, key)| (name.trim().to_owned(), key.trim().to_owned()));
        pairs.filter(|(name, _)| resembles_key_name(name)).collect::<Vec<_>>()
    });
    let cookies = cookies.map(|(name, key)| (MisplacedKey::Cookie(name), key));
    schemes.chain(named).chain(parameters).chain(cookies).filter(|(_, key)| !key.is_empty())
}

/// Returns whether a name is one that other APIs use for a key, in any case and with any separators.
fn resembles_key_name(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "apikey",
        "xapikey",
        "key",
        "token",
        "apitoken",
        "xapitoken",
        "accesstoken",
        "xomnideskapikey",
    ];
    // Longer names resemble none of them, and need no copy.
    if name.len() > 32 {
        return false;
    }
    // PHP reads `apiKey[]` as a list.
    let letters = name.chars().filter(|letter| !matches!(letter, '-' | '_' | '.' | '[' | ']'));
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    NAMES.contains(&&*letters)
}

fn iter_keys<'a>(headers: &'a HeaderMap, query: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let from_query = keys_in_query(query).map(Cow::Owned);
    keys_in_api_key_header(headers)
        .chain(keys_in_authorization_header(headers))
        .chain(from_query)
        .filter(|key| !key.is_empty())
}

/// The key of a request.
#[derive(Debug)]
pub(super) struct AuthenticatedKey {
    pub(super) key: Arc<ApiKey>,
    pub(super) key_text: String,
}

/// Resolves the extracted key.
///
/// # Errors
/// If it is rejected.
pub(super) async fn authenticate(
    accounts: &Arc<Accounts>,
    extracted: Result<Cow<'_, str>, ApiError>,
    detect_untrusted: impl FnOnce() -> Option<UntrustedOrigin>,
) -> Result<AuthenticatedKey, ApiError> {
    let key_text = extracted?.into_owned();
    let key = resolve_key(accounts, &key_text, detect_untrusted).await?;
    Ok(AuthenticatedKey { key, key_text })
}

fn keys_in_api_key_header(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    headers.get_all(&API_KEY_HEADER).iter().map(header_text)
}

/// Finds `Authorization: apikey K`, in any case of the scheme. Ignores other schemes.
fn keys_in_authorization_header(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| match header_text(value) {
        Cow::Borrowed(text) => strip_scheme(text).map(Cow::Borrowed),
        Cow::Owned(text) => strip_scheme(&text).map(|key| Cow::Owned(key.to_owned())),
    })
}

fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case(AUTH_SCHEME).then(|| key.trim())
}

fn keys_in_query(query: &str) -> impl Iterator<Item = String> {
    // Any other spelling of the name is percent-encoded.
    let may_have_key = query.contains('%') || query.contains(API_KEY_NAME);
    let query = if may_have_key { query } else { "" };
    parse_pairs(query.as_bytes())
        .filter_map(|pair| pair.ok().filter(|(name, _)| name == API_KEY_NAME).map(|(_, key)| key))
}

/// Removes the key from decoded query fields. A field of its name with brackets is no key.
pub(super) fn remove_key_field(fields: &mut Map<String, Value>) {
    if fields.get(API_KEY_NAME).is_some_and(Value::is_string) {
        fields.shift_remove(API_KEY_NAME);
    }
}

/// Removes the key from a raw query.
pub(super) fn strip_key_from_query(query: &str) -> Cow<'_, str> {
    let is_key = |name: &str| {
        name == API_KEY_NAME
            || name.contains('%')
                && decode_component(name.as_bytes(), API_KEY_NAME)
                    .is_ok_and(|name| name == API_KEY_NAME)
    };
    let is_retained =
        |pair: &&str| !pair.is_empty() && !is_key(pair.split('=').next().unwrap_or_default());
    if query.is_empty() || query.split('&').all(|pair| is_retained(&pair)) {
        return query.into();
    }
    let rest: Vec<&str> = query.split('&').filter(is_retained).collect();
    rest.join("&").into()
}

//! The key of a request: three documented ways to send one.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::Error;
use super::decode::pairs;
use crate::accounts::{Accounts, Key};

/// The documented name of the header and of the query parameter.
pub(crate) const NAME: &str = "apiKey";
/// The documented scheme of the `Authorization` header.
pub(super) const SCHEME: &str = "apikey";

/// Whether the query carries a key.
pub(super) fn is_in(query: &str) -> bool {
    query.contains(NAME) && asked(query).any(|key| !key.is_empty())
}

/// The text of the key that a request carries.
///
/// # Errors
/// When there is none, or when there are two that differ.
pub(crate) fn sent(headers: &HeaderMap, query: &str) -> Result<String, Error> {
    let mut keys = each(headers, query);
    let key = keys.next().ok_or(Error::NoKey)?;
    if keys.any(|other| other != key) { Err(Error::TwoKeys) } else { Ok(key) }
}

/// The key with this text. An unknown one makes an account, where that is asked for.
///
/// # Errors
/// When it opens nothing.
pub(crate) async fn known(accounts: &Arc<Accounts>, text: &str) -> Result<Arc<Key>, Error> {
    match accounts.find_key(text) {
        Some(key) => Ok(key),
        // Boxed, since it is rare and large: it would make the future of every request larger.
        None => Box::pin(accounts.admit(text)).await?.ok_or(Error::UnknownKey),
    }
}

/// The texts of all keys that a request carries.
pub(super) fn all(headers: &HeaderMap, query: &str) -> Vec<String> {
    each(headers, query).collect()
}

fn each(headers: &HeaderMap, query: &str) -> impl Iterator<Item = String> {
    named(headers).chain(authorized(headers)).chain(asked(query)).filter(|key| !key.is_empty())
}

/// The key that was sent, with its text.
///
/// # Errors
/// When it opens nothing.
pub(super) async fn opened(
    accounts: &Arc<Accounts>,
    sent: Result<String, Error>,
) -> Result<(String, Arc<Key>), Error> {
    let text = sent?;
    let key = known(accounts, &text).await?;
    Ok((text, key))
}

fn named(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.get_all(NAME).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// `Authorization: apikey K`, with the scheme in any case. Other schemes are somebody else's.
fn authorized(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case(SCHEME).then(|| key.trim().to_owned())
    })
}

fn asked(query: &str) -> impl Iterator<Item = String> {
    pairs(query.as_bytes())
        .filter_map(|pair| pair.ok().filter(|(name, _)| name == NAME).map(|(_, key)| key))
}

/// The query without the key, as it was sent.
pub(super) fn without(query: &str) -> String {
    let is_key = |pair: &&str| pair.split('=').next() == Some(NAME);
    let rest: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_key(pair)).collect();
    rest.join("&")
}

//! The key of a request: three documented ways to send one.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{HeaderMap, HeaderValue};

use serde_json::{Map, Value};

use super::Error;
use super::decode::{component, pairs};
use super::origin::Foreign;
use crate::accounts::{Accounts, Key};
use crate::journal::KeyMark;

/// The documented name of the header and of the query parameter.
pub(crate) const NAME: &str = "apiKey";
/// The same, as the library has names of headers.
static HEADER: HeaderName = HeaderName::from_static("apikey");
/// The documented scheme of the `Authorization` header.
pub(super) const SCHEME: &str = "apikey";

/// Whether the query carries a key.
pub(super) fn is_in(query: &str) -> bool {
    asked(query).any(|key| !key.is_empty())
}

/// The text of the key that a request carries.
///
/// # Errors
/// When there is none, or when there are two that differ.
pub(crate) fn sent<'a>(headers: &'a HeaderMap, query: &'a str) -> Result<Cow<'a, str>, Error> {
    let mut keys = each(headers, query);
    let key = keys.next().ok_or(Error::NoKey)?;
    if keys.any(|other| other != key) { Err(Error::TwoKeys) } else { Ok(key) }
}

/// The key with this text. An unknown one makes an account, where that is asked for, and not by a page of another
/// origin or host: such a page can send any number of them without being asked.
///
/// # Errors
/// When it opens nothing.
pub(crate) async fn known(
    accounts: &Arc<Accounts>,
    text: &str,
    foreign: impl FnOnce() -> Option<Foreign>,
) -> Result<Arc<Key>, Error> {
    if let Some(key) = accounts.find_key(text) {
        return Ok(key);
    }
    let foreign = if accounts.admits_keys() { foreign() } else { None };
    match foreign {
        Some(Foreign::Page) => Err(Error::ForeignPage),
        Some(Foreign::Host) => Err(Error::ForeignHost),
        // Boxed, since it is rare and large: it would make the future of every request larger.
        None => Box::pin(accounts.admit(text)).await?.ok_or(Error::UnknownKey),
    }
}

impl Key {
    /// What tells its text from others.
    pub(super) fn mark(&self, text: &str) -> KeyMark {
        KeyMark { digest: *self.digest.bytes(), length: text.len() }
    }
}

/// The texts of all keys that a request carries.
pub(crate) fn all(headers: &HeaderMap, query: &str) -> Vec<String> {
    each(headers, query).map(Cow::into_owned).collect()
}

fn each<'a>(headers: &'a HeaderMap, query: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let asked = asked(query).map(Cow::Owned);
    named(headers).chain(authorized(headers)).chain(asked).filter(|key| !key.is_empty())
}

/// The key that was sent, with its text.
///
/// # Errors
/// When it opens nothing.
pub(super) async fn opened(
    accounts: &Arc<Accounts>,
    sent: Result<Cow<'_, str>, Error>,
    foreign: impl FnOnce() -> Option<Foreign>,
) -> Result<(String, Arc<Key>), Error> {
    let text = sent?.into_owned();
    let key = known(accounts, &text, foreign).await?;
    Ok((text, key))
}

fn named(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    headers.get_all(&HEADER).iter().map(text)
}

/// `Authorization: apikey K`, with the scheme in any case. Other schemes are somebody else's.
fn authorized(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| match text(value) {
        Cow::Borrowed(text) => after_scheme(text).map(Cow::Borrowed),
        Cow::Owned(text) => after_scheme(&text).map(|key| Cow::Owned(key.to_owned())),
    })
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| key.trim())
}

fn asked(query: &str) -> impl Iterator<Item = String> {
    // Written otherwise than by name it needs a percent sign.
    let may_hold = query.contains('%') || query.contains(NAME);
    let query = if may_hold { query } else { "" };
    pairs(query.as_bytes())
        .filter_map(|pair| pair.ok().filter(|(name, _)| name == NAME).map(|(_, key)| key))
}

/// Takes the key out of decoded fields of a query. What has its name and brackets is no key, and stays.
pub(super) fn remove(fields: &mut Map<String, Value>) {
    if fields.get(NAME).is_some_and(Value::is_string) {
        fields.shift_remove(NAME);
    }
}

/// The query without the key, as it was sent.
pub(super) fn without(query: &str) -> Cow<'_, str> {
    let is_key = |name: &str| {
        name == NAME
            || name.contains('%') && component(name.as_bytes(), NAME).is_ok_and(|name| name == NAME)
    };
    let is_left =
        |pair: &&str| !pair.is_empty() && !is_key(pair.split('=').next().unwrap_or_default());
    if query.is_empty() || query.split('&').all(|pair| is_left(&pair)) {
        return query.into();
    }
    let rest: Vec<&str> = query.split('&').filter(is_left).collect();
    rest.join("&").into()
}

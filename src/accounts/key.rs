//! An API key: its hash, its name, what it may do. Its text is kept nowhere.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use regex::Regex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{Account, Permissions};

/// What a new key looks like (chosen; the documents' sample has 24 lower-case letters and digits).
pub(crate) static KEY_FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9_-]{4,128}$").expect("a regex"));

/// SHA-256 of a secret. Two are compared in a time that does not depend on where they differ.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // It is as good as random, so a part of it does.
        state.write(&self.0[..8]);
    }
}

impl Digest {
    /// The hash of a key's text.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// A stored hash; None when it is none.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Digest(…)")
    }
}

/// A key that the server knows.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) digest: Digest,
    /// Unique in its account; the timeline shows it.
    pub(crate) name: Arc<str>,
    pub(crate) permissions: Permissions,
    pub(crate) account: Arc<Account>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewKey {
    pub(crate) digest: Digest,
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
}

impl NewKey {
    /// The key with this text.
    pub(crate) fn new(name: impl Into<String>, text: &str, permissions: Permissions) -> Self {
        Self { digest: Digest::of(text), name: name.into(), permissions }
    }

    /// The first key of an account that is made for it: it may do everything.
    pub(crate) fn first(text: &str) -> Self {
        Self::new(Self::usual_name(1), text, Permissions::ALL)
    }

    /// What a key is called that nobody has named, counted from 1.
    pub(crate) fn usual_name(number: usize) -> String {
        format!("key {number}")
    }
}

/// A key as its account lists it.
#[derive(Clone, Debug)]
pub(crate) struct KeyCard {
    /// Unique on the server; the control API names the key by it.
    pub(crate) id: i64,
    pub(crate) digest: Digest,
    pub(crate) name: Arc<str>,
    pub(crate) permissions: Permissions,
}

/// The text of a new key or token: 24 lower-case letters and digits, as the documents' sample key.
///
/// # Errors
/// When the machine has no random numbers.
pub(crate) fn random_key() -> Result<String, getrandom::Error> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

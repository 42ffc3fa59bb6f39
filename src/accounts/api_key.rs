//! API keys: hash, name and permissions. The secret is never stored.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use regex::Regex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::permissions::PermissionSet;

/// Format of a new key (our choice; the documented sample has 24 lower-case letters and digits).
pub(crate) static API_KEY_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9_-]{4,128}$").expect("the regex is valid"));

/// Format of an unknown key that creates an account, if enabled (arbitrary; at least eight characters, so that
/// a typo in a short key does not).
pub(super) static AUTO_CREATE_KEY_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9_-]{8,128}$").expect("the regex is valid"));

/// SHA-256 of a secret. Comparison takes constant time.
#[derive(Clone, Copy)]
pub(crate) struct SecretHash([u8; 32]);

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl Hash for SecretHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // SHA-256 is uniform, so 8 bytes are enough.
        state.write(&self.0[..8]);
    }
}

impl SecretHash {
    /// Hashes a key's secret.
    pub(crate) fn from_secret(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Parses a hash; None if not 32 bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretHash(…)")
    }
}

/// A key to create.
#[derive(Clone, Debug)]
pub(crate) struct NewApiKey {
    pub(crate) hash: SecretHash,
    pub(crate) name: String,
    pub(crate) permissions: PermissionSet,
}

impl NewApiKey {
    /// Hashes the secret.
    pub(crate) fn new(name: impl Into<String>, secret: &str, permissions: PermissionSet) -> Self {
        Self { hash: SecretHash::from_secret(secret), name: name.into(), permissions }
    }

    /// Creates the first key of a new account, with every permission.
    pub(crate) fn with_all_permissions(secret: &str) -> Self {
        Self::new(Self::default_name(1), secret, PermissionSet::ALL)
    }

    /// Returns the name of an unnamed key, counted from 1.
    pub(crate) fn default_name(number: usize) -> String {
        format!("key {number}")
    }
}

/// A key in its account's list.
#[derive(Clone, Debug)]
pub(crate) struct ApiKeyInfo {
    /// Unique on the server; identifies it in the control API.
    pub(crate) id: i64,
    pub(crate) hash: SecretHash,
    /// Unique in its account; recorded in journals.
    pub(crate) name: Arc<str>,
    pub(crate) permissions: PermissionSet,
}

/// Generates a key or token: 24 lower-case letters and digits, like the documented sample key.
///
/// # Errors
/// If the system's random source fails.
pub(crate) fn generate_secret() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

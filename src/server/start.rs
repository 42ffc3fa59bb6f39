//! Decisions at startup: the seed, the key of the account `dev`, and the token of the control API.

use std::net::SocketAddr;

use anyhow::{anyhow, bail};

use crate::accounts::{
    API_KEY_REGEX, AccountSource, Accounts, NewAccount, NewApiKey, PermissionSet, generate_secret,
};
use crate::seed::Seed;
use crate::server::config::ServerConfig;

/// The account of a server without a seed, and the name of its key.
const DEV_ACCOUNT: &str = "dev";
/// The name of the configured key in another account, which does not replace a key of the seed.
const CONFIGURED_KEY_NAME: &str = "api-key";
/// The key of `dev` on loopback, where a well-known key does no harm.
const DEV_KEY: &str = "dev-key";

/// The API keys of a started server, for its messages.
#[derive(Debug)]
pub(crate) struct KeySummary {
    /// The account of the configured, well-known or generated key.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command line prints something")
    )]
    pub(crate) account: String,
    /// The key to print, if it is well-known or generated.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command line prints something")
    )]
    pub(crate) key_to_print: Option<String>,
    /// Whether no account has a key.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the command line prints something")
    )]
    pub(crate) is_empty: bool,
}

/// The token that the control API requires.
#[derive(Debug)]
pub(super) struct ControlToken {
    /// None if no token is required.
    pub(super) required: Option<String>,
    /// The token, if it was generated.
    pub(super) generated: Option<String>,
}

/// Validates the secrets of the configuration. Clap could do so, but its messages repeat rejected values.
///
/// # Errors
/// If the API key or the token is malformed.
pub(super) fn check_secrets(config: &ServerConfig) -> anyhow::Result<()> {
    let results = [
        config.api_key.as_deref().map_or(Ok(()), check_api_key),
        config.control_token.as_deref().map_or(Ok(()), check_control_token),
    ];
    let faults: Vec<String> =
        results.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    if faults.is_empty() { Ok(()) } else { bail!(faults.join("\n")) }
}

fn check_api_key(key: &str) -> anyhow::Result<()> {
    if API_KEY_REGEX.is_match(key) {
        return Ok(());
    }
    bail!("--api-key: the key must have 4 to 128 characters: letters, digits, - or _");
}

fn check_control_token(token: &str) -> anyhow::Result<()> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if (8..=256).contains(&token.len()) && is_plain {
        return Ok(());
    }
    bail!("--control-token: the token must have 8 to 256 visible ASCII characters");
}

fn well_known_key_error(address: SocketAddr) -> anyhow::Error {
    anyhow!(
        "{DEV_KEY} is a well-known key, and other machines can reach {address}; choose another key"
    )
}

/// Loads the seed; None if no seed is configured.
///
/// # Errors
/// If it cannot be read, or is invalid.
pub(super) fn load_seed(config: &ServerConfig) -> anyhow::Result<Option<Seed>> {
    if config.seed_files.is_empty() && config.seed_texts.is_empty() {
        return Ok(None);
    }
    Ok(Some(Seed::load(&config.seed_files, &config.seed_texts)?))
}

/// Returns the name of the account that the configured key opens: the account of the seed that has the key, or the only
/// account of the seed, or else `dev`.
pub(super) fn choose_key_account(seed: Option<&Seed>, key: Option<&str>) -> String {
    let seeded = seed.zip(key).and_then(|(seed, key)| seed.account_with_key(key));
    let name = seeded.or_else(|| seed.and_then(Seed::only_account_name));
    name.unwrap_or(DEV_ACCOUNT).to_owned()
}

/// Applies the seed; without one, or with an API key for `dev`, also the built-in one.
///
/// # Errors
/// If an account cannot be created.
pub(super) async fn apply_seed(
    seed: Option<Seed>,
    config: &ServerConfig,
    key_account: &str,
    accounts: &Accounts,
) -> anyhow::Result<()> {
    let is_seeded = seed.is_some();
    let mut applied = seed.unwrap_or_else(Seed::empty).apply(accounts).await?;
    for account in &applied.existing_accounts {
        tracing::info!(account, "the account already exists, so the seed does not change it");
    }
    if !is_seeded || config.api_key.is_some() && key_account == DEV_ACCOUNT {
        applied.saved_states.extend(Seed::built_in().apply(accounts).await?.saved_states);
    }
    Ok(accounts.set_seeds(applied.saved_states).await?)
}

/// Adds the configured key to its account, or a key to the account `dev`, if needed.
///
/// # Errors
/// If the key cannot be stored, or others can reach the server with the well-known key.
pub(super) async fn ensure_key(
    config: &ServerConfig,
    public_address: Option<SocketAddr>,
    is_seeded: bool,
    key_account: String,
    accounts: &Accounts,
) -> anyhow::Result<KeySummary> {
    let is_public = public_address.is_some();
    let dev_key_is_known =
        accounts.find_key(DEV_KEY).is_some_and(|key| &*key.account.name == DEV_ACCOUNT);
    let (key, key_to_print) = match &config.api_key {
        Some(key) => (Some(key.clone()), None),
        None if is_seeded && !(is_public && dev_key_is_known) => (None, None),
        None if !is_public => (Some(DEV_KEY.to_owned()), Some(DEV_KEY.to_owned())),
        None if has_keys(accounts, DEV_ACCOUNT) && !dev_key_is_known => (None, None),
        None => {
            let key = generate_secret()?;
            (Some(key.clone()), Some(key))
        }
    };
    let account = if config.api_key.is_some() { key_account } else { DEV_ACCOUNT.to_owned() };
    if let Some(key) = key {
        let name = if account == DEV_ACCOUNT { DEV_ACCOUNT } else { CONFIGURED_KEY_NAME };
        accounts.put_key(&account, NewApiKey::new(name, &key, PermissionSet::ALL)).await?;
    }
    if let Some(address) = public_address
        && accounts.find_key(DEV_KEY).is_some()
    {
        return Err(well_known_key_error(address));
    }
    let is_empty = accounts.all().iter().all(|account| account.keys().is_empty());
    Ok(KeySummary { account, key_to_print, is_empty })
}

fn has_keys(accounts: &Accounts, name: &str) -> bool {
    accounts.find(name).is_some_and(|account| !account.keys().is_empty())
}

/// Creates an account from the seed, unless the key already opens one. Returns its key.
///
/// # Errors
/// If the key is invalid, or the maximum number of accounts is reached.
pub(super) async fn ensure_account(
    key: Option<&str>,
    public_address: Option<SocketAddr>,
    accounts: &Accounts,
) -> anyhow::Result<String> {
    let key = match key {
        Some(key) => check_api_key(key).map(|()| key.to_owned())?,
        None => generate_secret()?,
    };
    if let Some(address) = public_address
        && key == DEV_KEY
    {
        return Err(well_known_key_error(address));
    }
    if accounts.find_key(&key).is_some() {
        return Ok(key);
    }
    let account = NewAccount::with_key(NewApiKey::with_all_permissions(&key));
    accounts.create_account(account, AccountSource::Seed(None)).await?;
    Ok(key)
}

/// Chooses the token of the control API. If others can reach the server and none is configured, it generates one.
///
/// # Errors
/// If the system has no randomness.
pub(super) fn choose_control_token(
    config: &ServerConfig,
    public_address: Option<SocketAddr>,
) -> anyhow::Result<ControlToken> {
    if config.control_token.is_some() || public_address.is_none() {
        return Ok(ControlToken { required: config.control_token.clone(), generated: None });
    }
    let token = generate_secret()?;
    Ok(ControlToken { required: Some(token.clone()), generated: Some(token) })
}

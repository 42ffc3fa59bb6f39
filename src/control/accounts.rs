//! Accounts: made, listed, looked at, reset, removed.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use regex::Regex;

use super::clock::shown;
use super::fixtures::read_counts;
use super::keys::permissions;
use super::problem::Problem;
use super::request::{InAccount, Of, Optional, done, named, settled};
use super::wire::{AccountEntry, AccountList, MadeAccount, NewAccount, ShownAccount};
use crate::accounts::{self, ACCOUNT_FORM, Account, SELF, Source, random_key};
use crate::clock;
use crate::rules::quoted;
use crate::state::Shared;
use crate::tickets::fixture;

/// The longest time that an account stays without a request.
const LONGEST: Duration = Duration::from_hours(24 * 3650);

/// What the name of a snapshot looks like (chosen).
pub(super) static SNAPSHOT_FORM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$").expect("a regex"));

/// Lists all accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "listAccounts",
    responses((status = 200, body = AccountList, description = "All accounts"), Problem))]
pub(super) async fn list(State(state): State<Shared>) -> Json<AccountList> {
    let mut all = state.accounts.all();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let accounts = all.iter().map(|account| entry(account)).collect();
    Json(AccountList { accounts })
}

fn entry(account: &Account) -> AccountEntry {
    AccountEntry {
        account: account.name.to_string(),
        clock: shown(account.terms().profile.clock),
        ttl: account.ttl.map(written),
        ephemeral: !account.durable,
    }
}

fn written(ttl: Duration) -> String {
    jiff::SignedDuration::try_from(ttl).map(|ttl| ttl.to_string()).unwrap_or_default()
}

/// Makes an account with a key.
#[utoipa::path(post, path = "/accounts", tag = "accounts", operation_id = "makeAccount",
    request_body(content = Option<NewAccount>, description = "Nothing has to be sent."),
    responses((status = 201, body = MadeAccount, description = "The account and its key"), Problem))]
pub(super) async fn make(
    State(state): State<Shared>,
    request: Request,
) -> Result<(StatusCode, Json<MadeAccount>), Problem> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let Optional(sent) = Optional::<NewAccount>::from_request(request, &state).await?;
    let source = match source(sent.from.as_deref().unwrap_or("seed"))? {
        Source::Account(name) => Source::Account(real(&name, &parts, &state).await?),
        Source::Snapshot { account, name } => {
            Source::Snapshot { account: real(&account, &parts, &state).await?, name }
        }
        source => source,
    };
    let text = random_key().map_err(accounts::AccountError::from)?;
    let permissions = permissions(sent.permissions.as_ref())?;
    let key = accounts::NewKey { permissions, ..accounts::NewKey::first(&text) };
    let new = accounts::NewAccount {
        name: sent.name.map(|name| account_name(&name)).transpose()?,
        ttl: sent.ttl.map(|ttl| time_to_live(&ttl)).transpose()?,
        ephemeral: sent.ephemeral,
        strict: sent.strict,
        ..accounts::NewAccount::with_key(key)
    };
    let base_url = state.public_url.clone();
    settled(async move {
        let account = state.accounts.make(new, source).await?;
        let made = MadeAccount { account: account.name.to_string(), api_key: text, base_url };
        Ok((StatusCode::CREATED, Json(made)))
    })
    .await
}

/// The name of the account, also where `self` was sent.
async fn real(
    name: &str,
    parts: &axum::http::request::Parts,
    state: &Shared,
) -> Result<String, Problem> {
    named(name, parts, state).await.map(|account| account.name.to_string())
}

fn account_name(name: &str) -> Result<String, Problem> {
    if ACCOUNT_FORM.is_match(name) && name != SELF {
        return Ok(name.to_owned());
    }
    let form = ACCOUNT_FORM.as_str();
    let sent = quoted(&name.into());
    Err(Problem::invalid(format!("name must match {form} and not be {SELF}; {sent} was sent.")))
}

pub(super) fn snapshot_name(name: &str) -> Result<(), Problem> {
    if SNAPSHOT_FORM.is_match(name) {
        return Ok(());
    }
    let (form, sent) = (SNAPSHOT_FORM.as_str(), quoted(&name.into()));
    Err(Problem::invalid(format!("The name of a snapshot must match {form}; {sent} was sent.")))
}

fn source(from: &str) -> Result<Source, Problem> {
    let refuse = || {
        let sent = quoted(&from.into());
        Problem::invalid(format!(
            "from must be seed, seed:NAME, empty, account:NAME or snapshot:ACCOUNT/NAME; {sent} was sent."
        ))
    };
    let is_account = |name: &str| if ACCOUNT_FORM.is_match(name) { Ok(()) } else { Err(refuse()) };
    let (kind, name) = from.split_once(':').map_or((from, None), |(kind, name)| (kind, Some(name)));
    match (kind, name) {
        ("seed", None) => Ok(Source::Seed(None)),
        ("empty", None) => Ok(Source::Empty),
        ("seed", Some(name)) => is_account(name).map(|()| Source::Seed(Some(name.to_owned()))),
        ("account", Some(name)) => is_account(name).map(|()| Source::Account(name.to_owned())),
        ("snapshot", Some(name)) => {
            let (account, name) = name.split_once('/').ok_or_else(refuse)?;
            is_account(account)?;
            snapshot_name(name)?;
            Ok(Source::Snapshot { account: account.to_owned(), name: name.to_owned() })
        }
        _ => Err(refuse()),
    }
}

fn time_to_live(text: &str) -> Result<Duration, Problem> {
    let sent = quoted(&text.into());
    let read = clock::duration(text).map_err(|rule| format!("ttl {rule}; {sent} was sent."));
    let read = read.map_err(Problem::invalid)?;
    let ttl = Duration::try_from(read)
        .ok()
        .filter(|ttl| (1..=LONGEST.as_millis()).contains(&ttl.as_millis()));
    ttl.ok_or_else(|| {
        Problem::invalid(format!(
            "ttl must be more than nothing and at most ten years; {sent} was sent."
        ))
    })
}

/// Shows an account: how much it holds, its clock, its dialect.
#[utoipa::path(get, path = "/accounts/{account}", tag = "accounts", operation_id = "showAccount",
    params(InAccount),
    responses((status = 200, body = ShownAccount, description = "The account"), Problem))]
pub(super) async fn show(
    State(state): State<Shared>,
    Of(account): Of,
) -> Result<Json<ShownAccount>, Problem> {
    let lease = state.accounts.lease(&account).await?;
    let counts = lease.read(|connection| Box::pin(fixture::counts(connection))).await?;
    let terms = account.terms();
    drop(lease);
    let counts = read_counts(&counts);
    Ok(Json(ShownAccount {
        account: account.name.to_string(),
        version: account.version.now(),
        counts,
        clock: shown(terms.profile.clock),
        time_zone: terms.profile.time_zone.clone(),
        dialect: terms.dialect.values().clone(),
        keys: account.keys().len(),
        snapshots: state.accounts.snapshots(&account).await?.len(),
        ttl: account.ttl.map(written),
        ephemeral: !account.durable,
    }))
}

/// Removes an account with all that it has. Its keys open nothing any more.
#[utoipa::path(delete, path = "/accounts/{account}", tag = "accounts", operation_id = "removeAccount",
    params(InAccount),
    responses((status = 204, description = "Removed"), Problem))]
pub(super) async fn remove(
    State(state): State<Shared>,
    Of(account): Of,
) -> Result<StatusCode, Problem> {
    done(async move { state.accounts.remove(&account).await }).await
}

/// Puts an account back to what it was made from. Its keys and snapshots stay.
#[utoipa::path(post, path = "/accounts/{account}/reset", tag = "accounts", operation_id = "resetAccount",
    params(InAccount),
    responses((status = 204, description = "Reset"), Problem))]
pub(super) async fn reset(
    State(state): State<Shared>,
    Of(account): Of,
) -> Result<StatusCode, Problem> {
    done(async move { state.accounts.reset(&account).await }).await
}

//! Handlers for accounts: create, list, show, reset, remove.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::SignedDuration;
use omnidesk_mock_client::types::{
    AccountDetails, AccountList, AccountSummary, CreatedAccount, NewAccount,
};

use super::clock::to_clock_status;
use super::duration::parse_signed_duration;
use super::extract::{
    AccountPath, OptionalJsonBody, check_snapshot_name, resolve_account, respond_no_content,
    run_to_completion,
};
use super::fixtures::to_counts;
use super::keys::parse_permissions;
use super::problem::Problem;
use crate::accounts;
use crate::accounts::{ACCOUNT_NAME_REGEX, Account, AccountSource, SELF_ALIAS, generate_secret};
use crate::api::auth;
use crate::api::state::SharedState;
use crate::contract::quote_value;
use crate::seed;

/// The maximum idle time before an account is removed.
const MAX_TTL: Duration = Duration::from_hours(24 * 3650);

/// Lists all accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "listAccounts",
    responses((status = 200, body = AccountList, description = "All accounts"), Problem))]
pub(crate) async fn list(State(state): State<SharedState>) -> Json<AccountList> {
    let mut accounts = state.accounts.all();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    let accounts = accounts.iter().map(|account| to_account_summary(account)).collect();
    Json(AccountList { accounts })
}

fn to_account_summary(account: &Account) -> AccountSummary {
    AccountSummary {
        account: account.name.to_string(),
        clock: to_clock_status(account.settings().account_settings.clock),
        ttl: account.ttl.map(format_ttl),
        ephemeral: !account.is_durable(),
    }
}

fn format_ttl(ttl: Duration) -> String {
    SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX).to_string()
}

/// Creates an account with an API key.
#[utoipa::path(post, path = "/accounts", tag = "accounts", operation_id = "createAccount",
    request_body(content = Option<NewAccount>, description = "Optional"),
    responses((status = 201, body = CreatedAccount, description = "The account and its API key"), Problem))]
pub(super) async fn create(
    State(state): State<SharedState>,
    request: Request,
) -> Result<(StatusCode, Json<CreatedAccount>), Problem> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let OptionalJsonBody(new_account) =
        OptionalJsonBody::<NewAccount>::from_request(request, &state).await?;
    let created = create_account(&state, &parts, new_account).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Creates an account with an API key. `parts` is the head of the request.
pub(crate) async fn create_account(
    state: &SharedState,
    parts: &Parts,
    new_account: NewAccount,
) -> Result<CreatedAccount, Problem> {
    let source = match parse_source(new_account.from.as_deref().unwrap_or("seed"))? {
        AccountSource::Account(name) => {
            AccountSource::Account(resolve_account_name(&name, parts, state).await?)
        }
        AccountSource::Snapshot { account, name } => AccountSource::Snapshot {
            account: resolve_account_name(&account, parts, state).await?,
            name,
        },
        source => source,
    };
    let secret = generate_secret().map_err(accounts::AccountError::from)?;
    let permissions = parse_permissions(new_account.permissions.as_ref())?;
    let key =
        accounts::NewApiKey { permissions, ..accounts::NewApiKey::with_all_permissions(&secret) };
    let new = accounts::NewAccount {
        name: new_account.name.map(|name| parse_account_name(&name)).transpose()?,
        ttl: new_account.ttl.map(|ttl| parse_ttl(&ttl)).transpose()?,
        is_ephemeral: new_account.ephemeral,
        strict: new_account.strict,
        ..accounts::NewAccount::with_key(key)
    };
    let secrets = auth::extract_all_secrets(&parts.uri, &parts.headers);
    let base_url = state.own_urls.base_url_for(parts, &secrets).to_string();
    let state = SharedState::clone(state);
    run_to_completion(async move {
        let account = state.accounts.create_account(new, source).await?;
        Ok(CreatedAccount { account: account.name.to_string(), api_key: secret, base_url })
    })
    .await
}

/// Returns the account's name. Resolves `self`.
async fn resolve_account_name(
    name: &str,
    parts: &Parts,
    state: &SharedState,
) -> Result<String, Problem> {
    resolve_account(name, parts, state).await.map(|account| account.name.to_string())
}

fn parse_account_name(name: &str) -> Result<String, Problem> {
    if ACCOUNT_NAME_REGEX.is_match(name) && name != SELF_ALIAS {
        return Ok(name.to_owned());
    }
    let form = ACCOUNT_NAME_REGEX.as_str();
    let sent = quote_value(&name.into());
    Err(Problem::invalid(format!(
        "name must match {form} and not be {SELF_ALIAS}; {sent} was sent."
    )))
}

fn parse_source(from: &str) -> Result<AccountSource, Problem> {
    let invalid = || {
        let sent = quote_value(&from.into());
        Problem::invalid(format!(
            "from must be seed, seed:NAME, empty, account:NAME or snapshot:ACCOUNT/NAME; {sent} was sent."
        ))
    };
    let check_account =
        |name: &str| if ACCOUNT_NAME_REGEX.is_match(name) { Ok(()) } else { Err(invalid()) };
    let (kind, name) = from.split_once(':').map_or((from, None), |(kind, name)| (kind, Some(name)));
    match (kind, name) {
        ("seed", None) => Ok(AccountSource::Seed(None)),
        ("empty", None) => Ok(AccountSource::Empty),
        ("seed", Some(name)) => {
            check_account(name).map(|()| AccountSource::Seed(Some(name.to_owned())))
        }
        ("account", Some(name)) => {
            check_account(name).map(|()| AccountSource::Account(name.to_owned()))
        }
        ("snapshot", Some(name)) => {
            let (account, name) = name.split_once('/').ok_or_else(invalid)?;
            check_account(account)?;
            check_snapshot_name(name)?;
            Ok(AccountSource::Snapshot { account: account.to_owned(), name: name.to_owned() })
        }
        _ => Err(invalid()),
    }
}

fn parse_ttl(text: &str) -> Result<Duration, Problem> {
    let ttl = Duration::try_from(parse_signed_duration("ttl", text)?)
        .ok()
        .filter(|ttl| (1..=MAX_TTL.as_millis()).contains(&ttl.as_millis()));
    ttl.ok_or_else(|| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!(
            "ttl must be longer than zero and at most ten years; {sent} was sent."
        ))
    })
}

/// Shows an account: its row counts, clock and dialect.
#[utoipa::path(get, path = "/accounts/{account}", tag = "accounts", operation_id = "getAccount",
    params(AccountPath),
    responses((status = 200, body = AccountDetails, description = "The account"), Problem))]
pub(crate) async fn show(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
) -> Result<Json<AccountDetails>, Problem> {
    let lease = state.accounts.lease(&account).await?;
    let counts = lease.read(|connection| Box::pin(seed::count_rows(connection))).await?;
    let settings = account.settings();
    drop(lease);
    let counts = to_counts(counts)?;
    Ok(Json(AccountDetails {
        account: account.name.to_string(),
        change_counter: account.change_counter.current(),
        counts,
        clock: to_clock_status(settings.account_settings.clock),
        time_zone: settings.account_settings.time_zone.clone(),
        dialect: settings.dialect.values().clone(),
        key_count: account.keys().len(),
        snapshot_count: state.accounts.snapshots(&account).await?.len(),
        ttl: account.ttl.map(format_ttl),
        ephemeral: !account.is_durable(),
    }))
}

/// Removes an account with all its data. Its API keys become invalid.
#[utoipa::path(delete, path = "/accounts/{account}", tag = "accounts", operation_id = "removeAccount",
    params(AccountPath),
    responses((status = 204, description = "Removed"), Problem))]
pub(crate) async fn remove(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
) -> Result<StatusCode, Problem> {
    respond_no_content(async move { state.accounts.remove(&account).await }).await
}

/// Resets an account to its initial state. Its API keys and snapshots stay.
#[utoipa::path(post, path = "/accounts/{account}/reset", tag = "accounts", operation_id = "resetAccount",
    params(AccountPath),
    responses((status = 204, description = "Reset"), Problem))]
pub(crate) async fn reset(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
) -> Result<StatusCode, Problem> {
    respond_no_content(async move { state.accounts.reset(&account).await }).await
}

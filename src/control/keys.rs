//! Handlers for an account's API keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use omnidesk_mock_client::types::{CreatedKey, KeyList, KeySummary, NewKey, PermissionsSpec};
use serde_json::Value;

use super::extract::{
    AccountPath, KeyPath, OptionalJsonBody, respond_no_content, run_to_completion,
};
use super::problem::Problem;
use crate::accounts;
use crate::accounts::{
    API_KEY_REGEX, Account, AccountError, AccountGuard, ApiKeyInfo, PermissionSet, generate_secret,
};
use crate::api::state::SharedState;
use crate::contract::{PERMISSION_NAMES, quote_value};

/// The maximum length of a key's name, in characters.
const MAX_NAME_CHARS: usize = 100;

fn to_key_summary(info: &ApiKeyInfo) -> KeySummary {
    KeySummary {
        id: info.id,
        name: info.name.to_string(),
        permissions: info.permissions.names().map(str::to_owned).collect(),
    }
}

/// Validates permissions; all by default.
pub(super) fn parse_permissions(spec: Option<&PermissionsSpec>) -> Result<PermissionSet, Problem> {
    let Some(PermissionsSpec::Only(names)) = spec else { return Ok(PermissionSet::ALL) };
    if let Some(unknown) = names.iter().find(|name| !PERMISSION_NAMES.contains(&name.as_str())) {
        let (known, sent) = (PERMISSION_NAMES.join(", "), quote_value(&unknown.as_str().into()));
        return Err(Problem::invalid(format!(
            "permissions must be \"all\" or a list of {known}; {sent} was sent."
        )));
    }
    Ok(PermissionSet::from_names(names.iter().map(String::as_str)))
}

/// Lists the API keys of an account without their secrets.
#[utoipa::path(get, path = "/accounts/{account}/keys", tag = "keys", operation_id = "listKeys",
    params(AccountPath),
    responses((status = 200, body = KeyList, description = "The keys"), Problem))]
pub(crate) async fn list(AccountPath { account }: AccountPath) -> Json<KeyList> {
    Json(KeyList { keys: account.keys().iter().map(to_key_summary).collect() })
}

/// Creates an API key. Only this response contains its secret.
#[utoipa::path(post, path = "/accounts/{account}/keys", tag = "keys", operation_id = "createKey",
    params(AccountPath),
    request_body(content = Option<NewKey>, description = "Optional"),
    responses((status = 201, body = CreatedKey, description = "The key and its secret"), Problem))]
pub(super) async fn create(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    OptionalJsonBody(new_key): OptionalJsonBody<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    Ok((StatusCode::CREATED, Json(create_key(state, account, new_key).await?)))
}

/// Creates an API key of an account.
pub(crate) async fn create_key(
    state: SharedState,
    account: AccountGuard,
    new_key: NewKey,
) -> Result<CreatedKey, Problem> {
    let secret = match new_key.api_key {
        Some(secret) if API_KEY_REGEX.is_match(&secret) => secret,
        // Not echoed: it may be a mistyped secret.
        Some(_) => {
            return Err(Problem::invalid(format!(
                "api_key must match {}.",
                API_KEY_REGEX.as_str()
            )));
        }
        None => generate_secret().map_err(AccountError::from)?,
    };
    let name = match new_key.name {
        Some(name) => parse_key_name(name)?,
        None => next_free_name(&account),
    };
    let key =
        accounts::NewApiKey::new(name, &secret, parse_permissions(new_key.permissions.as_ref())?);
    run_to_completion(async move {
        let KeySummary { id, name, permissions } =
            to_key_summary(&state.accounts.add_key(&account, key).await?);
        Ok(CreatedKey { id, name, permissions, api_key: secret })
    })
    .await
}

fn parse_key_name(name: String) -> Result<String, Problem> {
    let is_valid =
        (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_valid {
        return Ok(name);
    }
    let sent = quote_value(&Value::String(name));
    Err(Problem::invalid(format!(
        "name must have 1 to {MAX_NAME_CHARS} characters, none of them a control character; {sent} was sent."
    )))
}

fn next_free_name(account: &Account) -> String {
    let keys = account.keys();
    let mut number = keys.len() + 1;
    loop {
        let name = accounts::NewApiKey::default_name(number);
        if keys.iter().all(|info| *info.name != *name) {
            return name;
        }
        number += 1;
    }
}

/// Removes an API key.
#[utoipa::path(delete, path = "/accounts/{account}/keys/{id}", tag = "keys", operation_id = "removeKey",
    params(KeyPath),
    responses((status = 204, description = "Removed"), Problem))]
pub(crate) async fn remove(
    State(state): State<SharedState>,
    KeyPath { account, id }: KeyPath,
) -> Result<StatusCode, Problem> {
    respond_no_content(async move { state.accounts.remove_key(&account, id).await }).await
}

//! The keys of an account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::problem::Problem;
use super::request::{In, InAccount, Of, OfKey, Optional, done, settled};
use super::wire::{KeyList, MadeKey, NewKey, Permitted, ShownKey};
use crate::accounts::{
    self, Account, AccountError, KEY_FORM, KeyCard, PERMISSIONS, Permissions, random_key,
};
use crate::rules::quoted;
use crate::state::Shared;

/// The longest name of a key, in characters.
const LONGEST: usize = 100;

fn names(permissions: Permissions) -> Vec<String> {
    serde_json::from_value(permissions.names()).unwrap_or_default()
}

fn shown(card: &KeyCard) -> ShownKey {
    ShownKey { id: card.id, name: card.name.to_string(), permissions: names(card.permissions) }
}

/// The permissions with these names.
pub(super) fn permissions(sent: Option<&Permitted>) -> Result<Permissions, Problem> {
    let Some(Permitted::Only(names)) = sent else { return Ok(Permissions::ALL) };
    if let Some(unknown) = names.iter().find(|name| !PERMISSIONS.contains(&name.as_str())) {
        let (known, sent) = (PERMISSIONS.join(", "), quoted(&unknown.as_str().into()));
        return Err(Problem::invalid(format!(
            "permissions must be \"all\" or a list of {known}; {sent} was sent."
        )));
    }
    Ok(Permissions::named(names.iter().map(String::as_str)))
}

/// Lists the keys of an account, without their texts.
#[utoipa::path(get, path = "/accounts/{account}/keys", tag = "keys", operation_id = "listKeys",
    params(InAccount),
    responses((status = 200, body = KeyList, description = "The keys"), Problem))]
pub(super) async fn list(Of(account): Of) -> Json<KeyList> {
    Json(KeyList { keys: account.keys().iter().map(shown).collect() })
}

/// Makes a key. Its text is in the answer, and nowhere else.
#[utoipa::path(post, path = "/accounts/{account}/keys", tag = "keys", operation_id = "makeKey",
    params(InAccount),
    request_body(content = Option<NewKey>, description = "Nothing has to be sent."),
    responses((status = 201, body = MadeKey, description = "The key and its text"), Problem))]
pub(super) async fn make(
    State(state): State<Shared>,
    Of(account): Of,
    Optional(sent): Optional<NewKey>,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    let text = match sent.api_key {
        Some(text) if KEY_FORM.is_match(&text) => text,
        // What nearly is a key is not repeated.
        Some(_) => {
            return Err(Problem::invalid(format!("api_key must match {}.", KEY_FORM.as_str())));
        }
        None => random_key().map_err(AccountError::from)?,
    };
    let name = match sent.name {
        Some(name) => key_name(name)?,
        None => free_name(&account),
    };
    let key = accounts::NewKey::new(name, &text, permissions(sent.permissions.as_ref())?);
    settled(async move {
        let ShownKey { id, name, permissions } =
            shown(&state.accounts.add_key(&account, key).await?);
        Ok((StatusCode::CREATED, Json(MadeKey { id, name, permissions, api_key: text })))
    })
    .await
}

fn key_name(name: String) -> Result<String, Problem> {
    let is_good = (1..=LONGEST).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_good {
        return Ok(name);
    }
    let sent = quoted(&Value::String(name));
    Err(Problem::invalid(format!(
        "name must have 1 to {LONGEST} characters, none of them a control character; {sent} was sent."
    )))
}

fn free_name(account: &Account) -> String {
    let keys = account.keys();
    let mut names = (keys.len() + 1..).map(accounts::NewKey::usual_name);
    names.find(|name| keys.iter().all(|card| *card.name != **name)).unwrap_or_default()
}

/// Takes a key away.
#[utoipa::path(delete, path = "/accounts/{account}/keys/{id}", tag = "keys", operation_id = "removeKey",
    params(OfKey),
    responses((status = 204, description = "Removed"), Problem))]
pub(super) async fn remove(
    State(state): State<Shared>,
    In(account, id): In,
) -> Result<StatusCode, Problem> {
    let id: i64 = id.parse().map_err(|_| {
        let sent = quoted(&id.as_str().into());
        Problem::invalid(format!("id must be a number; {sent} was sent."))
    })?;
    done(async move { state.accounts.remove_key(&account, id).await }).await
}

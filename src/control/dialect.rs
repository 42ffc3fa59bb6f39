//! Handlers for the dialect of an account.

use axum::Json;
use serde_json::{Map, Value};

use super::extract::{AccountPath, JsonBody, run_to_completion};
use super::problem::Problem;
use crate::accounts::AccountSettings;
use crate::contract::dialect::{Dialect, DialectError, reject_server_only};

/// Shows the effective dialect of an account.
#[utoipa::path(get, path = "/accounts/{account}/dialect", tag = "dialect", operation_id = "getDialect",
    params(AccountPath),
    responses((status = 200, body = ref("#/components/schemas/DialectSettings"), description = "Every setting by name"), Problem))]
pub(crate) async fn show(AccountPath { account }: AccountPath) -> Json<Map<String, Value>> {
    Json(account.settings().dialect.values().clone())
}

/// Replaces the account's dialect overrides. Omitted settings use the server's values.
#[utoipa::path(put, path = "/accounts/{account}/dialect", tag = "dialect", operation_id = "setDialect",
    params(AccountPath),
    request_body(content = ref("#/components/schemas/DialectSettings"), description = "Settings by name"),
    responses((status = 200, body = ref("#/components/schemas/DialectSettings"), description = "Every setting by name"), Problem))]
pub(crate) async fn set(
    AccountPath { account }: AccountPath,
    JsonBody(mut dialect): JsonBody<Map<String, Value>>,
) -> Result<Json<Map<String, Value>>, Problem> {
    // As in every body, null means omitted.
    dialect.retain(|_, value| !value.is_null());
    Dialect::parse(&dialect).map_err(|DialectError(violations)| {
        let messages: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Problem::invalid(messages.join(" "))
    })?;
    reject_server_only(&dialect).map_err(|violation| Problem::invalid(violation.to_string()))?;
    run_to_completion(async move {
        let update = account.update_settings(|settings| {
            Ok::<_, Problem>(AccountSettings { dialect, ..settings.account_settings.clone() })
        });
        Ok(Json(update.await?.dialect.values().clone()))
    })
    .await
}

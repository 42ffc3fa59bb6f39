//! Handlers for strict mode, which rejects requests that cause a warning.

use axum::Json;
use omnidesk_mock_client::types::Strictness;

use super::extract::{AccountPath, JsonBody, run_to_completion};
use super::pattern::parse_warning_kind;
use super::problem::Problem;
use crate::accounts::{AccountSettings, StrictMode};

fn to_strictness(strict: Option<&StrictMode>) -> Strictness {
    let kinds = strict.map(|strict| &strict.allow).into_iter().flatten();
    let allow = kinds.map(|kind| kind.name().to_owned()).collect();
    Strictness { strict: strict.is_some(), allow }
}

/// Shows whether an account rejects requests that cause a warning.
#[utoipa::path(get, path = "/accounts/{account}/strict", tag = "strict mode", operation_id = "getStrict",
    params(AccountPath),
    responses((status = 200, body = Strictness, description = "The strict mode"), Problem))]
pub(crate) async fn show(AccountPath { account }: AccountPath) -> Json<Strictness> {
    Json(to_strictness(account.settings().account_settings.strict.as_ref()))
}

/// Turns strict mode on or off. It rejects every request that causes a warning.
#[utoipa::path(put, path = "/accounts/{account}/strict", tag = "strict mode", operation_id = "setStrict",
    params(AccountPath),
    request_body = Strictness,
    responses((status = 200, body = Strictness, description = "The strict mode"), Problem))]
pub(crate) async fn set(
    AccountPath { account }: AccountPath,
    JsonBody(strictness): JsonBody<Strictness>,
) -> Result<Json<Strictness>, Problem> {
    if !strictness.strict && !strictness.allow.is_empty() {
        return Err(Problem::invalid("allow requires \"strict\": true."));
    }
    let kinds = strictness
        .allow
        .iter()
        .map(|name| parse_warning_kind("allow", name, "a list, each entry "));
    let allow = kinds.collect::<Result<Vec<_>, _>>()?;
    let strict = strictness.strict.then_some(StrictMode { allow });
    run_to_completion(async move {
        let update = account.update_settings(|settings| {
            Ok::<_, Problem>(AccountSettings { strict, ..settings.account_settings.clone() })
        });
        Ok(Json(to_strictness(update.await?.account_settings.strict.as_ref())))
    })
    .await
}

//! The dialect of an account.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::request::{Body, InAccount, Of, settled};
use crate::accounts::Profile;
use crate::dialect::{Dialect, DialectError, of_account};
use crate::state::Shared;

/// Shows the settings that hold in an account.
#[utoipa::path(get, path = "/accounts/{account}/dialect", tag = "dialect", operation_id = "showDialect",
    params(InAccount),
    responses((status = 200, body = Object, description = "Every setting by name"), Problem))]
pub(super) async fn show(Of(account): Of) -> Json<Map<String, Value>> {
    Json(account.terms().dialect.values().clone())
}

/// Sets what is different in an account from the server's settings. What is left out is as the server has it.
#[utoipa::path(put, path = "/accounts/{account}/dialect", tag = "dialect", operation_id = "setDialect",
    params(InAccount),
    request_body(content = Object, description = "Settings by name"),
    responses((status = 200, body = Object, description = "Every setting by name"), Problem))]
pub(super) async fn set(
    State(state): State<Shared>,
    Of(account): Of,
    Body(mut dialect): Body<Map<String, Value>>,
) -> Result<Json<Map<String, Value>>, Problem> {
    // null is "not sent", as everywhere.
    dialect.retain(|_, value| !value.is_null());
    Dialect::read(&dialect).map_err(|DialectError(broken)| {
        let rules: Vec<String> = broken.iter().map(ToString::to_string).collect();
        Problem::invalid(rules.join(" "))
    })?;
    of_account(&dialect).map_err(|broken| Problem::invalid(broken.to_string()))?;
    settled(async move {
        let terms = state.accounts.change_profile(&account, |terms| {
            Ok::<_, Problem>(Profile { dialect, ..terms.profile.clone() })
        });
        Ok(Json(terms.await?.dialect.values().clone()))
    })
    .await
}

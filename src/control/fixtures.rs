//! An account as a fixture, and a fixture into an account.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::problem::{Kind, Problem};
use super::request::{InAccount, Of, settled, whole};
use super::wire::{Counts, Imported};
use crate::seed::{Addition, AdditionError, Form};
use crate::state::Shared;
use crate::storage::StorageError;
use crate::tickets::fixture;

/// The largest fixture that can be imported, in bytes (chosen).
const LARGEST: usize = 64 * 1024 * 1024;

/// Gives an account as a fixture: a seed file with all of its data, without its keys.
#[utoipa::path(get, path = "/accounts/{account}/export", tag = "fixtures", operation_id = "exportAccount",
    params(InAccount),
    responses((status = 200, body = Object, description = "A seed with this account"), Problem))]
pub(super) async fn export(
    State(state): State<Shared>,
    Of(account): Of,
) -> Result<Response, Problem> {
    let lease = state.accounts.lease(&account).await?;
    let terms = account.terms();
    let zone = terms.zone.clone();
    let profile = &terms.profile;
    let (name, time_zone) = (Value::from(&*account.name), Value::from(&*profile.time_zone));
    let own = json!({ "dialect": profile.dialect, "clock": profile.clock });
    let (dialect, clock) = (&own["dialect"], &own["clock"]);
    // The rows are written behind it: they may be large, and are not copied.
    let head = format!(
        r#"{{"accounts":{{{name}:{{"time_zone":{time_zone},"dialect":{dialect},"clock":{clock},"#
    );
    let read = lease.read_for_long(move |connection| {
        Box::pin(async move { fixture::export(connection, &zone, head).await })
    });
    let mut text = read.await?;
    drop(lease);
    text.push_str("}}");
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// Adds a fixture with one account to an account: all of it, or nothing. Takes JSON or
/// YAML, of at most 64 MiB and 50,000 rows, and of no more memory than 20 times its length and 256 MiB; YAML aliases may stand for 4 MiB of text. Of reference data those are added that are not there yet. What the fixture says of time zone, dialect and
/// clock holds from then on.
#[utoipa::path(post, path = "/accounts/{account}/import", tag = "fixtures", operation_id = "importFixture",
    params(InAccount),
    request_body(content = Object, description = "A seed with one account, without keys"),
    responses((status = 200, body = Imported, description = "What was added"), Problem))]
pub(super) async fn import(
    State(state): State<Shared>,
    Of(account): Of,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_yaml = content_type.is_some_and(|name| name.contains("yaml"));
    let body = whole(&state, request, LARGEST).await?;
    // Taken over, not copied: it may be large.
    let text = String::from_utf8(body.into())
        .map_err(|_| Problem::invalid("The fixture must be UTF-8."))?;
    // JSON begins with a brace or a bracket, and YAML mostly does not.
    let is_json = !is_yaml && text.trim_start().starts_with(['{', '[']);
    let form = if is_json { Form::Json } else { Form::Yaml };
    settled(async move {
        // One after the other, apart from all that answers requests: a large one takes time and memory.
        let _importing = state.importing.lock().await;
        let read = tokio::task::spawn_blocking(move || Addition::read(form, text));
        let read = read.await.map_err(|_| StorageError::Abandoned)?;
        let addition = read.map_err(|faults| Problem::invalid(faults.to_string()))?;
        let added_to = state.accounts.rework(&account, |terms| addition.onto(terms));
        let (before, after) = added_to.await?;
        Ok(Json(Imported { added: read_counts(&after).since(&read_counts(&before)) }))
    })
    .await
}

impl From<AdditionError> for Problem {
    fn from(error: AdditionError) -> Self {
        match error {
            AdditionError::Storage(error) => error.into(),
            AdditionError::Account(error) => error.into(),
            AdditionError::Conflict(rows) => {
                let rows = rows.join(", ");
                Self::new(
                    Kind::Conflict,
                    format!("These are there already, so nothing was imported: {rows}."),
                )
            }
        }
    }
}

/// What a database has counted.
pub(super) fn read_counts(json: &str) -> Counts {
    serde_json::from_str(json).unwrap_or_default()
}

impl Counts {
    /// What has come since.
    const fn since(self, before: &Self) -> Self {
        Self {
            brands: self.brands.saturating_sub(before.brands),
            channels: self.channels.saturating_sub(before.channels),
            groups: self.groups.saturating_sub(before.groups),
            users: self.users.saturating_sub(before.users),
            customers: self.customers.saturating_sub(before.customers),
            views: self.views.saturating_sub(before.views),
            tickets: self.tickets.saturating_sub(before.tickets),
            timeline: self.timeline.saturating_sub(before.timeline),
        }
    }
}

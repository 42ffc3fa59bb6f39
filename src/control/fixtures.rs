//! Handlers that export an account as a fixture, and import one.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnidesk_mock_client::types::{Counts, ImportResult};
use serde_json::{Value, json};

use super::extract::{AccountPath, read_body, run_to_completion};
use super::problem::{Problem, ProblemKind};
use crate::api::state::SharedState;
use crate::seed;
use crate::seed::{Format, Import, ImportError, RowCounts};
use crate::storage::StorageError;
use crate::text_encoding::into_utf8;

/// The maximum size of an imported fixture, in bytes (arbitrary).
const MAX_IMPORT_BYTES: usize = 64 * 1024 * 1024;

/// Exports an account as a fixture: a seed file with all its data, without its API keys.
#[utoipa::path(get, path = "/accounts/{account}/export", tag = "fixtures", operation_id = "exportAccount",
    params(AccountPath),
    responses((status = 200, body = ref("#/components/schemas/Fixture"), description = "A seed with this account"), Problem))]
pub(crate) async fn export(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
) -> Result<Response, Problem> {
    let lease = state.accounts.lease(&account).await?;
    let effective = account.settings();
    let zone = effective.zone.clone();
    let settings = &effective.account_settings;
    let (name, time_zone) = (Value::from(&*account.name), Value::from(&*settings.time_zone));
    let members = json!({ "dialect": settings.dialect, "clock": settings.clock });
    let (dialect, clock) = (&members["dialect"], &members["clock"]);
    // The export appends the rows to it, which avoids a copy of large text.
    let head = format!(
        r#"{{"accounts":{{{name}:{{"time_zone":{time_zone},"dialect":{dialect},"clock":{clock},"#
    );
    let export = lease.read_interruptible(move |connection| {
        Box::pin(async move { seed::export_data(connection, &zone, head).await })
    });
    let mut text = export.await?;
    drop(lease);
    text.push_str("}}");
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// Imports a fixture with one account into an account, atomically. Accepts JSON or YAML of at most 64 MiB and 50,000
/// rows. Uses at most 256 MiB of memory plus 20 times the fixture's size; YAML aliases may expand to 4 MiB of text.
/// Adds only missing reference data. A time zone, dialect or clock in the fixture replaces the account's.
#[utoipa::path(post, path = "/accounts/{account}/import", tag = "fixtures", operation_id = "importFixture",
    params(AccountPath),
    request_body(content = ref("#/components/schemas/Fixture"), description = "A seed with one account, without keys"),
    responses((status = 200, body = ImportResult, description = "The added rows"), Problem))]
pub(super) async fn import(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    request: Request,
) -> Result<Json<ImportResult>, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_yaml = content_type.is_some_and(|name| name.contains("yaml"));
    let body = read_body(&state, request, MAX_IMPORT_BYTES).await?;
    if body.is_empty() {
        return Err(Problem::invalid("The body is missing; send a fixture as JSON or YAML."));
    }
    // Reuses the buffer, since it may be large.
    let text = into_utf8(body.into())
        .map_err(|error| Problem::invalid(format!("The fixture {error}.")))?;
    // JSON starts with a brace or a bracket; YAML usually does not.
    let is_json = !is_yaml && text.trim_start().starts_with(['{', '[']);
    let format = if is_json { Format::Json } else { Format::Yaml };
    run_to_completion(async move {
        // One import at a time, parsed on a blocking thread: a large one takes time and memory.
        let _import_guard = state.import_lock.lock().await;
        let parse = tokio::task::spawn_blocking(move || Import::parse(format, text));
        let parsed = parse.await.map_err(|_| StorageError::TaskFailed)?;
        let import = parsed.map_err(|errors| Problem::invalid(errors.to_string()))?;
        let modify = state.accounts.modify_copy(&account, |settings| import.apply_to(settings));
        let (before, after) = modify.await?;
        Ok(Json(ImportResult { added: subtract_counts(after, &before)? }))
    })
    .await
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Storage(error) => error.into(),
            ImportError::Account(error) => error.into(),
            ImportError::Conflict(rows) => Self::new(
                ProblemKind::ImportConflict,
                format!(
                    "These rows already exist, so nothing was imported: {}.",
                    join_first_rows(&rows)
                ),
            ),
        }
    }
}

/// The most rows that a message lists.
const MAX_LISTED_ROWS: usize = 20;

/// Lists the first rows, and the number of the others.
fn join_first_rows(rows: &[String]) -> String {
    let listed = rows[..rows.len().min(MAX_LISTED_ROWS)].join(", ");
    match rows.len().saturating_sub(MAX_LISTED_ROWS) {
        0 => listed,
        omitted => format!("{listed} and {omitted} more ({} in total)", rows.len()),
    }
}

/// Returns by how much each count of `before` has grown.
fn subtract_counts(mut after: RowCounts, before: &RowCounts) -> Result<Counts, Problem> {
    let number = |count: &Value| count.as_u64().unwrap_or_default();
    for (list, count) in &mut after {
        let count_before = before.get(list).map_or(0, number);
        *count = number(count).saturating_sub(count_before).into();
    }
    to_counts(after)
}

/// Converts row counts to their public form.
pub(super) fn to_counts(counts: RowCounts) -> Result<Counts, Problem> {
    serde_json::from_value(counts.into()).map_err(|error| Problem::internal(&error))
}

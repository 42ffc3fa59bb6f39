//! What changed in an account, request by request.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::problem::Problem;
use super::request::{InAccount, Of};
use super::requests::{Page, rows};
use super::wire::{Change, ChangeList};
use crate::state::Shared;

/// Lists what changed, request by request, in the order in which it was kept. Filters are those of the journal.
#[utoipa::path(get, path = "/accounts/{account}/changes", tag = "journal", operation_id = "listChanges",
    params(InAccount, super::request::Filters, super::request::Paging),
    responses((status = 200, body = ChangeList, description = "The changes"), Problem))]
pub(super) async fn list(
    State(state): State<Shared>,
    Of(account): Of,
    uri: Uri,
) -> Result<Json<ChangeList>, Problem> {
    let journal = &account.journal;
    let page = Page::read(journal, &uri, &state, |entry| !entry.rows.is_empty()).await?;
    let Page { entries, cursor, truncated, more } = page;
    let changes = entries.iter().map(|(seq, entry)| Change {
        seq: *seq,
        cursor: journal.after(*seq).to_string(),
        at: entry.at.to_string(),
        operation: entry.operation.map(str::to_owned),
        key: entry.key.as_deref().map(str::to_owned),
        rows: rows(entry),
        rows_left_out: entry.rows.left_out,
    });
    Ok(Json(ChangeList { changes: changes.collect(), cursor, truncated, more }))
}

//! What changed in an account, request by request.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::pattern::Query;
use super::problem::Problem;
use super::request::{InAccount, Of};
use super::requests::{MOST, must_be_on, rows, since};
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
    must_be_on(journal)?;
    let query = Query::read(&uri, &["since", "limit"])?;
    let limit = query.number("limit", MOST, MOST)?;
    let since = since(journal, query.other("since"))?;
    let pattern = super::pattern::pattern(query.pattern, &state)?;
    let view = journal.since(since).await;
    let mut matching =
        view.entries.iter().filter(|(_, entry)| !entry.rows.is_empty() && pattern.matches(entry));
    let changes: Vec<Change> = matching
        .by_ref()
        .take(limit)
        .map(|(seq, entry)| Change {
            seq: *seq,
            cursor: journal.after(*seq).to_string(),
            at: entry.at.to_string(),
            operation: entry.operation.map(str::to_owned),
            key: entry.key.as_deref().map(str::to_owned),
            rows: rows(entry),
            rows_left_out: entry.rows.left_out,
        })
        .collect();
    let more = matching.next().is_some();
    let last = changes.last().filter(|_| more).map(|last| last.cursor.clone());
    let cursor = last.unwrap_or_else(|| view.end.to_string());
    Ok(Json(ChangeList { changes, cursor, truncated: view.truncated, more }))
}

//! Handler for the changes of an account, by request.

use axum::Json;
use axum::extract::State;
use omnidesk_mock_client::types::{ChangeList, RequestChanges};

use super::extract::AccountPath;
use super::journal_page::{JournalPage, to_row_changes};
use super::problem::Problem;
use super::query::{FilterQuery, PageParams};
use crate::api::state::SharedState;
use crate::journal::SequencedEntry;

/// Lists the changes of each request in commit order. The filters are those of the journal.
#[utoipa::path(get, path = "/accounts/{account}/changes", tag = "journal", operation_id = "listChanges",
    params(AccountPath, FilterQuery<PageParams>),
    responses((status = 200, body = ChangeList, description = "The changes"), Problem))]
pub(super) async fn list(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    query: FilterQuery<PageParams>,
) -> Result<Json<ChangeList>, Problem> {
    let journal = &account.journal;
    let page = JournalPage::read(journal, query, &state, |entry| !entry.changes.is_empty()).await?;
    let JournalPage { entries, cursor, truncated, has_more } = page;
    let changes = entries.iter().map(|SequencedEntry { seq, entry }| RequestChanges {
        seq: *seq,
        cursor: journal.cursor_after(*seq).to_string(),
        at: entry.account_time.to_string(),
        operation: entry.operation.map(str::to_owned),
        key: entry.key_name.as_deref().map(str::to_owned),
        rows: to_row_changes(entry),
        rows_omitted: entry.changes.omitted,
    });
    Ok(Json(ChangeList { changes: changes.collect(), cursor, truncated, has_more }))
}

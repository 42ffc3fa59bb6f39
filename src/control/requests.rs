//! Handlers for the journal: list, show, clear, stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::extract::{AccountItemPath, AccountParams, AccountPath, RequestParams};
use super::pattern::{FilterQuery, parse_pattern};
use super::problem::{Problem, ProblemKind};
use super::wait::acquire_wait_permit;
use super::wire::{AppliedFault, ColumnChange, Did, JournalEntry, RequestList, Row, Warning};
use crate::accounts::SecretHash;
use crate::api::state::SharedState;
use crate::contract::quote_value;
use crate::journal;
use crate::journal::{Cursor, Entry, Journal, JournalSlice, RequestPattern, redact_json};

/// The maximum number of requests on a page.
pub(super) const MAX_PAGE_SIZE: usize = 1000;
/// The interval of keep-alive comments in an event stream, which prevent idle timeouts.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Converts an entry to its public form; redacts the key.
pub(super) fn to_journal_entry(journal: &Journal, seq: u64, entry: &Entry) -> JournalEntry {
    let mut body = match entry.status {
        Some(_) if !entry.has_omitted_body => serde_json::from_slice(&entry.response_body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&entry.response_body).into_owned().into()),
        _ => Value::Null,
    };
    if let Some(fingerprint) = entry.key_fingerprint {
        // The account's data in the response may contain the key, too.
        let key = SecretHash::from_slice(&fingerprint.hash);
        let is_key = |text: &str| {
            text.len() == fingerprint.length && Some(SecretHash::from_secret(text)) == key
        };
        redact_json(&mut body, &is_key);
    }
    JournalEntry {
        seq,
        cursor: journal.cursor_after(seq).to_string(),
        at: entry.account_time.to_string(),
        real_at: entry.system_time.to_string(),
        operation: entry.operation.map(str::to_owned),
        method: entry.method.to_string(),
        path: entry.path.to_string(),
        fields: entry.input.fields.clone(),
        fields_left_out: entry.input.has_omitted_fields,
        key: entry.key_name.as_deref().map(str::to_owned),
        status: entry.status,
        body,
        body_left_out: entry.has_omitted_body,
        duration_ms: (entry.duration.as_secs_f64() * 1_000_000.0).round() / 1000.0,
        fault: entry
            .fault
            .map(|fault| AppliedFault { id: fault.rule_id, effect: fault.effect.to_owned() }),
        changes: to_row_changes(entry),
        rows_left_out: entry.changes.omitted,
        warnings: entry.all_warnings().map(to_warning).collect(),
    }
}

/// Converts the row changes of an entry.
pub(super) fn to_row_changes(entry: &Entry) -> Vec<Row> {
    let rows = entry.changes.rows.iter().map(|row| {
        let column_change = |column: &str, from: Value, to: Value| ColumnChange {
            column: column.to_owned(),
            from,
            to,
        };
        let (did, columns) = match &row.change {
            journal::ChangeKind::Created { columns, values } => {
                let columns = journal::ChangeKind::non_null_columns(columns, values).into_iter();
                let columns = columns.map(|(name, to)| column_change(name, Value::Null, to));
                (Did::Created, columns.collect())
            }
            journal::ChangeKind::Updated(columns) => {
                let columns = columns
                    .iter()
                    .map(|(name, from, to)| column_change(name, from.clone(), to.clone()));
                (Did::Updated, columns.collect())
            }
            journal::ChangeKind::Deleted => (Did::Deleted, Vec::new()),
        };
        Row { kind: row.resource.to_owned(), id: row.id, did, columns }
    });
    rows.collect()
}

fn to_warning(warning: &journal::Warning) -> Warning {
    Warning {
        kind: warning.kind.name().to_owned(),
        field: warning.field.clone(),
        nearest: warning.suggestion.map(str::to_owned),
        text: warning.message.clone(),
    }
}

/// Parses and validates a cursor.
pub(super) fn parse_cursor(
    journal: &Journal,
    text: Option<&str>,
) -> Result<Option<Cursor>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let cursor = journal.parse_cursor(text).ok_or_else(|| {
        let sent = quote_value(&text.into());
        Problem::invalid(format!(
            "since must be the cursor of an answer about this account, since the server's last start; {sent} was sent."
        ))
    });
    cursor.map(Some)
}

/// Fails if the journal is disabled: its emptiness would prove nothing.
pub(super) fn require_journal(journal: &Journal) -> Result<(), Problem> {
    if journal.is_enabled() {
        return Ok(());
    }
    let detail = "The server was started with --journal-entries 0.";
    Err(Problem::new(ProblemKind::JournalOff, detail))
}

/// A page of journal entries.
pub(super) struct JournalPage {
    pub(super) entries: Vec<(u64, Arc<Entry>)>,
    /// The position after the last entry examined.
    pub(super) cursor: String,
    pub(super) truncated: bool,
    /// Whether `limit` cut the page short.
    pub(super) has_more: bool,
}

impl JournalPage {
    /// Reads the entries that match the query and satisfy `include`.
    pub(super) async fn read(
        journal: &Journal,
        uri: &Uri,
        state: &SharedState,
        include: impl Fn(&Entry) -> bool,
    ) -> Result<Self, Problem> {
        require_journal(journal)?;
        let query = FilterQuery::parse(uri, &["since", "limit"])?;
        let limit = query.parse_number("limit", MAX_PAGE_SIZE, MAX_PAGE_SIZE)?;
        let since = parse_cursor(journal, query.param("since"))?;
        let pattern = parse_pattern(query.pattern, state)?;
        let JournalSlice { mut entries, is_truncated: truncated, end } =
            journal.read_since(since).await;
        entries.retain(|(_, entry)| include(entry) && pattern.matches(entry));
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let cursor = last.map_or(end, |(seq, _)| journal.cursor_after(*seq)).to_string();
        Ok(Self { entries, cursor, truncated, has_more })
    }
}

async fn list_requests(
    journal: &Journal,
    uri: &Uri,
    state: &SharedState,
) -> Result<Json<RequestList>, Problem> {
    let page = JournalPage::read(journal, uri, state, |_| true).await?;
    let JournalPage { entries, cursor, truncated, has_more } = page;
    let requests =
        entries.iter().map(|(seq, entry)| to_journal_entry(journal, *seq, entry)).collect();
    Ok(Json(RequestList { requests, cursor, truncated, more: has_more }))
}

async fn find_request(journal: &Journal, seq: &str) -> Result<Json<JournalEntry>, Problem> {
    require_journal(journal)?;
    let seq: u64 = seq.parse().map_err(|_| {
        let sent = quote_value(&seq.into());
        Problem::invalid(format!("seq must be a number; {sent} was sent."))
    })?;
    let entry = journal.entry(seq).await.ok_or_else(|| {
        let detail = format!("There is no request {seq}, or it is no longer kept.");
        Problem::new(ProblemKind::UnknownRequest, detail)
    })?;
    Ok(Json(to_journal_entry(journal, seq, &entry)))
}

/// Lists the requests of an account, the oldest first. `field.NAME=VALUE` filters by the value of a field.
#[utoipa::path(get, path = "/accounts/{account}/requests", tag = "journal", operation_id = "listRequests",
    params(AccountParams, super::extract::FilterParams, super::extract::PageParams),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(super) async fn list(
    State(state): State<SharedState>,
    AccountPath(account): AccountPath,
    uri: Uri,
) -> Result<Json<RequestList>, Problem> {
    list_requests(&account.journal, &uri, &state).await
}

/// Shows a request.
#[utoipa::path(get, path = "/accounts/{account}/requests/{seq}", tag = "journal", operation_id = "showRequest",
    params(RequestParams),
    responses((status = 200, body = JournalEntry, description = "The request"), Problem))]
pub(super) async fn show(
    AccountItemPath(account, seq): AccountItemPath,
) -> Result<Json<JournalEntry>, Problem> {
    find_request(&account.journal, &seq).await
}

/// Clears the journal of an account. Sequence numbers continue.
#[utoipa::path(delete, path = "/accounts/{account}/requests", tag = "journal", operation_id = "clearRequests",
    params(AccountParams),
    responses((status = 204, description = "Forgotten"), Problem))]
pub(super) async fn clear(AccountPath(account): AccountPath) -> StatusCode {
    account.journal.clear();
    StatusCode::NO_CONTENT
}

/// Lists the requests that matched no account: with an unknown API key, or none.
#[utoipa::path(get, path = "/requests", tag = "journal", operation_id = "listStrangers",
    params(super::extract::FilterParams, super::extract::PageParams),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(super) async fn strangers(
    State(state): State<SharedState>,
    uri: Uri,
) -> Result<Json<RequestList>, Problem> {
    list_requests(&state.unmatched_journal, &uri, &state).await
}

/// Clears the requests that matched no account.
#[utoipa::path(delete, path = "/requests", tag = "journal", operation_id = "clearStrangers",
    responses((status = 204, description = "Forgotten"), Problem))]
pub(super) async fn clear_strangers(State(state): State<SharedState>) -> StatusCode {
    state.unmatched_journal.clear();
    StatusCode::NO_CONTENT
}

/// Streams the requests of an account as server-sent events: those in the journal after `since` or `Last-Event-ID`,
/// then each new one. The events are `request`, and `truncated` if entries were evicted before they were sent.
#[utoipa::path(get, path = "/accounts/{account}/requests/stream", tag = "journal", operation_id = "streamRequests",
    params(AccountParams, super::extract::FilterParams, super::extract::CursorParams),
    responses((status = 200, content_type = "text/event-stream", body = String, description = "The events"), Problem))]
pub(super) async fn stream(
    State(state): State<SharedState>,
    AccountPath(account): AccountPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    require_journal(&account.journal)?;
    let query = FilterQuery::parse(&uri, &["since"])?;
    let last_event_id =
        headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    let cursor = parse_cursor(&account.journal, last_event_id.as_deref().or(query.param("since")))?;
    let pattern = parse_pattern(query.pattern, &state)?;
    let permit = acquire_wait_permit(&account)?;
    let reader = JournalReader { journal: Arc::clone(&account.journal), pattern, cursor };
    // An open stream uses the account.
    let guards = (permit, account);
    let events = stream::unfold((reader, guards), |(mut reader, guards)| async move {
        let events = reader.next_events().await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), (reader, guards)))
    });
    let shutdown = async move { state.wait_for_shutdown().await };
    let events = events.flatten().take_until(Box::pin(shutdown));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

/// A reader of a journal. It pulls entries when its client is ready, so a slow client blocks no writer.
struct JournalReader {
    journal: Arc<Journal>,
    pattern: RequestPattern,
    cursor: Option<Cursor>,
}

impl JournalReader {
    /// Waits for events; None when the journal is closed.
    async fn next_events(&mut self) -> Option<Vec<Event>> {
        let cursor = self.cursor;
        let slice = self
            .journal
            .wait_for(|journal| {
                let slice = journal.slice_since(cursor);
                (!slice.entries.is_empty() || slice.is_truncated).then_some(slice)
            })
            .await?;
        let mut events = Vec::new();
        if slice.is_truncated {
            events.push(Event::default().event("truncated").data("{}"));
        }
        let (mut last_cursor, mut bytes) = (None, 0);
        for (seq, entry) in slice.entries.iter().take(MAX_EVENTS_PER_BATCH) {
            last_cursor = Some(self.journal.cursor_after(*seq));
            if self.pattern.matches(entry) {
                let entry = to_journal_entry(&self.journal, *seq, entry);
                let text = serde_json::to_string(&entry).unwrap_or_default();
                bytes += text.len();
                events.push(Event::default().id(entry.cursor).event("request").data(text));
            }
            if bytes > MAX_BATCH_BYTES {
                break;
            }
        }
        self.cursor = Some(last_cursor.unwrap_or(slice.end));
        Some(events)
    }
}

/// The maximum number of events in a batch.
const MAX_EVENTS_PER_BATCH: usize = 16;
/// The size at which a batch ends, in bytes (arbitrary). A client that reads nothing holds up to this much memory, plus
/// one event.
const MAX_BATCH_BYTES: usize = 64 * 1024;

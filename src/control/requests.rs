//! Handlers for the journal: list, show, clear, stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use omnidesk_mock_client::types::{JournalEntry, RequestList};

use super::extract::{AccountPath, RequestPath};
use super::journal_page::{JournalPage, check_journal_enabled, parse_cursor, to_journal_entry};
use super::pattern::parse_pattern;
use super::problem::{Problem, ProblemKind};
use super::query::{CursorParams, FilterQuery, PageParams};
use super::wait::acquire_wait_permit;
use crate::accounts::AccountGuard;
use crate::api::state::SharedState;
use crate::journal::{Cursor, Entry, Journal, JournalSlice, RequestPattern, SequencedEntry};

/// The interval of keep-alive comments in an event stream, which prevent idle timeouts.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

async fn list_requests(
    journal: &Journal,
    query: FilterQuery<PageParams>,
    state: &SharedState,
) -> Result<Json<RequestList>, Problem> {
    let page = JournalPage::read(journal, query, state, |_| true).await?;
    let JournalPage { entries, cursor, truncated, has_more } = page;
    let requests =
        entries.iter().map(|entry| to_journal_entry(journal, entry.seq, &entry.entry)).collect();
    Ok(Json(RequestList { requests, cursor, truncated, has_more }))
}

/// Lists the requests of an account, the oldest first. `field.NAME=VALUE` filters by the value of a field.
#[utoipa::path(get, path = "/accounts/{account}/requests", tag = "journal", operation_id = "listRequests",
    params(AccountPath, FilterQuery<PageParams>),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(crate) async fn list(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    query: FilterQuery<PageParams>,
) -> Result<Json<RequestList>, Problem> {
    list_requests(&account.journal, query, &state).await
}

/// Shows a request.
#[utoipa::path(get, path = "/accounts/{account}/requests/{seq}", tag = "journal", operation_id = "getRequest",
    params(RequestPath),
    responses((status = 200, body = JournalEntry, description = "The request"), Problem))]
pub(crate) async fn show(
    RequestPath { account, seq }: RequestPath,
) -> Result<Json<JournalEntry>, Problem> {
    let entry = require_entry(&account.journal, seq).await?;
    Ok(Json(to_journal_entry(&account.journal, seq, &entry)))
}

/// Returns the request with this number.
pub(crate) async fn require_entry(journal: &Journal, seq: u64) -> Result<Arc<Entry>, Problem> {
    check_journal_enabled(journal)?;
    journal.entry(seq).await.ok_or_else(|| {
        let detail = format!("Request {seq} does not exist, or the journal has evicted it.");
        Problem::new(ProblemKind::UnknownRequest, detail)
    })
}

/// Clears the journal of an account. Sequence numbers continue.
#[utoipa::path(delete, path = "/accounts/{account}/requests", tag = "journal", operation_id = "clearRequests",
    params(AccountPath),
    responses((status = 204, description = "Cleared"), Problem))]
pub(crate) async fn clear(AccountPath { account }: AccountPath) -> StatusCode {
    account.journal.clear();
    StatusCode::NO_CONTENT
}

/// Lists the requests that matched no account: those with an unknown or missing API key.
#[utoipa::path(get, path = "/requests/unmatched", tag = "journal", operation_id = "listUnmatchedRequests",
    params(FilterQuery<PageParams>),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(super) async fn list_unmatched(
    State(state): State<SharedState>,
    query: FilterQuery<PageParams>,
) -> Result<Json<RequestList>, Problem> {
    list_requests(&state.unmatched_journal, query, &state).await
}

/// Clears the requests that matched no account.
#[utoipa::path(delete, path = "/requests/unmatched", tag = "journal", operation_id = "clearUnmatchedRequests",
    responses((status = 204, description = "Cleared"), Problem))]
pub(super) async fn clear_unmatched(State(state): State<SharedState>) -> StatusCode {
    state.unmatched_journal.clear();
    StatusCode::NO_CONTENT
}

/// Streams the requests of an account as server-sent events: those in the journal after `since` or `Last-Event-ID`,
/// then each new one. The events are `request`, and `truncated` if entries were evicted before they were sent.
#[utoipa::path(get, path = "/accounts/{account}/requests/stream", tag = "journal", operation_id = "streamRequests",
    params(AccountPath, FilterQuery<CursorParams>),
    responses((status = 200, content_type = "text/event-stream", body = String, description = "The events"), Problem))]
pub(super) async fn stream(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    headers: HeaderMap,
    FilterQuery { pattern, params }: FilterQuery<CursorParams>,
) -> Result<Response, Problem> {
    let last_event_id =
        headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    let since = last_event_id.as_deref().or(params.since.as_deref());
    let cursor = parse_cursor(&account.journal, since)?;
    let pattern = parse_pattern(pattern, &state)?;
    open_stream(state, account, (pattern, cursor), StreamPace::Every, |journal, seq, entry| {
        let entry = to_journal_entry(journal, seq, entry);
        serde_json::to_string(&entry).unwrap_or_default()
    })
}

/// How fast a stream sends requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StreamPace {
    /// Every request, as fast as the client reads.
    Every,
    /// At most the newest requests in each interval: for people, who cannot read faster, so that an open page does not
    /// slow the API.
    Newest { max: usize, interval: Duration },
}

/// Streams the requests that match a pattern, after a cursor, each as the text that `to_text` returns.
pub(crate) fn open_stream(
    state: SharedState,
    account: AccountGuard,
    (pattern, cursor): (RequestPattern, Option<Cursor>),
    pace: StreamPace,
    to_text: impl Fn(&Journal, u64, &Entry) -> String + Send + Sync + 'static,
) -> Result<Response, Problem> {
    check_journal_enabled(&account.journal)?;
    let permit = acquire_wait_permit(&account)?;
    let journal = Arc::clone(&account.journal);
    let reader = JournalReader { journal, pattern, cursor, pace, has_sent: false, to_text };
    // An open stream marks the account as in use.
    let guards = (permit, account);
    let events = stream::unfold((reader, guards), |(mut reader, guards)| async move {
        let events = reader.next_events().await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), (reader, guards)))
    });
    let shutdown = async move { state.wait_for_shutdown().await };
    let events = events.flatten().take_until(Box::pin(shutdown));
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL));
    // nginx buffers responses by default, so that events would not arrive.
    Ok(([("x-accel-buffering", "no")], sse).into_response())
}

/// A reader of a journal. It pulls entries when its client is ready, so a slow client blocks no writer.
struct JournalReader<R> {
    journal: Arc<Journal>,
    pattern: RequestPattern,
    cursor: Option<Cursor>,
    pace: StreamPace,
    /// Whether it has read the journal before.
    has_sent: bool,
    to_text: R,
}

impl<R: Fn(&Journal, u64, &Entry) -> String> JournalReader<R> {
    /// Waits for events; None when the journal is closed.
    async fn next_events(&mut self) -> Option<Vec<Event>> {
        if let StreamPace::Newest { interval, .. } = self.pace
            && self.has_sent
        {
            tokio::time::sleep(interval).await;
        }
        self.has_sent = true;
        let slice = self.wait_for_entries().await?;
        Some(match self.pace {
            StreamPace::Every => self.take_batch(&slice),
            StreamPace::Newest { max, .. } => self.take_newest(&slice, max),
        })
    }

    async fn wait_for_entries(&self) -> Option<JournalSlice> {
        let cursor = self.cursor;
        let entries = self.journal.wait_for(|journal| {
            let slice = journal.slice_since(cursor);
            (!slice.entries.is_empty() || slice.is_truncated).then_some(slice)
        });
        entries.await
    }

    /// Converts the newest matching entries, and skips the others.
    fn take_newest(&mut self, slice: &JournalSlice, max: usize) -> Vec<Event> {
        let matching: Vec<&SequencedEntry> =
            slice.entries.iter().filter(|entry| self.pattern.matches(&entry.entry)).collect();
        let skipped = matching.len().saturating_sub(max);
        let mut events = Vec::new();
        if slice.is_truncated || skipped > 0 {
            events.push(truncated_event());
        }
        events.extend(matching[skipped..].iter().map(|entry| {
            let text = (self.to_text)(&self.journal, entry.seq, &entry.entry);
            self.request_event(entry.seq, text)
        }));
        self.cursor = Some(slice.end);
        events
    }

    fn request_event(&self, seq: u64, text: String) -> Event {
        let after = self.journal.cursor_after(seq);
        Event::default().id(after.to_string()).event("request").data(text)
    }

    /// Converts the first entries; the next batch has the others.
    fn take_batch(&mut self, slice: &JournalSlice) -> Vec<Event> {
        let mut events = Vec::new();
        if slice.is_truncated {
            events.push(truncated_event());
        }
        let (mut last_cursor, mut bytes) = (None, 0);
        for SequencedEntry { seq, entry } in slice.entries.iter().take(MAX_EVENTS_PER_BATCH) {
            last_cursor = Some(self.journal.cursor_after(*seq));
            if self.pattern.matches(entry) {
                let text = (self.to_text)(&self.journal, *seq, entry);
                bytes += text.len();
                events.push(self.request_event(*seq, text));
            }
            if bytes > MAX_BATCH_BYTES {
                break;
            }
        }
        self.cursor = Some(last_cursor.unwrap_or(slice.end));
        events
    }
}

/// Tells that requests were not sent.
fn truncated_event() -> Event {
    Event::default().event("truncated").data("{}")
}

/// The maximum number of events in a batch.
const MAX_EVENTS_PER_BATCH: usize = 16;
/// The size at which a batch ends, in bytes (arbitrary). A stalled client occupies up to this much memory, plus one
/// event.
const MAX_BATCH_BYTES: usize = 64 * 1024;

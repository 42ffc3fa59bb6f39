//! The journal: what was asked, and what came of it.

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

use super::pattern::{Query, pattern};
use super::problem::{Kind, Problem};
use super::request::{In, InAccount, Of, OfRequest};
use super::waiting::seat;
use super::wire::{AppliedFault, ColumnChange, Did, JournalEntry, RequestList, Row, Warning};
use crate::accounts::Digest;
use crate::journal::{self, Cursor, Entry, Journal, Pattern, View, redact_json};
use crate::rules::quoted;
use crate::state::Shared;

/// The most requests of one answer.
pub(super) const MOST: usize = 1000;
/// What an event stream says when it has nothing to say, so that nobody takes it for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// An entry as the control API shows it.
pub(super) fn shown(journal: &Journal, seq: u64, entry: &Entry) -> JournalEntry {
    let mut body = match entry.status {
        Some(_) if !entry.body_left_out => serde_json::from_slice(&entry.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&entry.body).into_owned().into()),
        _ => Value::Null,
    };
    if let Some(mark) = entry.key_mark {
        // What it shows of the account's data may be the key as well.
        let key = Digest::stored(&mark.digest);
        let is_key = |text: &str| text.len() == mark.length && Some(Digest::of(text)) == key;
        redact_json(&mut body, &is_key);
    }
    JournalEntry {
        seq,
        cursor: journal.after(seq).to_string(),
        at: entry.at.to_string(),
        real_at: entry.real_at.to_string(),
        operation: entry.operation.map(str::to_owned),
        method: entry.method.to_string(),
        path: entry.path.to_string(),
        fields: entry.asked.fields.clone(),
        fields_left_out: entry.asked.left_out,
        key: entry.key.as_deref().map(str::to_owned),
        status: entry.status,
        body,
        body_left_out: entry.body_left_out,
        duration_ms: (entry.duration.as_secs_f64() * 1_000_000.0).round() / 1000.0,
        fault: entry
            .fault
            .map(|fault| AppliedFault { id: fault.id, effect: fault.effect.to_owned() }),
        changes: rows(entry),
        rows_left_out: entry.rows.left_out,
        warnings: entry.all_warnings().map(warned).collect(),
    }
}

/// What an entry's request changed.
pub(super) fn rows(entry: &Entry) -> Vec<Row> {
    let rows = entry.rows.kept.iter().map(|row| {
        let column = |column: &str, from: Value, to: Value| ColumnChange {
            column: column.to_owned(),
            from,
            to,
        };
        let (did, columns) = match &row.did {
            journal::Did::Created { columns, values } => {
                let columns = journal::Did::made(columns, values).into_iter();
                let columns = columns.map(|(name, to)| column(name, Value::Null, to));
                (Did::Created, columns.collect())
            }
            journal::Did::Updated(columns) => {
                let columns =
                    columns.iter().map(|(name, from, to)| column(name, from.clone(), to.clone()));
                (Did::Updated, columns.collect())
            }
            journal::Did::Deleted => (Did::Deleted, Vec::new()),
        };
        Row { kind: row.kind.to_owned(), id: row.id, did, columns }
    });
    rows.collect()
}

fn warned(warning: &journal::Warning) -> Warning {
    Warning {
        kind: warning.kind.name().to_owned(),
        field: warning.field.clone(),
        nearest: warning.nearest.map(str::to_owned),
        text: warning.text.clone(),
    }
}

/// The place that a query goes on from.
pub(super) fn since(journal: &Journal, text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let cursor = journal.cursor(text).ok_or_else(|| {
        let sent = quoted(&text.into());
        Problem::invalid(format!(
            "since must be the cursor of an answer about this account, since the server's last start; {sent} was sent."
        ))
    });
    cursor.map(Some)
}

/// A journal that keeps nothing cannot say that nothing was asked.
pub(super) fn must_be_on(journal: &Journal) -> Result<(), Problem> {
    if journal.is_on() {
        return Ok(());
    }
    let detail = "The server was started with --journal-entries 0.";
    Err(Problem::new(Kind::JournalOff, detail))
}

/// Some requests of a journal, and where they end.
pub(super) struct Page {
    pub(super) entries: Vec<(u64, Arc<Entry>)>,
    /// After the last one that was looked at.
    pub(super) cursor: String,
    pub(super) truncated: bool,
    /// Whether the limit has left some out.
    pub(super) more: bool,
}

impl Page {
    /// Those that a query asks for, of those that `counts` lets through.
    pub(super) async fn read(
        journal: &Journal,
        uri: &Uri,
        state: &Shared,
        counts: impl Fn(&Entry) -> bool,
    ) -> Result<Self, Problem> {
        must_be_on(journal)?;
        let query = Query::read(uri, &["since", "limit"])?;
        let limit = query.number("limit", MOST, MOST)?;
        let since = since(journal, query.other("since"))?;
        let pattern = pattern(query.pattern, state)?;
        let View { mut entries, truncated, end } = journal.since(since).await;
        entries.retain(|(_, entry)| counts(entry) && pattern.matches(entry));
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more).map(|(seq, _)| journal.after(*seq));
        let cursor = last.unwrap_or(end).to_string();
        Ok(Self { entries, cursor, truncated, more })
    }
}

async fn listed(
    journal: &Journal,
    uri: &Uri,
    state: &Shared,
) -> Result<Json<RequestList>, Problem> {
    let page = Page::read(journal, uri, state, |_| true).await?;
    let Page { entries, cursor, truncated, more } = page;
    let requests = entries.iter().map(|(seq, entry)| shown(journal, *seq, entry)).collect();
    Ok(Json(RequestList { requests, cursor, truncated, more }))
}

async fn single(journal: &Journal, seq: &str) -> Result<Json<JournalEntry>, Problem> {
    must_be_on(journal)?;
    let seq: u64 = seq.parse().map_err(|_| {
        let sent = quoted(&seq.into());
        Problem::invalid(format!("seq must be a number; {sent} was sent."))
    })?;
    let entry = journal.entry(seq).await.ok_or_else(|| {
        let detail = format!("There is no request {seq}, or it is no longer kept.");
        Problem::new(Kind::UnknownRequest, detail)
    })?;
    Ok(Json(shown(journal, seq, &entry)))
}

/// Lists the requests of an account, the oldest first. `field.NAME=VALUE` asks for the value of a field.
#[utoipa::path(get, path = "/accounts/{account}/requests", tag = "journal", operation_id = "listRequests",
    params(InAccount, super::request::Filters, super::request::Paging),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(super) async fn list(
    State(state): State<Shared>,
    Of(account): Of,
    uri: Uri,
) -> Result<Json<RequestList>, Problem> {
    listed(&account.journal, &uri, &state).await
}

/// Shows one request.
#[utoipa::path(get, path = "/accounts/{account}/requests/{seq}", tag = "journal", operation_id = "showRequest",
    params(OfRequest),
    responses((status = 200, body = JournalEntry, description = "The request"), Problem))]
pub(super) async fn show(In(account, seq): In) -> Result<Json<JournalEntry>, Problem> {
    single(&account.journal, &seq).await
}

/// Forgets the requests of an account. Numbers go on.
#[utoipa::path(delete, path = "/accounts/{account}/requests", tag = "journal", operation_id = "clearRequests",
    params(InAccount),
    responses((status = 204, description = "Forgotten"), Problem))]
pub(super) async fn clear(Of(account): Of) -> StatusCode {
    account.journal.clear();
    StatusCode::NO_CONTENT
}

/// Lists the requests that opened no account: with an unknown key, or none.
#[utoipa::path(get, path = "/requests", tag = "journal", operation_id = "listStrangers",
    params(super::request::Filters, super::request::Paging),
    responses((status = 200, body = RequestList, description = "The requests"), Problem))]
pub(super) async fn strangers(
    State(state): State<Shared>,
    uri: Uri,
) -> Result<Json<RequestList>, Problem> {
    listed(&state.journal, &uri, &state).await
}

/// Forgets the requests that opened no account.
#[utoipa::path(delete, path = "/requests", tag = "journal", operation_id = "clearStrangers",
    responses((status = 204, description = "Forgotten"), Problem))]
pub(super) async fn clear_strangers(State(state): State<Shared>) -> StatusCode {
    state.journal.clear();
    StatusCode::NO_CONTENT
}

/// Follows the requests of an account as server-sent events: those that are kept after `since` or `Last-Event-ID`,
/// and then each as it comes. Events are `request`, and `truncated` where some were dropped before they were sent.
#[utoipa::path(get, path = "/accounts/{account}/requests/stream", tag = "journal", operation_id = "streamRequests",
    params(InAccount, super::request::Filters, super::request::Since),
    responses((status = 200, content_type = "text/event-stream", body = String, description = "The events"), Problem))]
pub(super) async fn stream(
    State(state): State<Shared>,
    Of(account): Of,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    must_be_on(&account.journal)?;
    let query = Query::read(&uri, &["since"])?;
    let last = headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()));
    let place = since(&account.journal, last.as_deref().or(query.other("since")))?;
    let pattern = pattern(query.pattern, &state)?;
    let seat = seat(&account)?;
    let follow = Follow { journal: Arc::clone(&account.journal), pattern, place };
    // Who follows an account uses it.
    let held = (seat, account);
    let events = stream::unfold((follow, held), |(mut follow, held)| async move {
        let events = follow.next().await?;
        Some((stream::iter(events.into_iter().map(Ok::<_, Infallible>)), (follow, held)))
    });
    let ended = async move { state.ended().await };
    let events = events.flatten().take_until(Box::pin(ended));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// A reader of a journal. It takes what is there when it is ready for more, so nobody waits for it.
struct Follow {
    journal: Arc<Journal>,
    pattern: Pattern,
    place: Option<Cursor>,
}

impl Follow {
    /// The next events; None when there will be no more.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let place = self.place;
        let view = self
            .journal
            .watch(|journal| {
                let view = journal.view(place);
                (!view.entries.is_empty() || view.truncated).then_some(view)
            })
            .await?;
        let mut events = Vec::new();
        if view.truncated {
            events.push(Event::default().event("truncated").data("{}"));
        }
        let (mut last, mut bytes) = (None, 0);
        for (seq, entry) in view.entries.iter().take(MOST_AT_ONCE) {
            last = Some(self.journal.after(*seq));
            if self.pattern.matches(entry) {
                let entry = shown(&self.journal, *seq, entry);
                let text = serde_json::to_string(&entry).unwrap_or_default();
                bytes += text.len();
                events.push(Event::default().id(entry.cursor).event("request").data(text));
            }
            if bytes > MOST_BYTES_AT_ONCE {
                break;
            }
        }
        self.place = Some(last.unwrap_or(view.end));
        Some(events)
    }
}

/// The most events that are made before they are sent.
const MOST_AT_ONCE: usize = 16;
/// How many bytes of events may be made before no more are made (chosen): what a reader that takes nothing holds,
/// beside one event.
const MOST_BYTES_AT_ONCE: usize = 64 * 1024;

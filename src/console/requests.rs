//! The page of the requests of an account, and its live rows.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::components::{count, render_empty, render_http_status, render_method, render_time};
use super::form::Form;
use super::page::{PageContext, Section};
use super::query::Query;
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::control;
use crate::control::{AccountPath, CursorParams, FilterQuery, Problem, StreamPace};
use crate::controllers::all_operations;
use crate::journal::{Cursor, Entry, Journal, RequestPattern, SequencedEntry, WarningKind};

/// The number of requests on a page.
const PAGE_SIZE: usize = 100;
/// How fast new rows are sent.
const PACE: StreamPace = StreamPace::Newest { max: 50, interval: Duration::from_millis(250) };
/// The most tickets that a row links.
const MAX_LINKED_TICKETS: usize = 3;
/// The filters with a field of their own.
const FORM_FILTERS: [&str; 7] =
    ["operation", "status", "key", "warning", "changed", "fault", "path"];

/// The filters of the page, as in the control API.
struct Filter {
    pattern: RequestPattern,
    since: Option<Cursor>,
}

impl Filter {
    fn parse(query: &Query, account: &Account, state: &SharedState) -> Result<Self, Problem> {
        let uri: Uri = format!("/?{}", query.encode())
            .parse()
            .map_err(|error| Problem::invalid(format!("The address is invalid: {error}.")))?;
        let FilterQuery { pattern, params } = FilterQuery::<CursorParams>::parse(&uri)?;
        let since = control::parse_cursor(&account.journal, params.since.as_deref())?;
        Ok(Self { pattern: control::parse_pattern(pattern, state)?, since })
    }
}

/// Shows the newest requests that match the filters.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::parse(&uri)?;
    let before = query.number("before")?;
    query.take("before");
    let journal = &account.journal;
    control::check_journal_enabled(journal)?;
    let Filter { pattern, since } = Filter::parse(&query, &account, &state)?;
    let slice = journal.read_since(since).await;
    let is_before = |entry: &&SequencedEntry| {
        before.is_none_or(|before| usize::try_from(entry.seq).is_ok_and(|seq| seq < before))
    };
    let newest_first = slice.entries.iter().rev().filter(is_before);
    let mut shown: Vec<_> = newest_first
        .filter(|entry| pattern.matches(&entry.entry))
        .take(PAGE_SIZE + 1)
        .cloned()
        .collect();
    let has_more = shown.len() > PAGE_SIZE;
    shown.truncate(PAGE_SIZE);
    let end = slice.end.to_string();
    let stream =
        before.is_none().then(|| format!("requests/stream?{}", query.encode_with("since", &end)));
    let name = &*account.name;
    let main = html! {
        main #content {
            div.heading {
                h1 { "Requests" }
                p.faint { (count(slice.entries.len(), "request")) " in the journal" @if since.is_some() { " after the mark" } }
                div.actions {
                    a.button href={ "?" (query.encode_with("since", &end)) } title="Hide the requests until now" { "Mark here" }
                    @if since.is_some() { a.button href={ "?" (query.encode_with("since", "")) } { "Remove the mark" } }
                    a.button href=(har_url(&context, name)) download { "Download HAR" }
                    (render_clear(&context, name))
                }
            }
            (render_filters(&query, &account))
            @if slice.is_truncated { p.note { "The journal is bounded, so older requests were removed." } }
            @if stream.is_some() {
                p.live {
                    button type="button" data-pause hidden aria-pressed="false" { "Pause" }
                    span.faint data-live-state aria-live="polite" {}
                }
            }
            div.scroll tabindex="0" role="region" aria-label="Requests" {
                table.requests data-rows {
                    thead { tr {
                        th.number scope="col" { "#" } th scope="col" { "Time" } th scope="col" { "Operation" } th scope="col" { "Tickets" }
                        th scope="col" { "Status" } th.number scope="col" { "ms" } th scope="col" { "Key" } th scope="col" { "Marks" }
                    } }
                    tbody data-stream=[stream] { @for SequencedEntry { seq, entry } in &shown { (render_row(*seq, entry)) } }
                }
            }
            @if shown.is_empty() {
                @let is_filtered = before.is_some() || !query.is_empty();
                @let reason = if is_filtered { "No request matches the filters." } else { "No request yet. Send one with the account's key:" };
                @let command = format!("curl -H 'apiKey: {}' {}/api/v2/ticket", example_key(&state, &account), context.base_url);
                div data-empty { (render_empty(reason, (!is_filtered).then_some(&*command))) }
            }
            @if let Some(last) = shown.last().filter(|_| has_more) {
                p { a.button href={ "?" (query.encode_with("before", &last.seq.to_string())) } { "Older requests" } }
            }
        }
    };
    Ok(context.render_account(Section::Requests, name, &format!("Requests · {name}"), &main))
}

/// Returns the key to show in an example: the well-known one if it opens the account.
pub(super) fn example_key(state: &SharedState, account: &Account) -> &'static str {
    let dev = state.accounts.find_key("dev-key");
    let is_own = dev.is_some_and(|key| key.account.name == account.name);
    if is_own { "dev-key" } else { "KEY" }
}

fn har_url(context: &PageContext, account: &str) -> String {
    context.account_url(account, "requests.har")
}

fn render_clear(context: &PageContext, account: &str) -> Markup {
    html! {
        details.menu {
            summary.button.danger { "Clear …" }
            form.popover method="post" action=(context.account_url(account, "requests/clear")) {
                (context.form_token())
                p { "Removes all requests from the journal. This cannot be undone." }
                button.danger disabled[context.is_read_only] { "Clear the journal" }
            }
        }
    }
}

fn render_filters(query: &Query, account: &Account) -> Markup {
    let value = |name: &str| query.optional(name).unwrap_or_default();
    let select = |name: &str, label: &str, values: &[(&str, &str)]| {
        let chosen = value(name);
        html! {
            label { (label)
                select name=(name) {
                    option value="" { "all" }
                    @for (value, label) in values { option value=(value) selected[*value == chosen] { (label) } }
                }
            }
        }
    };
    let operations: Vec<_> =
        all_operations().map(|operation| (operation.name, operation.name)).collect();
    let keys = account.keys();
    let keys: Vec<_> = keys.iter().map(|key| (&*key.name, &*key.name)).collect();
    let warnings: Vec<_> = [("any", "with a warning"), ("none", "without a warning")]
        .into_iter()
        .chain(WarningKind::ALL.iter().map(|kind| (kind.name(), kind.name())))
        .collect();
    let yes_or_no = [("true", "yes"), ("false", "no")];
    html! {
        form.filters role="search" {
            (select("operation", "Operation", &operations))
            label { "Status" input name="status" list="statuses" value=(value("status")) size="6" placeholder="4xx" autocomplete="off"; }
            datalist #statuses { @for status in ["2xx", "4xx", "5xx", "none"] { option value=(status) {} } }
            (select("key", "Key", &keys))
            (select("warning", "Warning", &warnings))
            (select("changed", "Changed data", &yes_or_no))
            (select("fault", "Fault", &yes_or_no))
            label { "Path" input name="path" value=(value("path")) placeholder="/api/v2/ticket/7" data-search; }
            @for (name, value) in query.iter().filter(|(name, _)| !FORM_FILTERS.contains(name)) {
                input type="hidden" name=(name) value=(value);
            }
            button { "Filter" }
            @if !query.is_empty() { a.button.quiet href="?" { "Reset" } }
        }
        @for (name, value) in query.iter().filter(|(name, _)| !FORM_FILTERS.contains(name) && *name != "since") {
            p.note { code { (name) "=" (value) } " " a href={ "?" (query.encode_with(name, "")) } { "Remove" } }
        }
        p.help { "The address of this page takes every filter of the control API, such as " code { "field.title=Printer" } ", " code { "header.user-agent=curl" } " or " code { "method=PUT" } "." }
    }
}

/// Renders a request as a row. Its links are relative to the page of the requests.
fn render_row(seq: u64, entry: &Entry) -> Markup {
    let tickets = ticket_ids(entry);
    let warnings: Vec<&str> = entry.all_warnings().map(|warning| warning.kind.name()).collect();
    let (changes, warning_count) =
        (entry.changes.rows.len() + entry.changes.omitted, warnings.len());
    html! {
        tr data-seq=(seq) {
            td.number { (seq) }
            td { (render_time(&entry.account_time.to_string(), Some(&entry.system_time.to_string()))) }
            th scope="row" {
                (render_method(&entry.method)) " "
                a data-row href={ "requests/" (seq) } title={ (entry.method) " " (entry.path) } {
                    (entry.operation.map_or(&*entry.path, |name| name.trim_start_matches("ticket.")))
                }
            }
            td {
                @for id in tickets.iter().take(MAX_LINKED_TICKETS) { a href={ "tickets/" (id) } { (id) } " " }
                @if tickets.len() > MAX_LINKED_TICKETS { span.faint { "+" (tickets.len() - MAX_LINKED_TICKETS) } }
            }
            td { (render_http_status(entry.status)) }
            td.number { (format!("{:.1}", entry.duration.as_secs_f64() * 1000.0)) }
            td { (entry.key_name.as_deref().unwrap_or("–")) }
            td {
                @if let Some(fault) = entry.fault { span.tag.bad title={ "Fault rule " (fault.rule_id) } { (fault.effect) } " " }
                @if !warnings.is_empty() { span.tag.warn title=(warnings.join(", ")) { (count(warning_count, "warning")) } " " }
                @if changes > 0 { span.tag { (count(changes, "change")) } " " }
                @if entry.is_from_console { span.tag { "console" } }
            }
        }
    }
}

/// Returns the tickets that a request names or changed.
pub(super) fn ticket_ids(entry: &Entry) -> BTreeSet<i64> {
    let named = ["ticketID", "ticketIDs", "TicketIDs"];
    let mut ids: BTreeSet<i64> =
        named.iter().filter_map(|name| entry.input.fields.get(name)).flat_map(parse_ids).collect();
    let rows = entry.changes.rows.iter().filter(|row| row.resource == "ticket");
    ids.extend(rows.map(|row| row.id));
    ids
}

fn parse_ids(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(values) => values.iter().flat_map(parse_ids).collect(),
        Value::Number(number) => number.as_i64().into_iter().collect(),
        Value::String(text) => text.split(',').filter_map(|id| id.trim().parse().ok()).collect(),
        _ => Vec::new(),
    }
}

/// Streams each new request as a row.
pub(super) async fn stream(
    State(state): State<SharedState>,
    AccountPath { account }: AccountPath,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::parse(&uri)?;
    let last_event_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    if let Some(id) = last_event_id {
        query = query.with("since", id);
    }
    let Filter { pattern, since } = Filter::parse(&query, &account, &state)?;
    let render = |_: &Journal, seq, entry: &Entry| render_row(seq, entry).into_string();
    control::open_stream(state, account, (pattern, since), PACE, render)
}

/// Removes all requests from the journal.
pub(super) async fn clear(
    context: PageContext,
    path: AccountPath,
    _form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    control::requests::clear(path).await;
    Ok(context.redirect_after(&format!("accounts/{name}/requests"), "The journal was cleared."))
}

//! The page of one request.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use omnidesk_mock_client::types::{ChangeKind, JournalEntry, RowChange, Warning};
use serde_json::Value;

use super::code_snippets::{Snippet, snippets};
use super::components::{
    render_copyable, render_http_status, render_method, render_time, render_value,
};
use super::form::Form;
use super::next_fault;
use super::page::{PageContext, Section, render_text};
use super::requests::{example_key, ticket_ids};
use crate::api::redacted_raw_body;
use crate::api::state::SharedState;
use crate::contract::{Fidelity, Operation};
use crate::control;
use crate::control::{Problem, RequestPath};
use crate::controllers::all_operations;
use crate::journal::{Entry, SequencedEntry};

/// The requests before and after, about one of the same tickets.
struct Neighbours {
    previous: Option<u64>,
    next: Option<u64>,
}

impl Neighbours {
    fn find(entries: &[SequencedEntry], seq: u64, entry: &Entry) -> Self {
        let ids = ticket_ids(entry);
        let is_related = |other: &&SequencedEntry| !ticket_ids(&other.entry).is_disjoint(&ids);
        let before = entries.iter().rev().filter(|other| other.seq < seq);
        let after = entries.iter().filter(|other| other.seq > seq);
        let seq_of = |other: &SequencedEntry| other.seq;
        Self {
            previous: before.clone().find(is_related).map(seq_of),
            next: after.clone().find(is_related).map(seq_of),
        }
    }
}

/// Shows a request and its response.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    RequestPath { account, seq }: RequestPath,
) -> Result<Response, Problem> {
    let journal = &account.journal;
    let entry = control::require_entry(journal, seq).await?;
    let shown = control::to_journal_entry(journal, seq, &entry);
    let neighbours = Neighbours::find(&journal.read_since(None).await.entries, seq, &entry);
    let operation = all_operations().find(|operation| Some(operation.name) == entry.operation);
    let tickets = ticket_ids(&entry);
    let name = &*account.name;
    let url = |path: &str| context.account_url(name, path);
    let main = html! {
        main #content {
            div.heading {
                h1 { "Request " (seq) }
                div.actions {
                    @match neighbours.previous {
                        Some(previous) => a.button rel="prev" href=(url(&format!("requests/{previous}"))) { "Previous of this ticket" },
                        None => span.button aria-disabled="true" { "Previous of this ticket" },
                    }
                    @match neighbours.next {
                        Some(next) => a.button rel="next" href=(url(&format!("requests/{next}"))) { "Next of this ticket" },
                        None => span.button aria-disabled="true" { "Next of this ticket" },
                    }
                }
            }
            p.line {
                (render_method(&shown.method)) " " code { (shown.path) } " " (render_http_status(shown.status))
                " " span.faint { (shown.duration_ms) " ms" } " " (render_time(&shown.at, Some(&shown.real_at)))
                @if shown.console { " " span.tag { "console" } }
            }
            (render_facts(&shown, operation, &tickets.iter().copied().collect::<Vec<_>>(), &url))
            (render_verdict(&shown, operation))
            (render_warnings(&shown.warnings))
            (render_changes(&shown))
            div.columns {
                section aria-labelledby="request" {
                    h2 #request { "Request" }
                    (render_fields(&shown))
                    (render_raw_body(&entry))
                    (render_headers("Headers", &shown.headers, shown.headers_omitted))
                }
                section aria-labelledby="response" {
                    h2 #response { "Response" }
                    (render_response(&shown))
                }
            }
            (render_fault_forms(&context, name, &shown))
            section aria-labelledby="copy" {
                h2 #copy { "Use it elsewhere" }
                @let key = example_key(&state, &account);
                @for Snippet { title, text } in snippets(&shown, operation, &context.base_url, key) {
                    details.snippet { summary { (title) } (render_copyable(title, &text)) }
                }
            }
        }
    };
    Ok(context.render_account(Section::Requests, name, &format!("Request {seq} · {name}"), &main))
}

fn render_facts(
    entry: &JournalEntry,
    operation: Option<&Operation>,
    tickets: &[i64],
    url: &dyn Fn(&str) -> String,
) -> Markup {
    html! {
        dl.facts {
            dt { "Operation" }
            dd { (entry.operation.as_deref().unwrap_or("none")) @if let Some(operation) = operation { span.faint { " " (operation.summary) } } }
            dt { "Key" } dd { (entry.key.as_deref().unwrap_or("none")) }
            @if !tickets.is_empty() {
                dt { "Tickets" }
                dd { @for id in tickets.iter().take(20) { a href=(url(&format!("tickets/{id}"))) { (id) } " " } @if tickets.len() > 20 { span.faint { "+" (tickets.len() - 20) } } }
            }
            @if let Some(fault) = &entry.fault {
                dt { "Fault" } dd { span.tag.bad { (fault.effect) } " by rule " (fault.id) ", see " a href=(url("faults")) { "the faults" } }
            }
        }
    }
}

/// Renders why a request was rejected, and whether the rule is documented.
fn render_verdict(entry: &JournalEntry, operation: Option<&Operation>) -> Markup {
    let is_rejected = entry.fault.is_none() && entry.status.is_some_and(|status| status >= 400);
    let message = entry.response_body["message"].as_str().unwrap_or_default();
    html! {
        @if is_rejected {
            section.card.alert aria-labelledby="rejected" {
                h2 #rejected { "Why it was rejected" }
                p { (render_text(message)) }
                @if let Some(operation) = operation {
                    @for field in operation.all_fields().filter(|field| names_field(message, field.name)) {
                        p.rule {
                            code { (field.name) } ": " (field.description) " " (render_fidelity(field.fidelity))
                            @if !field.undocumented_note.is_empty() { " " span.tag.warn { "our assumption" } " " (field.undocumented_note) "." }
                        }
                    }
                }
            }
        }
    }
}

/// Returns whether a message is about a field.
fn names_field(message: &str, field: &str) -> bool {
    let is_boundary = |letter: Option<char>| {
        letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    };
    message.match_indices(field).any(|(at, _)| {
        is_boundary(message[..at].chars().next_back())
            && is_boundary(message[at + field.len()..].chars().next())
    })
}

/// Renders whether a fact is documented.
pub(super) fn render_fidelity(fidelity: Fidelity) -> Markup {
    match fidelity {
        Fidelity::Documented(page) => {
            html! { span.faint { "Documented: " (page.trim_end_matches('.')) "." } }
        }
        Fidelity::Undocumented(reason) => {
            html! { span.tag.warn { "our assumption" } " " span.faint { (reason) } }
        }
    }
}

fn render_warnings(warnings: &[Warning]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            section.card.alert aria-labelledby="warnings" {
                h2 #warnings { "Warnings" }
                ul.plain {
                    @for warning in warnings {
                        li {
                            span.tag.warn { (warning.kind) } " " (render_text(&warning.message))
                            @if let Some(suggestion) = &warning.suggestion { " Nearest name: " code { (suggestion) } "." }
                        }
                    }
                }
            }
        }
    }
}

/// Renders the changed rows: each column before and after.
fn render_changes(entry: &JournalEntry) -> Markup {
    html! {
        @if !entry.changes.is_empty() {
            section aria-labelledby="changes" {
                h2 #changes { "Changes" }
                @for row in &entry.changes { (render_row_change(row)) }
                @if entry.rows_omitted > 0 { p.note { (entry.rows_omitted) " further rows are not recorded." } }
            }
        }
    }
}

fn render_row_change(row: &RowChange) -> Markup {
    let verb = match row.change {
        ChangeKind::Created => "created",
        ChangeKind::Updated => "updated",
        ChangeKind::Deleted => "deleted",
    };
    html! {
        div.scroll {
            table.diff {
                caption { (row.resource) " " (row.id) " " span.tag { (verb) } }
                @if !row.columns.is_empty() {
                    @let is_new = row.change == ChangeKind::Created;
                    thead { tr { th scope="col" { "Column" } @if !is_new { th scope="col" { "Before" } } th scope="col" { @if is_new { "Value" } @else { "After" } } } }
                    tbody {
                        @for column in &row.columns {
                            tr {
                                th scope="row" { code { (column.column) } }
                                @if !is_new { td.before { (render_value(&column.from)) } }
                                td.after { (render_value(&column.to)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn render_fields(entry: &JournalEntry) -> Markup {
    html! {
        @if entry.fields_omitted { p.note { "The fields were too large for the journal." } }
        @if let Some(body) = &entry.undecoded_body {
            p.note { "The body could not be decoded. Its first bytes:" }
            pre tabindex="0" { (body) }
        }
        @if entry.fields.is_empty() { p.faint { "No fields." } } @else {
            table.pairs {
                caption { "Fields, decoded, in the order sent" }
                tbody {
                    @for (name, value) in &entry.fields {
                        tr { th scope="row" { code { (name) } @if entry.query.contains_key(name) { " " span.tag { "query" } } } td { (render_value(value)) } }
                    }
                }
            }
        }
    }
}

/// Renders the body as it was sent.
fn render_raw_body(entry: &Entry) -> Markup {
    html! {
        @if let Some(body) = redacted_raw_body(entry) {
            details.snippet { summary { "Body as it was sent" } (render_copyable("raw body", &body)) }
        }
    }
}

fn render_headers(title: &str, headers: &BTreeMap<String, String>, has_omitted: bool) -> Markup {
    html! {
        table.pairs {
            caption { (title) }
            tbody { @for (name, value) in headers { tr { th scope="row" { code { (name) } } td { (value) } } } }
        }
        @if has_omitted { p.note { "Further headers were too large for the journal." } }
    }
}

fn render_response(entry: &JournalEntry) -> Markup {
    let body = match &entry.response_body {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    html! {
        @match entry.status {
            None => p.note { "No response was sent." },
            Some(_) if entry.response_body_omitted => p.note { "The body was too large for the journal." },
            Some(_) => (render_copyable("response body", &body)),
        }
        @if !entry.response_headers.is_empty() { (render_headers("Headers", &entry.response_headers, false)) }
    }
}

/// Renders the buttons that make the next request of this kind fail.
fn render_fault_forms(context: &PageContext, account: &str, entry: &JournalEntry) -> Markup {
    let url = context.account_url(account, &format!("requests/{}/fault", entry.seq));
    html! {
        @if let (Some(operation), false) = (&entry.operation, entry.console) {
            section.card aria-labelledby="next" {
                h2 #next { "The next " (operation) @if let Some(id) = entry.fields.get("ticketID") { " of ticket " (render_value(id)) } }
                (next_fault::render_buttons(context, &url))
            }
        }
    }
}

/// Adds a fault rule for the next request like this one.
pub(super) async fn add_fault(
    state: State<SharedState>,
    context: PageContext,
    RequestPath { account, seq }: RequestPath,
    form: Form,
) -> Result<Response, Problem> {
    let entry = control::require_entry(&account.journal, seq).await?;
    let ticket = entry.input.fields.path.get("ticketID");
    next_fault::arm(state, &context, account, (entry.operation, ticket), &form).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_whole_fields_only() {
        let message = "title must have at most 1000 characters. ticketIDs[0] is a duplicate.";
        for (field, expected) in
            [("title", true), ("ticketIDs", true), ("ticketID", false), ("to", false)]
        {
            assert_eq!(names_field(message, field), expected, "{field}");
        }
    }
}

//! The page of one ticket.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::components::{
    render_copyable, render_http_status, render_ticket_status, render_time, render_value,
};
use super::form::Form;
use super::next_fault;
use super::page::{PageContext, Section};
use super::requests::ticket_ids;
use super::snapshots::take_undo_snapshot;
use super::ticket_api::TicketApi;
use super::tickets::{CHANGEABLE, apply_changes, fetch_names, render_choice};
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::control::{AccountPath, Problem};
use crate::journal::SequencedEntry;
use crate::tickets;
use crate::tickets::{AccountNames, CustomerSummary};

/// The most requests that the page lists.
const MAX_REQUESTS: usize = 20;
/// The columns that the page shows in its head, or not at all in the list of the others.
const PROMINENT: [&str; 8] = [
    "title",
    "status",
    "priority",
    "id",
    "assigned_group_id",
    "assigned_user_id",
    "from_name",
    "to_name",
];

/// The parameters of the path.
#[derive(serde::Deserialize)]
pub(super) struct TicketPath {
    id: String,
}

/// Shows a ticket.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    Path(TicketPath { id }): Path<TicketPath>,
    parts: Parts,
) -> Result<Response, Problem> {
    let api = TicketApi { state: &state, account: &account, parts: &parts };
    let body = api.call("ticket.get", &[("ticketID", id.clone())]).await?;
    let ticket = &body["item"];
    let names = fetch_names(&state, &account).await?;
    let customer = fetch_customer(&state, &account, ticket).await?;
    let text = |column: &str| ticket[column].as_str().unwrap_or_default();
    let name = &*account.name;
    let json_text = serde_json::to_string_pretty(&body).unwrap_or_default();
    let main = html! {
        main #content {
            div.heading {
                h1 { span.faint { "#" (id) } " " @if text("title").is_empty() { "(no title)" } @else { (text("title")) } }
            }
            p.line {
                (render_ticket_status(text("status"))) " " span class={ "priority " (text("priority")) } { (text("priority")) }
                " " span.faint { "created " (text("created_at")) ", updated " (text("last_update")) }
            }
            div.ticket {
                div {
                    (render_conversation(ticket))
                    (render_requests(&context, &account, &id).await)
                    section aria-labelledby="json" {
                        details { summary #json { "JSON, as GET answers" } (render_copyable("JSON", &json_text)) }
                    }
                }
                aside aria-label="Properties" {
                    (render_change_form(&context, name, &id, ticket, &names))
                    section.card aria-labelledby="next" {
                        h2 #next { "The next update of this ticket by a client" }
                        (next_fault::render_buttons(&context, &context.account_url(name, &format!("tickets/{id}/fault"))))
                    }
                    (render_customer(customer.as_ref()))
                    (render_properties(ticket))
                    (render_deletion(&context, name, &id))
                }
            }
        }
    };
    Ok(context.render_account(Section::Tickets, name, &format!("Ticket {id} · {name}"), &main))
}

async fn fetch_customer(
    state: &SharedState,
    account: &Arc<Account>,
    ticket: &Value,
) -> Result<Option<CustomerSummary>, Problem> {
    let Some(id) = ticket["customer_id"].as_i64().filter(|id| *id != 0) else { return Ok(None) };
    let lease = state.accounts.lease(account).await?;
    Ok(tickets::fetch_customer(&lease, id).await?)
}

/// Renders the timeline, beginning with how the ticket was opened.
fn render_conversation(ticket: &Value) -> Markup {
    let text = |value: &Value, column: &str| value[column].as_str().unwrap_or_default().to_owned();
    let entries = ticket["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    let (from, from_name) = (text(ticket, "from"), text(ticket, "from_name"));
    let is_inbound = text(ticket, "direction") == "inbound";
    html! {
        section aria-labelledby="conversation" {
            h2 #conversation { "Conversation" }
            ol.timeline {
                li.message.outbound[!is_inbound] {
                    p.byline { strong { @if from_name.is_empty() { (from) } @else { (from_name) } } " " span.faint { (from) " to " (text(ticket, "to")) ", " (text(ticket, "channel_name")) } time { (text(ticket, "created_at")) } }
                    p { (text(ticket, "title")) }
                }
                @for entry in entries {
                    @if entry["type"] == "event" {
                        li.event { span { (text(entry, "description")) } " " span.faint { (text(entry, "initiated_by")) } time { (text(entry, "created_at")) } }
                    } @else {
                        li.note {
                            p.byline { strong { @let user = text(entry, "user_name"); @if user.is_empty() { "Note" } @else { (user) } } " " span.faint { "note" @if entry["pinned"] == 1 { ", pinned" } } time { (text(entry, "created_at")) } }
                            p.pre { (text(entry, "content")) }
                        }
                    }
                }
            }
        }
    }
}

async fn render_requests(context: &PageContext, account: &Arc<Account>, id: &str) -> Markup {
    let id = id.parse::<i64>().unwrap_or_default();
    let slice = account.journal.read_since(None).await;
    let related = slice.entries.iter().rev().filter(|entry| ticket_ids(&entry.entry).contains(&id));
    let related: Vec<&SequencedEntry> = related.take(MAX_REQUESTS).collect();
    html! {
        section aria-labelledby="touched" {
            h2 #touched { "Requests about it" }
            @if related.is_empty() { p.faint { "None in the journal." } } @else {
                div.scroll { table data-rows {
                    tbody {
                        @for SequencedEntry { seq, entry } in related {
                            tr {
                                td.number { (seq) }
                                td { (render_time(&entry.account_time.to_string(), Some(&entry.system_time.to_string()))) }
                                th scope="row" { a data-row href=(context.account_url(&account.name, &format!("requests/{seq}"))) { (entry.operation.unwrap_or(&entry.path)) } }
                                td { (render_http_status(entry.status)) }
                                td { @if entry.all_warnings().next().is_some() { span.tag.warn { "warning" } " " } @if !entry.changes.is_empty() { span.tag { "changed" } } @if entry.is_from_console { " " span.tag { "console" } } }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn render_change_form(
    context: &PageContext,
    account: &str,
    id: &str,
    ticket: &Value,
    names: &AccountNames,
) -> Markup {
    let current = |column: &str| match &ticket[column] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    html! {
        section.card aria-labelledby="change" {
            h2 #change { "Change" }
            form.stack method="post" action=(context.account_url(account, &format!("tickets/{id}"))) {
                (context.form_token())
                @for (column, label) in CHANGEABLE {
                    input type="hidden" name={ "was_" (column) } value=(current(column));
                    label { (label) (render_choice(column, Some(&current(column)), names)) }
                }
                input type="hidden" name="was_title" value=(current("title"));
                label { "Title" input name="title" value=(current("title")) maxlength="1000"; }
                button.primary disabled[context.is_read_only] { "Save" }
            }
        }
    }
}

fn render_customer(customer: Option<&CustomerSummary>) -> Markup {
    html! {
        section aria-labelledby="customer" {
            h2 #customer { "Customer" }
            @match customer {
                Some(customer) => dl.facts {
                    dt { "Name" } dd { (customer.firstname) " " (customer.lastname) }
                    dt { "External id" } dd { (customer.external_primary_id.as_deref().unwrap_or("none")) }
                    dt { "Id" } dd { (customer.id) }
                },
                None => p.faint { "Not linked to a customer." },
            }
        }
    }
}

fn render_properties(ticket: &Value) -> Markup {
    let columns = ticket.as_object().into_iter().flatten();
    let is_other = |name: &str| !PROMINENT.contains(&name) && name != "timeline";
    html! {
        details.properties {
            summary { "All properties" }
            table.pairs { tbody {
                @for (name, value) in columns.filter(|(name, _)| is_other(name)) {
                    tr { th scope="row" { code { (name) } } td { (render_value(value)) } }
                }
            } }
        }
    }
}

fn render_deletion(context: &PageContext, account: &str, id: &str) -> Markup {
    html! {
        details.menu {
            summary.button.danger { "Delete …" }
            form.popover method="post" action=(context.account_url(account, &format!("tickets/{id}/delete"))) {
                (context.form_token())
                p { "Deletes the ticket and its timeline. You can undo it afterwards." }
                button.danger disabled[context.is_read_only] { "Delete ticket " (id) }
            }
        }
    }
}

/// Changes the columns that differ from what the form showed.
pub(super) async fn change(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    Path(TicketPath { id }): Path<TicketPath>,
    parts: Parts,
    form: Form,
) -> Result<Response, Problem> {
    let columns = CHANGEABLE.iter().map(|(column, _)| *column).chain(["title"]);
    let changes: Vec<(&str, String)> = columns
        .filter(|column| form.text(column) != form.text(&format!("was_{column}")))
        .map(|column| (column, form.text(column).to_owned()))
        .collect();
    let page = format!("accounts/{}/tickets/{id}", account.name);
    if changes.is_empty() {
        return Ok(context.redirect_after(&page, "Nothing was changed."));
    }
    let api = TicketApi { state: &state, account: &account, parts: &parts };
    let message = apply_changes(&api, &[id], &changes).await?;
    Ok(context.redirect_after(&page, &message))
}

/// Arms a fault for the next update of the ticket.
pub(super) async fn add_fault(
    state: State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    Path(TicketPath { id }): Path<TicketPath>,
    form: Form,
) -> Result<Response, Problem> {
    let id = Value::from(id);
    next_fault::arm(state, &context, account, (Some("ticket.update"), Some(&id)), &form).await
}

/// Deletes a ticket. An automatic snapshot can undo it.
pub(super) async fn delete(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    Path(TicketPath { id }): Path<TicketPath>,
    parts: Parts,
) -> Result<Response, Problem> {
    let undo = take_undo_snapshot(&state, &account).await?;
    let api = TicketApi { state: &state, account: &account, parts: &parts };
    api.call("ticket.delete", &[("ticketID", id.clone())]).await?;
    let page = format!("accounts/{}/tickets", account.name);
    Ok(context.redirect_with_undo(&page, undo, &format!("Ticket {id} was deleted.")))
}

//! The page of the tickets of an account: views, search, and changes of several tickets.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::components::{count, render_empty, render_ticket_status};
use super::form::Form;
use super::page::{PageContext, Section};
use super::query::Query;
use super::requests::example_key;
use super::snapshots::take_undo_snapshot;
use super::ticket_api::TicketApi;
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::control::{AccountPath, Problem};
use crate::tickets;
use crate::tickets::{AccountNames, BUILT_IN_VIEWS, Priority, Status};

/// The number of tickets on a page.
const PAGE_SIZE: usize = 50;
/// The columns that a form can change, and their labels.
pub(super) const CHANGEABLE: [(&str, &str); 4] = [
    ("status", "Status"),
    ("priority", "Priority"),
    ("assigned_group_id", "Group"),
    ("assigned_user_id", "User"),
];

/// Shows the tickets of a view, or those that a search finds.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    uri: Uri,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = Query::parse(&uri)?;
    let view = query.optional("view").unwrap_or_else(|| "all".to_owned());
    let search = query.optional("query").unwrap_or_default();
    let start = query.number("start")?.unwrap_or(0);
    let archived = query.optional("archived").is_some_and(|value| value == "yes");
    let api = TicketApi { state: &state, account: &account, parts: &parts };
    let mut fields = vec![
        ("applyView", view.clone()),
        ("itemStart", start.to_string()),
        ("itemLimit", PAGE_SIZE.to_string()),
    ];
    if !search.is_empty() {
        fields.push(("query", search.clone()));
    }
    if archived {
        fields.push(("searchArchived", "yes".to_owned()));
    }
    let list = api.call("ticket.list", &fields).await?;
    let total =
        list["itemTotal"].as_u64().and_then(|total| usize::try_from(total).ok()).unwrap_or(0);
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let names = fetch_names(&state, &account).await?;
    let mut views = Vec::new();
    for slug in BUILT_IN_VIEWS {
        let fields = [("applyView", (*slug).to_owned()), ("itemLimit", "0".to_owned())];
        let tickets = api.call("ticket.list", &fields).await?["itemTotal"].as_u64();
        views.push((*slug, *slug, tickets));
    }
    views.extend(names.views.iter().map(|view| (&*view.slug, &*view.title, None)));
    let name = &*account.name;
    let main = html! {
        main #content {
            div.heading {
                h1 { "Tickets" }
                p.faint { (count(total, "ticket")) }
            }
            div.inbox {
                nav.views aria-label="Views" {
                    ul { @for (slug, title, tickets) in &views {
                        li { a href={ "?view=" (slug) } aria-current=[(*slug == view).then_some("page")] {
                            span { (title) } @if let Some(tickets) = tickets { span.number { (tickets) } }
                        } }
                    } }
                }
                div {
                    form.filters role="search" {
                        input type="hidden" name="view" value=(view);
                        label { "Search" input type="search" name="query" value=(search) data-search placeholder="title, address, id"; }
                        label.check { input type="checkbox" name="archived" value="yes" checked[archived]; " Include archived" }
                        button { "Search" }
                        @if !search.is_empty() { a.button.quiet href={ "?view=" (view) } { "Reset" } }
                    }
                    @if items.is_empty() {
                        @let command = create_command(example_key(&state, &account), &context.base_url);
                        @let is_filtered = !search.is_empty() || view != "all";
                        @let reason = if is_filtered { "No ticket here." } else { "No ticket yet. Create one:" };
                        (render_empty(reason, (!is_filtered).then_some(&*command)))
                    } @else {
                        (render_list(&context, name, items, &names))
                        (render_pages(&query, start, total))
                    }
                }
            }
        }
    };
    Ok(context.render_account(Section::Tickets, name, &format!("Tickets · {name}"), &main))
}

/// Fetches the names of groups, users and views.
pub(super) async fn fetch_names(
    state: &SharedState,
    account: &Arc<Account>,
) -> Result<AccountNames, Problem> {
    let lease = state.accounts.lease(account).await?;
    Ok(tickets::fetch_names(&lease).await?)
}

/// Returns the command that creates a ticket.
pub(super) fn create_command(key: &str, base_url: &str) -> String {
    format!(
        "curl -H 'apiKey: {key}' -F brandID=1 -F channelID=1 -F direction=inbound -F from=ada@example.test \\\n  -F to=desk@example.test -F title='Where is my parcel?' {base_url}/api/v2/ticket"
    )
}

fn render_list(
    context: &PageContext,
    account: &str,
    items: &[Value],
    names: &AccountNames,
) -> Markup {
    html! {
        form method="post" action=(context.account_url(account, "tickets/changes")) {
            (context.form_token())
            div.scroll tabindex="0" role="region" aria-label="Tickets" {
                table data-rows {
                    thead { tr {
                        th scope="col" { span.hidden { "Select" } } th.number scope="col" { "Id" } th scope="col" { "Status" } th scope="col" { "Priority" }
                        th scope="col" { "Title" } th scope="col" { "From" } th scope="col" { "Assigned to" } th scope="col" { "Updated" }
                    } }
                    tbody { @for item in items { (render_row(item, names)) } }
                }
            }
            fieldset.bulk disabled[context.is_read_only] {
                legend { "Change the selected tickets" }
                @for (column, label) in CHANGEABLE {
                    label { (label) (render_choice(column, None, names)) }
                }
                button { "Apply" }
            }
        }
    }
}

fn render_row(item: &Value, names: &AccountNames) -> Markup {
    let text = |column: &str| item[column].as_str().unwrap_or_default();
    let id = item["id"].as_i64().unwrap_or_default();
    html! {
        tr {
            td { input type="checkbox" name="id" value=(id) aria-label={ "Select ticket " (id) }; }
            td.number { (id) }
            td { (render_ticket_status(text("status"))) }
            td { span class={ "priority " (text("priority")) } { (text("priority")) } }
            th.title scope="row" { a data-row href={ "tickets/" (id) } { @if text("title").is_empty() { "(no title)" } @else { (text("title")) } } }
            td { (text("from_name")) @if text("from_name").is_empty() { (text("from")) } }
            td { @let assignee = assignee(item, names); @if assignee.is_empty() { span.faint { "–" } } @else { (assignee) } }
            td { time { (text("last_update")) } }
        }
    }
}

/// Returns the names of the user and the group of a ticket.
pub(super) fn assignee(item: &Value, names: &AccountNames) -> String {
    let part = |kind: &str, column: &str| {
        let id = item[column].as_i64().filter(|id| *id != 0)?;
        Some(name_of(kind, id, names))
    };
    let parts = [part("user", "assigned_user_id"), part("group", "assigned_group_id")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn name_of(kind: &str, id: i64, names: &AccountNames) -> String {
    let found =
        names.references.iter().find(|reference| reference.kind == kind && reference.id == id);
    found.map_or_else(|| format!("{kind} {id}"), |reference| reference.name.clone())
}

/// Renders the choices for a column; `current` is the value of the ticket, None for no change.
pub(super) fn render_choice(column: &str, current: Option<&str>, names: &AccountNames) -> Markup {
    let words = |words: &[&str]| {
        words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect()
    };
    let mut choices: Vec<(String, String)> = match column {
        "status" => words(Status::NAMES),
        "priority" => words(Priority::NAMES),
        _ => {
            let kind = if column == "assigned_group_id" { "group" } else { "user" };
            let known = names.references.iter().filter(|reference| reference.kind == kind);
            let known = known.map(|reference| (reference.id.to_string(), reference.name.clone()));
            std::iter::once(("0".to_owned(), "none".to_owned())).chain(known).collect()
        }
    };
    if let Some(current) = current
        && choices.iter().all(|(value, _)| value != current)
    {
        choices.push((current.to_owned(), current.to_owned()));
    }
    html! {
        select name=(column) {
            @if current.is_none() { option value="" { "unchanged" } }
            @for (value, label) in &choices { option value=(value) selected[Some(value.as_str()) == current] { (label) } }
        }
    }
}

fn render_pages(query: &Query, start: usize, total: usize) -> Markup {
    let link = |start: usize, label: &str| {
        let start = if start == 0 { String::new() } else { start.to_string() };
        html! { a.button href={ "?" (query.encode_with("start", &start)) } { (label) } }
    };
    html! {
        @if total > PAGE_SIZE || start > 0 {
            nav.pages aria-label="Pages of the list" {
                @if start > 0 { (link(start.saturating_sub(PAGE_SIZE), "Newer")) }
                span.faint { (start.saturating_add(1)) "–" (start.saturating_add(PAGE_SIZE).min(total)) " of " (total) }
                @if start.saturating_add(PAGE_SIZE) < total { (link(start.saturating_add(PAGE_SIZE), "Older")) }
            }
        }
    }
}

/// Changes several tickets. An automatic snapshot can undo it.
pub(super) async fn change(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    parts: Parts,
    form: Form,
) -> Result<Response, Problem> {
    let ids = form.all("id");
    let changes: Vec<(&str, String)> = CHANGEABLE
        .iter()
        .filter_map(|(column, _)| Some((*column, form.optional(column)?)))
        .collect();
    if ids.is_empty() || changes.is_empty() {
        return Err(Problem::invalid(
            "Select at least one ticket, and choose at least one change.",
        ));
    }
    let undo = take_undo_snapshot(&state, &account).await?;
    let api = TicketApi { state: &state, account: &account, parts: &parts };
    let message = apply_changes(&api, &ids, &changes).await?;
    Ok(context.redirect_back_with(&message, Some(undo)))
}

/// Applies changes by the operation for them: `setStatus`, `setPriority`, or a batch.
pub(super) async fn apply_changes(
    api: &TicketApi<'_>,
    ids: &[String],
    changes: &[(&str, String)],
) -> Result<String, Problem> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    let names: Vec<(String, String)>;
    let operation = match changes {
        [("status", status)] => {
            fields.push(("status", status.clone()));
            fields.extend(ids.iter().map(|id| ("ticketIDs[]", id.clone())));
            "ticket.setStatus"
        }
        [("priority", priority)] => {
            fields.push(("priority", priority.clone()));
            fields.extend(ids.iter().map(|id| ("ticketIDs[]", id.clone())));
            "ticket.setPriority"
        }
        _ => {
            fields.push(("TicketIDs", ids.join(",")));
            let indexes = 0..changes.len();
            names = indexes
                .map(|at| (format!("actions[{at}][actionType]"), format!("actions[{at}][value]")))
                .collect();
            for ((column, value), (type_name, value_name)) in changes.iter().zip(&names) {
                fields.push((type_name, (*column).to_owned()));
                fields.push((value_name, value.clone()));
            }
            "ticket.batch"
        }
    };
    let body = api.call(operation, &fields).await?;
    Ok(body["message"].as_str().unwrap_or("The tickets were changed.").to_owned())
}

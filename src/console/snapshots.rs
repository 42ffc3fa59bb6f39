//! The page of the snapshots of an account, and the undo of changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use omnidesk_mock_client::types::NewAccount;
use serde_json::Value;

use super::accounts::render_created;
use super::components::{count, format_bytes, render_empty, render_time, render_value};
use super::form::Form;
use super::page::{PageContext, Section, Undo};
use crate::accounts;
use crate::accounts::{Account, AccountSource, SnapshotInfo};
use crate::api::state::SharedState;
use crate::control;
use crate::control::{AccountPath, Problem, SnapshotPath};

/// The automatic snapshot before a change of the console that would lose data.
const UNDO_SNAPSHOT: &str = "before-last-change";
/// The automatic snapshot before [`UNDO_SNAPSHOT`] is restored, so that this can be undone too.
const REDO_SNAPSHOT: &str = "before-undo";

/// How long the copy of a snapshot exists if its use is interrupted.
const COPY_TTL: Duration = Duration::from_mins(1);
/// The most tickets that a comparison lists.
const MAX_LISTED_TICKETS: usize = 50;

/// Saves the state before a change that would lose data. Returns what undoes the change.
pub(super) async fn take_undo_snapshot(
    state: &SharedState,
    account: &Arc<Account>,
) -> Result<Undo, Problem> {
    take_automatic_snapshot(state, account, UNDO_SNAPSHOT).await
}

/// Saves the state before a snapshot is restored, under a name that is not its own.
async fn take_snapshot_before_restore(
    state: &SharedState,
    account: &Arc<Account>,
    restored: &str,
) -> Result<Undo, Problem> {
    let name = if restored == UNDO_SNAPSHOT { REDO_SNAPSHOT } else { UNDO_SNAPSHOT };
    take_automatic_snapshot(state, account, name).await
}

async fn take_automatic_snapshot(
    state: &SharedState,
    account: &Arc<Account>,
    name: &str,
) -> Result<Undo, Problem> {
    state.accounts.take_snapshot(account, name).await?;
    Ok(Undo { account: account.name.to_string(), snapshot: name.to_owned() })
}

/// Shows the snapshots.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
) -> Result<Response, Problem> {
    let snapshots = state.accounts.snapshots(&account).await?;
    let name = &*account.name;
    let main = html! {
        main #content {
            div.heading {
                h1 { "Snapshots, reset" }
                p.faint { (count(snapshots.len(), "snapshot")) }
                div.actions { a.button href=(context.account_url(name, "export.json")) download={ (name) ".json" } { "Download the present data" } }
            }
            p { "A snapshot has the data, ids, clock, time zone and dialect of the account. A restore also clears the journal and the faults; keys stay." }
            form.row.card method="post" action=(context.account_url(name, "snapshots")) {
                (context.form_token())
                label { "Name" input name="name" required pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]{0,62}" placeholder="before-the-test" autocomplete="off"; }
                button.primary disabled[context.is_read_only] { "Save a snapshot" }
            }
            @if snapshots.is_empty() {
                @let command = format!("curl -X PUT {}/_control/accounts/{name}/snapshots/before-the-test", context.base_url);
                (render_empty("No snapshot yet. Save one above, or with:", Some(&command)))
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Snapshots" { table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Taken" } th.number scope="col" { "Size" } th scope="col" { span.hidden { "Actions" } } } }
                    tbody { @for snapshot in &snapshots { (render_snapshot(&context, name, snapshot)) } }
                } }
            }
            (render_reset(&context, name))
        }
    };
    Ok(context.render_account(Section::Snapshots, name, &format!("Snapshots · {name}"), &main))
}

fn render_snapshot(context: &PageContext, account: &str, snapshot: &SnapshotInfo) -> Markup {
    let url = |action: &str| {
        context.account_url(account, &format!("snapshots/{}/{action}", snapshot.name))
    };
    let action = |path: &str, label: &str, class: &str| {
        html! {
            form method="post" action=(url(path)) {
                (context.form_token())
                button class=(class) disabled[context.is_read_only] { (label) span.hidden { " " (snapshot.name) } }
            }
        }
    };
    html! {
        tr {
            th scope="row" { (snapshot.name) @if [UNDO_SNAPSHOT, REDO_SNAPSHOT].contains(&snapshot.name.as_str()) { " " span.tag { "automatic" } } }
            td { (render_time(&snapshot.taken_at, None)) }
            td.number { (format_bytes(snapshot.size_bytes)) }
            td {
                div.actions {
                    a.button href=(url("compare")) { "Compare with now" }
                    a.button href=(url("export.json")) { "Download" span.hidden { " " (snapshot.name) } }
                    (action("restore", "Restore", ""))
                    (action("account", "New account from it", ""))
                    (action("remove", "Delete", "danger"))
                }
            }
        }
    }
}

fn render_reset(context: &PageContext, account: &str) -> Markup {
    html! {
        section.card aria-labelledby="reset" {
            h2 #reset { "Reset" }
            p { "Restores the state that the account was created with, and clears the journal and the faults. You can undo it afterwards." }
            form method="post" action=(context.account_url(account, "reset")) {
                (context.form_token())
                button.danger disabled[context.is_read_only] { "Reset the account" }
            }
        }
        section.card aria-labelledby="delete" {
            h2 #delete { "Delete the account" }
            p { "Deletes its tickets, keys, snapshots and journal. This cannot be undone; download the data first if you need it." }
            form.row method="post" action=(context.account_url(account, "delete")) {
                (context.form_token())
                label { "Type the name of the account: " strong { (account) } input name="confirm" autocomplete="off" required; }
                button.danger disabled[context.is_read_only] { "Delete " (account) }
            }
        }
    }
}

/// Saves a snapshot.
pub(super) async fn take(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let (account_name, name) = (account.name.to_string(), form.text("name").trim().to_owned());
    control::check_snapshot_name(&name)?;
    let path = SnapshotPath { account, name: name.clone() };
    let _ = control::snapshots::take(State(state), path).await?;
    Ok(context
        .redirect_after(&snapshots_page(&account_name), &format!("The snapshot {name} was saved.")))
}

fn snapshots_page(account: &str) -> String {
    format!("accounts/{account}/snapshots")
}

/// Restores a snapshot. An automatic one of the state before can undo it.
pub(super) async fn restore(
    State(state): State<SharedState>,
    context: PageContext,
    path: SnapshotPath,
) -> Result<Response, Problem> {
    let message = format!("The snapshot {} was restored.", path.name);
    let undo = take_snapshot_before_restore(&state, &path.account, &path.name).await?;
    control::snapshots::restore(State(state), path).await?;
    Ok(context.redirect_with_undo(&snapshots_page(&undo.account.clone()), undo, &message))
}

/// Restores the state before the last change that lost data.
pub(super) async fn undo(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = match form.text("snapshot") {
        UNDO_SNAPSHOT => UNDO_SNAPSHOT,
        REDO_SNAPSHOT => REDO_SNAPSHOT,
        _ => return Err(Problem::invalid("The snapshot is none that an undo restores.")),
    };
    let undo = take_snapshot_before_restore(&state, &account, name).await?;
    control::snapshots::restore(State(state), SnapshotPath { account, name: name.to_owned() })
        .await?;
    Ok(context.redirect_back_with("The last change was undone.", Some(undo)))
}

/// Resets the account. An automatic snapshot can undo it.
pub(super) async fn reset(
    State(state): State<SharedState>,
    context: PageContext,
    path: AccountPath,
) -> Result<Response, Problem> {
    let page = snapshots_page(&path.account.name);
    let undo = take_undo_snapshot(&state, &path.account).await?;
    control::accounts::reset(State(state), path).await?;
    Ok(context.redirect_with_undo(&page, undo, "The account was reset."))
}

/// Removes a snapshot.
pub(super) async fn remove(
    State(state): State<SharedState>,
    context: PageContext,
    path: SnapshotPath,
) -> Result<Response, Problem> {
    let (account, name) = (path.account.name.to_string(), path.name.clone());
    control::snapshots::remove(State(state), path).await?;
    Ok(context
        .redirect_after(&snapshots_page(&account), &format!("The snapshot {name} was deleted.")))
}

/// Creates an account from a snapshot, and shows its key once.
pub(super) async fn create_account(
    State(state): State<SharedState>,
    context: PageContext,
    path: SnapshotPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let from = Some(format!("snapshot:{}/{}", path.account.name, path.name));
    let new = NewAccount { from, ..NewAccount::default() };
    let created = control::create_account(&state, &parts, new).await?;
    let message =
        format!("It has the data of the snapshot {}. Its key is shown only now.", path.name);
    Ok(render_created(&context, &created.account, &created.api_key, &created.base_url, &message))
}

/// Downloads the data of the account.
pub(super) async fn export(
    state: State<SharedState>,
    path: AccountPath,
) -> Result<Response, Problem> {
    let file = format!("{}.json", path.account.name);
    Ok(as_download(&file, control::fixtures::export(state, path).await?))
}

/// Downloads the data of a snapshot.
pub(super) async fn export_snapshot(
    State(state): State<SharedState>,
    SnapshotPath { account, name }: SnapshotPath,
) -> Result<Response, Problem> {
    let exported = with_snapshot(&state, &account, &name, |copy| {
        let (state, original) = (State(SharedState::clone(&state)), Arc::clone(&account.name));
        async move {
            let path = AccountPath { account: copy.acquire() };
            let export = read_text(control::fixtures::export(state, path).await?).await;
            // The document begins with the name of the account.
            let quoted = |name: &str| Value::from(name).to_string();
            Ok(export.replacen(&quoted(&copy.name), &quoted(&original), 1))
        }
    });
    let body = ([(CONTENT_TYPE, "application/json")], exported.await?).into_response();
    Ok(as_download(&format!("{}-{name}.json", account.name), body))
}

async fn read_text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    String::from_utf8_lossy(&body).into_owned()
}

/// Makes the browser save a response. The name of the file has no special characters.
fn as_download(file: &str, response: Response) -> Response {
    let disposition = format!("attachment; filename=\"{file}\"");
    ([(CONTENT_DISPOSITION, disposition)], response).into_response()
}

/// The tickets of an export by id.
type Tickets = BTreeMap<i64, Value>;

/// Compares a snapshot with the present data.
pub(super) async fn compare(
    State(state): State<SharedState>,
    context: PageContext,
    SnapshotPath { account, name }: SnapshotPath,
) -> Result<Response, Problem> {
    let before = with_snapshot(&state, &account, &name, |copy| {
        let state = SharedState::clone(&state);
        async move { read_tickets(&state, &copy).await }
    });
    let before = before.await?;
    let now = read_tickets(&state, &account).await?;
    let created: Vec<&i64> = now.keys().filter(|id| !before.contains_key(id)).collect();
    let deleted: Vec<&i64> = before.keys().filter(|id| !now.contains_key(id)).collect();
    let changed = now.iter().filter_map(|(id, ticket)| {
        let differences = differing_columns(before.get(id)?, ticket);
        (!differences.is_empty()).then_some((id, differences))
    });
    let changed: Vec<_> = changed.collect();
    let account_name = &*account.name;
    let list = |title: &str, ids: &[&i64], is_linked: bool| {
        html! {
            section {
                h2 { (title) " " span.faint { (ids.len()) } }
                p { @for id in ids.iter().take(MAX_LISTED_TICKETS) { @if is_linked { a href=(context.account_url(account_name, &format!("tickets/{id}"))) { (id) } } @else { (id) } " " } }
            }
        }
    };
    let main = html! {
        main #content {
            div.heading { h1 { "Changes since " (name) } div.actions { a.button href=(context.account_url(account_name, "snapshots")) { "All snapshots" } } }
            @if created.is_empty() && deleted.is_empty() && changed.is_empty() { p { "The tickets are the same." } }
            @if !created.is_empty() { (list("Created", &created, true)) }
            @if !deleted.is_empty() { (list("Deleted", &deleted, false)) }
            @if !changed.is_empty() {
                section {
                    h2 { "Changed " span.faint { (changed.len()) } }
                    @for (id, differences) in changed.iter().take(MAX_LISTED_TICKETS) {
                        div.scroll { table.diff {
                            caption { "ticket " a href=(context.account_url(account_name, &format!("tickets/{id}"))) { (id) } }
                            thead { tr { th scope="col" { "Column" } th scope="col" { "Snapshot" } th scope="col" { "Now" } } }
                            tbody { @for (column, from, to) in differences {
                                tr { th scope="row" { code { (column) } } td.before { (render_compared(column, from, to)) } td.after { (render_compared(column, to, from)) } }
                            } }
                        } }
                    }
                }
            }
        }
    };
    Ok(context.render_account(
        Section::Snapshots,
        account_name,
        &format!("Since {name} · {account_name}"),
        &main,
    ))
}

/// Returns the columns in which two versions of a ticket differ, with both values.
fn differing_columns(before: &Value, now: &Value) -> Vec<(String, Value, Value)> {
    let names = [before, now].into_iter().filter_map(Value::as_object).flat_map(|row| row.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    let difference = |name: &&String| before.get(name.as_str()) != now.get(name.as_str());
    let value = |row: &Value, name: &str| row.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter(difference)
        .map(|name| (name.clone(), value(before, name), value(now, name)))
        .collect()
}

/// Renders a value of a compared column: of a timeline, only the entries that the other version lacks.
fn render_compared(column: &str, value: &Value, other: &Value) -> Markup {
    let (Some(entries), true) = (value.as_array(), column == "timeline") else {
        return render_value(value);
    };
    let others = other.as_array().map_or(&[][..], Vec::as_slice);
    let text = |entry: &Value| {
        let texts = ["description", "content"].into_iter().filter_map(|name| entry[name].as_str());
        texts.collect::<String>()
    };
    let own: Vec<&Value> = entries.iter().filter(|entry| !others.contains(entry)).collect();
    html! {
        @if own.is_empty() { span.faint { "–" } } @else { ul.plain { @for entry in own { li { (text(entry)) } } } }
    }
}

/// Runs `read` on a copy of a snapshot: an account that exists only for this.
async fn with_snapshot<T, F>(
    state: &SharedState,
    account: &Account,
    name: &str,
    read: impl FnOnce(Arc<Account>) -> F,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let new = accounts::NewAccount {
        name: None,
        keys: Vec::new(),
        ttl: Some(COPY_TTL),
        is_ephemeral: true,
        strict: None,
    };
    let source =
        AccountSource::Snapshot { account: account.name.to_string(), name: name.to_owned() };
    let copy = state.accounts.create_account(new, source).await?;
    let result = read(Arc::clone(&copy)).await;
    state.accounts.remove(&copy).await?;
    result
}

async fn read_tickets(state: &SharedState, account: &Arc<Account>) -> Result<Tickets, Problem> {
    let path = AccountPath { account: account.acquire() };
    let response = control::fixtures::export(State(SharedState::clone(state)), path).await?;
    let export: Value = serde_json::from_str(&read_text(response).await).unwrap_or_default();
    let rows =
        export["accounts"][&*account.name]["tickets"].as_array().cloned().unwrap_or_default();
    Ok(rows.into_iter().filter_map(|row| Some((row["id"].as_i64()?, row))).collect())
}

//! The page of all accounts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::SignedDuration;
use maud::{Markup, html};
use omnidesk_mock_client::types::{ClockMode, ClockStatus, CreatedAccount, NewAccount};

use super::components::{count, render_copyable, render_empty, render_time, shell_quote};
use super::form::Form;
use super::page::{PageContext, Section, redirect};
use super::query::Query;
use super::ticket_api::TicketApi;
use crate::accounts::Account;
use crate::api::state::SharedState;
use crate::clock;
use crate::contract::quote_value;
use crate::control;
use crate::control::{AccountPath, Problem};
use crate::journal::Journal;

/// The number of accounts on a page.
const PAGE_SIZE: usize = 50;
/// The most accounts that are searched for a ticket, because each must be opened (arbitrary).
const MAX_SEARCHED_ACCOUNTS: usize = 200;
/// The well-known key of the account `dev` on loopback, which is no secret.
const DEV_KEY: &str = "dev-key";
/// How far back the page counts requests.
const RECENT: SignedDuration = SignedDuration::from_secs(60);

/// Requests of the last minute.
#[derive(Default)]
struct RecentRequests {
    total: usize,
    with_warnings: usize,
}

impl RecentRequests {
    fn count(journal: &Journal) -> Self {
        let since = clock::saturating_sub(clock::system_now(), RECENT);
        let slice = journal.slice_since(None);
        let recent =
            slice.entries.iter().rev().take_while(|entry| entry.entry.system_time >= since);
        recent.fold(Self::default(), |mut counts, entry| {
            counts.total += 1;
            counts.with_warnings += usize::from(entry.entry.all_warnings().next().is_some());
            counts
        })
    }
}

/// Shows all accounts. `?ticketID=7` opens this ticket, which is what `external_gui_url` of a ticket points to.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    uri: Uri,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = Query::parse(&uri)?;
    let mut accounts = state.accounts.all();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some(id) = query.optional("ticketID") {
        return open_ticket(&state, &context, &parts, &accounts, &id).await;
    }
    let search = query.optional("q").unwrap_or_default();
    accounts.retain(|account| account.name.contains(&*search));
    let page = query.number("page")?.unwrap_or(1).max(1);
    let (total, pages) = (accounts.len(), accounts.len().div_ceil(PAGE_SIZE).max(1));
    let shown = accounts.into_iter().skip((page - 1).saturating_mul(PAGE_SIZE)).take(PAGE_SIZE);
    let mut rows = Vec::new();
    for account in shown {
        rows.push(render_row(&state, &context, &parts, &account).await);
    }
    let unauthorized = RecentRequests::count(&state.unmatched_journal);
    let main = html! {
        main #content {
            div.heading {
                h1 { "Accounts" }
                p.faint { (count(total, "account")) }
            }
            @if !state.unmatched_journal.slice_since(None).entries.is_empty() {
                a.card.alert href={ (context.root) "unauthorized" } {
                    strong { "Requests without a known key" }
                    span { (count(unauthorized.total, "request")) " in the last minute." }
                    span.link { "See why, and open an account for the key" }
                }
            }
            @if total > PAGE_SIZE || !search.is_empty() {
                form.filters role="search" {
                    label { "Name" input name="q" type="search" value=(search) data-search; }
                    button { "Filter" }
                }
            }
            div.scroll tabindex="0" role="region" aria-label="Accounts" {
                table data-rows {
                    thead { tr {
                        th scope="col" { "Account" } th.number scope="col" { "Tickets" }
                        th.number scope="col" { "Requests/min" } th.number scope="col" { "Warnings/min" }
                        th.number scope="col" { "Faults" } th scope="col" { "Clock" } th scope="col" { "Stored" } th scope="col" { "Keys" }
                    } }
                    tbody { @for row in &rows { (row) } }
                }
            }
            @if rows.is_empty() { (render_empty("No account has this name.", None)) }
            @if pages > 1 {
                nav.pages aria-label="Pages of the list" {
                    @for number in 1..=pages {
                        a href={ "?page=" (number) "&q=" (search) } aria-current=[(number == page).then_some("page")] { (number) }
                    }
                }
            }
            div.columns {
                (render_connection(&state, &context))
                (render_creation(&state, &context))
            }
        }
    };
    Ok(context.render(Section::Accounts, "Accounts", &main))
}

async fn render_row(
    state: &SharedState,
    context: &PageContext,
    parts: &Parts,
    account: &Arc<Account>,
) -> Markup {
    let tickets = count_tickets(state, parts, account).await;
    let recent = RecentRequests::count(&account.journal);
    let settings = account.settings();
    let clock_status = control::to_clock_status(settings.account_settings.clock);
    let faults = account.faults.list(settings.now()).len();
    let keys: Vec<String> = account.keys().iter().map(|key| key.name.to_string()).collect();
    html! {
        tr {
            th scope="row" { a data-row href=(context.account_url(&account.name, "requests")) { (account.name) } }
            td.number { a href=(context.account_url(&account.name, "tickets")) { (tickets.map_or("–".to_owned(), |tickets| tickets.to_string())) } }
            td.number { (recent.total) }
            td.number.warn[recent.with_warnings > 0] { (recent.with_warnings) }
            td.number.warn[faults > 0] { a href=(context.account_url(&account.name, "faults")) { (faults) } }
            td { (clock_mode(&clock_status)) " " (render_time(&clock_status.now, None)) }
            td { (expiry(account)) }
            td { (keys.join(", ")) @if keys.is_empty() { span.faint { "none" } } }
        }
    }
}

/// Counts the tickets of an account, also archived ones; None if its database cannot be read.
async fn count_tickets(state: &SharedState, parts: &Parts, account: &Arc<Account>) -> Option<u64> {
    let api = TicketApi { state, account, parts };
    let fields = [("itemLimit", "0".to_owned()), ("searchArchived", "yes".to_owned())];
    api.call("ticket.list", &fields).await.ok()?["itemTotal"].as_u64()
}

fn clock_mode(status: &ClockStatus) -> &'static str {
    match status.mode {
        ClockMode::Real => "real",
        ClockMode::Frozen => "frozen",
        ClockMode::Offset => "offset",
    }
}

fn expiry(account: &Account) -> String {
    let storage = if account.is_durable() { "on disk" } else { "in memory" };
    match account.ttl {
        Some(ttl) => format!("{storage}, {} after the last request", clock::format_duration(ttl)),
        None => storage.to_owned(),
    }
}

/// Renders the lines that point a client to this server.
fn render_connection(state: &SharedState, context: &PageContext) -> Markup {
    let dev = state.accounts.find_key(DEV_KEY);
    let key = dev.as_ref().map_or("YOUR-KEY", |_| DEV_KEY);
    html! {
        section.card aria-labelledby="connect" {
            h2 #connect { "Point your client here" }
            (render_copyable("variables", &environment(&context.base_url, key)))
            @if let Some(dev) = &dev {
                p.faint { "This is the key of the account " code { (dev.account.name) } ". Other keys are not shown: the server stores only their hashes." }
            } @else {
                p.faint { "Keys are not shown: the server stores only their hashes. " a href={ (context.root) } { "Create an account" } " to get one." }
            }
        }
    }
}

/// Returns the variables that examples and `omnidesk-mock run` use.
fn environment(base_url: &str, key: &str) -> String {
    let quoted = shell_quote(key);
    format!(
        "export OMNIDESK_BASE_URL={base_url}\nexport OMNIDESK_CONTROL_URL={base_url}\nexport OMNIDESK_API_KEY={quoted}"
    )
}

fn render_creation(state: &SharedState, context: &PageContext) -> Markup {
    html! {
        section.card aria-labelledby="create" {
            h2 #create { "New account" }
            form.stack method="post" action={ (context.root) "accounts" } {
                (context.form_token())
                label { "Name" span.faint { " optional" }
                    input name="name" pattern="[a-z0-9][a-z0-9\\-]{0,62}" maxlength="63" autocomplete="off" placeholder="account-1";
                }
                label { "Starts from"
                    input name="from" list="sources" value="seed" autocomplete="off" aria-describedby="from-help";
                }
                p.help #from-help { code { "seed" } ", " code { "seed:NAME" } ", " code { "empty" } ", " code { "account:NAME" } " or " code { "snapshot:ACCOUNT/NAME" } "." }
                datalist #sources {
                    option value="empty" {}
                    @for name in state.accounts.seed_names() { option value={ "seed:" (name) } {} }
                    @for account in state.accounts.all().iter().take(PAGE_SIZE) { option value={ "account:" (account.name) } {} }
                }
                label.check { input type="checkbox" name="strict" value="true"; " Strict: reject what causes a warning" }
                button.primary disabled[context.is_read_only] { "Create" }
            }
        }
    }
}

/// Creates an account, and shows its key once.
pub(super) async fn create(
    State(state): State<SharedState>,
    context: PageContext,
    parts: Parts,
    form: Form,
) -> Result<Response, Problem> {
    let new = NewAccount {
        name: form.optional("name"),
        from: form.optional("from"),
        strict: (form.text("strict") == "true").then_some(true),
        ..NewAccount::default()
    };
    let created = control::create_account(&state, &parts, new).await?;
    let CreatedAccount { account, api_key, base_url } = &created;
    Ok(render_created(
        &context,
        account,
        api_key,
        base_url,
        "The account was created. Its key is shown only now.",
    ))
}

/// Renders the key of a new account.
pub(super) fn render_created(
    context: &PageContext,
    account: &str,
    api_key: &str,
    base_url: &str,
    message: &str,
) -> Response {
    let main = html! {
        main.narrow #content {
            h1 { "Account " (account) }
            p role="status" data-account=(account) data-created-key=(api_key) { (message) }
            (render_copyable("variables", &environment(base_url, api_key)))
            p { "A first request:" }
            (render_copyable("command", &format!("curl -H 'apiKey: {api_key}' {base_url}/api/v2/ticket")))
            p.actions {
                a.button.primary href=(context.account_url(account, "requests")) { "Watch its requests" }
                a.button href=(context.account_url(account, "tickets")) { "Its tickets" }
            }
        }
    };
    context.render_account(Section::Keys, account, account, &main)
}

/// Deletes an account after its name was typed.
pub(super) async fn delete(
    State(state): State<SharedState>,
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    if form.text("confirm").trim() != name {
        let sent = quote_value(&form.text("confirm").into());
        return Err(Problem::invalid(format!(
            "Type the name of the account, {name}, to delete it; {sent} was typed."
        )));
    }
    control::accounts::remove(State(state), path).await?;
    Ok(context.redirect_after(
        "",
        &format!("The account {name} was deleted, with its tickets, keys and snapshots."),
    ))
}

/// Opens a ticket of the only account that has it, or lists those that do.
async fn open_ticket(
    state: &SharedState,
    context: &PageContext,
    parts: &Parts,
    accounts: &[Arc<Account>],
    id: &str,
) -> Result<Response, Problem> {
    let mut found = Vec::new();
    for account in accounts.iter().take(MAX_SEARCHED_ACCOUNTS) {
        let api = TicketApi { state, account, parts };
        if api.call("ticket.get", &[("ticketID", id.to_owned())]).await.is_ok() {
            found.push(account);
        }
    }
    let url = |account: &Account| context.account_url(&account.name, &format!("tickets/{id}"));
    if let [account] = found.as_slice() {
        return Ok(redirect(&url(account)));
    }
    let main = html! {
        main.narrow #content {
            h1 { "Ticket " (id) }
            @if found.is_empty() {
                p {
                    "No account has a ticket with this id."
                    @if accounts.len() > MAX_SEARCHED_ACCOUNTS { " Only the first " (MAX_SEARCHED_ACCOUNTS) " accounts were searched." }
                }
            } @else {
                p { "Several accounts have a ticket with this id." }
                ul.plain { @for account in &found { li { a href=(url(account)) { (account.name) } } } }
            }
            p.actions { a.button href=(context.root) { "All accounts" } }
        }
    };
    Ok(context.render(Section::Accounts, &format!("Ticket {id}"), &main))
}

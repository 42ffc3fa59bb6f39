//! Finds accounts, tickets and pages by a text: for the search field, and for the palette of the script.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::components::count;
use super::page::{ACCOUNT_SECTIONS, PageContext, SERVER_SECTIONS, html_response};
use super::query::Query;
use crate::accounts::ACCOUNT_NAME_REGEX;
use crate::api::state::SharedState;
use crate::control::Problem;

/// The most results.
const MAX_RESULTS: usize = 30;

/// What can be done on the pages of an account: the action, the page, and the place on it.
const ACTIONS: [(&str, &str); 10] = [
    ("Advance the clock", "clock#advance"),
    ("Freeze the clock", "clock#set"),
    ("Arm a fault", "faults#new"),
    ("Arm a preset", "faults#presets"),
    ("Set the rate limit", "faults#rate-limit"),
    ("Turn strict mode on or off", "faults#strict"),
    ("Save or restore a snapshot", "snapshots"),
    ("Reset the account", "snapshots#reset"),
    ("Delete the account", "snapshots#delete"),
    ("Create a key", "keys#new"),
];

/// A page that was found.
struct Found {
    kind: &'static str,
    title: String,
    /// Below the root.
    path: String,
}

/// Shows what matches `q`; with `fragment`, only the list.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(&uri)?;
    let text = query.optional("q").unwrap_or_default();
    let account = query.optional("account").filter(|name| ACCOUNT_NAME_REGEX.is_match(name));
    let found = find(&state, account.as_deref(), &text.to_lowercase());
    let list = render_list(&context, &found);
    if query.optional("fragment").is_some() {
        return Ok(html_response(&list));
    }
    let main = html! {
        main.narrow #content {
            h1 { "Search" }
            p.faint { (count(found.len(), "result")) " for " q { (text) } }
            (list)
        }
    };
    Ok(context.render(None, "Search", &main))
}

fn find(state: &SharedState, account: Option<&str>, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let has_text = |title: &str| title.to_lowercase().contains(text);
    if let Some(account) = account {
        let number = text.trim_start_matches('#').parse::<u64>().ok();
        if let Some(number) = number {
            found.push(Found {
                kind: "ticket",
                title: format!("{account} #{number}"),
                path: format!("accounts/{account}/tickets/{number}"),
            });
            found.push(Found {
                kind: "request",
                title: format!("{account} request {number}"),
                path: format!("accounts/{account}/requests/{number}"),
            });
        }
        let pages =
            ACCOUNT_SECTIONS.iter().filter(|(_, _, title)| number.is_none() && has_text(title));
        found.extend(pages.map(|(_, path, title)| Found {
            kind: "page",
            title: format!("{account} · {title}"),
            path: format!("accounts/{account}/{path}"),
        }));
    }
    let mut accounts = state.accounts.all();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    let accounts = accounts.iter().filter(|account| has_text(&account.name));
    found.extend(accounts.take(MAX_RESULTS).map(|account| Found {
        kind: "account",
        title: account.name.to_string(),
        path: format!("accounts/{}/requests", account.name),
    }));
    if let Some(account) = account {
        let is_number = text.trim_start_matches('#').parse::<u64>().is_ok();
        let actions = ACTIONS.iter().filter(|(title, _)| !is_number && has_text(title));
        found.extend(actions.map(|(title, path)| Found {
            kind: "action",
            title: format!("{account} · {title}"),
            path: format!("accounts/{account}/{path}"),
        }));
        if !is_number && !text.is_empty() {
            let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC);
            found.push(Found {
                kind: "tickets",
                title: format!("{account}: tickets with “{text}”"),
                path: format!("accounts/{account}/tickets?query={encoded}"),
            });
        }
    }
    if has_text("Create an account") {
        let title = "Create an account".to_owned();
        found.push(Found { kind: "action", title, path: "./#create".to_owned() });
    }
    let pages = SERVER_SECTIONS.iter().filter(|(_, _, title)| has_text(title));
    found.extend(pages.map(|(_, path, title)| Found {
        kind: "page",
        title: (*title).to_owned(),
        path: (*path).to_owned(),
    }));
    found.truncate(MAX_RESULTS);
    found
}

fn render_list(context: &PageContext, found: &[Found]) -> Markup {
    html! {
        ul.results {
            @for Found { kind, title, path } in found {
                li { a href={ (context.root) (path) } { span { (title) } span.faint { (kind) } } }
            }
            @if found.is_empty() { li.faint { "Nothing has this name." } }
        }
    }
}

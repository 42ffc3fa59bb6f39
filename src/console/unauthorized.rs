//! The page of the requests with a missing or unknown key.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use maud::html;
use omnidesk_mock_client::types::{NewAccount, NewKey};

use super::accounts::render_created;
use super::components::{count, render_empty, render_http_status, render_method, render_time};
use super::form::Form;
use super::page::{PageContext, Section};
use crate::api::state::SharedState;
use crate::control;
use crate::control::Problem;
use crate::journal::SequencedEntry;

/// The most requests that the page shows.
const PAGE_SIZE: usize = 100;

/// Shows the newest requests that opened no account.
pub(super) async fn show(State(state): State<SharedState>, context: PageContext) -> Response {
    let journal = &state.unmatched_journal;
    let slice = journal.read_since(None).await;
    let main = html! {
        main #content {
            div.heading {
                h1 { "Requests without a known key" }
                p.faint { (count(slice.entries.len(), "request")) }
                @if !slice.entries.is_empty() {
                    form method="post" action={ (context.root) "unauthorized/clear" } {
                        (context.form_token())
                        button.danger disabled[context.is_read_only] { "Clear" }
                    }
                }
            }
            @if slice.entries.is_empty() {
                (render_empty("Every request had a known key. This one has not:", Some(&format!("curl -H 'apiKey: unknown' {}/api/v2/ticket", context.base_url))))
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Requests" { table data-rows {
                    thead { tr { th scope="col" { "Time" } th scope="col" { "Request" } th scope="col" { "Status" } th scope="col" { "Why" } } }
                    tbody { @for SequencedEntry { seq, entry } in slice.entries.iter().rev().take(PAGE_SIZE) {
                        @let shown = control::to_journal_entry(journal, *seq, entry);
                        tr {
                            td { (render_time(&shown.at, Some(&shown.real_at))) }
                            th scope="row" { (render_method(&shown.method)) " " code { (shown.path) } }
                            td { (render_http_status(shown.status)) }
                            td.wrap {
                                @if let Some(hint) = &entry.key_hint { strong { (hint) } " " }
                                (shown.response_body["message"].as_str().unwrap_or_default())
                            }
                        }
                    } }
                } }
            }
            section.card aria-labelledby="open" {
                h2 #open { "Open an account for a key" }
                p { "The journal does not store keys, so type the one that your client sends." }
                form.row method="post" action={ (context.root) "unauthorized/account" } {
                    (context.form_token())
                    label { "Key" input name="api_key" required pattern="[A-Za-z0-9_\\-]{4,128}" autocomplete="off" spellcheck="false"; }
                    label { "Account" span.faint { " optional" } input name="name" pattern="[a-z0-9][a-z0-9\\-]{0,62}" autocomplete="off"; }
                    button.primary disabled[context.is_read_only] { "Create" }
                }
            }
        }
    };
    context.render(Section::Unauthorized, "Requests without a known key", &main)
}

/// Creates an account with a chosen key.
pub(super) async fn create_account(
    State(state): State<SharedState>,
    context: PageContext,
    parts: Parts,
    form: Form,
) -> Result<Response, Problem> {
    let new = NewAccount { name: form.optional("name"), ..NewAccount::default() };
    let created = control::create_account(&state, &parts, new).await?;
    let account = state.accounts.require(&created.account)?;
    let key = NewKey { api_key: form.optional("api_key"), ..NewKey::default() };
    match control::keys::create_key(SharedState::clone(&state), account.acquire(), key).await {
        Ok(key) => {
            let message = "The account was created, and the key opens it.";
            Ok(render_created(&context, &created.account, &key.api_key, &created.base_url, message))
        }
        Err(problem) => {
            // Half of what was wanted would be a surprise.
            state.accounts.remove(&account).await?;
            Err(problem)
        }
    }
}

/// Removes these requests from the journal.
pub(super) async fn clear(State(state): State<SharedState>, context: PageContext) -> Response {
    state.unmatched_journal.clear();
    context.redirect_after("unauthorized", "The requests were cleared.")
}

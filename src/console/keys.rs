//! The page of the API keys of an account.

use axum::extract::State;
use axum::response::Response;
use maud::html;
use omnidesk_mock_client::types::{NewKey, PermissionsSpec};

use super::accounts::render_created;
use super::components::count;
use super::form::Form;
use super::page::{PageContext, Section};
use crate::api::state::SharedState;
use crate::contract::PERMISSION_NAMES;
use crate::control;
use crate::control::{AccountPath, KeyPath, Problem};

/// Shows the keys, which are stored as hashes.
pub(super) async fn show(context: PageContext, AccountPath { account }: AccountPath) -> Response {
    let (name, keys) = (&*account.name, account.keys());
    let main = html! {
        main #content {
            div.heading { h1 { "Keys" } p.faint { (count(keys.len(), "key")) } }
            p { "The server stores only the hashes of keys, so it cannot show them." }
            div.scroll tabindex="0" role="region" aria-label="Keys" { table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Key" } th scope="col" { "Permissions" } th scope="col" { span.hidden { "Actions" } } } }
                tbody { @for key in &keys {
                    @let permissions: Vec<&str> = key.permissions.names().collect();
                    tr {
                        th scope="row" { (key.name) }
                        td { code aria-label="hidden" { "••••••••" } }
                        td { @if permissions.len() == PERMISSION_NAMES.len() { "all" } @else if permissions.is_empty() { span.faint { "none" } } @else { (permissions.join(", ")) } }
                        td { form method="post" action=(context.account_url(name, &format!("keys/{}/remove", key.id))) {
                            (context.form_token())
                            button.danger disabled[context.is_read_only] { "Remove" span.hidden { " " (key.name) } }
                        } }
                    }
                } }
            } }
            section.card aria-labelledby="new" {
                h2 #new { "New key" }
                form.stack method="post" action=(context.account_url(name, "keys")) {
                    (context.form_token())
                    label { "Name" span.faint { " optional" } input name="name" maxlength="100" autocomplete="off"; }
                    label { "Key" span.faint { " random if empty" } input name="api_key" pattern="[A-Za-z0-9_\\-]{4,128}" autocomplete="off" spellcheck="false"; }
                    fieldset {
                        legend { "Permissions; all if none is chosen" }
                        div.checks { @for permission in PERMISSION_NAMES { label.check { input type="checkbox" name="permission" value=(permission); " " (permission) } } }
                    }
                    button.primary disabled[context.is_read_only] { "Create" }
                }
            }
        }
    };
    context.render_account(Section::Keys, name, &format!("Keys · {name}"), &main)
}

/// Creates a key, and shows it once.
pub(super) async fn create(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = account.name.to_string();
    let permissions = Some(form.all("permission")).filter(|names| !names.is_empty());
    let new = NewKey {
        name: form.optional("name"),
        permissions: permissions.map(PermissionsSpec::Only),
        api_key: form.optional("api_key"),
    };
    let created = control::keys::create_key(state, account, new).await?;
    let message = format!("The key {} was created. It is shown only now.", created.name);
    Ok(render_created(&context, &name, &created.api_key, &context.base_url, &message))
}

/// Removes a key.
pub(super) async fn remove(
    state: State<SharedState>,
    context: PageContext,
    path: KeyPath,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    control::keys::remove(state, path).await?;
    Ok(context.redirect_after(
        &format!("accounts/{name}/keys"),
        "The key was removed; it opens nothing any more.",
    ))
}

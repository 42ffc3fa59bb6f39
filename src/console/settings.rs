//! The page of the dialect of an account.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::form::Form;
use super::page::{PageContext, Section, render_text};
use super::request::render_fidelity;
use crate::api::state::SharedState;
use crate::contract::dialect::{DIALECT_FIELDS, reject_server_only};
use crate::contract::{Field, FieldType};
use crate::control;
use crate::control::{AccountPath, JsonBody, Problem};

/// Shows the settings, each with the evidence for its default.
pub(super) async fn show(
    State(state): State<SharedState>,
    context: PageContext,
    AccountPath { account }: AccountPath,
) -> Response {
    let settings = account.settings();
    let values = settings.dialect.values();
    let defaults = state.accounts.default_dialect.values();
    let name = &*account.name;
    let main = html! {
        main #content {
            div.heading { h1 { "Settings" } }
            p { "Where the vendor's documentation is silent, the mock makes an assumption. The dialect changes those that a client can depend on. "
                a href={ (context.root) "fidelity" } { "All documented facts and assumptions" } "." }
            form.stack.wide method="post" action=(context.account_url(name, "settings")) {
                (context.form_token())
                @for field in DIALECT_FIELDS {
                    @let value = text_of(&values[field.name]);
                    @let is_server_only = is_server_only(field);
                    div.setting {
                        label for=(field.name) { code { (field.name) } }
                        (render_input(field, &value, is_server_only))
                        p.help id={ (field.name) "-help" } {
                            (render_text(field.description)) " Default of this server: " code { (text_of(&defaults[field.name])) } ". "
                            (render_fidelity(field.fidelity))
                        }
                    }
                }
                button.primary disabled[context.is_read_only] { "Save" }
            }
        }
    };
    context.render_account(Section::Settings, name, &format!("Settings · {name}"), &main)
}

fn is_server_only(field: &Field) -> bool {
    let setting = [(field.name.to_owned(), Value::Null)].into_iter().collect();
    reject_server_only(&setting).is_err()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn render_input(field: &Field, value: &str, is_disabled: bool) -> Markup {
    let choices: Vec<String> = match field.data_type {
        FieldType::IntegerEnum(numbers) => numbers.iter().map(ToString::to_string).collect(),
        FieldType::TextEnum { values, .. } => values.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let help = format!("{}-help", field.name);
    html! {
        @if choices.is_empty() {
            input id=(field.name) name=(field.name) value=(value) aria-describedby=(help) disabled[is_disabled] spellcheck="false";
        } @else {
            select id=(field.name) name=(field.name) aria-describedby=(help) disabled[is_disabled] {
                @for choice in &choices { option value=(choice) selected[choice == value] { (choice) } }
            }
        }
    }
}

/// Sets the settings that differ from those of the server.
pub(super) async fn change(
    State(state): State<SharedState>,
    context: PageContext,
    path: AccountPath,
    form: Form,
) -> Result<Response, Problem> {
    let name = path.account.name.to_string();
    let defaults = state.accounts.default_dialect.values();
    let mut dialect = Map::new();
    for field in DIALECT_FIELDS.iter().filter(|field| !is_server_only(field)) {
        let text = form.text(field.name).trim();
        if text.is_empty() || text == text_of(&defaults[field.name]) {
            continue;
        }
        let is_number = matches!(field.data_type, FieldType::IntegerEnum(_));
        let number = text.parse::<u64>().ok().filter(|_| is_number);
        dialect.insert(field.name.to_owned(), number.map_or_else(|| text.into(), Value::from));
    }
    let _ = control::dialect::set(path, JsonBody(dialect)).await?;
    Ok(context.redirect_after(&format!("accounts/{name}/settings"), "The settings were saved."))
}

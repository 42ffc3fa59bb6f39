//! Faults for the next request of a kind, which a page arms with one click.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::form::Form;
use super::page::PageContext;
use crate::accounts::AccountGuard;
use crate::api::state::SharedState;
use crate::control;
use crate::control::{AccountPath, JsonBody, Problem};

/// The effects: name in the form, and label.
const EFFECTS: [(&str, &str); 3] = [
    ("status", "Fail with 503"),
    ("drop_response", "Drop the response"),
    ("delay", "Delay by 5 s"),
];

/// Renders a button for each effect.
pub(super) fn render_buttons(context: &PageContext, url: &str) -> Markup {
    html! {
        form.actions method="post" action=(url) {
            (context.form_token())
            @for (name, label) in EFFECTS { button name="effect" value=(name) disabled[context.is_read_only] { (label) } }
        }
        p.help { "Once. A request whose response is dropped is executed all the same." }
    }
}

/// Arms a fault for the next request of an operation, about this ticket if there is one.
pub(super) async fn arm(
    state: State<SharedState>,
    context: &PageContext,
    account: AccountGuard,
    (operation, ticket): (Option<&str>, Option<&Value>),
    form: &Form,
) -> Result<Response, Problem> {
    let effect = match form.text("effect") {
        "status" => json!({ "status": 503 }),
        "delay" => json!({ "delay": "5s" }),
        _ => json!({ "drop_response": "reset" }),
    };
    let ticket = ticket.map(|id| ("ticketID".to_owned(), id.clone()));
    let fields: Map<String, Value> = ticket.into_iter().collect();
    let rule = json!({ "operation": operation, "fields": fields, "first": 1, "effect": effect });
    let rule = serde_json::from_value(rule).map_err(|error| Problem::invalid(error.to_string()))?;
    let _ = control::faults::add(state, AccountPath { account }, JsonBody(rule)).await?;
    let message =
        "The fault is armed: it acts on the next such request, once. The page Faults lists it.";
    Ok(context.redirect_back_with(message, None))
}

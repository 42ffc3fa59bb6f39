//! The pages of the Ticket API: its operations, and a page for each, rendered from the operation tables.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::api_page::{ApiLink, render_api, render_key_field, render_responses, render_sending};
use super::components::{render_method, render_path};
use super::page::{PageContext, Section, render_text};
use super::request::render_fidelity;
use crate::api::state::AppState;
use crate::contract::{
    Fidelity, Field, FieldType, InputSource, Literal, MediaType, Notation, Operation, Presence,
    quote_value, wire_names,
};
use crate::control::{Problem, ProblemKind};
use crate::controllers::all_operations;

fn links() -> Vec<ApiLink<'static>> {
    let links = all_operations().map(|operation| ApiLink {
        group: operation.name.split('.').next().unwrap_or_default(),
        method: operation.method.name(),
        title: operation.name.split('.').nth(1).unwrap_or(operation.name),
        url: url_of(operation),
    });
    links.collect()
}

fn url_of(operation: &Operation) -> String {
    format!("docs/{}", operation.id)
}

/// Shows all operations.
pub(super) async fn show(context: PageContext) -> Response {
    let base_url = &context.base_url;
    let article = html! {
        h1 { "Ticket API" }
        p { "The operations of Omnidesk that this server has. What the vendor does not document is marked " span.tag.warn { "our assumption" } "; the rest is documented. "
            a href={ (context.root) "fidelity" } { "All facts" } ", " a href={ (context.root) "openapi.json" } { "OpenAPI" } "." }
        p { "The API is at " code { (base_url) "/api/v2" } ". Each request needs an API key: in the header " code { "apiKey" } ", as " code { "Authorization: apikey KEY" } " or as the query parameter " code { "apiKey" } "." }
        div.scroll tabindex="0" role="region" aria-label="Operations" { table data-rows {
            thead { tr { th scope="col" { "Operation" } th scope="col" { "Path" } th scope="col" { "What it does, and the permission" } } }
            tbody { @for operation in all_operations() {
                tr {
                    th scope="row" { (render_method(operation.method.name())) " " a data-row href={ (context.root) (url_of(operation)) } { (operation.name) } }
                    td.wrap { (render_path(operation.path)) }
                    td.wrap { (operation.summary) (render_assumption(operation.fidelity)) " " code.faint { (operation.permission.name()) } }
                }
            } }
        } }
    };
    let main = render_api(&context, &links(), "docs", &article);
    context.render(Section::TicketApi, "Ticket API", &main)
}

/// Marks a fact that is not documented.
fn render_assumption(fidelity: Fidelity) -> Markup {
    html! { @if let Fidelity::Undocumented(_) = fidelity { " " (render_fidelity(fidelity)) } }
}

/// Shows one operation. `document` is the OpenAPI document.
pub(super) fn show_operation(
    state: &AppState,
    context: &PageContext,
    id: &str,
    document: &Value,
) -> Result<Response, Problem> {
    let operation = all_operations().find(|operation| operation.id == id).ok_or_else(|| {
        let sent = quote_value(&id.into());
        Problem::new(
            ProblemKind::UnknownPath,
            format!("The Ticket API has no operation {sent}; see /docs."),
        )
    })?;
    let spec = &document["paths"][operation.path][operation.method.name().to_lowercase()];
    let article = render_operation(state, operation, spec);
    let main = render_api(context, &links(), &url_of(operation), &article);
    Ok(context.render(Section::TicketApi, operation.name, &main))
}

fn render_operation(state: &AppState, operation: &'static Operation, spec: &Value) -> Markup {
    html! {
        div.operation { (render_method(operation.method.name())) h1 { (render_path(operation.path)) } }
        p { (operation.summary) }
        p.help {
            (operation.name) ". " (render_fidelity(operation.fidelity)) " Needs the permission " code { (operation.permission.name()) } (render_assumption(operation.permission_fidelity)) "."
        }
        section aria-labelledby="try" {
            h2 #try { "Fields" }
            form.try data-method=(operation.method.name()) data-path=(operation.path) data-reads=(input_location(operation)) {
                (render_key_field(state))
                @for field in operation.all_fields() { (render_inputs(operation, field)) }
                @if operation.input_source != InputSource::Query && !(operation.fields)().is_empty() { (render_encoding_select(operation)) }
                (render_sending())
            }
        }
        (render_responses(spec))
    }
}

const fn input_location(operation: &Operation) -> &'static str {
    match operation.input_source {
        InputSource::Query => "query",
        InputSource::Body | InputSource::BodyOrQuery => "body",
    }
}

/// Renders the inputs of a field: one, or one for each field of its first row.
fn render_inputs(operation: &Operation, field: &'static Field) -> Markup {
    html! {
        @for (name, field) in wire_names(field, Notation::Form) {
            @let id = format!("{}-{name}", operation.id);
            div.field {
                label for=(id) {
                    code { (name) }
                    @if field.is_required() { " " span.required { "required" } }
                }
                (render_input(&id, &name, field))
                p.help {
                    (render_text(field.description))
                    @if let FieldType::Array { .. } = field.data_type { " Separate the values with commas here." }
                    @if let FieldType::TextEnum { documented_as, .. } = field.data_type { @if !documented_as.is_empty() { " Documented as " code { (documented_as) } "." } }
                    (render_assumption(field.fidelity))
                    @if !field.undocumented_note.is_empty() { " " span.tag.warn { "our assumption" } " " (field.undocumented_note) "." }
                }
            }
        }
    }
}

fn render_input(id: &str, name: &str, field: &Field) -> Markup {
    let default = match field.presence {
        Presence::Default(Literal::Number(number)) => number.to_string(),
        Presence::Default(Literal::Text(text)) => text.to_owned(),
        _ => String::new(),
    };
    match field.data_type {
        FieldType::TextEnum { values, .. } => render_select(id, name, values, &default),
        FieldType::Boolean => render_select(id, name, &["true", "false"], &default),
        _ => {
            let example = field.example.to_value().map(|value| match value {
                Value::String(text) => text,
                other => other.to_string().replace(['[', ']'], ""),
            });
            let placeholder = match example {
                _ if !default.is_empty() => format!("not sent: {default}"),
                Some(example) => format!("such as {example}"),
                None => String::new(),
            };
            html! { input id=(id) name=(name) type="text" spellcheck="false" placeholder=(placeholder); }
        }
    }
}

fn render_select(id: &str, name: &str, values: &[&str], default: &str) -> Markup {
    html! {
        select id=(id) name=(name) {
            option value="" { (if default.is_empty() { "(not sent)".to_owned() } else { format!("(not sent: {default})") }) }
            @for value in values { option value=(value) { (value) } }
        }
    }
}

fn render_encoding_select(operation: &Operation) -> Markup {
    let id = format!("{}-encoding", operation.id);
    html! {
        div.field {
            label for=(id) { "Content-Type" }
            select id=(id) data-encoding {
                @for encoding in [MediaType::Multipart, MediaType::Urlencoded] {
                    @let documented = operation.documented_media_type == Some(encoding);
                    option value=(encoding.name()) selected[documented] {
                        (encoding.name()) @if !documented { " (our assumption)" }
                    }
                }
            }
        }
    }
}

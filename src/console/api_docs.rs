//! The docs page of the Ticket API: rendered from the endpoint tables.

use maud::{Markup, html};

use super::layout::render_layout;
use crate::api::decode::MediaType;
use crate::api::{Endpoint, InputSource};
use crate::contract::{Field, FieldType, Literal, Notation, Presence, wire_names};
use crate::tickets::ENDPOINTS;

/// Renders the page.
pub(super) fn render_page() -> Markup {
    let content = html! {
        header {
            h1 { "Ticket API" }
            p {
                "Every operation as this mock answers it. "
                span.documented { "documented" } " means: a page of the vendor says so; "
                span.chosen { "chosen" } " means: no page does. The same as data: "
                a href="/openapi.json" { "openapi.json" } ". The other page: "
                a href="/docs/control" { "control API" } "."
            }
            form #key-form {
                label for="key" { "API key, sent as the header " code { "apiKey" } "; " code { "dev-key" } " when left empty" }
                input #key name="key" type="text" autocomplete="off" spellcheck="false" placeholder="dev-key";
            }
        }
        nav aria-label="Operations" {
            ul { @for endpoint in ENDPOINTS.iter() { li { a href={ "#" (endpoint.operation_id) } { (method_badge(endpoint)) " " (endpoint.path) } } } }
        }
        main #operations { @for endpoint in ENDPOINTS.iter() { (render_operation(endpoint)) } }
    };
    render_layout("Ticket API", &content)
}

fn method_badge(endpoint: &Endpoint) -> Markup {
    html! { b.verb { (endpoint.method.as_str()) } }
}

fn fidelity_badge(label: &str) -> Markup {
    html! { span class=(label) { (label) } }
}

fn render_operation(endpoint: &'static Endpoint) -> Markup {
    html! {
        section id=(endpoint.operation_id) aria-labelledby={ "about-" (endpoint.operation_id) } {
            h2 id={ "about-" (endpoint.operation_id) } { (method_badge(endpoint)) " " code { (endpoint.path) } }
            p { (endpoint.summary) " " (fidelity_badge(endpoint.source.label())) }
            p.small {
                (endpoint.source.detail()) " Needs " code { (endpoint.permission.name()) } " "
                (fidelity_badge(endpoint.permission_source.label())) "."
            }
            form.try data-method=(endpoint.method.as_str()) data-path=(endpoint.path) data-reads=(input_location(endpoint)) {
                @for field in endpoint.all_fields() { (render_inputs(endpoint, field)) }
                @if endpoint.input_source != InputSource::Query && !(endpoint.fields)().is_empty() { (render_encoding_select(endpoint)) }
                button type="submit" { "Send" }
                output aria-live="polite" {}
            }
        }
    }
}

const fn input_location(endpoint: &Endpoint) -> &'static str {
    match endpoint.input_source {
        InputSource::Query => "query",
        InputSource::Body | InputSource::BodyOrQuery => "body",
    }
}

/// Renders the inputs of a field: one, or one for each field of its first row.
fn render_inputs(endpoint: &Endpoint, field: &'static Field) -> Markup {
    html! {
        @for (name, field) in wire_names(field, Notation::Form) {
            @let id = format!("{}-{name}", endpoint.operation_id);
            div.field {
                label for=(id) {
                    code { (name) }
                    @if field.is_required() { " required" }
                    " " (fidelity_badge(field.fidelity.label()))
                }
                (render_input(&id, &name, field))
                p.small {
                    (field.description)
                    @if let FieldType::Array { .. } = field.data_type { " Here with commas between them." }
                    @if !field.undocumented_note.is_empty() { " " (fidelity_badge("chosen")) ": " (field.undocumented_note) "." }
                    @if let FieldType::TextEnum { documented_as, .. } = field.data_type { @if !documented_as.is_empty() { " Documented as " code { (documented_as) } "." } }
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
            html! { input id=(id) name=(name) type="text" spellcheck="false" placeholder=(default); }
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

fn render_encoding_select(endpoint: &Endpoint) -> Markup {
    let id = format!("{}-encoding", endpoint.operation_id);
    html! {
        div.field {
            label for=(id) { "Content-Type" }
            select id=(id) data-encoding {
                @for encoding in [MediaType::Multipart, MediaType::Urlencoded] {
                    @let documented = endpoint.documented_media_type == Some(encoding);
                    option value=(encoding.name()) selected[documented] {
                        (encoding.name()) " (" (if documented { "documented" } else { "chosen" }) ")"
                    }
                }
            }
        }
    }
}

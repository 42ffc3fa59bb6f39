//! The docs page of the Ticket API: rendered from the operation tables.

use maud::{Markup, html};

use super::layout::render_layout;
use crate::contract::{
    Field, FieldType, InputSource, Literal, MediaType, Notation, Operation, Presence, wire_names,
};
use crate::controllers::all_operations;

/// Renders the page.
pub(super) fn render_page() -> Markup {
    let content = html! {
        header {
            h1 { "Ticket API" }
            p {
                "The operations of this mock server. "
                span.documented { "documented" } " means: the vendor's documentation describes it; "
                span.undocumented { "undocumented" } " means: it is an assumption. OpenAPI document: "
                a href="openapi.json" { "openapi.json" } ". See also: "
                a href="docs/control" { "control API" } "."
            }
            form #key-form {
                label for="key" { "API key, sent in the header " code { "apiKey" } "; " code { "dev-key" } " if empty" }
                input #key name="key" type="text" autocomplete="off" spellcheck="false" placeholder="dev-key";
            }
        }
        nav aria-label="Operations" {
            ul { @for operation in all_operations() { li { a href={ "#" (operation.id) } { (method_badge(operation)) " " (operation.path) } } } }
        }
        main #operations { @for operation in all_operations() { (render_operation(operation)) } }
    };
    render_layout("", "Ticket API", &content)
}

fn method_badge(operation: &Operation) -> Markup {
    html! { b.verb { (operation.method.name()) } }
}

fn fidelity_badge(label: &str) -> Markup {
    html! { span class=(label) { (label) } }
}

fn render_operation(operation: &'static Operation) -> Markup {
    html! {
        section id=(operation.id) aria-labelledby={ "about-" (operation.id) } {
            h2 id={ "about-" (operation.id) } { (method_badge(operation)) " " code { (operation.path) } }
            p { (operation.summary) " " (fidelity_badge(operation.fidelity.label())) }
            p.small {
                (operation.fidelity.detail()) " Needs " code { (operation.permission.name()) } " "
                (fidelity_badge(operation.permission_fidelity.label())) "."
            }
            form.try data-method=(operation.method.name()) data-path=(operation.path) data-reads=(input_location(operation)) {
                @for field in operation.all_fields() { (render_inputs(operation, field)) }
                @if operation.input_source != InputSource::Query && !(operation.fields)().is_empty() { (render_encoding_select(operation)) }
                button type="submit" { "Send" }
                output aria-live="polite" {}
            }
        }
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
                    @if field.is_required() { " required" }
                    " " (fidelity_badge(field.fidelity.label()))
                }
                (render_input(&id, &name, field))
                p.small {
                    (field.description)
                    @if let FieldType::Array { .. } = field.data_type { " Separate the values with commas here." }
                    @if !field.undocumented_note.is_empty() { " " (fidelity_badge("undocumented")) ": " (field.undocumented_note) "." }
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

fn render_encoding_select(operation: &Operation) -> Markup {
    let id = format!("{}-encoding", operation.id);
    html! {
        div.field {
            label for=(id) { "Content-Type" }
            select id=(id) data-encoding {
                @for encoding in [MediaType::Multipart, MediaType::Urlencoded] {
                    @let documented = operation.documented_media_type == Some(encoding);
                    option value=(encoding.name()) selected[documented] {
                        (encoding.name()) " (" (if documented { "documented" } else { "undocumented" }) ")"
                    }
                }
            }
        }
    }
}

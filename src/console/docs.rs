//! The page that shows every operation and tries it. Made from the endpoint tables.

use maud::{Markup, html};

use crate::http::decode::Encoding;
use crate::http::{Endpoint, Reads};
use crate::rules::{Field, Kind, Literal, Notation, Presence, form_names};
use crate::tickets::ENDPOINTS;

/// The whole page.
pub(super) fn page() -> Markup {
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
            ul { @for endpoint in ENDPOINTS.iter() { li { a href={ "#" (endpoint.id) } { (verb(endpoint)) " " (endpoint.path) } } } }
        }
        main #operations { @for endpoint in ENDPOINTS.iter() { (operation(endpoint)) } }
    };
    super::framed("Ticket API", &content)
}

fn verb(endpoint: &Endpoint) -> Markup {
    html! { b.verb { (endpoint.method.as_str()) } }
}

fn source(word: &str) -> Markup {
    html! { span class=(word) { (word) } }
}

fn operation(endpoint: &'static Endpoint) -> Markup {
    html! {
        section id=(endpoint.id) aria-labelledby={ "about-" (endpoint.id) } {
            h2 id={ "about-" (endpoint.id) } { (verb(endpoint)) " " code { (endpoint.path) } }
            p { (endpoint.summary) " " (source(endpoint.source.word())) }
            p.small {
                (endpoint.source.text()) " Needs " code { (endpoint.permission.name()) } " "
                (source(endpoint.permission_source.word())) "."
            }
            form.try data-method=(endpoint.method.as_str()) data-path=(endpoint.path) data-reads=(place(endpoint)) {
                @for field in endpoint.all_fields() { (inputs(endpoint, field)) }
                @if endpoint.reads != Reads::Query && !(endpoint.fields)().is_empty() { (encodings(endpoint)) }
                button type="submit" { "Send" }
                output aria-live="polite" {}
            }
        }
    }
}

const fn place(endpoint: &Endpoint) -> &'static str {
    match endpoint.reads {
        Reads::Query => "query",
        Reads::Body | Reads::BodyOrQuery => "body",
    }
}

/// The inputs of a field: one, or one for each field of its first row.
fn inputs(endpoint: &Endpoint, field: &'static Field) -> Markup {
    html! {
        @for (name, field) in form_names(field, Notation::Form) {
            @let id = format!("{}-{name}", endpoint.id);
            div.field {
                label for=(id) {
                    code { (name) }
                    @if field.is_required() { " required" }
                    " " (source(field.source.word()))
                }
                (input(&id, &name, field))
                p.small {
                    (field.about)
                    @if let Kind::List { .. } = field.kind { " Here with commas between them." }
                    @if !field.chosen.is_empty() { " " (source("chosen")) ": " (field.chosen) "." }
                    @if let Kind::OneOf { written, .. } = field.kind { @if !written.is_empty() { " Documented as " code { (written) } "." } }
                }
            }
        }
    }
}

fn input(id: &str, name: &str, field: &Field) -> Markup {
    let default = match field.presence {
        Presence::Default(Literal::Number(number)) => number.to_string(),
        Presence::Default(Literal::Text(text)) => text.to_owned(),
        _ => String::new(),
    };
    match field.kind {
        Kind::OneOf { names, .. } => choices(id, name, names, &default),
        Kind::Flag => choices(id, name, &["true", "false"], &default),
        _ => {
            html! { input id=(id) name=(name) type="text" spellcheck="false" placeholder=(default); }
        }
    }
}

fn choices(id: &str, name: &str, names: &[&str], default: &str) -> Markup {
    html! {
        select id=(id) name=(name) {
            option value="" { (if default.is_empty() { "(not sent)".to_owned() } else { format!("(not sent: {default})") }) }
            @for name in names { option value=(name) { (name) } }
        }
    }
}

fn encodings(endpoint: &Endpoint) -> Markup {
    let id = format!("{}-encoding", endpoint.id);
    html! {
        div.field {
            label for=(id) { "Content-Type" }
            select id=(id) data-encoding {
                @for encoding in [Encoding::Multipart, Encoding::Urlencoded] {
                    @let documented = endpoint.documented_encoding == Some(encoding);
                    option value=(encoding.media_type()) selected[documented] {
                        (encoding.media_type()) " (" (if documented { "documented" } else { "chosen" }) ")"
                    }
                }
            }
        }
    }
}

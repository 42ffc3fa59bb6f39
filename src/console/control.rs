//! The page of the control API: every operation, to read and to try, and every problem. Made from its document.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::control::{KINDS, document};
use crate::faults::PRESETS;
use crate::journal::WarningKind;

/// An operation of the document.
struct Operation<'a> {
    method: String,
    path: &'a str,
    about: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.about["operationId"].as_str().unwrap_or_default()
    }

    fn verb(&self) -> Markup {
        html! { b.verb { (self.method) } }
    }

    fn parameters(&self) -> &[Value] {
        self.about["parameters"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether the answer never ends.
    fn is_stream(&self) -> bool {
        !self.about["responses"]["200"]["content"]["text/event-stream"].is_null()
    }

    fn body(&self) -> Option<&Value> {
        self.about["requestBody"]["content"]["application/json"].get("schema")
    }
}

/// The whole page.
pub(super) fn page() -> Markup {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let operations = operations(&document);
    let content = html! {
        header {
            h1 { "Control API" }
            p {
                "For tests and tools; not part of Omnidesk. The same as data: "
                a href="/_control/openapi.json" { "openapi.json" } ". The other page: "
                a href="/docs" { "Ticket API" } ". Also here: " a href="#warnings" { "warnings" } ", " a href="#presets" { "presets of faults" } ", "
                a href="#problems" { "problems" } "."
            }
            form #key-form {
                label for="key" { "API key, whose account " code { "self" } " means; " code { "dev-key" } " when left empty" }
                input #key name="key" type="text" autocomplete="off" spellcheck="false" placeholder="dev-key";
                label for="token" { "Token of " code { "--control-token" } ", where there is one" }
                input #token name="token" type="text" autocomplete="off" spellcheck="false";
            }
        }
        nav aria-label="Operations" {
            ul { @for one in &operations { li { a href={ "#" (one.id()) } { (one.verb()) " " (one.path) } } } }
        }
        main {
            div #operations { @for one in &operations { (section(one, &document)) } }
            (warnings())
            (presets())
            (problems())
        }
    };
    super::framed("Control API", &content)
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let each = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(|(method, about)| Operation { method: method.to_uppercase(), path, about })
    });
    each.collect()
}

fn section(one: &Operation, document: &Value) -> Markup {
    let text = |name: &str| one.about[name].as_str().unwrap_or_default();
    html! {
        section id=(one.id()) aria-labelledby={ "about-" (one.id()) } {
            h2 id={ "about-" (one.id()) } { (one.verb()) " " code { (one.path) } }
            p { (text("summary")) " " (text("description")) }
            @if one.is_stream() {
                p { "It does not end, so it is for a client: " code { "curl -N -H 'apiKey: dev-key' …" (one.path) } }
            } @else {
                form.try data-method=(one.method) data-path=(one.path) data-reads="json" {
                    @for parameter in one.parameters() { (input(one, parameter)) }
                    @if let Some(schema) = one.body() { (body(one, schema, document)) }
                    button type="submit" { "Send" }
                    output aria-live="polite" {}
                }
            }
        }
    }
}

fn input(one: &Operation, parameter: &Value) -> Markup {
    let name = parameter["name"].as_str().unwrap_or_default();
    let id = format!("{}-{name}", one.id());
    let usual = if name == "account" { "self" } else { "" };
    let is_required = parameter["required"] == true;
    html! {
        div.field {
            label for=(id) { code { (name) } @if is_required { " required" } }
            input id=(id) name=(name) type="text" spellcheck="false" value=(usual);
            p.small { (parameter["description"].as_str().unwrap_or_default()) }
        }
    }
}

fn body(one: &Operation, schema: &Value, document: &Value) -> Markup {
    let id = format!("{}-body", one.id());
    let about = one.about["requestBody"]["description"].as_str().unwrap_or_default();
    html! {
        div.field {
            label for=(id) { "Body, JSON" }
            textarea id=(id) name="body" rows="3" spellcheck="false" {}
            p.small { (about) }
            @for fields in alternatives(schema, document) {
                dl.small { @for (name, field) in fields { (described(name, field)) } }
            }
        }
    }
}

fn described(name: &str, field: &Value) -> Markup {
    let words = field["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = words.collect();
    html! {
        dt { code { (name) } @if !words.is_empty() { ": " (words.join(", ")) } }
        dd {
            (field["description"].as_str().unwrap_or_default())
            @if let Some(example) = field.get("example") { " For example " code { (example.to_string()) } "." }
        }
    }
}

/// The fields of each form that a schema allows.
fn alternatives<'a>(schema: &'a Value, document: &'a Value) -> Vec<&'a Map<String, Value>> {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return alternatives(&document["components"]["schemas"][name], document);
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        return forms.iter().flat_map(|form| alternatives(form, document)).collect();
    }
    schema["properties"].as_object().into_iter().collect()
}

fn warnings() -> Markup {
    html! {
        section #warnings aria-labelledby="about-warnings" {
            h2 #about-warnings { "Warnings" }
            p { "What the journal notes of a request that was accepted, and what a strict account refuses." }
            dl { @for kind in WarningKind::ALL { dt { code { (kind.name()) } } dd { (kind.about()) } } }
        }
    }
}

fn presets() -> Markup {
    html! {
        section #presets aria-labelledby="about-presets" {
            h2 #about-presets { "Presets of faults" }
            p { "Another trigger than a preset's own takes its place. All are chosen." }
            dl { @for preset in PRESETS { dt { code { (preset.name) } } dd { (preset.about) } } }
        }
    }
}

fn problems() -> Markup {
    html! {
        section #problems aria-labelledby="about-problems" {
            h2 #about-problems { "Problems" }
            p { "An error is " code { "application/problem+json" } ": its " code { "type" } " is one of these and never changes." }
            dl { @for (name, status, title) in KINDS { dt id=(name) { code { "/docs/control#" (name) } " " (status) } dd { (title) } } }
        }
    }
}

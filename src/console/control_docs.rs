//! The docs page of the control API: operations, warnings, presets and problems. Rendered from its OpenAPI document.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::layout::{render_layout, render_text};
use crate::control::{PROBLEM_KINDS, openapi_document};
use crate::faults::PRESETS;
use crate::journal::WarningKind;

/// How deep objects in objects are described.
const MAX_FIELD_DEPTH: usize = 3;

/// An operation of the OpenAPI document.
pub(crate) struct Operation<'a> {
    pub(crate) method: String,
    pub(crate) path: &'a str,
    pub(crate) spec: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.spec["operationId"].as_str().unwrap_or_default()
    }

    fn method_badge(&self) -> Markup {
        html! { b.verb { (self.method) } }
    }

    pub(crate) fn parameters(&self) -> &[Value] {
        self.spec["parameters"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns whether the response is an event stream.
    fn is_stream(&self) -> bool {
        !self.spec["responses"]["200"]["content"]["text/event-stream"].is_null()
    }

    fn body_schema(&self) -> Option<&Value> {
        self.spec["requestBody"]["content"]["application/json"].get("schema")
    }
}

/// Renders the page.
pub(super) fn render_page() -> Markup {
    let document = openapi_document();
    let operations = collect_operations(&document);
    let content = html! {
        header {
            h1 { "Control API" }
            p {
                "For tests and tools; not part of Omnidesk. OpenAPI document: "
                a href="../_control/openapi.json" { "openapi.json" } ". See also: "
                a href="../docs" { "Ticket API" } ". On this page: " a href="#warnings" { "warnings" } ", " a href="#presets" { "fault presets" } ", "
                a href="#problems" { "problems" } "."
            }
            form #key-form {
                label for="key" { "API key of the account " code { "self" } "; " code { "dev-key" } " if empty" }
                input #key name="key" type="text" autocomplete="off" spellcheck="false" placeholder="dev-key";
                label for="token" { "Token of " code { "--control-token" } ", if it is set" }
                input #token name="token" type="text" autocomplete="off" spellcheck="false";
            }
        }
        nav aria-label="Operations" {
            ul { @for operation in &operations { li { a href={ "#" (operation.id()) } { (operation.method_badge()) " " (operation.path) } } } }
        }
        main {
            div #operations { @for operation in &operations { (render_operation(operation, &document)) } }
            (render_warnings())
            (render_presets())
            (render_problems())
        }
    };
    render_layout("../", "Control API", &content)
}

/// Returns the operations in the order of the document.
pub(crate) fn collect_operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(|(method, spec)| Operation { method: method.to_uppercase(), path, spec })
    });
    operations.collect()
}

fn render_operation(operation: &Operation, document: &Value) -> Markup {
    let text = |name: &str| operation.spec[name].as_str().unwrap_or_default();
    html! {
        section id=(operation.id()) aria-labelledby={ "about-" (operation.id()) } {
            h2 id={ "about-" (operation.id()) } { (operation.method_badge()) " " code { (operation.path) } }
            p { (render_text(text("description"))) }
            @if operation.is_stream() {
                p { "The response is an endless stream; read it with a client: " code { "curl -N -H 'apiKey: dev-key' …" (operation.path) } }
            } @else {
                form.try data-method=(operation.method) data-path=(operation.path) data-reads="json" {
                    @for parameter in operation.parameters() { (render_parameter(operation, parameter)) }
                    @if let Some(schema) = operation.body_schema() { (render_body(operation, schema, document)) }
                    button type="submit" { "Send" }
                    output aria-live="polite" {}
                }
            }
        }
    }
}

fn render_parameter(operation: &Operation, parameter: &Value) -> Markup {
    let name = parameter["name"].as_str().unwrap_or_default();
    let id = format!("{}-{name}", operation.id());
    let default = if name == "account" { "self" } else { "" };
    let is_required = parameter["required"] == true;
    html! {
        div.field {
            label for=(id) { code { (name) } @if is_required { " required" } }
            input id=(id) name=(name) type="text" spellcheck="false" value=(default);
            p.small { (render_text(parameter["description"].as_str().unwrap_or_default())) }
        }
    }
}

fn render_body(operation: &Operation, schema: &Value, document: &Value) -> Markup {
    let id = format!("{}-body", operation.id());
    let description = operation.spec["requestBody"]["description"].as_str().unwrap_or_default();
    html! {
        div.field {
            label for=(id) { "Body, JSON" }
            textarea id=(id) name="body" rows="3" spellcheck="false" {}
            p.small { (render_text(description)) }
            (render_fields(schema, document, MAX_FIELD_DEPTH))
        }
    }
}

/// Renders the fields of an object, and those of the objects in it.
fn render_fields(schema: &Value, document: &Value, depth: usize) -> Markup {
    html! {
        @if depth > 0 {
            @for fields in schema_variants(schema, document) {
                dl.small { @for (name, field) in fields { (render_field(name, field, document, depth)) } }
            }
        }
    }
}

fn render_field(name: &str, field: &Value, document: &Value, depth: usize) -> Markup {
    let values = enum_values(field, document);
    html! {
        dt { code { (name) } @if !values.is_empty() { ": " (values.join(", ")) } }
        dd {
            (render_text(field_description(field)))
            @if let Some(example) = field.get("example") { " For example " code { (example.to_string()) } "." }
            (render_fields(field, document, depth - 1))
        }
    }
}

/// Returns the description of a field, or of its only variant that is not null.
pub(crate) fn field_description(field: &Value) -> &str {
    let variants = field["oneOf"].as_array().into_iter().flatten();
    let own = std::iter::once(field);
    own.chain(variants).find_map(|schema| schema["description"].as_str()).unwrap_or_default()
}

/// Returns the words that a field accepts.
fn enum_values<'a>(schema: &'a Value, document: &'a Value) -> Vec<&'a str> {
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let referenced = resolve(schema, document).into_iter();
    words
        .chain(variants.chain(referenced).flat_map(|schema| enum_values(schema, document)))
        .collect()
}

/// Returns the schema that a reference names.
fn resolve<'a>(schema: &Value, document: &'a Value) -> Option<&'a Value> {
    Some(&document["components"]["schemas"][referenced_name(schema)?])
}

/// Returns the name of the schema that a reference names.
pub(crate) fn referenced_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Returns the fields of each variant of a schema.
fn schema_variants<'a>(schema: &'a Value, document: &'a Value) -> Vec<&'a Map<String, Value>> {
    if let Some(schema) = resolve(schema, document) {
        return schema_variants(schema, document);
    }
    if schema["type"] == "array" {
        return schema_variants(&schema["items"], document);
    }
    for keyword in ["oneOf", "allOf"] {
        if let Some(variants) = schema[keyword].as_array() {
            return variants
                .iter()
                .flat_map(|variant| schema_variants(variant, document))
                .collect();
        }
    }
    schema["properties"].as_object().into_iter().collect()
}

fn render_warnings() -> Markup {
    html! {
        section #warnings aria-labelledby="about-warnings" {
            h2 #about-warnings { "Warnings" }
            p { "The journal records warnings about accepted requests. A strict account rejects requests that cause a warning." }
            dl { @for kind in WarningKind::ALL { dt { code { (kind.name()) } } dd { (render_text(kind.description())) } } }
        }
    }
}

fn render_presets() -> Markup {
    html! {
        section #presets aria-labelledby="about-presets" {
            h2 #about-presets { "Fault presets" }
            p { "A trigger in the rule (" code { "first" } ", " code { "every" } " or " code { "after" } ") replaces the trigger of the preset. The presets are an assumption." }
            dl { @for preset in PRESETS { dt { code { (preset.name) } } dd { (render_text(preset.description)) } } }
        }
    }
}

fn render_problems() -> Markup {
    html! {
        section #problems aria-labelledby="about-problems" {
            h2 #about-problems { "Problems" }
            p { "An error response is " code { "application/problem+json" } ". Its " code { "type" } " is one of these. The names are stable." }
            dl { @for kind in PROBLEM_KINDS { dt id=(kind.name) { code { "/docs/control#" (kind.name) } " " (kind.status) } dd { (render_text(kind.title)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_describes_the_members_of_objects_in_a_body() {
        let page = render_page().into_string();
        for member in ["drop_response", "retry_after", "at_least", "min_interval"] {
            assert!(page.contains(&format!("<dt><code>{member}</code>")), "{member}");
        }
        assert!(!page.contains('`'), "code is marked up");
    }
}

//! The pages of the control API: its operations, warnings, presets and problems, and a page for each operation. Rendered
//! from its OpenAPI document.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::api_page::{
    ApiLink, render_api, render_key_field, render_responses, render_sending, render_token_field,
};
use super::components::{render_copyable, render_method, render_path};
use super::page::{PageContext, Section, render_text};
use crate::api::state::{AppState, SharedState};
use crate::contract::quote_value;
use crate::control::{PROBLEM_KINDS, Problem, ProblemKind, openapi_document};
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

    /// Returns the path of its page, below the root.
    fn url(&self) -> String {
        format!("{INDEX_URL}/{}", self.id())
    }

    fn group(&self) -> &str {
        self.spec["tags"][0].as_str().unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        self.spec[name].as_str().unwrap_or_default()
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

/// The URL of the page with all operations, below the root.
const INDEX_URL: &str = "docs/control";

fn links<'a>(operations: &'a [Operation<'a>]) -> Vec<ApiLink<'a>> {
    let links = operations.iter().map(|operation| ApiLink {
        group: operation.group(),
        method: &operation.method,
        title: operation.id(),
        url: operation.url(),
    });
    links.collect()
}

/// Shows all operations, the warnings, presets and problems.
pub(super) async fn show(context: PageContext) -> Response {
    let document = openapi_document();
    let operations = collect_operations(&document);
    let article = html! {
        h1 { "Control API" }
        p { "For tests and tools; not part of Omnidesk. "
            a href={ (context.root) "_control/openapi.json" } { "OpenAPI" } ". On this page: "
            a href="#warnings" { "warnings" } ", " a href="#presets" { "fault presets" } ", " a href="#problems" { "problems" } "." }
        div.scroll tabindex="0" role="region" aria-label="Operations" { table data-rows {
            thead { tr { th scope="col" { "Operation" } th scope="col" { "Path" } th scope="col" { "What it does" } } }
            tbody { @for operation in &operations {
                tr {
                    th scope="row" { (render_method(&operation.method)) " " a data-row href={ (context.root) (operation.url()) } { (operation.id()) } }
                    td.wrap { (render_path(operation.path)) }
                    td.wrap { (render_text(operation.text("summary"))) }
                }
            } }
        } }
        (render_warnings())
        (render_presets())
        (render_problems())
    };
    let main = render_api(&context, &links(&operations), INDEX_URL, &article);
    context.render(Section::ControlApi, "Control API", &main)
}

/// Shows one operation.
pub(super) async fn show_operation(
    State(state): State<SharedState>,
    context: PageContext,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let document = openapi_document();
    let operations = collect_operations(&document);
    let operation = operations.iter().find(|operation| operation.id() == id).ok_or_else(|| {
        let sent = quote_value(&id.as_str().into());
        let detail = format!("The control API has no operation {sent}; see /docs/control.");
        Problem::new(ProblemKind::UnknownPath, detail)
    })?;
    let article = render_operation(&state, operation, &document);
    let main = render_api(&context, &links(&operations), &operation.url(), &article);
    Ok(context.render(Section::ControlApi, operation.id(), &main))
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

fn render_operation(state: &AppState, operation: &Operation, document: &Value) -> Markup {
    html! {
        div.operation { (render_method(&operation.method)) h1 { (render_path(operation.path)) } }
        p { (render_text(operation.text("description"))) }
        section aria-labelledby="try" {
            h2 #try { "Parameters" }
            @if operation.is_stream() {
                p { "The response is an endless stream; read it with a client:" }
                (render_copyable("command", &format!("curl -N -H 'apiKey: dev-key' http://127.0.0.1:8080{}", operation.path.replace("{account}", "self"))))
            } @else {
                form.try data-method=(operation.method) data-path=(operation.path) data-reads="json" {
                    (render_token_field(state))
                    @if operation.parameters().iter().any(|parameter| parameter["name"] == "account") { (render_key_field(state)) }
                    @for parameter in operation.parameters() { (render_parameter(operation, parameter)) }
                    @if let Some(schema) = operation.body_schema() { (render_body(operation, schema, document)) }
                    (render_sending())
                }
            }
        }
        (render_responses(operation.spec))
    }
}

fn render_parameter(operation: &Operation, parameter: &Value) -> Markup {
    let name = parameter["name"].as_str().unwrap_or_default();
    let id = format!("{}-{name}", operation.id());
    let default = if name == "account" { "self" } else { "" };
    let is_required = parameter["required"] == true;
    html! {
        div.field {
            label for=(id) { code { (name) } @if is_required { " " span.required { "required" } } }
            input id=(id) name=(name) type="text" spellcheck="false" value=(default);
            p.help { (render_text(parameter["description"].as_str().unwrap_or_default())) @if name == "account" { " " code { "self" } " is the account of the API key." } }
        }
    }
}

fn render_body(operation: &Operation, schema: &Value, document: &Value) -> Markup {
    let id = format!("{}-body", operation.id());
    let body = &operation.spec["requestBody"];
    let description = body["description"].as_str().unwrap_or_default();
    let example = body["content"]["application/json"].get("example");
    let example = example.and_then(|example| serde_json::to_string_pretty(example).ok());
    html! {
        div.field {
            label for=(id) { "Body, JSON" }
            textarea id=(id) name="body" rows=(example.as_deref().map_or(6, |text| text.lines().count().clamp(3, 24))) spellcheck="false" { (example.unwrap_or_default()) }
            div.help {
                (render_text(description))
                details { summary { "Members" } (render_fields(schema, document, MAX_FIELD_DEPTH)) }
            }
        }
    }
}

/// Renders the fields of an object, and those of the objects in it.
fn render_fields(schema: &Value, document: &Value, depth: usize) -> Markup {
    html! {
        @if depth > 0 {
            @for fields in schema_variants(schema, document) {
                dl.members { @for (name, field) in fields { (render_field(name, field, document, depth)) } }
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
        let document = openapi_document();
        let bodies = collect_operations(&document).into_iter().filter_map(|operation| {
            let schema = operation.body_schema()?;
            Some(render_body(&operation, schema, &document).into_string())
        });
        let pages: String = bodies.collect();
        for member in ["drop_response", "retry_after", "at_least", "min_interval"] {
            assert!(pages.contains(&format!("<dt><code>{member}</code>")), "{member}");
        }
        assert!(!pages.contains('`'), "code is marked up");
    }
}

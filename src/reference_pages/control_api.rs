//! The page of the control API, from its OpenAPI document.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::json_schema::describe;
use super::markdown::{code, generated_note, table};
use crate::console::control_docs::{
    Operation, collect_operations, field_description, referenced_name,
};
use crate::control::{PROBLEM_KINDS, openapi_document};

const INTRODUCTION: &str = "
# Control API

The control API manages the accounts of a server, shows what they received, and injects faults. It is not a part of
Omnidesk. Bodies are JSON. `{account}` is the name of an account, or `self` with an API key in the request.

On loopback it needs no token unless `--control-token` sets one; on other addresses it always does
(`Authorization: Bearer TOKEN`), and the server prints a random token at start if none was set. A client that has the
token may do everything, under every `Host`. A request from a web page of another origin is rejected. Without a token,
accepted as `Host` are `localhost`, loopback addresses, the host of `--public-url`, and the listen address (any IP
address if the server listens on all addresses): set `--public-url http://mock:8080` if clients reach the server as
`mock`.

An unknown field of a body and an unknown query parameter are errors. An error changes nothing. `/docs/control` shows
the same routes to try in a browser; `GET /_control/openapi.json` and `omnidesk-mock openapi --control` return the
OpenAPI document.

Guides: [accounts, snapshots and clocks](clock-and-accounts.md), [the journal](journal.md),
[faults and rate limits](faults.md).
";

const PROBLEMS: &str = "
## Problems

An error is an `application/problem+json` document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), the type
[`ProblemDetails`](#problemdetails). Its `type` is `/docs/control#` and one of these names, which never change. If the
[base URL](operations.md#below-a-path) of the server has a path, the `type` begins with it, so compare what follows `#`.

";

/// Generates the page.
pub(super) fn page() -> String {
    let document = openapi_document();
    let operations = collect_operations(&document);
    let mut tags: Vec<&str> = Vec::new();
    for operation in &operations {
        if !tags.contains(&tag(operation)) {
            tags.push(tag(operation));
        }
    }
    let mut page = generated_note("the OpenAPI document of the control API") + INTRODUCTION;
    for subject in tags {
        let operations: Vec<&Operation<'_>> =
            operations.iter().filter(|operation| tag(operation) == subject).collect();
        let rows: Vec<_> = operations.iter().map(|operation| operation_row(operation)).collect();
        let header = ["Request", "What it does", "Body", "Response"];
        let _ = write!(page, "\n## {}\n\n{}", capitalise(subject), table(header, &rows));
        for operation in operations {
            describe_parameters(&mut page, operation);
        }
    }
    let problems: Vec<_> = PROBLEM_KINDS
        .iter()
        .map(|kind| [code(kind.name), kind.status.to_string(), kind.title.to_owned()])
        .collect();
    page += PROBLEMS;
    page += &table(["Name", "Status", "Title"], &problems);
    page += "\n## Types\n";
    let schemas = document["components"]["schemas"].as_object().expect("there are schemas");
    for (name, schema) in schemas {
        describe_type(&mut page, name, schema);
    }
    page
}

fn tag<'a>(operation: &'a Operation<'_>) -> &'a str {
    operation.spec["tags"][0].as_str().expect("the operation has a tag")
}

fn request(operation: &Operation<'_>) -> String {
    code(&format!("{} {}", operation.method, operation.path))
}

fn operation_row(operation: &Operation<'_>) -> [String; 4] {
    let summary = operation.spec["description"].as_str().unwrap_or_default().to_owned();
    let responses = operation.spec["responses"].as_object().expect("there are responses");
    let responses: Vec<String> = responses
        .iter()
        .filter(|(status, _)| *status != "default")
        .map(|(status, response)| format!("{status} {}", describe_content(&response["content"])))
        .map(|response| response.trim_end().to_owned())
        .collect();
    let body = describe_content(&operation.spec["requestBody"]["content"]);
    [request(operation), summary, body, responses.join(", ")]
}

/// Appends a table of the parameters outside the path.
fn describe_parameters(page: &mut String, operation: &Operation<'_>) {
    let rows: Vec<_> = operation
        .parameters()
        .iter()
        .filter(|parameter| parameter["in"] != "path")
        .map(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            let kind = if parameter["in"] == "header" { " (header)" } else { "" };
            let description = parameter["description"].as_str().unwrap_or_default();
            [format!("`{name}`{kind}"), describe(&parameter["schema"]), description.to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        let table = table(["Parameter", "Type", "Meaning"], &rows);
        let _ = write!(page, "\nParameters of {}:\n\n{table}", request(operation));
    }
}

/// Describes the types of a body.
fn describe_content(content: &Value) -> String {
    let Some((media_type, body)) = content.as_object().and_then(|content| content.iter().next())
    else {
        return String::new();
    };
    let schema = &body["schema"];
    let is_json = media_type == "application/json";
    if is_json && (referenced_name(schema).is_some() || schema["oneOf"].is_array()) {
        return describe(schema);
    }
    code(media_type)
}

fn describe_type(page: &mut String, name: &str, schema: &Value) {
    let description = schema["description"].as_str().unwrap_or_default();
    let _ = write!(page, "\n### {name}\n\n{description}\n");
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let properties = schema["properties"].as_object().into_iter().flatten();
    let rows: Vec<_> = properties
        .map(|(name, property)| {
            field_row(name, property, required.iter().any(|required| required == name))
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(page, "\n{}", table(["Field", "Type", "Default", "Meaning"], &rows));
    } else if let Some(alternatives) = schema["oneOf"].as_array() {
        for alternative in alternatives {
            describe_alternative(page, alternative);
        }
    } else {
        let prefix = if schema["enum"].is_array() { "One of" } else { "JSON type:" };
        let _ = write!(page, "\n{prefix} {}.\n", describe(schema));
    }
}

fn describe_alternative(page: &mut String, schema: &Value) {
    let description =
        schema["description"].as_str().map_or_else(String::new, |text| format!(": {text}"));
    let _ = write!(page, "\n- {}{description}\n", describe(schema));
    for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        if let Some(text) = property["description"].as_str() {
            let _ = writeln!(page, "  - `{name}`: {text}");
        }
    }
}

fn field_row(name: &str, property: &Value, is_required: bool) -> [String; 4] {
    let default = match &property["default"] {
        _ if is_required => String::new(),
        Value::Null => String::new(),
        default => code(&default.to_string()),
    };
    [code(name), describe(property), default, field_description(property).to_owned()]
}

fn capitalise(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

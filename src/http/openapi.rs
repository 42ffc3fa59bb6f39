//! The endpoint tables as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::decode::Encoding;
use super::endpoint::{Answer, Endpoint, Reads};
use super::key;
use crate::dialect::Dialect;
use crate::rules::{Field, Notation, Source, form_names, of_fields, of_value};

/// What the document is made of.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) endpoints: &'a [Endpoint],
    /// One ticket, as `GET` item shows it.
    pub(crate) item: Value,
    /// One ticket, as a list shows it.
    pub(crate) entry: Value,
    /// Decides statuses and names that the vendor's documents leave open.
    pub(crate) dialect: &'a Dialect,
}

/// Writes the document.
pub(crate) fn document(of: &Document) -> Value {
    let mut paths = Map::new();
    for endpoint in of.endpoints {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint, of.dialect);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Omnidesk Ticket API, as omnidesk-mock answers it",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "x-source tells what the vendor documents (documented) from what this mock chose where no page says (chosen).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that this document came from." }],
        "security": [{ "header": [] }, { "authorization": [] }, { "query": [] }],
        "tags": [{ "name": "ticket", "description": "Tickets and their timelines." }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "header": { "type": "apiKey", "in": "header", "name": key::NAME, "x-source": "documented" },
                "authorization": { "type": "http", "scheme": key::SCHEME, "x-source": "documented" },
                "query": { "type": "apiKey", "in": "query", "name": key::NAME, "x-source": "documented" },
            },
            "schemas": {
                "Ticket": of.item.clone(),
                "TicketEntry": of.entry.clone(),
                "Item": envelope(&json!({ "type": { "const": "item" }, "item": reference("Ticket") })),
                "List": envelope(&json!({
                    "type": { "const": of.dialect.list_type },
                    "itemStart": count(), "itemTotal": count(), "itemLimit": count(),
                    "items": { "type": "array", "items": reference("TicketEntry") },
                })),
                "Result": envelope(&json!({ "type": { "const": "result" }, "message": { "type": "string" } })),
                "Created": envelope(&created(of.dialect)),
                "Error": envelope(&json!({ "status": { "const": "error" }, "message": { "type": "string" } })),
            },
        },
    })
}

fn created(dialect: &Dialect) -> Value {
    let mut properties = json!({ "type": { "const": "result" }, "message": { "type": "string" } });
    properties[&dialect.created_id_field] = json!({ "type": "integer", "minimum": 1 });
    properties
}

/// An object that has exactly these properties.
fn envelope(properties: &Value) -> Value {
    let names: Vec<&String> =
        properties.as_object().map(|all| all.keys().collect()).unwrap_or_default();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn operation(endpoint: &Endpoint, dialect: &Dialect) -> Value {
    let mut operation = json!({
        "operationId": endpoint.id,
        "tags": ["ticket"],
        "summary": endpoint.summary,
        "description": format!("{} Needs the permission {}.", endpoint.source.text(), endpoint.permission.name()),
        "x-operation": endpoint.operation,
        "x-source": endpoint.source.word(),
        "x-permission": { "name": endpoint.permission.name(), "x-source": endpoint.permission_source.word() },
        "parameters": parameters(endpoint),
        "responses": responses(endpoint, dialect),
    });
    if endpoint.reads != Reads::Query && !(endpoint.fields)().is_empty() {
        operation["requestBody"] = request_body(endpoint);
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let path = (endpoint.path_fields)().iter().map(|field| parameter(field, field.name, "path"));
    if endpoint.reads == Reads::Body {
        return path.collect();
    }
    let names = (endpoint.fields)().iter().flat_map(|field| form_names(field, Notation::Form));
    path.chain(names.map(|(name, field)| {
        let mut parameter = parameter(field, &name, "query");
        if endpoint.reads == Reads::BodyOrQuery {
            parameter["required"] = false.into();
        }
        parameter
    }))
    .collect()
}

fn parameter(field: &Field, name: &str, place: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": place, "required": field.is_required(), "description": field.about,
        "schema": of_value(field), "x-source": field.source.word(),
    });
    if place == "query" && !field.is_required() && !name.ends_with(']') {
        // It counts as not sent then.
        parameter["allowEmptyValue"] = true.into();
    }
    if let Source::Documented(page) = field.source {
        parameter["x-document"] = page.into();
    }
    parameter
}

fn request_body(endpoint: &Endpoint) -> Value {
    let fields = (endpoint.fields)();
    let mut content = Map::new();
    for encoding in Encoding::ALL {
        let notation = if encoding == Encoding::Json { Notation::Json } else { Notation::Form };
        let source =
            if endpoint.documented_encoding == Some(encoding) { "documented" } else { "chosen" };
        content.insert(
            encoding.media_type().to_owned(),
            json!({ "schema": of_fields(fields, notation), "x-source": source }),
        );
    }
    let required = endpoint.reads == Reads::Body && fields.iter().any(Field::is_required);
    json!({ "required": required, "content": content })
}

fn responses(endpoint: &Endpoint, dialect: &Dialect) -> Value {
    let answer = match endpoint.answer {
        Answer::Item => "Item",
        Answer::List => "List",
        Answer::Result => "Result",
        Answer::Created => "Created",
    };
    let mut responses = json!({
        "200": response("Done.", answer, Some("documented")),
        "400": response("Refused: the message names what was wrong, and nothing was changed.", "Error", Some("documented")),
    });
    let mut chosen = vec![
        (dialect.no_key_status, "No key, or an unknown one."),
        (dialect.no_permission_status, "The key lacks the permission."),
    ];
    if endpoint.all_fields().any(|field| field.name == "ticketID") {
        chosen.push((dialect.unknown_ticket_status, "This ticket does not exist."));
    }
    if endpoint.reads != Reads::Query {
        chosen.push((413, "The body is too large."));
        chosen.push((415, "The Content-Type is none of those that are understood."));
    }
    chosen.extend([
        (408, "The request did not arrive in time."),
        (414, "The URL is too long."),
        (431, "The URL and the headers are too large."),
        (503, "The account is busy, or there are as many connections as there may be."),
    ]);
    for (status, description) in chosen {
        let status = status.to_string();
        if responses.get(&status).is_none() {
            responses[status] = response(description, "Error", Some("chosen"));
        }
    }
    responses
}

fn response(description: &str, schema: &str, source: Option<&str>) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": reference(schema) } },
        "x-source": source,
    })
}

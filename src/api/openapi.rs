//! Renders the endpoint tables as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::auth;
use super::decode::MediaType;
use super::endpoint::{Endpoint, Envelope, InputSource};
use crate::contract::dialect::Dialect;
use crate::contract::{Fidelity, Field, Notation, fields_schema, value_schema, wire_names};

/// The input of a document.
#[derive(Debug)]
pub(crate) struct OpenApiInput<'a> {
    pub(crate) endpoints: &'a [Endpoint],
    /// A ticket in a `GET` item response.
    pub(crate) ticket_schema: Value,
    /// A ticket in a list response.
    pub(crate) list_entry_schema: Value,
    /// Sets statuses and names that are undocumented.
    pub(crate) dialect: &'a Dialect,
}

/// Builds the document.
pub(crate) fn build_document(input: &OpenApiInput) -> Value {
    let mut paths = Map::new();
    for endpoint in input.endpoints {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint, input.dialect);
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
                "header": { "type": "apiKey", "in": "header", "name": auth::API_KEY_NAME, "x-source": "documented" },
                "authorization": { "type": "http", "scheme": auth::AUTH_SCHEME, "x-source": "documented" },
                "query": { "type": "apiKey", "in": "query", "name": auth::API_KEY_NAME, "x-source": "documented" },
            },
            "schemas": {
                "Ticket": input.ticket_schema.clone(),
                "TicketEntry": input.list_entry_schema.clone(),
                "Item": object_schema(&json!({ "type": { "const": "item" }, "item": schema_ref("Ticket") })),
                "List": object_schema(&json!({
                    "type": { "const": input.dialect.list_type },
                    "itemStart": count_schema(), "itemTotal": count_schema(), "itemLimit": count_schema(),
                    "items": { "type": "array", "items": schema_ref("TicketEntry") },
                })),
                "Result": object_schema(&json!({ "type": { "const": "result" }, "message": { "type": "string" } })),
                "Created": object_schema(&created_properties(input.dialect)),
                "Error": object_schema(&json!({ "status": { "const": "error" }, "message": { "type": "string" } })),
            },
        },
    })
}

fn created_properties(dialect: &Dialect) -> Value {
    let mut properties = json!({ "type": { "const": "result" }, "message": { "type": "string" } });
    properties[&dialect.created_id_field] = json!({ "type": "integer", "minimum": 1 });
    properties
}

/// Makes a schema of exactly these properties.
fn object_schema(properties: &Value) -> Value {
    let names: Vec<&String> =
        properties.as_object().map(|all| all.keys().collect()).unwrap_or_default();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

fn count_schema() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn operation(endpoint: &Endpoint, dialect: &Dialect) -> Value {
    let mut operation = json!({
        "operationId": endpoint.operation_id,
        "tags": ["ticket"],
        "summary": endpoint.summary,
        "description": format!("{} Needs the permission {}.", endpoint.source.detail(), endpoint.permission.name()),
        "x-operation": endpoint.operation,
        "x-source": endpoint.source.label(),
        "x-permission": { "name": endpoint.permission.name(), "x-source": endpoint.permission_source.label() },
        "parameters": parameters(endpoint),
        "responses": responses(endpoint, dialect),
    });
    if endpoint.input_source != InputSource::Query && !(endpoint.fields)().is_empty() {
        operation["requestBody"] = request_body(endpoint);
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let path = (endpoint.path_fields)().iter().map(|field| parameter(field, field.name, "path"));
    if endpoint.input_source == InputSource::Body {
        return path.collect();
    }
    let names = (endpoint.fields)().iter().flat_map(|field| wire_names(field, Notation::Form));
    path.chain(names.map(|(name, field)| {
        let mut parameter = parameter(field, &name, "query");
        if endpoint.input_source == InputSource::BodyOrQuery {
            parameter["required"] = false.into();
        }
        parameter
    }))
    .collect()
}

fn parameter(field: &Field, name: &str, location: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": location, "required": field.is_required(), "description": field.description,
        "schema": value_schema(field), "x-source": field.fidelity.label(),
    });
    if location == "query" && !field.is_required() && !name.ends_with(']') {
        // Empty counts as not sent.
        parameter["allowEmptyValue"] = true.into();
    }
    if let Fidelity::Documented(page) = field.fidelity {
        parameter["x-document"] = page.into();
    }
    parameter
}

fn request_body(endpoint: &Endpoint) -> Value {
    let fields = (endpoint.fields)();
    let mut content = Map::new();
    for media_type in MediaType::ALL {
        let notation = if media_type == MediaType::Json { Notation::Json } else { Notation::Form };
        let source = if endpoint.documented_media_type == Some(media_type) {
            "documented"
        } else {
            "chosen"
        };
        content.insert(
            media_type.name().to_owned(),
            json!({ "schema": fields_schema(fields, notation), "x-source": source }),
        );
    }
    let required =
        endpoint.input_source == InputSource::Body && fields.iter().any(Field::is_required);
    json!({ "required": required, "content": content })
}

fn responses(endpoint: &Endpoint, dialect: &Dialect) -> Value {
    let schema = match endpoint.envelope {
        Envelope::Item => "Item",
        Envelope::List => "List",
        Envelope::Result => "Result",
        Envelope::Created => "Created",
    };
    let mut responses = json!({
        "200": response("Done.", schema, Some("documented")),
        "400": response("Refused: the message names what was wrong, and nothing was changed.", "Error", Some("documented")),
    });
    let mut undocumented = vec![
        (dialect.no_key_status, "No key, or an unknown one."),
        (dialect.no_permission_status, "The key lacks the permission."),
    ];
    if endpoint.all_fields().any(|field| field.name == "ticketID") {
        undocumented.push((dialect.unknown_ticket_status, "This ticket does not exist."));
    }
    if endpoint.input_source != InputSource::Query {
        undocumented.push((413, "The body is too large."));
        undocumented.push((415, "The Content-Type is none of those that are understood."));
    }
    undocumented.extend([
        (408, "The request did not arrive in time."),
        (414, "The URL is too long."),
        (431, "The URL and the headers are too large."),
        (503, "The account is busy, or there are as many connections as there may be."),
    ]);
    for (status, description) in undocumented {
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
        "content": { "application/json": { "schema": schema_ref(schema) } },
        "x-source": source,
    })
}

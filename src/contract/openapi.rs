//! Renders the tables of operations as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::api_key::{API_KEY_NAME, AUTH_SCHEME};
use super::dialect::Dialect;
use super::fidelity::Fidelity;
use super::field::Field;
use super::json_schema::{Notation, fields_schema, value_schema, wire_names};
use super::media_type::MediaType;
use super::operation::{Envelope, InputSource, Operation};

/// A schema under its name in the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedSchema {
    pub(crate) name: &'static str,
    pub(crate) build: fn() -> Value,
}

/// The schemas of a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceSchemas {
    /// A row in a `GET` item response.
    pub(crate) item: NamedSchema,
    /// A row in a list response.
    pub(crate) list_item: NamedSchema,
    /// The name of the envelope of one row.
    pub(crate) item_envelope: &'static str,
    /// The name of the envelope of a list.
    pub(crate) list_envelope: &'static str,
    pub(crate) created: CreatedSchema,
}

/// The response to a creation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreatedSchema {
    pub(crate) name: &'static str,
    /// The field with the id of the new row.
    pub(crate) id_field: fn(&Dialect) -> &str,
}

/// The response to an id without a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotFoundResponse {
    /// The field with the id.
    pub(crate) id_field: &'static str,
    pub(crate) status: fn(&Dialect) -> u16,
    pub(crate) description: &'static str,
}

/// A resource as the document describes it.
#[derive(Debug)]
pub(crate) struct DocumentedResource {
    /// The tag of its operations.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) operations: Vec<&'static Operation>,
    pub(crate) schemas: ResourceSchemas,
    pub(crate) not_found: &'static NotFoundResponse,
}

/// Builds the document. The dialect sets statuses and names that are undocumented.
pub(crate) fn build_document(resources: &[DocumentedResource], dialect: &Dialect) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for resource in resources {
        for operation in &resource.operations {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            path[operation.method.name().to_lowercase()] =
                operation_object(operation, resource, dialect);
        }
        add_resource_schemas(&mut schemas, &resource.schemas, dialect);
    }
    add_common_schemas(&mut schemas);
    let tags: Vec<Value> = resources
        .iter()
        .map(|resource| json!({ "name": resource.name, "description": resource.description }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Omnidesk Ticket API, as omnidesk-mock implements it",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "x-fidelity marks each fact as documented by the vendor (documented) or as an assumption of this mock (undocumented).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that sent this document." }],
        "security": [{ "header": [] }, { "authorization": [] }, { "query": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "header": { "type": "apiKey", "in": "header", "name": API_KEY_NAME, "x-fidelity": "documented" },
                "authorization": { "type": "http", "scheme": AUTH_SCHEME, "x-fidelity": "documented" },
                "query": { "type": "apiKey", "in": "query", "name": API_KEY_NAME, "x-fidelity": "documented" },
            },
            "schemas": schemas,
        },
    })
}

fn add_resource_schemas(
    schemas: &mut Map<String, Value>,
    resource: &ResourceSchemas,
    dialect: &Dialect,
) {
    let ResourceSchemas { item, list_item, item_envelope, list_envelope, created } = *resource;
    schemas.insert(item.name.to_owned(), (item.build)());
    schemas.insert(list_item.name.to_owned(), (list_item.build)());
    let one = json!({ "type": { "const": "item" }, "item": schema_ref(item.name) });
    schemas.insert(item_envelope.to_owned(), object_schema(&one));
    let list = json!({
        "type": { "const": dialect.list_type },
        "itemStart": count_schema(), "itemTotal": count_schema(), "itemLimit": count_schema(),
        "items": { "type": "array", "items": schema_ref(list_item.name) },
    });
    schemas.insert(list_envelope.to_owned(), object_schema(&list));
    schemas.insert(created.name.to_owned(), created_schema((created.id_field)(dialect)));
}

/// Adds the envelopes that all resources share.
fn add_common_schemas(schemas: &mut Map<String, Value>) {
    let result = json!({ "type": { "const": "result" }, "message": { "type": "string" } });
    let error = json!({ "status": { "const": "error" }, "message": { "type": "string" } });
    for (name, properties) in [("Result", result), ("Error", error)] {
        schemas.insert(name.to_owned(), object_schema(&properties));
    }
}

fn created_schema(id_field: &str) -> Value {
    let mut properties = json!({ "type": { "const": "result" }, "message": { "type": "string" } });
    properties[id_field] = json!({ "type": "integer", "minimum": 1 });
    object_schema(&properties)
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

fn operation_object(
    operation: &Operation,
    resource: &DocumentedResource,
    dialect: &Dialect,
) -> Value {
    let mut object = json!({
        "operationId": operation.id,
        "tags": [resource.name],
        "summary": operation.summary,
        "description": format!("{} Needs the permission {}.", operation.fidelity.detail(), operation.permission.name()),
        "x-operation": operation.name,
        "x-fidelity": operation.fidelity.label(),
        "x-permission": { "name": operation.permission.name(), "x-fidelity": operation.permission_fidelity.label() },
        "parameters": parameters(operation),
        "responses": responses(operation, resource, dialect),
    });
    if operation.input_source != InputSource::Query && !(operation.fields)().is_empty() {
        object["requestBody"] = request_body(operation);
    }
    object
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let path = (operation.path_fields)().iter().map(|field| parameter(field, field.name, "path"));
    if operation.input_source == InputSource::Body {
        return path.collect();
    }
    let names = (operation.fields)().iter().flat_map(|field| wire_names(field, Notation::Form));
    path.chain(names.map(|(name, field)| {
        let mut parameter = parameter(field, &name, "query");
        if operation.input_source == InputSource::BodyOrQuery {
            parameter["required"] = false.into();
        }
        parameter
    }))
    .collect()
}

fn parameter(field: &Field, name: &str, location: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": location, "required": field.is_required(), "description": field.description,
        "schema": value_schema(field), "x-fidelity": field.fidelity.label(),
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

fn request_body(operation: &Operation) -> Value {
    let fields = (operation.fields)();
    let mut content = Map::new();
    for media_type in MediaType::ALL {
        let notation = if media_type == MediaType::Json { Notation::Json } else { Notation::Form };
        let source = if operation.documented_media_type == Some(media_type) {
            "documented"
        } else {
            "undocumented"
        };
        content.insert(
            media_type.name().to_owned(),
            json!({ "schema": fields_schema(fields, notation), "x-fidelity": source }),
        );
    }
    let required =
        operation.input_source == InputSource::Body && fields.iter().any(Field::is_required);
    json!({ "required": required, "content": content })
}

fn responses(operation: &Operation, resource: &DocumentedResource, dialect: &Dialect) -> Value {
    let schema = match operation.envelope {
        Envelope::Item => resource.schemas.item_envelope,
        Envelope::List => resource.schemas.list_envelope,
        Envelope::Result => "Result",
        Envelope::Created => resource.schemas.created.name,
    };
    let mut responses = json!({
        "200": response("Done.", schema, Some("documented")),
        "400": response("Rejected: the message names the error, and nothing was changed.", "Error", Some("documented")),
    });
    let mut undocumented = vec![
        (dialect.no_key_status, "The API key is missing or unknown."),
        (dialect.no_permission_status, "The key lacks the permission."),
    ];
    let not_found = &resource.not_found;
    if operation.all_fields().any(|field| field.name == not_found.id_field) {
        undocumented.push(((not_found.status)(dialect), not_found.description));
    }
    if operation.input_source != InputSource::Query {
        undocumented.push((413, "The body is too large."));
        undocumented.push((415, "The Content-Type is not supported."));
    }
    undocumented.extend([
        (408, "The request did not arrive in time."),
        (414, "The URL is too long."),
        (431, "The URL and the headers are too large."),
        (503, "The account is busy, or the connection limit is reached."),
    ]);
    for (status, description) in undocumented {
        let status = status.to_string();
        if responses.get(&status).is_none() {
            responses[status] = response(description, "Error", Some("undocumented"));
        }
    }
    responses
}

fn response(description: &str, schema: &str, source: Option<&str>) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema_ref(schema) } },
        "x-fidelity": source,
    })
}

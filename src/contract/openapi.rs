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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{FieldType, Literal, Method, Permission, optional, required};

    static NOT_FOUND: NotFoundResponse = NotFoundResponse {
        id_field: "id",
        status: |dialect| dialect.unknown_ticket_status,
        description: "The thing does not exist.",
    };

    const ID_FIELDS: &[Field] =
        &[required("id", FieldType::INTEGER).page("page 1").description("The id.")];
    const FIELDS: &[Field] = &[
        required("name", FieldType::TEXT).page("page 1"),
        optional("limit", FieldType::INTEGER)
            .default_value(Literal::Number(15))
            .assumption("a guess"),
        optional(
            "ids",
            FieldType::Array {
                item_type: &FieldType::INTEGER,
                min_items: 0,
                max_items: 9,
                unique_items: true,
            },
        ),
    ];

    const READ: Operation = Operation {
        name: "thing.list",
        id: "thingIndexGET",
        method: Method::Get,
        path: "/things",
        is_named_method: false,
        summary: "Lists things.",
        fidelity: Fidelity::Documented("page 1."),
        permission: Permission::ViewRead,
        permission_fidelity: Fidelity::Undocumented("a guess"),
        path_fields: || &[],
        fields: || FIELDS,
        input_source: InputSource::Query,
        documented_media_type: None,
        envelope: Envelope::List,
    };
    const UPDATE: Operation = Operation {
        id: "thingItemPUT",
        method: Method::Put,
        path: "/things/{id}",
        path_fields: || ID_FIELDS,
        input_source: InputSource::Body,
        documented_media_type: Some(MediaType::Urlencoded),
        envelope: Envelope::Result,
        ..READ
    };

    static LIST: Operation = READ;
    static CREATE: Operation = Operation {
        method: Method::Post,
        envelope: Envelope::Created,
        path: "/things",
        path_fields: || &[],
        ..UPDATE
    };
    static GET: Operation = Operation {
        method: Method::Get,
        fields: || &[],
        input_source: InputSource::Query,
        envelope: Envelope::Item,
        ..UPDATE
    };
    static PUT: Operation = UPDATE;
    static DELETE: Operation =
        Operation { method: Method::Delete, input_source: InputSource::BodyOrQuery, ..UPDATE };
    static SOLVE: Operation =
        Operation { path: "/solve", path_fields: || &[], fields: || &[], ..UPDATE };

    fn document(settings: &Value) -> Value {
        let dialect = Dialect::parse(settings.as_object().expect("settings are an object"))
            .expect("a valid dialect");
        let schema = |name| NamedSchema { name, build: || json!({ "type": "object" }) };
        let resource = DocumentedResource {
            name: "thing",
            description: "Things.",
            operations: vec![&LIST, &CREATE, &GET, &PUT, &DELETE, &SOLVE],
            schemas: ResourceSchemas {
                item: schema("Thing"),
                list_item: schema("ThingRow"),
                item_envelope: "ThingItem",
                list_envelope: "ThingList",
                created: CreatedSchema {
                    name: "ThingCreated",
                    id_field: |dialect| &dialect.created_id_field,
                },
            },
            not_found: &NOT_FOUND,
        };
        build_document(&[resource], &dialect)
    }

    fn statuses(operation: &Value) -> Vec<&str> {
        let mut statuses: Vec<&str> = operation["responses"]
            .as_object()
            .expect("responses")
            .keys()
            .map(String::as_str)
            .collect();
        statuses.sort_unstable();
        statuses
    }

    #[test]
    fn operations_are_listed_by_path_and_method() {
        let document = document(&json!({}));
        let paths = document["paths"].as_object().expect("paths").iter();
        let listed: Vec<(&str, Vec<&str>)> = paths
            .map(|(path, methods)| {
                (
                    path.as_str(),
                    methods.as_object().expect("methods").keys().map(String::as_str).collect(),
                )
            })
            .collect();
        assert_eq!(
            listed,
            [
                ("/things", vec!["get", "post"]),
                ("/things/{id}", vec!["get", "put", "delete"]),
                ("/solve", vec!["put"]),
            ]
        );
        let get = &document["paths"]["/things"]["get"];
        assert_eq!(get["operationId"], "thingIndexGET");
        assert_eq!(get["x-operation"], "thing.list");
        assert_eq!(get["description"], "page 1. Needs the permission VIEW_READ.");
        assert_eq!(get["x-fidelity"], "documented");
        assert_eq!(
            get["x-permission"],
            json!({ "name": "VIEW_READ", "x-fidelity": "undocumented" })
        );
        assert_eq!(document["tags"], json!([{ "name": "thing", "description": "Things." }]));
    }

    #[test]
    fn parameters_come_from_the_path_and_the_query() {
        let document = document(&json!({}));
        let summarize = |path: &str, method: &str| -> Vec<String> {
            let parameters = document["paths"][path][method]["parameters"]
                .as_array()
                .expect("parameters")
                .iter();
            let empty = |parameter: &Value| {
                if parameter["allowEmptyValue"] == true { " or empty" } else { "" }
            };
            parameters
                .map(|parameter| {
                    let required =
                        if parameter["required"] == true { "required" } else { "optional" };
                    let (name, location) = (&parameter["name"], &parameter["in"]);
                    format!("{name} in {location} {required}{}", empty(parameter))
                })
                .collect()
        };
        assert_eq!(
            summarize("/things", "get"),
            [
                "\"name\" in \"query\" required",
                "\"limit\" in \"query\" optional or empty",
                "\"ids[]\" in \"query\" optional"
            ]
        );
        assert_eq!(summarize("/things", "post"), [""; 0], "its fields are in the body");
        assert_eq!(summarize("/things/{id}", "put"), ["\"id\" in \"path\" required"]);
        assert_eq!(
            summarize("/things/{id}", "delete"),
            [
                "\"id\" in \"path\" required",
                "\"name\" in \"query\" optional",
                "\"limit\" in \"query\" optional or empty",
                "\"ids[]\" in \"query\" optional",
            ],
            "the body may have them instead"
        );
        let id = &document["paths"]["/things/{id}"]["put"]["parameters"][0];
        assert_eq!(
            (&id["x-fidelity"], &id["x-document"]),
            (&json!("documented"), &json!("page 1"))
        );
        let limit = &document["paths"]["/things"]["get"]["parameters"][1];
        assert_eq!((&limit["x-fidelity"], limit.get("x-document")), (&json!("undocumented"), None));
    }

    #[test]
    fn body_has_a_schema_for_each_media_type() {
        let document = document(&json!({}));
        let body = |path: &str, method: &str| document["paths"][path][method].get("requestBody");
        assert_eq!(body("/things", "get"), None, "a query has no body");
        assert_eq!(body("/solve", "put"), None, "no fields");
        let create = body("/things", "post").expect("a body");
        assert_eq!(create["required"], true);
        assert_eq!(body("/things/{id}", "delete").expect("a body")["required"], false);
        let content = create["content"].as_object().expect("content");
        let sources: Vec<(&str, &str, bool)> = content
            .iter()
            .map(|(name, media)| {
                let has_brackets = media["schema"]["properties"].get("ids[]").is_some();
                (name.as_str(), media["x-fidelity"].as_str().unwrap_or_default(), has_brackets)
            })
            .collect();
        assert_eq!(
            sources,
            [
                ("multipart/form-data", "undocumented", true),
                ("application/x-www-form-urlencoded", "documented", true),
                ("application/json", "undocumented", false),
            ]
        );
    }

    #[test]
    fn responses_follow_envelope_source_and_dialect() {
        let document_of = |settings| document(&settings);
        let document = document_of(
            json!({ "unknown_ticket_status": 404, "no_key_status": 400, "created_id_field": "thingID" }),
        );
        let success = |path: &str, method: &str| {
            document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].clone()
        };
        for (path, method, schema) in [
            ("/things", "get", "ThingList"),
            ("/things", "post", "ThingCreated"),
            ("/things/{id}", "get", "ThingItem"),
            ("/things/{id}", "put", "Result"),
        ] {
            assert_eq!(success(path, method), format!("#/components/schemas/{schema}"));
        }
        let paths = &document["paths"];
        assert_eq!(
            statuses(&paths["/things"]["get"]),
            ["200", "400", "403", "408", "414", "431", "503"]
        );
        assert_eq!(
            statuses(&paths["/things"]["post"]),
            ["200", "400", "403", "408", "413", "414", "415", "431", "503"]
        );
        assert_eq!(
            statuses(&paths["/things/{id}"]["get"]),
            ["200", "400", "403", "404", "408", "414", "431", "503"]
        );
        let responses = &paths["/things/{id}"]["get"]["responses"];
        assert_eq!(responses["404"]["description"], NOT_FOUND.description);
        assert_eq!(responses["404"]["x-fidelity"], "undocumented");
        // The documented 400 stays if an undocumented response has the same status.
        assert_eq!(responses["400"]["x-fidelity"], "documented");
        assert_eq!(statuses(&document_of(json!({}))["paths"]["/things"]["get"])[2], "401");
    }

    #[test]
    fn envelopes_are_schemas_of_exactly_their_fields() {
        let document = document(&json!({ "list_type": "things", "created_id_field": "thingID" }));
        let schemas = &document["components"]["schemas"];
        let validates = |name: &str, value: &Value| {
            let mut schema = document.clone();
            schema["$ref"] = format!("#/components/schemas/{name}").into();
            jsonschema::draft202012::new(&schema).expect("a valid schema").is_valid(value)
        };
        let cases = [
            ("ThingItem", json!({ "type": "item", "item": {} })),
            (
                "ThingList",
                json!({ "type": "things", "itemStart": 0, "itemTotal": 0, "itemLimit": 0, "items": [{}] }),
            ),
            ("ThingCreated", json!({ "type": "result", "message": "", "thingID": 1 })),
            ("Result", json!({ "type": "result", "message": "" })),
            ("Error", json!({ "status": "error", "message": "" })),
        ];
        for (name, value) in cases {
            assert!(validates(name, &value), "{name}: {value}");
            let fields = value.as_object().expect("an object");
            for field in fields.keys() {
                let mut missing = fields.clone();
                missing.shift_remove(field);
                assert!(!validates(name, &missing.into()), "{name} without {field}");
                let mut wrong = fields.clone();
                wrong[field] = json!(-1);
                assert!(!validates(name, &wrong.into()), "{name} with a wrong {field}");
            }
            let mut more = fields.clone();
            more.insert("more".to_owned(), json!(1));
            assert!(!validates(name, &more.into()), "{name} with another field");
        }
        assert!(!validates(
            "ThingCreated",
            &json!({ "type": "result", "message": "", "thingID": 0 })
        ));
        assert_eq!(schemas["Thing"], json!({ "type": "object" }));
        assert_eq!(schemas["ThingRow"], json!({ "type": "object" }));
    }

    #[test]
    fn security_lists_the_three_ways_to_send_a_key() {
        let document = document(&json!({}));
        assert_eq!(
            document["security"],
            json!([{ "header": [] }, { "authorization": [] }, { "query": [] }])
        );
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(
            schemes["header"],
            json!({ "type": "apiKey", "in": "header", "name": "apiKey", "x-fidelity": "documented" })
        );
        assert_eq!(
            schemes["query"],
            json!({ "type": "apiKey", "in": "query", "name": "apiKey", "x-fidelity": "documented" })
        );
        assert_eq!(
            schemes["authorization"],
            json!({ "type": "http", "scheme": "apikey", "x-fidelity": "documented" })
        );
    }
}

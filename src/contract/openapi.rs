//! Renders the tables of operations as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::api_key::{API_KEY_NAME, AUTH_SCHEME};
use super::dialect::Dialect;
use super::fidelity::Fidelity;
use super::field::Field;
use super::json_schema::{Notation, fields_schema, value_schema, wire_names};
use super::media_type::MediaType;
use super::openapi_example::compose_example;
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
    /// The schemas that those refer to.
    pub(crate) parts: &'static [NamedSchema],
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

/// Which alternatives a document lists: content types of bodies, and ways to send the API key. The server accepts all,
/// but most code generators and tools use the first one, use all of them together, or fail if there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alternatives {
    /// The content type that the vendor documents, the key in a header, and no body that query parameters may replace.
    Preferred,
    /// All, the preferred one first.
    All,
}

/// Builds the document. The dialect sets statuses and names that are undocumented.
pub(crate) fn build_document(
    resources: &[DocumentedResource],
    dialect: &Dialect,
    alternatives: Alternatives,
) -> Value {
    let mut schemas = Map::new();
    for resource in resources {
        add_resource_schemas(&mut schemas, resource, dialect);
        for operation in &resource.operations {
            add_body_schemas(&mut schemas, operation, alternatives);
        }
    }
    add_common_schemas(&mut schemas);
    let mut paths = Map::new();
    for resource in resources {
        for operation in &resource.operations {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            let responses = responses(operation, resource, dialect, &schemas);
            path[operation.method.name().to_lowercase()] =
                operation_object(operation, resource, alternatives, &responses);
        }
    }
    let security_schemes = alternatives.security_schemes();
    let security: Vec<Value> = security_schemes.keys().map(|name| json!({ name: [] })).collect();
    let tags: Vec<Value> = resources
        .iter()
        .map(|resource| json!({ "name": resource.name, "description": resource.description }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Omnidesk Ticket API, as omnidesk-mock implements it",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "x-fidelity marks each fact as documented by the vendor (documented) or as an assumption of this mock (undocumented). {}",
                alternatives.description(),
            ),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [],
        "security": security,
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes,
            "schemas": schemas,
        },
    })
}

/// Sets the server of a document. The URL is absolute, since many tools cannot resolve a relative one.
pub(crate) fn set_server(document: &mut Value, base_url: &str) {
    document["servers"] =
        json!([{ "url": base_url, "description": "The server that sent this document." }]);
}

impl Alternatives {
    const fn description(self) -> &'static str {
        match self {
            Self::Preferred => {
                "A request has the documented content type, and the API key in a header; /openapi-all.json lists all alternatives that the server accepts."
            }
            Self::All => {
                "Content types and ways to send the API key are alternatives, the preferred one first; /openapi.json lists that one alone."
            }
        }
    }

    /// Returns the ways to send the API key, as security schemes by name.
    fn security_schemes(self) -> Map<String, Value> {
        let all = [
            ("header", json!({ "type": "apiKey", "in": "header", "name": API_KEY_NAME })),
            ("authorization", json!({ "type": "http", "scheme": AUTH_SCHEME })),
            ("query", json!({ "type": "apiKey", "in": "query", "name": API_KEY_NAME })),
        ];
        let count = if self == Self::All { all.len() } else { 1 };
        let listed = all.into_iter().take(count);
        let listed = listed.map(|(name, mut scheme)| {
            scheme["x-fidelity"] = "documented".into();
            (name.to_owned(), scheme)
        });
        listed.collect()
    }

    /// Returns the content types of the operation's body.
    fn media_types(self, operation: &Operation) -> Vec<MediaType> {
        let documented = operation.documented_media_type;
        let others = MediaType::ALL.into_iter().filter(|other| Some(*other) != documented);
        let others = others.filter(|_| self == Self::All || documented.is_none());
        documented.into_iter().chain(others).collect()
    }
}

fn add_resource_schemas(
    schemas: &mut Map<String, Value>,
    resource: &DocumentedResource,
    dialect: &Dialect,
) {
    let ResourceSchemas { item, list_item, parts, item_envelope, list_envelope, created } =
        resource.schemas;
    for schema in [item, list_item].iter().chain(parts) {
        schemas.insert(schema.name.to_owned(), (schema.build)());
    }
    let one = json!({ "type": word_schema("item"), "item": schema_ref(item.name) });
    schemas.insert(item_envelope.to_owned(), object_schema("One row.", &one));
    let list = json!({
        "type": word_schema(&dialect.list_type),
        "itemStart": count_schema("The number of skipped rows.", 0),
        "itemTotal": count_schema("The number of rows on all pages.", 1),
        "itemLimit": count_schema("The maximum number of rows on a page.", 15),
        "items": { "type": "array", "items": schema_ref(list_item.name) },
    });
    schemas.insert(list_envelope.to_owned(), object_schema("A page of rows.", &list));
    let mut properties = message_properties("type", "result", "");
    for operation in &resource.operations {
        if operation.envelope == Envelope::Created {
            properties = message_properties("type", "result", operation.example_message);
        }
    }
    properties[(created.id_field)(dialect)] = json!({ "type": "integer", "format": "int64", "minimum": 1, "description": "The id of the new row.", "example": 1 });
    schemas
        .insert(created.name.to_owned(), object_schema("The result of a creation.", &properties));
}

/// Adds the schemas of the operation's body: one for forms, and one for JSON.
fn add_body_schemas(
    schemas: &mut Map<String, Value>,
    operation: &Operation,
    alternatives: Alternatives,
) {
    if !has_body(operation, alternatives) {
        return;
    }
    for media_type in alternatives.media_types(operation) {
        let notation = media_type.notation();
        let mut schema = fields_schema((operation.fields)(), notation);
        schema["description"] = format!("The body of {}.", operation.name).into();
        schemas.insert(body_schema_name(operation, notation), schema);
    }
}

fn body_schema_name(operation: &Operation, notation: Notation) -> String {
    match notation {
        Notation::Form => operation.body_schema.to_owned(),
        Notation::Json => format!("{}Json", operation.body_schema),
    }
}

fn has_body(operation: &Operation, alternatives: Alternatives) -> bool {
    let may_have_body = match operation.input_source {
        InputSource::Query => false,
        InputSource::Body => true,
        InputSource::BodyOrQuery => alternatives == Alternatives::All,
    };
    may_have_body && !(operation.fields)().is_empty()
}

/// Adds the envelopes that all resources share.
fn add_common_schemas(schemas: &mut Map<String, Value>) {
    let result = message_properties("type", "result", "Done.");
    schemas.insert(RESULT_SCHEMA.to_owned(), object_schema("The result of a change.", &result));
    let error = message_properties("status", "error", "ticketID is required.");
    schemas.insert(ERROR_SCHEMA.to_owned(), object_schema("The reason of a rejection.", &error));
}

/// The names of the shared envelopes. `Result` and `Error` are types of most languages.
const RESULT_SCHEMA: &str = "OperationResult";
const ERROR_SCHEMA: &str = "ErrorResponse";

/// Makes the properties of an envelope with a constant word and a message.
fn message_properties(name: &str, word: &str, message: &str) -> Value {
    let text = json!({ "type": "string", "description": "What happened.", "example": message });
    json!({ name: word_schema(word), "message": text })
}

/// Makes the schema of a constant. Most code generators know an `enum` but no `const`.
fn word_schema(word: &str) -> Value {
    json!({ "type": "string", "enum": [word], "example": word })
}

/// Makes a schema of exactly these properties.
fn object_schema(description: &str, properties: &Value) -> Value {
    let names: Vec<&String> =
        properties.as_object().map(|all| all.keys().collect()).unwrap_or_default();
    json!({
        "type": "object", "description": description, "properties": properties, "required": names,
        "additionalProperties": false,
    })
}

fn count_schema(description: &str, example: u64) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "description": description, "example": example })
}

/// Returns a reference to a schema.
pub(crate) fn schema_ref(name: &str) -> Value {
    json!({ "$ref": schema_path(name) })
}

/// Returns the path of a schema in the document.
pub(crate) fn schema_path(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn operation_object(
    operation: &Operation,
    resource: &DocumentedResource,
    alternatives: Alternatives,
    responses: &Value,
) -> Value {
    let mut object = json!({
        "operationId": operation.id,
        "tags": [resource.name],
        "summary": operation.summary,
        "description": format!("{} Needs the permission {}.", operation.fidelity.detail(), operation.permission.name()),
        "x-operation": operation.name,
        "x-fidelity": operation.fidelity.label(),
        "x-permission": { "name": operation.permission.name(), "x-fidelity": operation.permission_fidelity.label() },
        "parameters": parameters(operation, alternatives),
        "responses": responses,
    });
    if has_body(operation, alternatives) {
        object["requestBody"] = request_body(operation, alternatives);
    }
    object
}

fn parameters(operation: &Operation, alternatives: Alternatives) -> Vec<Value> {
    let path = (operation.path_fields)().iter().map(|field| parameter(field, field.name, "path"));
    if operation.input_source == InputSource::Body {
        return path.collect();
    }
    let names = (operation.fields)().iter().flat_map(|field| wire_names(field, Notation::Form));
    path.chain(names.map(|(name, field)| {
        let mut parameter = parameter(field, &name, "query");
        if has_body(operation, alternatives) {
            parameter["required"] = false.into();
        }
        parameter
    }))
    .collect()
}

fn parameter(field: &Field, name: &str, location: &str) -> Value {
    let mut parameter = json!({
        "name": name, "in": location, "required": field.is_required(), "description": field.description,
        "schema": value_schema(field, Notation::Form), "x-fidelity": field.fidelity.label(),
    });
    if let Some(example) = field.example.to_value() {
        parameter["schema"]["example"] = example;
    }
    if name.ends_with("[]") {
        parameter["style"] = "form".into();
        parameter["explode"] = true.into();
    }
    if location == "query" && !field.is_required() && !name.ends_with(']') {
        // Empty counts as not sent.
        parameter["allowEmptyValue"] = true.into();
    }
    if let Fidelity::Documented(page) = field.fidelity {
        parameter["x-document"] = page.into();
    }
    parameter
}

fn request_body(operation: &Operation, alternatives: Alternatives) -> Value {
    let fields = (operation.fields)();
    let mut content = Map::new();
    for media_type in alternatives.media_types(operation) {
        let notation = media_type.notation();
        let source = if operation.documented_media_type == Some(media_type) {
            "documented"
        } else {
            "undocumented"
        };
        let mut media = json!({ "schema": schema_ref(&body_schema_name(operation, notation)), "x-fidelity": source });
        let arrays = fields.iter().flat_map(|field| wire_names(field, notation));
        let arrays = arrays.filter(|(name, _)| name.ends_with("[]"));
        let encoding: Map<String, Value> =
            arrays.map(|(name, _)| (name, json!({ "style": "form", "explode": true }))).collect();
        if !encoding.is_empty() {
            media["encoding"] = encoding.into();
        }
        content.insert(media_type.name().to_owned(), media);
    }
    let required =
        operation.input_source == InputSource::Body && fields.iter().any(Field::is_required);
    json!({ "required": required, "content": content })
}

/// Messages of errors, as examples.
const REJECTED_MESSAGE: &str = "title is required.";
const NO_KEY_MESSAGE: &str = "No API key was sent. Send it as the header apiKey, as Authorization: apikey KEY, or as the query parameter apiKey.";
const NO_PERMISSION_MESSAGE: &str = "This API key lacks the permission TICKET_READ.";
const BODY_TOO_LARGE_MESSAGE: &str = "The body is larger than 1048576 bytes (--max-body-bytes).";
const CONTENT_TYPE_MESSAGE: &str = "The Content-Type text/plain is not supported; it must be one of multipart/form-data, application/x-www-form-urlencoded, application/json.";
const TIMEOUT_MESSAGE: &str = "The body was not complete after 10s (--body-timeout).";
const URL_MESSAGE: &str = "The URL is longer than 65534 bytes.";
const HEADERS_MESSAGE: &str = "The URL and the headers have more than 65536 bytes (--max-header-bytes), or there are more than 100 headers.";
const BUSY_MESSAGE: &str =
    "The limit of 1024 connections is reached (--max-connections); close unused connections.";

fn responses(
    operation: &Operation,
    resource: &DocumentedResource,
    dialect: &Dialect,
    schemas: &Map<String, Value>,
) -> Value {
    let schema = match operation.envelope {
        Envelope::Item => resource.schemas.item_envelope,
        Envelope::List => resource.schemas.list_envelope,
        Envelope::Result => RESULT_SCHEMA,
        Envelope::Created => resource.schemas.created.name,
    };
    let response = |description: &str, schema: &str, message: &str, fidelity: &str| {
        let mut example = compose_example(&schema_ref(schema), schemas);
        if !message.is_empty() {
            example["message"] = message.into();
        }
        let content = json!({ "schema": schema_ref(schema), "example": example });
        json!({
            "description": description,
            "content": { "application/json": content },
            "x-fidelity": fidelity,
        })
    };
    let mut responses = json!({
        "200": response("Done.", schema, operation.example_message, "documented"),
        "400": response(
            "Rejected: the message names the error, and nothing was changed.",
            ERROR_SCHEMA, REJECTED_MESSAGE, "documented",
        ),
    });
    let mut undocumented = vec![
        (dialect.no_key_status, "The API key is missing or unknown.", NO_KEY_MESSAGE),
        (dialect.no_permission_status, "The key lacks the permission.", NO_PERMISSION_MESSAGE),
    ];
    let not_found = &resource.not_found;
    if operation.all_fields().any(|field| field.name == not_found.id_field) {
        let status = (not_found.status)(dialect);
        undocumented.push((status, not_found.description, not_found.description));
    }
    if operation.input_source != InputSource::Query {
        undocumented.push((413, "The body is too large.", BODY_TOO_LARGE_MESSAGE));
        undocumented.push((415, "The Content-Type is not supported.", CONTENT_TYPE_MESSAGE));
    }
    undocumented.extend([
        (408, "The request did not arrive in time.", TIMEOUT_MESSAGE),
        (414, "The URL is too long.", URL_MESSAGE),
        (431, "The URL and the headers are too large.", HEADERS_MESSAGE),
        (503, "The account is busy, or the connection limit is reached.", BUSY_MESSAGE),
    ]);
    for (status, description, message) in undocumented {
        let status = status.to_string();
        if responses.get(&status).is_none() {
            responses[status] = response(description, ERROR_SCHEMA, message, "undocumented");
        }
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Example, FieldType, Literal, Method, Permission, optional, required};

    static NOT_FOUND: NotFoundResponse = NotFoundResponse {
        id_field: "id",
        status: |dialect| dialect.unknown_ticket_status,
        description: "The thing does not exist.",
    };

    const ID_FIELDS: &[Field] = &[required("id", FieldType::INTEGER)
        .page("page 1")
        .description("The id.")
        .example(Example::Number(7))];
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
        body_schema: "",
        envelope: Envelope::List,
        example_message: "",
    };
    const UPDATE: Operation = Operation {
        id: "thingItemPUT",
        method: Method::Put,
        path: "/things/{id}",
        path_fields: || ID_FIELDS,
        input_source: InputSource::Body,
        documented_media_type: Some(MediaType::Urlencoded),
        body_schema: "ThingUpdate",
        envelope: Envelope::Result,
        example_message: "Thing updated.",
        ..READ
    };

    static LIST: Operation = READ;
    static CREATE: Operation = Operation {
        method: Method::Post,
        envelope: Envelope::Created,
        body_schema: "NewThing",
        example_message: "Thing created.",
        path: "/things",
        path_fields: || &[],
        ..UPDATE
    };
    static GET: Operation = Operation {
        method: Method::Get,
        fields: || &[],
        input_source: InputSource::Query,
        envelope: Envelope::Item,
        example_message: "",
        ..UPDATE
    };
    static PUT: Operation = UPDATE;
    static DELETE: Operation =
        Operation { method: Method::Delete, input_source: InputSource::BodyOrQuery, ..UPDATE };
    static SOLVE: Operation =
        Operation { path: "/solve", path_fields: || &[], fields: || &[], ..UPDATE };

    fn document(settings: &Value) -> Value {
        document_with(settings, Alternatives::All)
    }

    fn document_with(settings: &Value, alternatives: Alternatives) -> Value {
        let dialect = Dialect::parse(settings.as_object().expect("settings are an object"))
            .expect("a valid dialect");
        let schema =
            |name| NamedSchema { name, build: || json!({ "type": "object", "example": {} }) };
        let resource = DocumentedResource {
            name: "thing",
            description: "Things.",
            operations: vec![&LIST, &CREATE, &GET, &PUT, &DELETE, &SOLVE],
            schemas: ResourceSchemas {
                item: schema("Thing"),
                list_item: schema("ThingRow"),
                parts: &[],
                item_envelope: "ThingItem",
                list_envelope: "ThingList",
                created: CreatedSchema {
                    name: "ThingCreated",
                    id_field: |dialect| &dialect.created_id_field,
                },
            },
            not_found: &NOT_FOUND,
        };
        build_document(&[resource], &dialect, alternatives)
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
        let list_content = |document: &Value| -> Vec<(String, String, String, bool, Value)> {
            let content = &document["paths"]["/things"]["post"]["requestBody"]["content"];
            let content = content.as_object().expect("content").iter();
            content
                .map(|(name, media)| {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let path = text(&media["schema"]["$ref"]);
                    let schema = path.rsplit('/').next().unwrap_or_default().to_owned();
                    let properties = &document["components"]["schemas"][&schema]["properties"];
                    let has_brackets = properties.get("ids[]").is_some();
                    let encoding = media["encoding"]["ids[]"].clone();
                    (name.clone(), text(&media["x-fidelity"]), schema, has_brackets, encoding)
                })
                .collect()
        };
        let row = |name: &str, source: &str, schema: &str, encoding: Value| {
            let has_brackets = encoding != Value::Null;
            (name.to_owned(), source.to_owned(), schema.to_owned(), has_brackets, encoding)
        };
        let form = || json!({ "style": "form", "explode": true });
        let documented = row("application/x-www-form-urlencoded", "documented", "NewThing", form());
        let others = [
            row("multipart/form-data", "undocumented", "NewThing", form()),
            row("application/json", "undocumented", "NewThingJson", Value::Null),
        ];
        let all = [vec![documented.clone()], others.to_vec()].concat();
        assert_eq!(list_content(&document), all, "the documented one is the first");
        let preferred = document_with(&json!({}), Alternatives::Preferred);
        assert_eq!(list_content(&preferred), [documented]);
        assert_eq!(preferred["components"]["schemas"].get("NewThingJson"), None);
        let delete = &preferred["paths"]["/things/{id}"]["delete"];
        assert_eq!(delete.get("requestBody"), None, "the query has the fields");
        let required: Vec<&Value> = delete["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .map(|parameter| &parameter["required"])
            .collect();
        assert_eq!(required, [true, true, false, false], "those of the path and of the query");
    }

    #[test]
    fn responses_have_examples() {
        let document = document(&json!({ "created_id_field": "thingID" }));
        let example = |path: &str, method: &str, status: &str| {
            let response = &document["paths"][path][method]["responses"][status];
            response["content"]["application/json"]["example"].clone()
        };
        let created = json!({ "type": "result", "message": "Thing created.", "thingID": 1 });
        assert_eq!(example("/things", "post", "200"), created);
        let updated = json!({ "type": "result", "message": "Thing updated." });
        assert_eq!(example("/things/{id}", "put", "200"), updated);
        assert_eq!(example("/things/{id}", "get", "200"), json!({ "type": "item", "item": {} }));
        let list = json!({ "type": "items", "itemStart": 0, "itemTotal": 1, "itemLimit": 15, "items": [{}] });
        assert_eq!(example("/things", "get", "200"), list);
        assert_eq!(example("/things", "get", "414")["status"], "error");
        let id = &document["paths"]["/things/{id}"]["get"]["parameters"][0]["schema"];
        assert_eq!((&id["example"], &id["format"]), (&json!(7), &json!("int64")));
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
            ("/things/{id}", "put", "OperationResult"),
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
            ("OperationResult", json!({ "type": "result", "message": "" })),
            ("ErrorResponse", json!({ "status": "error", "message": "" })),
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
        assert_eq!(schemas["Thing"]["type"], "object");
        assert_eq!(schemas["ThingRow"]["type"], "object");
    }

    #[test]
    fn security_lists_the_three_ways_to_send_a_key_or_the_header_alone() {
        let preferred = document_with(&json!({}), Alternatives::Preferred);
        assert_eq!(preferred["security"], json!([{ "header": [] }]));
        let schemes = preferred["components"]["securitySchemes"].as_object().expect("schemes");
        assert_eq!(schemes.keys().collect::<Vec<_>>(), ["header"]);
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

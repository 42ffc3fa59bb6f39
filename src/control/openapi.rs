//! The OpenAPI document of the control API, apart from its routes.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use omnidesk_mock_client::types::ProblemDetails;

use super::openapi_examples::{field_example, operation_example, schema_example};
use crate::clock::DURATION_PATTERN;
use crate::contract::dialect::DIALECT_FIELDS;
use crate::contract::json_schema::fields_schema;
use crate::contract::openapi::schema_ref;
use crate::contract::openapi_example::compose_example;
use crate::contract::{Notation, PERMISSION_NAMES};
use crate::journal::CURSOR_PATTERN;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "omnidesk-mock: control API",
        description = "Manages the accounts, snapshots, clocks, API keys and fixtures of a mock server, shows and \
            verifies the requests it received, and injects faults. Not part of Omnidesk. \
            `{account}` is a name, or `self` with an API key in the request.",
    ),
    components(schemas(ProblemDetails)),
    modifiers(&SecuritySchemes)
)]
struct ApiDoc;

/// Returns the document without its routes.
pub(super) fn base_document() -> utoipa::openapi::OpenApi {
    ApiDoc::openapi()
}

/// The two credentials of a request.
struct SecuritySchemes;

impl utoipa::Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        };
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of --control-token, if it is set."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let key = ApiKeyValue::with_description("apiKey", "The API key of the account `self`.");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let no_scopes: [&str; 0] = [];
        let requirement = |name: &str| SecurityRequirement::new(name, no_scopes);
        let alternatives =
            [SecurityRequirement::default(), requirement("token"), requirement("apiKey")];
        document.security = Some(alternatives.into());
    }
}

/// Adds what the annotations of handlers and types cannot express, or would repeat.
pub(super) fn complete(document: &mut Value) {
    merge_flattened_schemas(document);
    document["components"]["schemas"]["PermissionsSpec"]["items"]["enum"] = json!(PERMISSION_NAMES);
    add_free_form_schemas(document);
    document["tags"] =
        TAGS.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    for_each_operation(document, complete_operation);
    for_each_schema(document, &mut |schema| {
        let has_type = |name: &str| match &schema["type"] {
            Value::String(only) => only == name,
            Value::Array(names) => names.iter().any(|one| one == name),
            _ => false,
        };
        if has_type("integer") {
            schema["format"] = "int64".into();
        }
    });
    add_patterns(document);
    add_examples(document);
}

/// The tags, in the order of the routes.
const TAGS: [(&str, &str); 11] = [
    ("server", "The health, the metrics and the documents of the server."),
    ("accounts", "Accounts: isolated copies of an Omnidesk account, each with its own data."),
    ("snapshots", "Named copies of the state of an account, to return to."),
    ("fixtures", "Export and import of the data of an account."),
    ("clock", "The clock of an account, which all its dates follow."),
    ("keys", "The API keys of an account, with their permissions."),
    ("dialect", "Undocumented behaviour of the Ticket API, as settings of an account."),
    ("journal", "The requests that an account received, and verifications of them."),
    ("faults", "Rules that inject failures into the responses of an account."),
    ("rate limits", "The rate limit of each API key of an account."),
    ("strict mode", "A mode that rejects requests that cause a warning."),
];

/// Merges the parts of each schema with `allOf` into one object: utoipa writes flattened fields so, and each part would
/// reject the fields of the others.
fn merge_flattened_schemas(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let originals = schemas.clone();
    for schema in schemas.values_mut() {
        let Some(parts) = schema["allOf"].as_array().cloned() else { continue };
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for part in &parts {
            let part = referenced_schema(part, &originals).unwrap_or(part);
            properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
            required.extend(part["required"].as_array().cloned().unwrap_or_default());
        }
        let description = schema["description"].take();
        *schema = json!({
            "type": "object", "description": description, "properties": properties,
            "required": required, "additionalProperties": false,
        });
    }
}

fn referenced_schema<'a>(schema: &Value, schemas: &'a Map<String, Value>) -> Option<&'a Value> {
    schemas.get(schema["$ref"].as_str()?.rsplit('/').next()?)
}

/// Names the schemas of bodies that have no type: settings and seeds.
fn add_free_form_schemas(document: &mut Value) {
    let mut dialect = fields_schema(DIALECT_FIELDS, Notation::Json);
    dialect["description"] = "Settings of the dialect by name.".into();
    dialect["additionalProperties"] = false.into();
    for (_, setting) in dialect["properties"].as_object_mut().into_iter().flatten() {
        // An omitted setting has the value of the server, which need not be this default.
        let default = setting.as_object_mut().and_then(|schema| schema.shift_remove("default"));
        setting["example"] = default.unwrap_or_default();
    }
    let schemas = &mut document["components"]["schemas"];
    schemas["DialectSettings"] = dialect;
    schemas["Fixture"] = json!({
        "type": "object",
        "description": "A seed with one account.",
        "properties": {
            "accounts": {
                "type": "object", "description": "The account by its name.", "additionalProperties": { "type": "object" },
            },
        },
        "required": ["accounts"],
    });
    let details = &mut schemas["AccountDetails"]["properties"]["dialect"];
    let description = details["description"].take();
    *details = schema_ref("DialectSettings");
    details["description"] = description;
}

/// Splits the text of an operation into a summary, its first sentence, and the description, and names optional bodies.
fn complete_operation(operation: &mut Value) {
    let mut text = operation["summary"].as_str().unwrap_or_default().to_owned();
    if let Some(rest) = operation["description"].as_str() {
        text = format!("{text} {rest}");
    }
    let text = text.replace('\n', " ");
    operation["summary"] = text.split_inclusive(". ").next().unwrap_or_default().trim_end().into();
    operation["description"] = text.into();
    // An optional body may be null, which code generators do not send.
    let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
    if let Some(schema) = schema
        && let Some(only) = schema["oneOf"].as_array().and_then(|schemas| schemas.first().cloned())
    {
        *schema = only;
    }
}

/// The patterns of texts, with the names of their fields and parameters.
const PATTERNS: [(&str, &[&str]); 2] = [
    (
        DURATION_PATTERN,
        &[
            "by",
            "delay",
            "dribble",
            "hang",
            "min_interval",
            "per",
            "retry_after",
            "time",
            "timeout",
            "ttl",
        ],
    ),
    (CURSOR_PATTERN, &["cursor", "since"]),
];

fn add_patterns(document: &mut Value) {
    for_each_field(document, &mut |_, name, schema| {
        let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
        let pattern = PATTERNS.iter().find(|(_, names)| names.contains(&name));
        if let (Some((pattern, _)), true) = (pattern, is_text) {
            schema["pattern"] = (*pattern).into();
        }
    });
}

fn add_examples(document: &mut Value) {
    for_each_field(document, &mut |owner, name, schema| {
        if schema.get("example").is_none()
            && let Some(example) = field_example(owner, name)
        {
            schema["example"] = example;
        }
    });
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas.iter_mut() {
        if let Some(example) = schema_example(name) {
            schema["example"] = example;
        }
    }
    let schemas = schemas.clone();
    for_each_operation(document, |operation| {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let body = operation.get_mut("requestBody").into_iter();
        for media in body.flat_map(media_types_mut) {
            media["example"] = compose_example(&media["schema"], &schemas);
        }
        let responses = operation["responses"].as_object_mut().into_iter().flatten();
        for media in responses.flat_map(|(_, response)| media_types_mut(response)) {
            let composed = || compose_example(&media["schema"], &schemas);
            media["example"] = if media["schema"].get("$ref").is_some() {
                composed()
            } else {
                operation_example(&id).unwrap_or_else(composed)
            };
        }
    });
}

fn media_types_mut(body: &mut Value) -> impl Iterator<Item = &mut Value> {
    let content = body.get_mut("content").and_then(Value::as_object_mut);
    content.into_iter().flatten().map(|(_, media)| media)
}

fn for_each_operation(document: &mut Value, mut visit: impl FnMut(&mut Value)) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let methods = paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten());
    methods.for_each(|(_, operation)| visit(operation));
}

/// Visits each parameter and each property, with the name of its schema (`parameter` for parameters) and its own name.
fn for_each_field(document: &mut Value, visit: &mut impl FnMut(&str, &str, &mut Value)) {
    for_each_operation(document, |operation| {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            visit("parameter", &name, &mut parameter["schema"]);
        }
    });
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (owner, schema) in schemas {
        let variants = schema.get_mut("oneOf").and_then(Value::as_array_mut);
        let variants: Vec<&mut Value> = match variants {
            Some(variants) => variants.iter_mut().collect(),
            None => vec![schema],
        };
        for variant in variants {
            let properties = variant.get_mut("properties").and_then(Value::as_object_mut);
            for (name, property) in properties.into_iter().flatten() {
                visit(owner, name, property);
            }
        }
    }
}

/// Visits each object of the document that has a type.
fn for_each_schema(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(_) => {
            if value.get("type").is_some() {
                visit(value);
            }
            let members = value.as_object_mut().into_iter().flatten();
            members.for_each(|(_, member)| for_each_schema(member, visit));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_schema(item, visit)),
        _ => {}
    }
}

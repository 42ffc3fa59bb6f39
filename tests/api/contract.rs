//! Vendor contract: the documented facts, copied by hand from its pages, compared with the OpenAPI document.

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::ticket::URLENCODED;

/// A documented field: name, type, whether it is required, default.
type DocumentedField = (&'static str, &'static str, bool, Value);

/// A documented operation: method, path, permission, content type of the body, fields.
type DocumentedOperation =
    (&'static str, &'static str, &'static str, &'static str, Vec<DocumentedField>);

const MULTIPART: &str = "multipart/form-data";
const QUERY: &str = "query";

fn documented_operations() -> Vec<DocumentedOperation> {
    let operations = collection_operations()
        .into_iter()
        .chain(item_operations())
        .chain(named_method_operations());
    operations.collect()
}

fn no_default() -> Value {
    Value::Null
}

fn required_number(name: &'static str) -> DocumentedField {
    (name, "number", true, no_default())
}

fn required_string(name: &'static str) -> DocumentedField {
    (name, "string", true, no_default())
}

fn collection_operations() -> Vec<DocumentedOperation> {
    vec![
        (
            "get",
            "/api/v2/ticket",
            "TICKET_READ",
            QUERY,
            vec![
                ("applyView", r"^[0-9a-zA-Z\-\_]+$", false, json!("")),
                ("query", "string", false, json!("")),
                ("itemStart", "number", false, json!(0)),
                ("itemLimit", "number", false, json!(15)),
                ("searchArchived", "enum", false, json!("no")),
                ("status", "enum", false, no_default()),
            ],
        ),
        (
            "post",
            "/api/v2/ticket",
            "TICKET_CREATE",
            MULTIPART,
            vec![
                required_number("brandID"),
                required_number("channelID"),
                ("direction", "^inbound|outbound$", true, no_default()),
                required_string("from"),
                ("fromName", "string", false, json!("")),
                required_string("to"),
                required_string("title"),
                ("assignedGroupID", "number", false, json!(0)),
                ("formID", "number", false, no_default()),
            ],
        ),
    ]
}

fn item_operations() -> Vec<DocumentedOperation> {
    vec![
        (
            "get",
            "/api/v2/ticket/{ticketID}",
            "TICKET_READ",
            QUERY,
            vec![("getTicketHistory", "boolean", false, no_default())],
        ),
        (
            "put",
            "/api/v2/ticket/{ticketID}",
            "TICKET_UPDATE",
            URLENCODED,
            vec![
                ("externalPrimaryID", "string", false, no_default()),
                ("title", "string", false, no_default()),
                ("status", "^(solved|closed)$", false, no_default()),
            ],
        ),
        ("delete", "/api/v2/ticket/{ticketID}", "TICKET_DELETE", QUERY, vec![]),
    ]
}

fn named_method_operations() -> Vec<DocumentedOperation> {
    vec![
        ("delete", "/api/v2/ticket/multi", "TICKET_DELETE", URLENCODED, vec![]),
        (
            "post",
            "/api/v2/ticket/setStatus",
            "SET_STATUS",
            MULTIPART,
            vec![
                ("status", "^(new|open|pending|holding|solved|closed)$", true, no_default()),
                ("ticketIDs[]", "number[]", true, no_default()),
            ],
        ),
        (
            "post",
            "/api/v2/ticket/setPriority",
            "TICKET_UPDATE",
            MULTIPART,
            vec![
                ("priority", "^(low|medium|high|urgent)$", true, no_default()),
                ("ticketIDs[]", "number[]", true, no_default()),
            ],
        ),
        ("put", "/api/v2/ticket/solveUnfinishedTickets", "SET_STATUS", QUERY, vec![]),
        (
            "post",
            "/api/v2/ticket/unlinkCustomerFromTicket",
            "TICKET_UPDATE",
            MULTIPART,
            vec![required_number("ticketID")],
        ),
        (
            "post",
            "/api/v2/ticket/batch",
            "TICKET_BATCH",
            MULTIPART,
            vec![
                ("TicketIDs", "^[0-9, ]+$", true, no_default()),
                ("actions[0][actionType]", "string", true, no_default()),
                ("actions[0][value]", "string", true, no_default()),
            ],
        ),
    ]
}

/// The documented limits of the list's parameters.
const PARAMETER_LIMITS: &[(&str, &str, u64)] =
    &[("applyView", "minLength", 2), ("query", "minLength", 1), ("itemLimit", "maximum", 9999)];

/// Returns the declared schema of a field and whether it is required.
fn find_declared_field<'a>(
    document: &'a Value,
    operation: &'a Value,
    location: &str,
    name: &str,
) -> Option<(&'a Value, bool)> {
    if location == QUERY {
        let parameters = operation["parameters"].as_array()?;
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name)?;
        return Some((&parameter["schema"], parameter["required"] == true));
    }
    let reference = operation["requestBody"]["content"][location]["schema"]["$ref"].as_str()?;
    let schema = document.pointer(reference.strip_prefix('#')?)?;
    let required =
        schema["required"].as_array().is_some_and(|names| names.iter().any(|field| field == name));
    Some((schema["properties"].get(name)?, required))
}

/// Returns true if the schema has the documented type.
fn is_of_type(schema: &Value, documented: &str) -> bool {
    match documented {
        "number" => schema["type"] == "integer",
        "number[]" => schema["type"] == "array" && schema["items"]["type"] == "integer",
        "boolean" => schema["type"] == "boolean",
        "string" => {
            schema["type"] == "string"
                && schema.get("pattern").is_none()
                && schema.get("x-documented-type").is_none()
        }
        "enum" => schema["type"] == "string" && schema["enum"].is_array(),
        pattern => {
            schema["type"] == "string"
                && (schema["pattern"] == pattern || schema["x-documented-type"] == pattern)
        }
    }
}

/// Returns the documented default; it is in `x-default` if the documented pattern rejects it.
fn declared_default(schema: &Value) -> Value {
    schema.get("default").or_else(|| schema.get("x-default")).cloned().unwrap_or_default()
}

/// Lists every difference between the document and the documented facts.
fn find_differences(document: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    for (method, path, permission, location, fields) in documented_operations() {
        let operation = &document["paths"][path][method];
        if operation["x-permission"]["name"] != permission {
            differences.push(format!("{method} {path} does not need {permission}"));
        }
        for (name, documented_type, required, default) in fields {
            let at = format!("{method} {path}: {name}");
            match find_declared_field(document, operation, location, name) {
                None => differences.push(format!("{at} is missing")),
                Some((_, is_required)) if is_required != required => {
                    differences.push(format!("{at}: `required` is not {required}"));
                }
                Some((schema, _)) if !is_of_type(schema, documented_type) => {
                    differences.push(format!("{at} is not of type {documented_type}"));
                }
                Some((schema, _)) if declared_default(schema) != default => {
                    differences.push(format!("{at} does not have the default {default}"));
                }
                Some(_) => {}
            }
        }
    }
    for (name, limit, value) in PARAMETER_LIMITS {
        let list = &document["paths"]["/api/v2/ticket"]["get"];
        let schema =
            find_declared_field(document, list, QUERY, name).map(|(schema, _)| &schema[*limit]);
        if schema != Some(&json!(value)) {
            differences.push(format!("{name} does not have the {limit} {value}"));
        }
    }
    differences
}

#[tokio::test]
async fn openapi_matches_vendor_documentation() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    assert_eq!(find_differences(&document), Vec::<String>::new());
    let count: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().expect("methods").len())
        .sum();
    assert_eq!(count, documented_operations().len(), "every operation is documented");
}

#[tokio::test]
async fn comparison_detects_altered_openapi() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    let differences_after_change = |pointer: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is missing")) = value;
        find_differences(&changed)
    };
    let create = "/components/schemas/NewTicket";
    assert_eq!(differences_after_change(&format!("{create}/required"), json!([])).len(), 6);
    assert_eq!(
        differences_after_change(&format!("{create}/properties/fromName/default"), json!(" "))
            .len(),
        1
    );
    assert_eq!(
        differences_after_change(
            "/paths/~1api~1v2~1ticket/post/x-permission/name",
            json!("TICKET_READ")
        )
        .len(),
        1
    );
    assert_eq!(
        differences_after_change("/components/schemas/TicketBatch/properties", json!({})).len(),
        3
    );
}

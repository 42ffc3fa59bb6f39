//! The vendor's facts, typed off its pages once more, held against what the server declares.

use serde_json::{Value, json};

use crate::support::Server;

/// A field as the page writes it: name, type, whether it is required, default.
type Fact = (&'static str, &'static str, bool, Value);

/// An operation as the pages have it: method, path, permission, content type of the body, fields.
type Operation = (&'static str, &'static str, &'static str, &'static str, Vec<Fact>);

const MULTIPART: &str = "multipart/form-data";
const URLENCODED: &str = "application/x-www-form-urlencoded";
const QUERY: &str = "query";

fn facts() -> Vec<Operation> {
    let controller = index().into_iter().chain(item()).chain(named_methods());
    controller.collect()
}

fn none() -> Value {
    Value::Null
}

fn number(name: &'static str) -> Fact {
    (name, "number", true, none())
}

fn text(name: &'static str) -> Fact {
    (name, "string", true, none())
}

fn index() -> Vec<Operation> {
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
                ("status", "enum", false, none()),
            ],
        ),
        (
            "post",
            "/api/v2/ticket",
            "TICKET_CREATE",
            MULTIPART,
            vec![
                number("brandID"),
                number("channelID"),
                ("direction", "^inbound|outbound$", true, none()),
                text("from"),
                ("fromName", "string", false, json!("")),
                text("to"),
                text("title"),
                ("assignedGroupID", "number", false, json!(0)),
                ("formID", "number", false, none()),
            ],
        ),
    ]
}

fn item() -> Vec<Operation> {
    vec![
        (
            "get",
            "/api/v2/ticket/{ticketID}",
            "TICKET_READ",
            QUERY,
            vec![("getTicketHistory", "boolean", false, none())],
        ),
        (
            "put",
            "/api/v2/ticket/{ticketID}",
            "TICKET_UPDATE",
            URLENCODED,
            vec![
                ("externalPrimaryID", "string", false, none()),
                ("title", "string", false, none()),
                ("status", "^(solved|closed)$", false, none()),
            ],
        ),
        ("delete", "/api/v2/ticket/{ticketID}", "TICKET_DELETE", QUERY, vec![]),
    ]
}

fn named_methods() -> Vec<Operation> {
    vec![
        ("delete", "/api/v2/ticket/multi", "TICKET_DELETE", URLENCODED, vec![]),
        (
            "post",
            "/api/v2/ticket/setStatus",
            "SET_STATUS",
            MULTIPART,
            vec![
                ("status", "^(new|open|pending|holding|solved|closed)$", true, none()),
                ("ticketIDs[]", "number[]", true, none()),
            ],
        ),
        (
            "post",
            "/api/v2/ticket/setPriority",
            "TICKET_UPDATE",
            MULTIPART,
            vec![
                ("priority", "^(low|medium|high|urgent)$", true, none()),
                ("ticketIDs[]", "number[]", true, none()),
            ],
        ),
        ("put", "/api/v2/ticket/solveUnfinishedTickets", "SET_STATUS", QUERY, vec![]),
        (
            "post",
            "/api/v2/ticket/unlinkCustomerFromTicket",
            "TICKET_UPDATE",
            MULTIPART,
            vec![number("ticketID")],
        ),
        (
            "post",
            "/api/v2/ticket/batch",
            "TICKET_BATCH",
            MULTIPART,
            vec![
                ("TicketIDs", "^[0-9, ]+$", true, none()),
                ("actions[0][actionType]", "string", true, none()),
                ("actions[0][value]", "string", true, none()),
            ],
        ),
    ]
}

/// The documented bounds of the list's parameters.
const BOUNDS: &[(&str, &str, u64)] =
    &[("applyView", "minLength", 2), ("query", "minLength", 1), ("itemLimit", "maximum", 9999)];

/// What the document declares of a field: its schema and whether it is required.
fn declared<'a>(operation: &'a Value, place: &str, name: &str) -> Option<(&'a Value, bool)> {
    if place == QUERY {
        let parameters = operation["parameters"].as_array()?;
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name)?;
        return Some((&parameter["schema"], parameter["required"] == true));
    }
    let schema = &operation["requestBody"]["content"][place]["schema"];
    let required =
        schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    Some((schema["properties"].get(name)?, required))
}

/// Whether a schema is of the type that the page writes.
fn is_of_type(schema: &Value, written: &str) -> bool {
    match written {
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

/// The documented default, which stands under another name where the documented pattern refuses it.
fn default_of(schema: &Value) -> Value {
    schema.get("default").or_else(|| schema.get("x-default")).cloned().unwrap_or_default()
}

/// Everything in the document that differs from the facts.
fn differences(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path, permission, place, fields) in facts() {
        let operation = &document["paths"][path][method];
        if operation["x-permission"]["name"] != permission {
            wrong.push(format!("{method} {path} does not need {permission}"));
        }
        for (name, written, required, default) in fields {
            let at = format!("{method} {path}: {name}");
            match declared(operation, place, name) {
                None => wrong.push(format!("{at} is lost")),
                Some((_, is_required)) if is_required != required => {
                    wrong.push(format!("{at} is not required: {required}"));
                }
                Some((schema, _)) if !is_of_type(schema, written) => {
                    wrong.push(format!("{at} is not of type {written}"));
                }
                Some((schema, _)) if default_of(schema) != default => {
                    wrong.push(format!("{at} has not the default {default}"));
                }
                Some(_) => {}
            }
        }
    }
    for (name, bound, value) in BOUNDS {
        let schema = declared(&document["paths"]["/api/v2/ticket"]["get"], QUERY, name)
            .map(|(schema, _)| &schema[*bound]);
        if schema != Some(&json!(value)) {
            wrong.push(format!("{name} has not the {bound} {value}"));
        }
    }
    wrong
}

#[tokio::test]
async fn the_contract_keeps_every_fact_of_the_vendor() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    assert_eq!(differences(&document), Vec::<String>::new());
    let count: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().expect("methods").len())
        .sum();
    assert_eq!(count, facts().len(), "no operation is there that no page names");
}

#[tokio::test]
async fn a_bent_fact_would_be_found() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    let bend = |pointer: &str, value: Value| {
        let mut bent = document.clone();
        *bent.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = value;
        differences(&bent)
    };
    let create = "/paths/~1api~1v2~1ticket/post/requestBody/content/multipart~1form-data/schema";
    assert_eq!(bend(&format!("{create}/required"), json!([])).len(), 6);
    assert_eq!(bend(&format!("{create}/properties/fromName/default"), json!(" ")).len(), 1);
    assert_eq!(
        bend("/paths/~1api~1v2~1ticket/post/x-permission/name", json!("TICKET_READ")).len(),
        1
    );
    assert_eq!(bend("/paths/~1api~1v2~1ticket~1batch/post/requestBody/content/multipart~1form-data/schema/properties", json!({})).len(), 3);
}

//! The served OpenAPI document describes every answer that the server gives.

use serde_json::{Value, json};

use crate::fixtures::{self, NEW_TICKET, Seeded, acme, ticket};
use crate::program::run;
use crate::support::{Reply, Server};

/// Method, path as the document writes it, path as it is asked, and body.
type Visit = (&'static str, &'static str, &'static str, &'static str);

const INDEX: &str = "/api/v2/ticket";
const ITEM: &str = "/api/v2/ticket/{ticketID}";

/// A walk over all operations, with answers good and bad.
const WALK: [Visit; 30] = [
    ("get", INDEX, "/api/v2/ticket", ""),
    ("get", INDEX, "/api/v2/ticket?itemLimit=0", ""),
    ("get", INDEX, "/api/v2/ticket?query=nothing-has-this", ""),
    ("get", INDEX, "/api/v2/ticket?status=done", ""),
    ("post", INDEX, "/api/v2/ticket", NEW_TICKET),
    ("post", INDEX, "/api/v2/ticket", "title=Printer"),
    ("get", ITEM, "/api/v2/ticket/7", ""),
    ("get", ITEM, "/api/v2/ticket/9", ""),
    ("get", ITEM, "/api/v2/ticket/999", ""),
    ("get", ITEM, "/api/v2/ticket/abc", ""),
    ("put", ITEM, "/api/v2/ticket/7", "externalPrimaryID=C-78&title=Changed&status=closed"),
    ("put", ITEM, "/api/v2/ticket/7", "status=open"),
    ("put", ITEM, "/api/v2/ticket/7", ""),
    ("post", "/api/v2/ticket/setStatus", "/api/v2/ticket/setStatus", "status=open&ticketIDs[]=7"),
    ("post", "/api/v2/ticket/setStatus", "/api/v2/ticket/setStatus", "status=open&ticketIDs[]=999"),
    (
        "post",
        "/api/v2/ticket/setPriority",
        "/api/v2/ticket/setPriority",
        "priority=low&ticketIDs[]=7",
    ),
    (
        "post",
        "/api/v2/ticket/setPriority",
        "/api/v2/ticket/setPriority",
        "priority=none&ticketIDs[]=7",
    ),
    (
        "post",
        "/api/v2/ticket/batch",
        "/api/v2/ticket/batch",
        "TicketIDs=7,8&actions[0][actionType]=assigned_group_id&actions[0][value]=10003",
    ),
    ("post", "/api/v2/ticket/batch", "/api/v2/ticket/batch", "TicketIDs=7"),
    ("get", ITEM, "/api/v2/ticket/7", ""),
    (
        "post",
        "/api/v2/ticket/unlinkCustomerFromTicket",
        "/api/v2/ticket/unlinkCustomerFromTicket",
        "ticketID=7",
    ),
    (
        "post",
        "/api/v2/ticket/unlinkCustomerFromTicket",
        "/api/v2/ticket/unlinkCustomerFromTicket",
        "ticketID=x",
    ),
    ("put", "/api/v2/ticket/solveUnfinishedTickets", "/api/v2/ticket/solveUnfinishedTickets", ""),
    ("get", INDEX, "/api/v2/ticket?searchArchived=yes", ""),
    ("get", ITEM, "/api/v2/ticket/7?getTicketHistory=false", ""),
    ("delete", ITEM, "/api/v2/ticket/8", ""),
    ("delete", ITEM, "/api/v2/ticket/8", ""),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi?ticketIDs[]=7", ""),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi", "ticketIDs[]=7"),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi", ""),
];

fn server() -> Seeded {
    let mut noted = ticket(9);
    noted["timeline"] = json!([{
        "id": "3143281", "type": "note", "user_id": 254, "user_name": "agent",
        "content": "A note", "created_at": "2026-02-01 10:30:13",
    }]);
    let mut seed = acme([ticket(7), ticket(8), noted]);
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    fixtures::serve(&seed)
}

async fn document(server: &Server) -> Value {
    Reply::of(server.ask_without_key("GET", "/openapi.json")).await.body
}

/// The value at a pointer, through a `$ref` where one stands there.
fn resolve<'doc>(document: &'doc Value, value: &'doc Value) -> &'doc Value {
    match value["$ref"].as_str() {
        Some(reference) => resolve(document, at(document, reference)),
        None => value,
    }
}

fn at<'doc>(document: &'doc Value, reference: &str) -> &'doc Value {
    let pointer = reference.strip_prefix('#').expect("a reference stays inside the document");
    let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8().expect("text");
    document.pointer(&decoded).unwrap_or_else(|| panic!("{reference} resolves"))
}

/// The schema that the document gives for an answer, as one that stands for itself.
fn schema(document: &Value, method: &str, path: &str, status: u16) -> Value {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is in the document");
    let responses = &operation["responses"];
    let status = status.to_string();
    let response = responses.get(&status).or_else(|| responses.get("default"));
    let response =
        response.unwrap_or_else(|| panic!("{status} of {method} {path} is in the document"));
    let content = &resolve(document, response)["content"]["application/json"]["schema"];
    assert!(content.is_object(), "{status} of {method} {path} has a schema");
    let mut whole = document.clone();
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    whole["allOf"] = json!([content]);
    whole
}

fn validate(document: &Value, visit: &Visit, reply: &Reply) {
    let (method, path, asked, body) = visit;
    let schema = schema(document, method, path, reply.status);
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
    let validator = validator.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(&reply.body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {asked} {body}: {}: {errors:#?} in {}",
        reply.status,
        reply.body
    );
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let server = server();
    let document = document(&server).await;
    for visit in WALK {
        let (method, _, path, body) = visit;
        let method = method.to_uppercase();
        let reply = if body.is_empty() {
            Reply::of(server.ask(&method, path)).await
        } else {
            server.form(&method, path, body).await
        };
        validate(&document, &visit, &reply);
    }
}

#[tokio::test]
async fn the_answers_to_a_wrong_key_and_a_wrong_body_are_in_the_document() {
    let server = server();
    let document = document(&server).await;
    for visit in WALK {
        let (method, _, path, _) = visit;
        let method = method.to_uppercase();
        let without = Reply::of(server.ask_without_key(&method, path)).await;
        assert_eq!(without.status, 401);
        validate(&document, &visit, &without);
        let request = server.ask_without_key(&method, path).header("apiKey", "nothing-allowed");
        let forbidden = Reply::of(request).await;
        assert_eq!(forbidden.status, 403);
        validate(&document, &visit, &forbidden);
        if method == "POST" || method == "PUT" || path.contains("multi") {
            let request = server.ask(&method, path).header("content-type", "text/plain");
            let strange = Reply::of(request.body("a")).await;
            assert_eq!(strange.status, 415, "{method} {path}: {}", strange.body);
            validate(&document, &visit, &strange);
        }
    }
}

#[tokio::test]
async fn the_schema_of_an_item_refuses_what_is_none() {
    let server = server();
    let document = document(&server).await;
    let item = server.get("/api/v2/ticket/9").await.body;
    let schema = schema(&document, "get", ITEM, 200);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    assert!(validator.is_valid(&item));
    for spoil in [
        (|item: &mut Value| item["type"] = "items".into()) as fn(&mut Value),
        |item| item["item"]["id"] = "9".into(),
        |item| item["item"]["channel_account_id"] = 0.into(),
        |item| item["item"]["status"] = "done".into(),
        |item| item["item"]["title"] = Value::Null,
        |item| _ = item["item"].as_object_mut().expect("an object").remove("timeline"),
        |item| _ = item["item"].as_object_mut().expect("an object").remove("closed_at"),
    ] {
        let mut spoilt = item.clone();
        spoil(&mut spoilt);
        assert!(!validator.is_valid(&spoilt), "{spoilt}");
    }
}

#[tokio::test]
async fn the_document_is_sound_and_the_one_that_the_program_prints() {
    let server = server();
    let live = document(&server).await;
    let printed = run(&["openapi"]).output();
    let parsed = oas3::from_json(&printed).expect("an OpenAPI document");
    assert!(parsed.openapi.starts_with("3.1."), "{}", parsed.openapi);
    assert_eq!(parsed.operations().count(), 11, "all operations and no other");
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed, live);
}

#[tokio::test]
async fn every_reference_resolves_and_every_operation_has_its_own_name() {
    let document = document(&server()).await;
    let mut references = Vec::new();
    let mut names = Vec::new();
    walk(&document, &mut |key, value| match (key, value.as_str()) {
        ("$ref", Some(reference)) => references.push(reference.to_owned()),
        ("operationId", Some(name)) => names.push(name.to_owned()),
        _ => {}
    });
    for reference in &references {
        at(&document, reference);
    }
    assert_eq!(names.len(), 11);
    for expected in ["ticketIndexGET", "ticketIndexPOST", "ticketItemGET", "ticketSetStatusPOST"] {
        assert!(names.iter().any(|name| name == expected), "{expected} is in {names:?}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 11, "{names:?}");
}

fn walk(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            see(key, value);
            walk(value, see);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

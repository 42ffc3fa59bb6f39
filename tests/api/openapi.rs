//! The served OpenAPI document describes every response of the server.

use serde_json::{Value, json};

use crate::support::client::JsonResponse;
use crate::support::process::run_to_exit;
use crate::support::seed::{self, SeededServer, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Method, path template in the document, requested path, and body.
type RequestCase = (&'static str, &'static str, &'static str, &'static str);

const LIST_ROUTE: &str = "/api/v2/ticket";
const ITEM_ROUTE: &str = "/api/v2/ticket/{ticketID}";

/// Valid and invalid requests to all operations.
const REQUESTS: [RequestCase; 30] = [
    ("get", LIST_ROUTE, "/api/v2/ticket", ""),
    ("get", LIST_ROUTE, "/api/v2/ticket?itemLimit=0", ""),
    ("get", LIST_ROUTE, "/api/v2/ticket?query=nothing-has-this", ""),
    ("get", LIST_ROUTE, "/api/v2/ticket?status=done", ""),
    ("post", LIST_ROUTE, "/api/v2/ticket", NEW_TICKET_FORM),
    ("post", LIST_ROUTE, "/api/v2/ticket", "title=Printer"),
    ("get", ITEM_ROUTE, "/api/v2/ticket/7", ""),
    ("get", ITEM_ROUTE, "/api/v2/ticket/9", ""),
    ("get", ITEM_ROUTE, "/api/v2/ticket/999", ""),
    ("get", ITEM_ROUTE, "/api/v2/ticket/abc", ""),
    ("put", ITEM_ROUTE, "/api/v2/ticket/7", "externalPrimaryID=C-78&title=Changed&status=closed"),
    ("put", ITEM_ROUTE, "/api/v2/ticket/7", "status=open"),
    ("put", ITEM_ROUTE, "/api/v2/ticket/7", ""),
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
    ("get", ITEM_ROUTE, "/api/v2/ticket/7", ""),
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
    ("get", LIST_ROUTE, "/api/v2/ticket?searchArchived=yes", ""),
    ("get", ITEM_ROUTE, "/api/v2/ticket/7?getTicketHistory=false", ""),
    ("delete", ITEM_ROUTE, "/api/v2/ticket/8", ""),
    ("delete", ITEM_ROUTE, "/api/v2/ticket/8", ""),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi?ticketIDs[]=7", ""),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi", "ticketIDs[]=7"),
    ("delete", "/api/v2/ticket/multi", "/api/v2/ticket/multi", ""),
];

fn start_server() -> SeededServer {
    let mut ticket_with_note = ticket_fixture(9);
    ticket_with_note["timeline"] = json!([{
        "id": "3143281", "type": "note", "user_id": 254, "user_name": "agent",
        "content": "A note", "created_at": "2026-02-01 10:30:13",
    }]);
    let mut seed = acme_seed([ticket_fixture(7), ticket_fixture(8), ticket_with_note]);
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    seed::serve_seed(&seed)
}

async fn fetch_document(server: &Server) -> Value {
    JsonResponse::fetch(server.request_without_key("GET", "/openapi.json")).await.body
}

/// Follows a `$ref`, if the value has one.
fn resolve_ref<'doc>(document: &'doc Value, value: &'doc Value) -> &'doc Value {
    match value["$ref"].as_str() {
        Some(reference) => resolve_ref(document, lookup_ref(document, reference)),
        None => value,
    }
}

fn lookup_ref<'doc>(document: &'doc Value, reference: &str) -> &'doc Value {
    let pointer = reference.strip_prefix('#').expect("a reference starts with #");
    let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8().expect("text");
    document.pointer(&decoded).unwrap_or_else(|| panic!("{reference} does not resolve"))
}

/// Returns the document's schema for a response, as a self-contained schema.
fn response_schema(document: &Value, method: &str, path: &str, status: u16) -> Value {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is missing in the document");
    let responses = &operation["responses"];
    let status = status.to_string();
    let response = responses.get(&status).or_else(|| responses.get("default"));
    let response = response
        .unwrap_or_else(|| panic!("{status} of {method} {path} is missing in the document"));
    let content = &resolve_ref(document, response)["content"]["application/json"]["schema"];
    assert!(content.is_object(), "{status} of {method} {path} has no schema");
    let mut schema = document.clone();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["allOf"] = json!([content]);
    schema
}

fn assert_matches_schema(document: &Value, case: &RequestCase, reply: &JsonResponse) {
    let (method, path, requested_path, body) = case;
    let schema = response_schema(document, method, path, reply.status);
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema);
    let validator = validator.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(&reply.body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {requested_path} {body}: {}: {errors:#?} in {}",
        reply.status,
        reply.body
    );
}

#[tokio::test]
async fn every_response_matches_its_schema() {
    let server = start_server();
    let document = fetch_document(&server).await;
    for case in REQUESTS {
        let (method, _, path, body) = case;
        let method = method.to_uppercase();
        let reply = if body.is_empty() {
            JsonResponse::fetch(server.request(&method, path)).await
        } else {
            server.send_form(&method, path, body).await
        };
        assert_matches_schema(&document, &case, &reply);
    }
}

#[tokio::test]
async fn error_responses_match_their_schemas() {
    let server = start_server();
    let document = fetch_document(&server).await;
    for case in REQUESTS {
        let (method, _, path, _) = case;
        let method = method.to_uppercase();
        let unauthenticated = JsonResponse::fetch(server.request_without_key(&method, path)).await;
        assert_eq!(unauthenticated.status, 401);
        assert_matches_schema(&document, &case, &unauthenticated);
        let request = server.request_without_key(&method, path).header("apiKey", "nothing-allowed");
        let forbidden = JsonResponse::fetch(request).await;
        assert_eq!(forbidden.status, 403);
        assert_matches_schema(&document, &case, &forbidden);
        if method == "POST" || method == "PUT" || path.contains("multi") {
            let request = server.request(&method, path).header("content-type", "text/plain");
            let unsupported = JsonResponse::fetch(request.body("a")).await;
            assert_eq!(unsupported.status, 415, "{method} {path}: {}", unsupported.body);
            assert_matches_schema(&document, &case, &unsupported);
        }
    }
}

#[tokio::test]
async fn item_schema_rejects_invalid_items() {
    let server = start_server();
    let document = fetch_document(&server).await;
    let item = server.get("/api/v2/ticket/9").await.body;
    let schema = response_schema(&document, "get", ITEM_ROUTE, 200);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    assert!(validator.is_valid(&item));
    for invalidate in [
        (|item: &mut Value| item["type"] = "items".into()) as fn(&mut Value),
        |item| item["item"]["id"] = "9".into(),
        |item| item["item"]["channel_account_id"] = 0.into(),
        |item| item["item"]["status"] = "done".into(),
        |item| item["item"]["title"] = Value::Null,
        |item| _ = item["item"].as_object_mut().expect("an object").remove("timeline"),
        |item| _ = item["item"].as_object_mut().expect("an object").remove("closed_at"),
    ] {
        let mut invalid = item.clone();
        invalidate(&mut invalid);
        assert!(!validator.is_valid(&invalid), "{invalid}");
    }
}

#[tokio::test]
async fn served_document_is_valid_and_equals_printed_one() {
    let server = start_server();
    let live = fetch_document(&server).await;
    let printed = run_to_exit(&["openapi", "--url", &server.base_url]).expect_success();
    let parsed = oas3::from_json(&printed).expect("an OpenAPI document");
    assert!(parsed.openapi.starts_with("3.1."), "{}", parsed.openapi);
    assert_eq!(parsed.operations().count(), 11, "all 11 operations exist");
    let printed: Value = serde_json::from_str(&printed).expect("the body is JSON");
    assert_eq!(printed, live);
}

#[tokio::test]
async fn references_resolve_and_operation_ids_are_unique() {
    let document = fetch_document(&start_server()).await;
    let mut references = Vec::new();
    let mut names = Vec::new();
    visit_members(&document, &mut |key, value| match (key, value.as_str()) {
        ("$ref", Some(reference)) => references.push(reference.to_owned()),
        ("operationId", Some(name)) => names.push(name.to_owned()),
        _ => {}
    });
    for reference in &references {
        lookup_ref(&document, reference);
    }
    assert_eq!(names.len(), 11);
    for expected in ["ticketIndexGET", "ticketIndexPOST", "ticketItemGET", "ticketSetStatusPOST"] {
        assert!(names.iter().any(|name| name == expected), "{expected} is missing in {names:?}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 11, "{names:?}");
}

fn visit_members(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            visit(key, value);
            visit_members(value, visit);
        }),
        Value::Array(items) => items.iter().for_each(|item| visit_members(item, visit)),
        _ => {}
    }
}

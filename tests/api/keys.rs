//! Keys: the ways to send one, and what each permission opens.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixtures::{self, KEY, NEW_TICKET, Seeded, acme, ticket};
use crate::support::{Reply, Server};

/// Name, method, path and body of each operation, and the permission that it needs.
const OPERATIONS: [(&str, &str, &str, &str, &str); 11] = [
    ("list", "GET", "", "", "TICKET_READ"),
    ("create", "POST", "", NEW_TICKET, "TICKET_CREATE"),
    ("get", "GET", "/{id}", "", "TICKET_READ"),
    ("update", "PUT", "/{id}", "title=Changed", "TICKET_UPDATE"),
    ("delete", "DELETE", "/{id}", "", "TICKET_DELETE"),
    ("deleteMulti", "DELETE", "/multi", "ticketIDs[]={id}", "TICKET_DELETE"),
    ("setStatus", "POST", "/setStatus", "status=open&ticketIDs[]={id}", "SET_STATUS"),
    ("setPriority", "POST", "/setPriority", "priority=low&ticketIDs[]={id}", "TICKET_UPDATE"),
    ("solveUnfinishedTickets", "PUT", "/solveUnfinishedTickets", "", "SET_STATUS"),
    (
        "unlinkCustomerFromTicket",
        "POST",
        "/unlinkCustomerFromTicket",
        "ticketID={id}",
        "TICKET_UPDATE",
    ),
    (
        "batch",
        "POST",
        "/batch",
        "TicketIDs={id}&actions[0][actionType]=status&actions[0][value]=open",
        "TICKET_BATCH",
    ),
];

const PERMISSIONS: [&str; 21] = [
    "TICKET_READ",
    "TICKET_CREATE",
    "TICKET_UPDATE",
    "TICKET_DELETE",
    "SET_STATUS",
    "TICKET_BATCH",
    "MESSAGE_CREATE",
    "CUSTOMER_READ",
    "CUSTOMER_CUD",
    "VIEW_READ",
    "VIEW_CUD",
    "GROUP_CUD",
    "SETTINGS_CRUD",
    "USER_READ",
    "USER_CUD",
    "FORM_READ",
    "FORM_CUD",
    "FORM_SAVE",
    "API_CHAT",
    "CHANNEL_READ",
    "CHANNEL_CUD",
];

fn only(permission: &str) -> String {
    format!("only-{permission}")
}

fn all_but(permission: &str) -> String {
    format!("all-but-{permission}")
}

/// A key for each permission alone, and one for each set that lacks it.
fn matrix() -> Value {
    let one = PERMISSIONS.iter().map(|permission| {
        json!({ "key": only(permission), "name": only(permission), "permissions": [permission] })
    });
    let others = PERMISSIONS.iter().map(|lacking| {
        let rest: Vec<_> = PERMISSIONS.iter().filter(|permission| *permission != lacking).collect();
        json!({ "key": all_but(lacking), "name": all_but(lacking), "permissions": rest })
    });
    let mut seed = acme((1..=500).map(ticket));
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.extend(one.chain(others));
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    seed
}

/// Sends the operation with the key; every try has a ticket of its own.
async fn attempt(server: &Seeded, operation: usize, key: &str, id: u64) -> Reply {
    let (_, method, path, body, _) = OPERATIONS[operation];
    let path = format!("/api/v2/ticket{}", path.replace("{id}", &id.to_string()));
    let request = server.ask_without_key(method, &path).header("apiKey", key);
    let request = if body.is_empty() {
        request
    } else {
        let body = body.replace("{id}", &id.to_string());
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    Reply::of(request).await
}

fn opened(name: &str, key: &str, permission: &str, reply: &Reply, opens: bool) {
    let said = &reply.body;
    if opens {
        assert_eq!(reply.status, 200, "{name} with {key}: {said}");
    } else {
        assert_eq!(reply.status, 403, "{name} with {key}: {said}");
        assert_eq!(said["status"], "error", "{name} with {key}: {said}");
        assert!(reply.message().contains(permission), "{name} with {key}: {said}");
    }
}

#[tokio::test]
async fn the_matrix_has_every_operation_of_the_document_with_its_permission() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, about) in methods.as_object().expect("methods") {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            let (name, needed) = (&about["x-operation"], &about["x-permission"]["name"]);
            let path = path.replace("{ticketID}", "{id}");
            documented.push((text(name), method.to_uppercase(), path, text(needed)));
        }
    }
    let tried = OPERATIONS.iter().map(|(name, method, path, _, permission)| {
        let (name, path) = (format!("ticket.{name}"), format!("/api/v2/ticket{path}"));
        (name, (*method).to_owned(), path, (*permission).to_owned())
    });
    let mut tried: Vec<_> = tried.collect();
    documented.sort();
    tried.sort();
    assert_eq!(tried, documented);
}

#[tokio::test]
async fn the_matrix_has_every_permission() {
    let server = Server::start();
    let keys = server.get("/_control/accounts/dev/keys").await.body;
    let all = keys["keys"][0]["permissions"].as_array().expect("permissions");
    let all: BTreeSet<&str> = all.iter().map(|name| name.as_str().expect("text")).collect();
    assert_eq!(all, PERMISSIONS.into_iter().collect());
    let needed: BTreeSet<&str> = OPERATIONS.iter().map(|(.., permission)| *permission).collect();
    assert!(needed.is_subset(&all), "{needed:?}");
}

#[tokio::test]
async fn exactly_the_stated_permission_opens_an_operation() {
    let server = fixtures::serve(&matrix());
    let mut id = 0;
    for (operation, (name, .., needed)) in OPERATIONS.iter().enumerate() {
        for permission in PERMISSIONS {
            for (key, opens) in [
                (only(permission), permission == *needed),
                (all_but(permission), permission != *needed),
            ] {
                id += 1;
                let reply = attempt(&server, operation, &key, id).await;
                opened(name, &key, needed, &reply, opens);
            }
        }
        id += 1;
        let reply = attempt(&server, operation, "nothing-allowed", id).await;
        opened(name, "nothing-allowed", needed, &reply, false);
    }
}

#[tokio::test]
async fn a_request_without_permission_changes_nothing() {
    let mut seed = acme((1..=12).map(ticket));
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    let server = fixtures::serve(&seed);
    let before = fixtures::whole(&server).await;
    for (operation, id) in (0..OPERATIONS.len()).zip(1..) {
        assert_eq!(attempt(&server, operation, "nothing-allowed", id).await.status, 403);
        assert_eq!(attempt(&server, operation, "unknown-key-0123456789", id).await.status, 401);
    }
    assert_eq!(fixtures::whole(&server).await, before);
}

#[tokio::test]
async fn a_key_is_taken_from_either_header_and_from_the_query() {
    let server = fixtures::serve(&acme([ticket(7)]));
    let path = "/api/v2/ticket/7";
    for (header, value) in [
        ("apiKey", KEY.to_owned()),
        ("apikey", KEY.to_owned()),
        ("APIKEY", KEY.to_owned()),
        ("Authorization", format!("apikey {KEY}")),
        ("Authorization", format!("apiKey {KEY}")),
        ("Authorization", format!("APIKEY {KEY}")),
    ] {
        let reply = Reply::of(server.ask_without_key("GET", path).header(header, &value)).await;
        assert_eq!(reply.status, 200, "{header}: {value}: {}", reply.body);
    }
    let reply = Reply::of(server.ask_without_key("GET", &format!("{path}?apiKey={KEY}"))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn a_key_that_is_missing_or_unknown_is_not_let_in() {
    let server = fixtures::serve(&acme([ticket(7)]));
    let path = "/api/v2/ticket/7".to_owned();
    let upper = KEY.to_uppercase();
    for (path, header, value) in [
        (path.clone(), "accept", "application/json".to_owned()),
        (path.clone(), "apiKey", String::new()),
        (path.clone(), "apiKey", "unknown-key-0123456789".to_owned()),
        (path.clone(), "apiKey", upper),
        (path.clone(), "apiKey", format!("{KEY}x")),
        (path.clone(), "apiKey", KEY[..KEY.len() - 1].to_owned()),
        (path.clone(), "Authorization", format!("Bearer {KEY}")),
        (path.clone(), "Authorization", KEY.to_owned()),
        (path.clone(), "X-Api-Key", KEY.to_owned()),
        (format!("{path}?apikey={KEY}"), "accept", "*/*".to_owned()),
        (format!("{path}?APIKEY={KEY}"), "accept", "*/*".to_owned()),
    ] {
        let reply = Reply::of(server.ask_without_key("GET", &path).header(header, &value)).await;
        assert_eq!(reply.status, 401, "{path} {header}: {value}: {}", reply.body);
        assert_eq!(reply.body["status"], "error", "{}", reply.body);
        let challenge =
            reply.headers["www-authenticate"].to_str().expect("text").to_ascii_lowercase();
        assert!(challenge.starts_with("apikey"), "{challenge}");
        assert!(!reply.body.to_string().contains(KEY), "no key is told: {}", reply.body);
    }
}

#[tokio::test]
async fn a_key_opens_its_own_account_only() {
    let mut seed = acme([ticket(7)]);
    let mut other = acme([ticket(70)])["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    seed["accounts"]["other"] = other;
    let server = fixtures::serve(&seed);
    let before = fixtures::whole(&server).await;
    for (operation, (name, _, path, body, _)) in OPERATIONS.iter().enumerate() {
        let reply = attempt(&server, operation, "other-key-0123456789", 7).await;
        let is_about_a_ticket = path.contains("{id}") || body.contains("{id}");
        assert_eq!(
            reply.status,
            if is_about_a_ticket { 400 } else { 200 },
            "{name}: {}",
            reply.body
        );
        if is_about_a_ticket {
            assert!(!reply.body.to_string().contains("Ticket 7"), "{name}: {}", reply.body);
        }
    }
    assert_eq!(fixtures::whole(&server).await, before);
}

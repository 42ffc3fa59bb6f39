//! API keys: how to send one, and which operations each permission allows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::files;
use crate::support::process::RunningProcess;
use crate::support::seed::{self, ACME_KEY, SeededServer, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{self, NEW_TICKET_FORM};

/// Starts a server with a seed of these accounts, in flow style.
fn serve_accounts(accounts: &str, arguments: &[&str]) -> RunningProcess {
    let folder = files::create_temp_dir();
    let seed = files::write_file(&folder, "seed.yaml", &format!("accounts: {{ {accounts} }}"));
    let mut process =
        RunningProcess::spawn_server(&[&["--seed", seed.as_str()][..], arguments].concat());
    process.base_url();
    process
}

async fn account_of_key(process: &mut RunningProcess, key: &str) -> Option<String> {
    let client = ApiClient::new(&process.base_url()).with_key(key);
    let account = client.get("/_control/accounts/self").await;
    account.body["account"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn configured_key_opens_the_only_account_of_the_seed() {
    let key = "configured-key-0123";
    for (accounts, arguments, expected) in [
        ("shop: {}", &["--api-key", key][..], "shop"),
        ("shop: { keys: [{ key: seed-key-0123, permissions: all }] }", &["--api-key", key], "shop"),
        (
            "shop: { keys: [{ key: configured-key-0123, permissions: [] }] }",
            &["--api-key", key],
            "shop",
        ),
        (
            "shop: {}, other: { keys: [{ key: configured-key-0123, permissions: [] }] }",
            &["--api-key", key],
            "other",
        ),
        ("shop: {}, other: {}", &["--api-key", key], "dev"),
        ("dev: {}, other: {}", &["--api-key", key], "dev"),
        ("dev: {}", &["--api-key", key], "dev"),
        ("", &["--api-key", key], "dev"),
    ] {
        let mut process = serve_accounts(accounts, arguments);
        let line = format!("the account {expected} has the configured API key");
        process.wait_for_line(|_, printed| printed == line);
        assert_eq!(
            account_of_key(&mut process, key).await.as_deref(),
            Some(expected),
            "{accounts}"
        );
        if accounts.contains("seed-key") {
            let name = account_of_key(&mut process, "seed-key-0123").await;
            assert_eq!(name.as_deref(), Some("shop"), "the key of the seed is kept");
        }
        let client = ApiClient::new(&process.base_url()).with_key(key);
        assert_eq!(client.get("/api/v2/ticket").await.status, 200, "{accounts}");
    }
}

#[tokio::test]
async fn server_without_any_key_says_how_to_create_one() {
    let problem = "so the Ticket API rejects every request; add keys to the seed, start with --api-key KEY, or create a key:";
    for (accounts, arguments, message, command) in [
        (
            "shop: {}",
            &[][..],
            "no account has an API key, ",
            "curl -d '{}' URL/_control/accounts/shop/keys",
        ),
        ("", &[], "there is no account, ", "curl -d '{\"from\": \"empty\"}' URL/_control/accounts"),
        (
            "shop: {}",
            &["--control-token", "my-token-1"],
            "no account has an API key, ",
            "curl -H 'Authorization: Bearer YOUR-TOKEN' -d '{}' URL/_control/accounts/shop/keys",
        ),
    ] {
        let mut process = serve_accounts(accounts, arguments);
        let expected = format!("{message}{problem}");
        process.wait_for_line(|_, line| line == expected);
        let printed = process.wait_for_line(|_, line| line.starts_with("curl "));
        let url = process.base_url();
        assert_eq!(printed.replace(&url, "URL"), command);
        if arguments.is_empty() {
            let path = printed.rsplit(&url).next().expect("a path").to_owned();
            let client = ApiClient::new(&url);
            let request = client.request_without_key("POST", &path).body(if accounts.is_empty() {
                "{\"from\": \"empty\"}"
            } else {
                "{}"
            });
            let created = JsonResponse::fetch(request).await;
            assert_eq!(created.status, 201, "{created:?}");
            let key = created.body["api_key"].as_str().expect("a key").to_owned();
            let client = ApiClient::new(&url).with_key(&key);
            assert_eq!(client.get("/api/v2/ticket").await.status, 200);
        }
    }
    let mut process = serve_accounts("shop: {}", &["--accounts", "auto"]);
    process.wait_for_line(|_, line| line == "each new API key creates an account");
    let mut process = serve_accounts("shop: { keys: [{ key: some-key, permissions: all }] }", &[]);
    process.wait_for_line(|_, line| {
        line == "the API keys are those of the seed or of the data directory"
    });
}

/// Name, method, path, body and required permission of each operation.
const OPERATIONS: [(&str, &str, &str, &str, &str); 11] = [
    ("list", "GET", "", "", "TICKET_READ"),
    ("create", "POST", "", NEW_TICKET_FORM, "TICKET_CREATE"),
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

fn key_with_only(permission: &str) -> String {
    format!("only-{permission}")
}

fn key_without(permission: &str) -> String {
    format!("all-but-{permission}")
}

/// Returns a seed with one key per permission, and one key per permission that lacks only that one.
fn permission_matrix_seed() -> Value {
    let one = PERMISSIONS.iter().map(|permission| {
        json!({ "key": key_with_only(permission), "name": key_with_only(permission), "permissions": [permission] })
    });
    let others = PERMISSIONS.iter().map(|lacking| {
        let rest: Vec<_> = PERMISSIONS.iter().filter(|permission| *permission != lacking).collect();
        json!({ "key": key_without(lacking), "name": key_without(lacking), "permissions": rest })
    });
    let mut seed = acme_seed((1..=500).map(ticket_fixture));
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.extend(one.chain(others));
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    seed
}

/// Sends the operation with the key; use a different ticket id for each call.
async fn send_operation(
    server: &SeededServer,
    operation: usize,
    key: &str,
    id: u64,
) -> JsonResponse {
    let (_, method, path, body, _) = OPERATIONS[operation];
    let path = format!("/api/v2/ticket{}", path.replace("{id}", &id.to_string()));
    let request = server.request_without_key(method, &path).header("apiKey", key);
    let request = if body.is_empty() {
        request
    } else {
        let body = body.replace("{id}", &id.to_string());
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    JsonResponse::fetch(request).await
}

fn assert_permission(name: &str, key: &str, permission: &str, reply: &JsonResponse, allowed: bool) {
    let body = &reply.body;
    if allowed {
        assert_eq!(reply.status, 200, "{name} with {key}: {body}");
    } else {
        assert_eq!(reply.status, 403, "{name} with {key}: {body}");
        assert_eq!(body["status"], "error", "{name} with {key}: {body}");
        assert!(reply.message().contains(permission), "{name} with {key}: {body}");
    }
}

#[tokio::test]
async fn matrix_covers_every_documented_operation() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.body;
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            let (name, needed) = (&operation["x-operation"], &operation["x-permission"]["name"]);
            let path = path.replace("{ticketID}", "{id}");
            documented.push((text(name), method.to_uppercase(), path, text(needed)));
        }
    }
    let tested = OPERATIONS.iter().map(|(name, method, path, _, permission)| {
        let (name, path) = (format!("ticket.{name}"), format!("/api/v2/ticket{path}"));
        (name, (*method).to_owned(), path, (*permission).to_owned())
    });
    let mut tested: Vec<_> = tested.collect();
    documented.sort();
    tested.sort();
    assert_eq!(tested, documented);
}

#[tokio::test]
async fn matrix_covers_every_permission() {
    let server = Server::start();
    let keys = server.get("/_control/accounts/dev/keys").await.body;
    let all = keys["keys"][0]["permissions"].as_array().expect("permissions");
    let all: BTreeSet<&str> = all.iter().map(|name| name.as_str().expect("text")).collect();
    assert_eq!(all, PERMISSIONS.into_iter().collect());
    let needed: BTreeSet<&str> = OPERATIONS.iter().map(|(.., permission)| *permission).collect();
    assert!(needed.is_subset(&all), "{needed:?}");
}

#[tokio::test]
async fn operation_requires_exactly_its_documented_permission() {
    let server = seed::serve_seed(&permission_matrix_seed());
    let mut id = 0;
    for (operation, (name, .., needed)) in OPERATIONS.iter().enumerate() {
        for permission in PERMISSIONS {
            for (key, allowed) in [
                (key_with_only(permission), permission == *needed),
                (key_without(permission), permission != *needed),
            ] {
                id += 1;
                let reply = send_operation(&server, operation, &key, id).await;
                assert_permission(name, &key, needed, &reply, allowed);
            }
        }
        id += 1;
        let reply = send_operation(&server, operation, "nothing-allowed", id).await;
        assert_permission(name, "nothing-allowed", needed, &reply, false);
    }
}

#[tokio::test]
async fn a_request_without_permission_changes_nothing() {
    let mut seed = acme_seed((1..=12).map(ticket_fixture));
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.push(json!({ "key": "nothing-allowed", "name": "nothing", "permissions": [] }));
    let server = seed::serve_seed(&seed);
    let before = ticket::dump_tickets(&server).await;
    for (operation, id) in (0..OPERATIONS.len()).zip(1..) {
        assert_eq!(send_operation(&server, operation, "nothing-allowed", id).await.status, 403);
        assert_eq!(
            send_operation(&server, operation, "unknown-key-0123456789", id).await.status,
            401
        );
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn api_key_is_accepted_in_headers_and_query() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    let path = "/api/v2/ticket/7";
    for (header, value) in [
        ("apiKey", ACME_KEY.to_owned()),
        ("apikey", ACME_KEY.to_owned()),
        ("APIKEY", ACME_KEY.to_owned()),
        ("Authorization", format!("apikey {ACME_KEY}")),
        ("Authorization", format!("apiKey {ACME_KEY}")),
        ("Authorization", format!("APIKEY {ACME_KEY}")),
    ] {
        let reply =
            JsonResponse::fetch(server.request_without_key("GET", path).header(header, &value))
                .await;
        assert_eq!(reply.status, 200, "{header}: {value}: {}", reply.body);
    }
    let reply = JsonResponse::fetch(
        server.request_without_key("GET", &format!("{path}?apiKey={ACME_KEY}")),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn missing_or_unknown_api_key_is_unauthorized() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    let path = "/api/v2/ticket/7".to_owned();
    let upper = ACME_KEY.to_uppercase();
    for (path, header, value) in [
        (path.clone(), "accept", "application/json".to_owned()),
        (path.clone(), "apiKey", String::new()),
        (path.clone(), "apiKey", "unknown-key-0123456789".to_owned()),
        (path.clone(), "apiKey", upper),
        (path.clone(), "apiKey", format!("{ACME_KEY}x")),
        (path.clone(), "apiKey", ACME_KEY[..ACME_KEY.len() - 1].to_owned()),
        (path.clone(), "Authorization", format!("Bearer {ACME_KEY}")),
        (path.clone(), "Authorization", ACME_KEY.to_owned()),
        (path.clone(), "X-Api-Key", ACME_KEY.to_owned()),
        (format!("{path}?apikey={ACME_KEY}"), "accept", "*/*".to_owned()),
        (format!("{path}?APIKEY={ACME_KEY}"), "accept", "*/*".to_owned()),
    ] {
        let reply =
            JsonResponse::fetch(server.request_without_key("GET", &path).header(header, &value))
                .await;
        assert_eq!(reply.status, 401, "{path} {header}: {value}: {}", reply.body);
        assert_eq!(reply.body["status"], "error", "{}", reply.body);
        let challenge =
            reply.headers["www-authenticate"].to_str().expect("text").to_ascii_lowercase();
        assert!(challenge.starts_with("apikey"), "{challenge}");
        assert!(
            !reply.body.to_string().contains(ACME_KEY),
            "the response contains no key: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn api_key_cannot_access_another_account() {
    let mut seed = acme_seed([ticket_fixture(7)]);
    let mut other = acme_seed([ticket_fixture(70)])["accounts"]["acme"].clone();
    other["keys"][0]["key"] = "other-key-0123456789".into();
    seed["accounts"]["other"] = other;
    let server = seed::serve_seed(&seed);
    let before = ticket::dump_tickets(&server).await;
    for (operation, (name, _, path, body, _)) in OPERATIONS.iter().enumerate() {
        let reply = send_operation(&server, operation, "other-key-0123456789", 7).await;
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
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn message_names_the_scheme_of_authorization_if_it_is_wrong() {
    let server = Server::start();
    for value in ["Bearer dev-key", "Basic ZGV2LWtleTo=", "dev-key"] {
        let request = server.request_without_key("GET", "/api/v2/ticket");
        let response = JsonResponse::fetch(request.header("authorization", value)).await;
        assert_eq!(response.status, 401, "{value}");
        assert!(response.message().contains("another scheme than apikey"), "{value}: {response:?}");
        assert!(!response.message().contains("dev-key"), "{value}: {response:?}");
    }
    let request = server.request_without_key("GET", "/api/v2/ticket");
    let response = JsonResponse::fetch(request.header("authorization", "apikey ")).await;
    assert!(response.message().starts_with("No API key was sent. "), "{response:?}");
    // Another scheme does not matter if the key comes another way.
    let request = server.request("GET", "/api/v2/ticket").header("authorization", "Bearer token");
    assert_eq!(JsonResponse::fetch(request).await.status, 200);
}

#[tokio::test]
async fn key_in_another_place_is_named_but_not_shown() {
    let server = Server::start();
    let secret = "secret-of-a-client";
    for (header, query, words) in [
        ("X-API-Key", "", "the header x-api-key is not read"),
        ("Api-Key", "", "the header api-key is not read"),
        ("api_token", "", "the header api_token is not read"),
        ("Authorization", "", "another scheme than apikey"),
        ("", "apikey", "the query parameter apikey is not read"),
        ("", "api_key", "the query parameter api_key is not read"),
        ("", "X-Api-Key", "the query parameter X-Api-Key is not read"),
        ("", "apiKey[]", "the query parameter apiKey[] is not read"),
    ] {
        let path = if query.is_empty() {
            "/api/v2/ticket".to_owned()
        } else {
            format!("/api/v2/ticket?{query}={secret}")
        };
        let mut request = server.request_without_key("GET", &path);
        if !header.is_empty() {
            request = request.header(header, secret);
        }
        let reply = JsonResponse::fetch(request).await;
        assert_eq!(reply.status, 401, "{header}{query}: {}", reply.body);
        assert!(reply.message().contains(words), "{header}{query}: {}", reply.body);
        assert!(!reply.message().contains(secret), "{}", reply.body);
    }
    for (header, value, words) in [
        ("Cookie", format!("theme=dark; apiKey={secret}"), "the cookie apiKey is not read"),
        ("Cookie", format!("x-api-key={secret}"), "the cookie x-api-key is not read"),
        ("apiKey", format!("\"{secret}\""), "send the key alone"),
        ("apiKey", format!("Bearer {secret}"), "send the key alone"),
        ("Authorization", format!("apikey '{secret}'"), "send the key alone"),
        ("Content-Type", "application/json".to_owned(), "the body and cookies are not read"),
    ] {
        let request = server.request_without_key("POST", "/api/v2/ticket").header(header, value);
        let reply = JsonResponse::fetch(request.body(format!("{{\"apiKey\":\"{secret}\"}}"))).await;
        assert_eq!(reply.status, 401, "{header}: {}", reply.body);
        assert!(reply.message().contains(words), "{header}: {}", reply.body);
        assert!(!reply.message().contains(secret), "{}", reply.body);
    }
    let journal = server.get("/_control/requests/unmatched").await.body.to_string();
    assert!(journal.contains("not read") && !journal.contains(secret), "{journal}");
}

#[tokio::test]
async fn control_api_names_a_misplaced_key_of_self() {
    let server = Server::start();
    for (name, value, expected) in [
        ("X-API-Key", "dev-key", "the header x-api-key is not read"),
        ("Authorization", "Bearer dev-key", "another scheme than apikey"),
    ] {
        let request = server.request_without_key("GET", "/_control/accounts/self");
        let reply = JsonResponse::fetch(request.header(name, value)).await;
        assert_eq!(reply.status, 401, "{}", reply.body);
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(expected), "{}", reply.body);
        assert!(!detail.contains("dev-key"), "{}", reply.body);
    }
}

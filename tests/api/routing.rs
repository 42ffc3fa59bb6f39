//! Routing: known paths and methods, and the errors for unknown ones.

use std::collections::BTreeSet;

use crate::support::client::JsonResponse;
use crate::support::raw::{RawRequest, build_raw_head, build_raw_request, exchange};
use crate::support::seed::{self, ACME_KEY, acme_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket;

/// Every ticket path with its allowed methods.
const ALLOWED_METHODS: [(&str, &[&str]); 8] = [
    ("/api/v2/ticket", &["GET", "HEAD", "POST"]),
    ("/api/v2/ticket/7", &["GET", "HEAD", "PUT", "DELETE"]),
    ("/api/v2/ticket/multi", &["DELETE"]),
    ("/api/v2/ticket/setStatus", &["POST"]),
    ("/api/v2/ticket/setPriority", &["POST"]),
    ("/api/v2/ticket/solveUnfinishedTickets", &["PUT"]),
    ("/api/v2/ticket/unlinkCustomerFromTicket", &["POST"]),
    ("/api/v2/ticket/batch", &["POST"]),
];

#[tokio::test]
async fn wrong_method_gets_405_with_allow_header() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    let before = ticket::dump_tickets(&server).await;
    for (path, allowed) in ALLOWED_METHODS {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            if allowed.contains(&method) {
                continue;
            }
            let reply = JsonResponse::fetch(server.request(method, path)).await;
            assert_eq!(reply.status, 405, "{method} {path}: {}", reply.body);
            assert_eq!(reply.body["status"], "error", "{method} {path}: {}", reply.body);
            assert!(reply.message().contains(method), "{method} {path}: {}", reply.body);
            let allow = reply.headers["allow"].to_str().expect("text");
            let allow: BTreeSet<&str> = allow.split(',').map(str::trim).collect();
            assert_eq!(allow, allowed.iter().copied().collect(), "{method} {path}");
        }
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    for path in [
        "/api/v2",
        "/api/v2/",
        "/api/v2/tickets",
        "/api/v2/Ticket",
        "/api/v2/ticket/7/timeline",
        "/api/v2/ticket/setStatus/7",
        "/api/v2/nothing%20here",
        "/api/v2/../ticket",
        "/api/v2/%FF",
    ] {
        let response = exchange(
            &server.base_url,
            &build_raw_head("GET", path, &format!("apiKey: {ACME_KEY}\r\n")),
        )
        .await;
        assert_eq!(response.status, 404, "{path}: {response:?}");
        assert!(!response.error_message().is_empty(), "{path}: {response:?}");
    }
    let other_version =
        exchange(&server.base_url, &build_raw_head("GET", "/api/v3/ticket", "")).await;
    assert_eq!(other_version.status, 404, "{other_version:?}");
}

#[tokio::test]
async fn invalid_ticket_id_in_path_is_rejected() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    for id in
        ["abc", "0", "-7", "7.0", "07", "%207", "7%20", "7%00", "%D9%A7", "9007199254740992", "7e0"]
    {
        for method in ["GET", "PUT", "DELETE"] {
            let path = format!("/api/v2/ticket/{id}");
            let response = exchange(
                &server.base_url,
                &build_raw_head(method, &path, &format!("apiKey: {ACME_KEY}\r\n")),
            )
            .await;
            assert_eq!(response.status, 400, "{method} {path}: {response:?}");
            assert!(response.error_message().contains("ticketID"), "{method} {path}: {response:?}");
        }
    }
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200);
}

#[tokio::test]
async fn named_method_is_case_insensitive() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    for (number, method) in ["setStatus", "setstatus", "SETSTATUS", "SetStatus"].iter().enumerate()
    {
        let status = ["open", "pending", "holding", "solved"][number];
        let body = format!("status={status}&ticketIDs[]=7");
        let reply = server.send_form("POST", &format!("/api/v2/ticket/{method}"), &body).await;
        assert_eq!(reply.status, 200, "{method}: {}", reply.body);
        assert_eq!(server.get("/api/v2/ticket/7").await.body["item"]["status"], status);
    }
    assert_eq!(server.delete("/api/v2/ticket/MULTI?ticketIDs[]=7").await.status, 200);
}

#[tokio::test]
async fn head_matches_get_without_a_body() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    for path in ["/api/v2/ticket", "/api/v2/ticket/7", "/api/v2/ticket/8"] {
        let get = server.request("GET", path).send().await.expect("the server responds");
        let head = server.request("HEAD", path).send().await.expect("the server responds");
        assert_eq!(get.status(), head.status(), "{path}");
        assert_eq!(get.headers()["content-type"], head.headers()["content-type"], "{path}");
        assert!(head.text().await.expect("the body arrives").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn checks_run_in_order_path_method_key_body() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    for (method, path, key, content_type, expected) in [
        ("PATCH", "/api/v2/nothing", "wrong", "text/plain", 404),
        ("PATCH", "/api/v2/ticket", "wrong", "text/plain", 405),
        ("POST", "/api/v2/ticket", "wrong", "text/plain", 401),
        ("POST", "/api/v2/ticket", ACME_KEY, "text/plain", 415),
        ("POST", "/api/v2/ticket", ACME_KEY, "application/json", 400),
    ] {
        let bytes = build_raw_request(method, path, key, content_type, b"{");
        let response = exchange(&server.base_url, &bytes).await;
        assert_eq!(response.status, expected, "{method} {path}: {response:?}");
    }
}

#[tokio::test]
async fn other_spelling_of_a_path_gets_a_hint_and_is_in_the_journal() {
    let server = seed::serve_seed(&acme_seed([ticket_fixture(7)]));
    let key = format!("apiKey: {ACME_KEY}\r\n");
    let cases = [
        ("//api/v2/ticket", "two slashes in a row. Did you mean /api/v2/ticket?"),
        ("/api/v2/ticket/", "ends with a slash. Did you mean /api/v2/ticket?"),
        ("/api/v2/ticket/7/", "ends with a slash. Did you mean /api/v2/ticket/7?"),
        ("/api//v2/ticket/7", "two slashes in a row"),
        ("/api/v2/%74icket", "percent-encoded. Did you mean /api/v2/ticket?"),
        ("/API/v2/ticket", "upper and lower case matter"),
        ("/api/v2/tickets", "misspelled. Did you mean /api/v2/ticket?"),
        ("/api/v2/tickets/7", "misspelled. Did you mean /api/v2/ticket/7?"),
    ];
    for (path, words) in cases {
        let response = exchange(&server.base_url, &build_raw_head("GET", path, &key)).await;
        assert_eq!(response.status, 404, "{path}");
        assert!(
            response.body.contains(words) && response.body.contains(path),
            "{path}: {response:?}"
        );
    }
    let journal = server.get("/_control/accounts/acme/requests").await.body;
    let paths: Vec<&str> = journal["requests"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["path"].as_str().expect("a path"))
        .collect();
    let expected: Vec<&str> =
        cases.iter().map(|(path, _)| *path).filter(|path| !path.starts_with("/API")).collect();
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn misspelled_names_get_a_suggestion() {
    let server = Server::start();
    for (method, path, status, words) in [
        ("POST", "/api/v2/ticket/setStatuss", 405, "Did you mean /api/v2/ticket/setStatus?"),
        ("POST", "/api/v2/ticket/set_status", 405, "Did you mean /api/v2/ticket/setStatus?"),
        ("POST", "/api/v2/ticket/7", 405, "Allowed: GET"),
        ("PATCH", "/api/v2/ticket/setStatus", 405, "Allowed: POST"),
        ("GET", "/docs/", 404, "Did you mean /docs?"),
        ("GET", "/openapi.jsn", 404, "Did you mean /openapi.json?"),
        ("GET", "/_control/accounts/", 404, "Did you mean /_control/accounts?"),
        (
            "GET",
            "/_control/accounts/dev/requests/HAR/",
            404,
            "Did you mean /_control/accounts/dev/requests/har?",
        ),
        ("GET", "/_control/account/dev", 404, "Did you mean /_control/accounts/dev?"),
        ("GET", "/_control/nothing", 404, "see /docs/control."),
    ] {
        let response = RawRequest::new(method, path).send(&server.base_url).await;
        assert_eq!(response.status, status, "{method} {path}: {response:?}");
        assert!(response.body.contains(words), "{method} {path}: {response:?}");
    }
}

//! The size limit of responses: a larger response is rejected before it starts, with advice how to request less.

use serde_json::json;

use super::{ITEM_PATH, build_request};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawResponse, exchange};
use crate::support::seed::{SeededServer, acme_seed, serve_seed_with_args, ticket_fixture};
use crate::support::ticket::TICKETS_PATH;

/// Makes links equally long on every server.
const PUBLIC_URL_FLAGS: [&str; 2] = ["--public-url", "http://desk.example.test"];

/// Starts a server with 40 tickets; ticket 7 has a long timeline.
fn start_server_with_tickets(flags: &[&str]) -> SeededServer {
    let mut tickets: Vec<_> = (1..=40).map(ticket_fixture).collect();
    let event = |id: usize| json!({ "type": "event", "id": id, "description": "x".repeat(900) });
    tickets[6]["timeline"] = (1..=40).map(event).collect::<Vec<_>>().into();
    serve_seed_with_args(
        &acme_seed(tickets),
        &[&["--ephemeral"][..], &PUBLIC_URL_FLAGS, flags].concat(),
    )
}

async fn get(server: &SeededServer, path: &str) -> RawResponse {
    exchange(&server.base_url, &build_request("GET", path, "")).await
}

fn assert_response_too_large(path: &str, max_bytes: usize, response: &RawResponse) {
    assert_eq!(response.status, 400, "{path} with {max_bytes}: {}", response.head);
    let message = response.error_message();
    assert!(message.contains(&format!("{max_bytes} bytes")), "{path}: {message}");
    assert!(message.contains("itemLimit"), "{path}: {message}");
}

#[tokio::test]
async fn response_at_size_limit_is_sent_and_one_byte_more_is_rejected() {
    let unlimited = start_server_with_tickets(&[]);
    let list = format!("{TICKETS_PATH}?itemLimit=40");
    for path in [&list, ITEM_PATH] {
        let full = get(&unlimited, path).await;
        assert_eq!(full.status, 200, "{path}");
        let size = full.body.len();
        assert!(size > 10_000, "{path}: {size}");
        let at_limit = start_server_with_tickets(&["--max-response-bytes", &size.to_string()]);
        let response = get(&at_limit, path).await;
        assert_eq!((response.status, response.body), (200, full.body), "{path}");
        let less = (size - 1).to_string();
        let smaller = start_server_with_tickets(&["--max-response-bytes", &less]);
        assert_response_too_large(path, size - 1, &get(&smaller, path).await);
    }
}

#[tokio::test]
async fn smaller_page_fits_response_size_limit() {
    let server = start_server_with_tickets(&["--max-response-bytes", "5000"]);
    for path in [
        TICKETS_PATH,
        &format!("{TICKETS_PATH}?itemLimit=9999"),
        &format!("{TICKETS_PATH}?query=ticket"),
        ITEM_PATH,
    ] {
        assert_response_too_large(path, 5_000, &get(&server, path).await);
        // The cache must not turn the rejection into something else.
        assert_response_too_large(path, 5_000, &get(&server, path).await);
    }
    for path in [
        format!("{TICKETS_PATH}?itemLimit=2"),
        format!("{TICKETS_PATH}?itemStart=39"),
        "/api/v2/ticket/8".to_owned(),
        format!("{ITEM_PATH}?getTicketHistory=false"),
    ] {
        let response = get(&server, &path).await;
        assert_eq!(response.status, 200, "{path}: {response:?}");
    }
    let export = get(&server, &format!("{ACCOUNTS_PATH}/acme/export")).await;
    assert_eq!(export.status, 200, "{}", export.head);
}

#[tokio::test]
async fn growing_ticket_is_rejected_once_response_is_too_large() {
    let server = start_server_with_tickets(&["--max-response-bytes", "2000"]);
    let path = "/api/v2/ticket/8";
    assert_eq!(get(&server, path).await.status, 200);
    for round in 0..20 {
        let form = format!("title=Printer+{round}");
        let update =
            super::build_request_with_body("PUT", path, super::URLENCODED, form.as_bytes());
        let response = exchange(&server.base_url, &update).await;
        assert_eq!(response.status, 200, "the ticket can still be updated: {response:?}");
    }
    assert_response_too_large(path, 2_000, &get(&server, path).await);
    assert_eq!(get(&server, &format!("{path}?getTicketHistory=false")).await.status, 200);
}

//! Bulk requests with thousands of tickets: all are changed, or none.

use serde_json::json;

use crate::support::seed::{self, SeededServer, acme_seed, ticket_fixture};
use crate::support::ticket;

const FULL_LIST_PATH: &str = "/api/v2/ticket?itemLimit=9999";

fn serve_tickets(count: u64) -> SeededServer {
    seed::serve_seed(&acme_seed((1..=count).map(ticket_fixture)))
}

fn urlencoded_ids(ids: impl Iterator<Item = u64>) -> String {
    ids.map(|id| format!("&ticketIDs%5B%5D={id}")).collect::<Vec<_>>().concat()
}

fn comma_separated_ids(ids: impl Iterator<Item = u64>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
}

async fn get_total(server: &SeededServer, query: &str) -> u64 {
    let list = server.get(&format!("/api/v2/ticket?itemLimit=1&{query}")).await;
    list.body["itemTotal"].as_u64().expect("a total")
}

#[tokio::test]
async fn set_status_accepts_5000_ids_in_every_body_format() {
    const PATH: &str = "/api/v2/ticket/setStatus";
    let server = serve_tickets(5_000);

    let form = format!("status=solved{}", urlencoded_ids(1..=5_000));
    let reply = server.send_form("POST", PATH, &form).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(get_total(&server, "status=solved").await, 5_000);

    let body = json!({ "status": "pending", "ticketIDs": (1..=5_000).collect::<Vec<u64>>() });
    let reply = server.send_json("POST", PATH, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(get_total(&server, "status=pending").await, 5_000);

    let ids: Vec<String> = (1..=5_000).map(|id| id.to_string()).collect();
    let status = [("status", "solved")].into_iter();
    let parts: Vec<_> = status.chain(ids.iter().map(|id| ("ticketIDs[]", &**id))).collect();
    let reply = server.send_multipart("POST", PATH, &parts).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(get_total(&server, "status=solved").await, 5_000);
}

#[tokio::test]
async fn a_batch_changes_five_thousand_tickets() {
    let server = serve_tickets(5_000);
    let parts = [
        ("TicketIDs", &*comma_separated_ids(1..=5_000)),
        ("actions[0][actionType]", "priority"),
        ("actions[0][value]", "urgent"),
        ("actions[1][actionType]", "status"),
        ("actions[1][value]", "closed"),
    ];
    let reply = server.send_multipart("POST", "/api/v2/ticket/batch", &parts).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(get_total(&server, "status=closed&applyView=urgent").await, 5_000);
}

#[tokio::test]
async fn five_thousand_tickets_are_deleted_in_one_request() {
    let server = serve_tickets(5_001);
    let body = urlencoded_ids(1..=5_000);
    let reply =
        server.send_form("DELETE", "/api/v2/ticket/multi", body.trim_start_matches('&')).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(ticket::parse_ticket_ids(&server.get_text(FULL_LIST_PATH).await), [5_001]);
}

#[tokio::test]
async fn all_unfinished_tickets_of_a_large_account_are_solved() {
    let server = serve_tickets(5_000);
    let reply = server.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.message().contains("5000"), "the message has the ticket count: {}", reply.body);
    assert_eq!(get_total(&server, "status=solved").await, 5_000);
}

#[tokio::test]
async fn unknown_id_in_bulk_request_changes_nothing() {
    let server = serve_tickets(1_000);
    let before = ticket::dump_tickets(&server).await;
    let ids_with_one_unknown = || (1..=500).chain([777_777]).chain(501..=1_000);
    let ids = urlencoded_ids(ids_with_one_unknown());
    let batch = format!(
        "TicketIDs={}&actions[0][actionType]=title&actions[0][value]=Changed",
        comma_separated_ids(ids_with_one_unknown())
    );
    for (method, path, body) in [
        ("POST", "setStatus", format!("status=solved{ids}")),
        ("POST", "setPriority", format!("priority=urgent{ids}")),
        ("DELETE", "multi", ids.trim_start_matches('&').to_owned()),
        ("POST", "batch", batch),
    ] {
        let reply = server.send_form(method, &format!("/api/v2/ticket/{path}"), &body).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.body);
        assert_eq!(reply.body["status"], "error", "{path}: {}", reply.body);
        assert!(reply.message().contains("777777"), "{path} names the unknown id: {}", reply.body);
        assert!(!reply.message().contains("500"), "{path} names no known id: {}", reply.body);
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}

#[tokio::test]
async fn error_names_first_twenty_unknown_ids() {
    let server = serve_tickets(3);
    let body = format!("status=open{}", urlencoded_ids((1..=3).chain(1_001..=2_000)));
    let reply = server.send_form("POST", "/api/v2/ticket/setStatus", &body).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.message().contains("1001") && reply.message().contains("1020"), "{}", reply.body);
    assert!(!reply.message().contains("1021"), "{}", reply.body);
}

#[tokio::test]
async fn too_many_ids_are_rejected() {
    let server = serve_tickets(3);
    let batch = json!({
        "TicketIDs": comma_separated_ids(1..=8_001),
        "actions": [{ "actionType": "status", "value": "open" }],
    });
    let reply = server.send_json("POST", "/api/v2/ticket/batch", &batch).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.message().contains("TicketIDs"), "{}", reply.body);
    assert!(reply.message().contains("8000"), "the message names the limit: {}", reply.body);
    assert_eq!(get_total(&server, "status=open").await, 0);
}

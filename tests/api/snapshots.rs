//! Snapshots of whole responses and documents. The clock is frozen, so no value needs masking.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::support::client::JsonResponse;
use crate::support::process::run_to_exit;
use crate::support::seed::{self, SeededServer, acme_seed, ticket_fixture};
use crate::support::ticket::NEW_TICKET_FORM;

/// Starts a server with a minimal ticket and one with many fields and a timeline.
fn start_server() -> SeededServer {
    let mut full = ticket_fixture(858_462);
    let columns = json!({
        "title": "Printer on fire", "status": "open", "priority": "high", "from_name": "Ada Example",
        "customer_id": 626_822, "assigned_group_id": 10003, "assigned_user_id": 254, "form_id": 5,
        "external_id": "BFFDAFF1-6E3F-2244-93EE-65A9CF3D0ECE.1",
        "timeline": [
            {
                "id": 4_090_647, "item_type": "assigned_group_id", "item_type_id": "10003",
                "description": "Assigned to Service", "initiated_by": "trigger: Assign to service",
                "created_at": "2026-02-01 09:00:23", "type": "event",
            },
            {
                "id": "3143281", "type": "note", "user_id": 254, "user_name": "agent",
                "status_new": "open", "content": "The extinguisher is empty, too.",
                "created_at": "2026-02-01 10:30:13",
            },
        ],
    });
    full.as_object_mut()
        .expect("an object")
        .extend(columns.as_object().expect("an object").clone());
    let seed = acme_seed([ticket_fixture(7), full]);
    seed::serve_seed_with_args(&seed, &["--ephemeral", "--public-url", "https://desk.example.test"])
}

#[tokio::test]
async fn item_with_timeline_matches_snapshot() {
    let server = start_server();
    assert_json_snapshot!("item", server.get("/api/v2/ticket/858462").await.body);
    let without_history = server.get("/api/v2/ticket/858462?getTicketHistory=false").await.body;
    assert_json_snapshot!("item_without_history", without_history);
}

#[tokio::test]
async fn item_after_each_change_matches_snapshot() {
    let server = start_server();
    let changes: [(&str, &str, &str); 5] = [
        ("PUT", "/7", "externalPrimaryID=C-77&title=Printer+out&status=closed"),
        ("POST", "/setPriority", "priority=urgent&ticketIDs[]=7"),
        ("POST", "/setStatus", "status=pending&ticketIDs[]=7"),
        (
            "POST",
            "/batch",
            "TicketIDs=7&actions[0][actionType]=assigned_group_id&actions[0][value]=10003\
             &actions[1][actionType]=assigned_user_id&actions[1][value]=9",
        ),
        ("POST", "/unlinkCustomerFromTicket", "ticketID=7"),
    ];
    let mut responses = Vec::new();
    for (method, path, body) in changes {
        let reply = server.send_form(method, &format!("/api/v2/ticket{path}"), body).await;
        responses
            .push(json!({ "request": format!("{method} {path} {body}"), "answer": reply.body }));
    }
    assert_json_snapshot!("changes", responses);
    assert_json_snapshot!("item_changed", server.get("/api/v2/ticket/7").await.body);
}

#[tokio::test]
async fn list_matches_snapshot() {
    let server = start_server();
    assert_json_snapshot!("list", server.get("/api/v2/ticket").await.body);
    let page = server.get("/api/v2/ticket?itemStart=2&itemLimit=1&query=ticket").await.body;
    assert_json_snapshot!("list_beyond_the_end", page);
}

#[tokio::test]
async fn new_ticket_matches_snapshot() {
    let server = start_server();
    let created = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.body;
    assert_json_snapshot!("created", created);
    assert_json_snapshot!("item_new", server.get("/api/v2/ticket/858463").await.body);
    let outbound = format!(
        "{}&assignedGroupID=4&formID=2&fromName=Desk",
        NEW_TICKET_FORM.replace("inbound", "outbound")
    );
    server.send_form("POST", "/api/v2/ticket", &outbound).await;
    assert_json_snapshot!("item_new_outbound", server.get("/api/v2/ticket/858464").await.body);
}

#[tokio::test]
async fn delete_and_solve_all_responses_match_snapshot() {
    let server = start_server();
    let solved_all =
        server.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await.body;
    let solved_none =
        server.send_form("PUT", "/api/v2/ticket/solveUnfinishedTickets", "").await.body;
    let deleted_one = server.delete("/api/v2/ticket/7").await.body;
    let deleted_list =
        server.send_form("DELETE", "/api/v2/ticket/multi", "ticketIDs[]=858462").await.body;
    assert_json_snapshot!("endings", [solved_all, solved_none, deleted_one, deleted_list]);
}

#[tokio::test]
async fn error_responses_match_snapshot() {
    let server = start_server();
    let requests: [(&str, &str, &str); 16] = [
        ("GET", "/999", ""),
        ("GET", "/abc", ""),
        ("GET", "?status=done&itemLimit=10000&applyView=x", ""),
        ("GET", "?applyView=nosuch", ""),
        ("POST", "", ""),
        ("POST", "", "brandID=one&channelID=1.5&direction=inbounds&from=&to=desk&title[]=a"),
        ("POST", "/setStatus", "status=SOLVED&ticketIDs=7"),
        ("POST", "/setStatus", "status=solved&ticketIDs[]=7&ticketIDs[]=7&ticketIDs[]=x"),
        ("POST", "/setStatus", "status=solved&ticketIDs[]=7&ticketIDs[]=8&ticketIDs[]=9"),
        ("POST", "/batch", "TicketIDs=1,,2&actions[0][actionType]=colour&actions[0][value]=red"),
        ("POST", "/batch", "TicketIDs=7&actions[0][actionType]=priority&actions[0][value]=highest"),
        ("PUT", "/7", "status=open"),
        ("DELETE", "/multi", ""),
        ("POST", "/7", ""),
        ("GET", "/7/timeline", ""),
        ("PUT", "/7", "title=%zz"),
    ];
    let mut responses = Vec::new();
    for (method, path, body) in requests {
        let reply = server.send_form(method, &format!("/api/v2/ticket{path}"), body).await;
        let request = format!("{method} {path} {body}");
        responses.push(json!({ "request": request, "status": reply.status, "answer": reply.body }));
    }
    let no_key = JsonResponse::fetch(server.request_without_key("GET", "/api/v2/ticket")).await;
    responses.push(json!({ "request": "no key", "status": no_key.status, "answer": no_key.body }));
    assert_json_snapshot!("errors", responses);
}

#[test]
fn fidelity_report_matches_snapshot() {
    assert_snapshot!("fidelity", run_to_exit(&["fidelity"]).expect_success());
}

#[test]
fn openapi_document_matches_snapshot() {
    let document: Value = serde_json::from_str(&run_to_exit(&["openapi"]).expect_success())
        .expect("the body is JSON");
    assert_json_snapshot!("openapi", document);
}

#[test]
fn help_texts_match_snapshots() {
    for command in ["", "serve", "ready", "openapi", "fidelity", "seed", "seed check"] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let name = format!(
            "help_{}",
            if command.is_empty() { "itself" } else { command }.replace(' ', "_")
        );
        assert_snapshot!(name, run_to_exit(&arguments).expect_success());
    }
}

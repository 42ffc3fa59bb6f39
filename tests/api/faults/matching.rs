//! Criteria of rules: operation, key and fields.

use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::{Account, start_with_account};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FIELDS, NEW_TICKET_FORM, TICKETS_PATH, post_ticket};

/// Method, path below `/api/v2/ticket`, and URL-encoded body.
type RequestSpec = (&'static str, &'static str, &'static str);

/// One request per operation. Some fail validation, but none returns 503 by itself.
const OPERATIONS: [(&str, RequestSpec); 11] = [
    ("ticket.list", ("GET", "", "")),
    ("ticket.create", ("POST", "", "")),
    ("ticket.get", ("GET", "/1", "")),
    ("ticket.update", ("PUT", "/1", "title=Other")),
    ("ticket.delete", ("DELETE", "/999", "")),
    ("ticket.deleteMulti", ("DELETE", "/multi", "ticketIDs[]=999")),
    ("ticket.setStatus", ("POST", "/setStatus", "status=open&ticketIDs[]=1")),
    ("ticket.setPriority", ("POST", "/setPriority", "priority=low&ticketIDs[]=1")),
    ("ticket.solveUnfinishedTickets", ("PUT", "/solveUnfinishedTickets", "")),
    ("ticket.unlinkCustomerFromTicket", ("POST", "/unlinkCustomerFromTicket", "ticketID=1")),
    (
        "ticket.batch",
        ("POST", "/batch", "TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open"),
    ),
];

async fn is_faulted(client: &ApiClient, (method, path, body): RequestSpec) -> bool {
    let path = format!("{TICKETS_PATH}{path}");
    let reply = if body.is_empty() {
        client.send_json(method, &path, &json!({})).await
    } else {
        client.send_form(method, &path, body).await
    };
    reply.status == 503
}

fn with_503_effect(part: &Value) -> Value {
    let mut rule = part.clone();
    rule["effect"] = json!({ "status": 503 });
    rule
}

/// Checks that the rule matches the first requests and not the others.
async fn assert_rule_matches_only(
    account: &Account,
    part: Value,
    matching: &[RequestSpec],
    others: &[RequestSpec],
) {
    account.add_fault(&with_503_effect(&part)).await;
    for request in matching {
        assert!(is_faulted(&account.client, *request).await, "{part} should match {request:?}");
    }
    for request in others {
        assert!(
            !is_faulted(&account.client, *request).await,
            "{part} should not match {request:?}"
        );
    }
    let count = matching.len() as u64;
    assert_eq!(account.fault_counts().await, [(count, count)], "{part}");
    account.clear_faults().await;
}

async fn start_with_tickets() -> (Server, Account) {
    let (server, account) = start_with_account().await;
    for _ in 0..3 {
        assert_eq!(post_ticket(&account.client).await.status, 200);
    }
    (server, account)
}

#[tokio::test]
async fn rule_matches_an_operation_by_full_or_short_name() {
    let (_server, account) = start_with_tickets().await;
    for (name, request) in OPERATIONS {
        let others: Vec<RequestSpec> = OPERATIONS
            .iter()
            .filter(|(other, _)| *other != name)
            .map(|(_, request)| *request)
            .collect();
        let short = name.trim_start_matches("ticket.");
        for name in [name, short] {
            assert_rule_matches_only(&account, json!({ "operation": name }), &[request], &others)
                .await;
        }
    }
}

#[tokio::test]
async fn rule_without_criteria_matches_every_request() {
    let (_server, account) = start_with_tickets().await;
    let all = OPERATIONS.map(|(_, request)| request);
    assert_rule_matches_only(&account, json!({}), &all, &[]).await;
}

#[rustfmt::skip]
fn field_matching_cases() -> Vec<(Value, Vec<RequestSpec>, Vec<RequestSpec>)> {
    let title = |condition: Value| json!({ "operation": "ticket.update", "fields": { "title": condition } });
    let ids = |condition: Value| json!({ "operation": "ticket.setStatus", "fields": { "ticketIDs": condition } });
    let put = |body| ("PUT", "/1", body);
    let set = |body| ("POST", "/setStatus", body);
    let batch = |body| ("POST", "/batch", body);
    vec![
        (title(json!("Hello")), vec![put("title=Hello"), put("status=solved&title=Hello")],
            vec![put("title=hello"), put("title=Hello%20"), put("title="), put("status=solved")]),
        (title(json!({ "equals": "Hello" })), vec![put("title=Hello")], vec![put("title=Hello!")]),
        (title(json!({ "equals": "" })), vec![put("title=")], vec![put("title=a"), put("status=solved")]),
        (title(json!({ "matches": "^Hel+o" })), vec![put("title=Hello"), put("title=Helo%20there")],
            vec![put("title=Oh,%20Hello"), put("status=solved")]),
        (title(json!({ "matches": "e" })), vec![put("title=Hello")], vec![put("title=Oh"), put("title=")]),
        (title(json!({ "present": true })), vec![put("title=Hello"), put("title=")], vec![put("status=solved")]),
        (title(json!({ "absent": true })), vec![put("status=solved")], vec![put("title=Hello"), put("title=")]),
        (title(json!(12)), vec![put("title=12")], vec![put("title=12.0"), put("title=012")]),
        (title(json!("12")), vec![put("title=12")], vec![put("title=1")]),
        (json!({ "fields": { "ticketID": 2 } }), vec![("GET", "/2", ""), ("PUT", "/2", "title=a"),
            ("POST", "/unlinkCustomerFromTicket", "ticketID=2")], vec![("GET", "/1", ""), ("GET", "/22", ""), ("GET", "", "")]),
        (json!({ "operation": "ticket.list", "fields": { "status": "open" } }), vec![("GET", "?status=open", "")],
            vec![("GET", "?status=new", ""), ("GET", "", "")]),
        (json!({ "operation": "ticket.update", "fields": { "title": "Hello", "status": "solved" } }),
            vec![put("title=Hello&status=solved")], vec![put("title=Hello"), put("status=solved"), put("title=Hello&status=closed")]),
        (ids(json!(2)), vec![set("status=open&ticketIDs[]=2"), set("status=open&ticketIDs[]=1&ticketIDs[]=2")],
            vec![set("status=open&ticketIDs[]=1"), set("status=open&ticketIDs[]=22"), set("status=open")]),
        (ids(json!([1, 2])), vec![set("status=open&ticketIDs[]=1&ticketIDs[]=2"), set("status=open&ticketIDs[0]=1&ticketIDs[1]=2")],
            vec![set("status=open&ticketIDs[]=2&ticketIDs[]=1"), set("status=open&ticketIDs[]=1"),
                set("status=open&ticketIDs[]=1&ticketIDs[]=2&ticketIDs[]=3")]),
        (json!({ "fields": { "ticketIDs[1]": 3 } }), vec![set("status=open&ticketIDs[]=1&ticketIDs[]=3")],
            vec![set("status=open&ticketIDs[]=3&ticketIDs[]=1"), set("status=open&ticketIDs[]=3")]),
        (json!({ "fields": { "actions[0][value]": "urgent" } }),
            vec![batch("TicketIDs=1&actions[0][actionType]=priority&actions[0][value]=urgent")],
            vec![batch("TicketIDs=1&actions[0][actionType]=priority&actions[0][value]=low"),
                batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open&actions[1][actionType]=priority&actions[1][value]=urgent")]),
        (json!({ "operation": "ticket.batch", "fields": { "actions[1][actionType]": { "present": true } } }),
            vec![batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open&actions[1][actionType]=priority&actions[1][value]=low")],
            vec![batch("TicketIDs=1&actions[0][actionType]=status&actions[0][value]=open")]),
    ]
}

#[tokio::test]
async fn rule_compares_fields_as_they_were_sent() {
    let (_server, account) = start_with_tickets().await;
    for (part, matching, others) in field_matching_cases() {
        assert_rule_matches_only(&account, part, &matching, &others).await;
    }
}

#[tokio::test]
async fn rule_matches_fields_in_every_body_encoding() {
    let (_server, account) = start_with_account().await;
    let fields = json!({ "title": "Printer", "brandID": 1, "formID": { "absent": true } });
    account
        .add_fault(&with_503_effect(&json!({ "operation": "ticket.create", "fields": fields })))
        .await;
    let parts = NEW_TICKET_FIELDS;
    let mut body: Value = parts.iter().map(|(name, value)| (*name, *value)).collect();
    let client = &account.client;
    assert_eq!(client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await.status, 503);
    assert_eq!(client.send_multipart("POST", TICKETS_PATH, &parts).await.status, 503);
    assert_eq!(client.send_json("POST", TICKETS_PATH, &body).await.status, 503);
    body["brandID"] = json!(1);
    assert_eq!(client.send_json("POST", TICKETS_PATH, &body).await.status, 503);
    body["brandID"] = json!(2);
    assert_eq!(client.send_json("POST", TICKETS_PATH, &body).await.status, 200);
    assert_eq!(account.fault_counts().await, [(4, 4)]);
}

#[tokio::test]
async fn rule_matches_only_the_named_key() {
    let (_server, account) = start_with_tickets().await;
    let (agent, bot) =
        (account.clone().with_new_key("agent").await, account.with_new_key("bot").await);
    assert_rule_matches_only(
        &bot,
        json!({ "key": "bot" }),
        &[OPERATIONS[0].1, OPERATIONS[2].1],
        &[],
    )
    .await;
    bot.add_fault(&with_503_effect(&json!({ "key": "bot", "operation": "ticket.get" }))).await;
    assert!(!is_faulted(&agent.client, OPERATIONS[2].1).await, "the rule names another key");
    assert!(!is_faulted(&bot.client, OPERATIONS[0].1).await, "the rule names another operation");
    assert!(is_faulted(&bot.client, OPERATIONS[2].1).await);
    assert_eq!(bot.fault_counts().await, [(1, 1)]);
}

#[tokio::test]
async fn rule_matches_a_key_in_header_or_query() {
    let (_server, account) = start_with_tickets().await;
    let bot = account.with_new_key("bot").await;
    bot.add_fault(&with_503_effect(&json!({ "key": "bot" }))).await;
    let (client, key) = (&bot.client, &bot.client.api_key);
    for request in [
        client.request_without_key("GET", TICKETS_PATH).header("apiKey", key),
        client
            .request_without_key("GET", TICKETS_PATH)
            .header("authorization", format!("apikey {key}")),
        client.request_without_key("GET", &format!("{TICKETS_PATH}?apiKey={key}")),
    ] {
        let label = format!("{request:?}");
        assert_eq!(JsonResponse::fetch(request).await.status, 503, "{label}");
    }
}

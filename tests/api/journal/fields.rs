//! Recorded fields: decoded from the path, the query and every body type.

use serde_json::{Value, json};

use super::ticket_requests::{
    TicketRequest, batch_tickets, create_ticket, delete_ticket, delete_tickets, get_ticket,
    list_tickets, request_without_body, set_status, unlink_customer, update_ticket, with_form,
    with_json, with_multipart,
};
use crate::support::client::ApiClient;
use crate::support::control::Account;
use crate::support::seed::{acme_seed, serve_seed, ticket_fixture};
use crate::support::ticket::{NEW_TICKET_FIELDS, URLENCODED};

const BATCH_FIELDS: [(&str, &str); 5] = [
    ("TicketIDs", "7, 8"),
    ("actions[0][actionType]", "title"),
    ("actions[0][value]", "a+b & c=d"),
    ("actions[1][actionType]", "priority"),
    ("actions[1][value]", "low"),
];

fn decoded_batch() -> Value {
    json!({ "TicketIDs": "7, 8", "actions": [
        { "actionType": "title", "value": "a+b & c=d" },
        { "actionType": "priority", "value": "low" },
    ] })
}

fn decoded_new_ticket() -> Value {
    let fields = NEW_TICKET_FIELDS.iter().map(|(name, text)| ((*name).to_owned(), json!(text)));
    Value::Object(fields.collect())
}

#[rustfmt::skip]
fn decoding_cases() -> Vec<(TicketRequest, Value)> {
    let batched = request_without_body("ticket.batch", "POST", "/batch");
    vec![
        (list_tickets(""), json!({})),
        (list_tickets("?query=a+b%26c&itemLimit=2"), json!({ "query": "a b&c", "itemLimit": "2" })),
        (list_tickets("?status[]=new&status[]=open"), json!({ "status": ["new", "open"] })),
        (get_ticket("/7"), json!({ "ticketID": "7" })),
        (get_ticket("/%37?getTicketHistory=true"), json!({ "ticketID": "7", "getTicketHistory": "true" })),
        (create_ticket(&[]), decoded_new_ticket()),
        (with_form(request_without_body("ticket.create", "POST", ""), &NEW_TICKET_FIELDS), decoded_new_ticket()),
        (with_json(request_without_body("ticket.create", "POST", ""), json!({ "brandID": 2, "title": null, "to": ["x", 1.5, true] })),
            json!({ "brandID": 2, "title": null, "to": ["x", 1.5, true] })),
        (update_ticket("/7", &[("title", "é ✓"), ("status", "closed")]), json!({ "ticketID": "7", "title": "é ✓", "status": "closed" })),
        (set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]), json!({ "status": "open", "ticketIDs": ["7", "8"] })),
        (set_status(&[("status", "open"), ("ticketIDs[0]", "7"), ("ticketIDs[2]", "8")]), json!({ "status": "open", "ticketIDs": { "0": "7", "2": "8" } })),
        (batch_tickets(&BATCH_FIELDS), decoded_batch()),
        (with_form(batched.clone(), &BATCH_FIELDS), decoded_batch()),
        (with_json(batched, decoded_batch()), decoded_batch()),
        (unlink_customer("7"), json!({ "ticketID": "7" })),
        (request_without_body("ticket.setPriority", "POST", "/setPriority?priority=low"), json!({ "priority": "low" })),
        (with_multipart(request_without_body("ticket.setPriority", "POST", "/setPriority?why=x"), &[("priority", "low"), ("ticketIDs[]", "7")]),
            json!({ "why": "x", "priority": "low", "ticketIDs": ["7"] })),
        (request_without_body("ticket.deleteMulti", "DELETE", "/multi?ticketIDs[]=77&ticketIDs[]=78"), json!({ "ticketIDs": ["77", "78"] })),
        (delete_tickets(&[("ticketIDs[]", "77")]), json!({ "ticketIDs": ["77"] })),
        (delete_ticket("/77"), json!({ "ticketID": "77" })),
        (delete_ticket("/none"), json!({ "ticketID": "none" })),
    ]
}

#[tokio::test]
async fn fields_are_decoded_from_query_path_and_every_body_type() {
    let server = serve_seed(&acme_seed([7, 8].map(ticket_fixture)));
    let acme = Account::acme(&server);
    for (request, expected) in decoding_cases() {
        request.send(&server).await;
        let entry = acme.latest_entry().await;
        assert_eq!(entry["fields"], expected, "{request:?}: {entry}");
        assert_eq!(entry["operation"], request.operation, "{request:?}: {entry}");
    }
}

#[tokio::test]
async fn api_key_is_never_a_recorded_field() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    let path = "/api/v2/ticket/7";
    let get = |path: &str| server.request_without_key("GET", path);
    let key = server.api_key.clone();
    for request in [
        get(path).header("apiKey", &key),
        get(path).header("authorization", format!("apikey {key}")),
        get(&format!("{path}?apiKey={key}")),
        get(&format!("{path}?%61piKey={key}")),
    ] {
        let response = request.send().await.expect("the server responds");
        assert_eq!(response.status(), 200);
        let entry = acme.latest_entry().await;
        assert_eq!(entry["fields"], json!({ "ticketID": "7" }), "{entry}");
        assert_eq!(entry["path"], path, "{entry}");
    }
}

async fn post_and_read_recorded_fields(
    acme: &Account,
    client: &ApiClient,
    path: &str,
    content_type: &str,
    body: &str,
) -> Value {
    let request = client.request("POST", path).header("content-type", content_type.to_owned());
    let response = request.body(body.to_owned()).send().await.expect("the server responds");
    assert!(response.status().is_client_error(), "{body}");
    acme.latest_entry().await["fields"].clone()
}

#[tokio::test]
async fn undecodable_body_records_no_fields() {
    let server = serve_seed(&acme_seed([]));
    let acme = Account::acme(&server);
    for (content_type, body) in [
        ("application/json", "{"),
        ("application/json", "[1]"),
        (URLENCODED, "title=%zz"),
        ("multipart/form-data; boundary=x", "--y"),
        ("text/plain", "title=Printer"),
    ] {
        let fields =
            post_and_read_recorded_fields(&acme, &server, "/api/v2/ticket", content_type, body)
                .await;
        assert_eq!(fields, json!({}), "{content_type}: {body}");
    }
}

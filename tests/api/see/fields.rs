//! The fields of an entry: decoded, from wherever they were sent.

use serde_json::{Value, json};

use super::asks::{
    Ask, NEW, batch, create, delete, delete_multi, form, get, json_body, listing, parts, plain,
    set_status, unlink, update,
};
use crate::control::Account;
use crate::fixtures::{acme, serve, ticket};
use crate::support::Client;

const ACTIONS: [(&str, &str); 5] = [
    ("TicketIDs", "7, 8"),
    ("actions[0][actionType]", "title"),
    ("actions[0][value]", "a+b & c=d"),
    ("actions[1][actionType]", "priority"),
    ("actions[1][value]", "low"),
];

fn actions() -> Value {
    json!({ "TicketIDs": "7, 8", "actions": [
        { "actionType": "title", "value": "a+b & c=d" },
        { "actionType": "priority", "value": "low" },
    ] })
}

fn new() -> Value {
    let fields = NEW.iter().map(|(name, text)| ((*name).to_owned(), json!(text)));
    Value::Object(fields.collect())
}

#[rustfmt::skip]
fn cases() -> Vec<(Ask, Value)> {
    let batched = plain("ticket.batch", "POST", "/batch");
    vec![
        (listing(""), json!({})),
        (listing("?query=a+b%26c&itemLimit=2"), json!({ "query": "a b&c", "itemLimit": "2" })),
        (listing("?status[]=new&status[]=open"), json!({ "status": ["new", "open"] })),
        (get("/7"), json!({ "ticketID": "7" })),
        (get("/%37?getTicketHistory=true"), json!({ "ticketID": "7", "getTicketHistory": "true" })),
        (create(&[]), new()),
        (form(plain("ticket.create", "POST", ""), &NEW), new()),
        (json_body(plain("ticket.create", "POST", ""), json!({ "brandID": 2, "title": null, "to": ["x", 1.5, true] })),
            json!({ "brandID": 2, "title": null, "to": ["x", 1.5, true] })),
        (update("/7", &[("title", "é ✓"), ("status", "closed")]), json!({ "ticketID": "7", "title": "é ✓", "status": "closed" })),
        (set_status(&[("status", "open"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]), json!({ "status": "open", "ticketIDs": ["7", "8"] })),
        (set_status(&[("status", "open"), ("ticketIDs[0]", "7"), ("ticketIDs[2]", "8")]), json!({ "status": "open", "ticketIDs": { "0": "7", "2": "8" } })),
        (batch(&ACTIONS), actions()),
        (form(batched.clone(), &ACTIONS), actions()),
        (json_body(batched, actions()), actions()),
        (unlink("7"), json!({ "ticketID": "7" })),
        (plain("ticket.setPriority", "POST", "/setPriority?priority=low"), json!({ "priority": "low" })),
        (parts(plain("ticket.setPriority", "POST", "/setPriority?why=x"), &[("priority", "low"), ("ticketIDs[]", "7")]),
            json!({ "why": "x", "priority": "low", "ticketIDs": ["7"] })),
        (plain("ticket.deleteMulti", "DELETE", "/multi?ticketIDs[]=77&ticketIDs[]=78"), json!({ "ticketIDs": ["77", "78"] })),
        (delete_multi(&[("ticketIDs[]", "77")]), json!({ "ticketIDs": ["77"] })),
        (delete("/77"), json!({ "ticketID": "77" })),
        (delete("/none"), json!({ "ticketID": "none" })),
    ]
}

#[tokio::test]
async fn they_are_decoded_from_query_path_and_every_kind_of_body() {
    let server = serve(&acme([7, 8].map(ticket)));
    let acme = Account::acme(&server);
    for (ask, expected) in cases() {
        ask.send(&server).await;
        let entry = acme.newest().await;
        assert_eq!(entry["fields"], expected, "{ask:?}: {entry}");
        assert_eq!(entry["operation"], ask.operation, "{ask:?}: {entry}");
    }
}

#[tokio::test]
async fn the_key_is_none_of_them_however_it_is_sent() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    let path = "/api/v2/ticket/7";
    let ask = |path: &str| server.ask_without_key("GET", path);
    let key = server.key.clone();
    for request in [
        ask(path).header("apiKey", &key),
        ask(path).header("authorization", format!("apikey {key}")),
        ask(&format!("{path}?apiKey={key}")),
        ask(&format!("{path}?%61piKey={key}")),
    ] {
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        let entry = acme.newest().await;
        assert_eq!(entry["fields"], json!({ "ticketID": "7" }), "{entry}");
        assert_eq!(entry["path"], path, "{entry}");
    }
}

async fn fields_of(acme: &Account, client: &Client, path: &str, kind: &str, body: &str) -> Value {
    let request = client.ask("POST", path).header("content-type", kind.to_owned());
    let response = request.body(body.to_owned()).send().await.expect("the server answers");
    assert!(response.status().is_client_error(), "{body}");
    acme.newest().await["fields"].clone()
}

#[tokio::test]
async fn what_cannot_be_read_has_none_of_its_own() {
    let server = serve(&acme([]));
    let acme = Account::acme(&server);
    for (kind, body) in [
        ("application/json", "{"),
        ("application/json", "[1]"),
        ("application/x-www-form-urlencoded", "title=%zz"),
        ("multipart/form-data; boundary=x", "--y"),
        ("text/plain", "title=Printer"),
    ] {
        let fields = fields_of(&acme, &server, "/api/v2/ticket", kind, body).await;
        assert_eq!(fields, json!({}), "{kind}: {body}");
    }
}

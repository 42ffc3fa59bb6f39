//! Import: what it adds and what it leaves unchanged.

use serde_json::{Value, json};

use crate::support::client::JsonResponse;
use crate::support::control::{Account, fetch_response};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

#[tokio::test]
async fn conflict_has_the_number_of_all_rows() {
    let server = Server::start();
    let import = |first: u64, last: u64| {
        let tickets: Vec<Value> =
            (first..=last).map(|id| json!({ "id": id, "title": "x" })).collect();
        let customers: Vec<Value> = (first..=last)
            .map(|id| json!({ "id": id, "external_primary_id": format!("C{id}") }))
            .collect();
        json!({ "accounts": { "a": { "tickets": tickets, "customers": customers } } })
    };
    let send = |fixture: Value| {
        JsonResponse::fetch(
            server.request_without_key("POST", "/_control/accounts/dev/import").json(&fixture),
        )
    };
    assert_eq!(send(import(1, 30)).await.status, 200);
    for (first, last, expected) in [
        (10, 10, "customers 10, tickets 10.".to_owned()),
        (21, 30, {
            let list = |name: &str| {
                (21..=30).map(|id| format!("{name} {id}")).collect::<Vec<_>>().join(", ")
            };
            format!("{}, {}.", list("customers"), list("tickets"))
        }),
        (11, 40, {
            let list = (11..=30).map(|id| format!("customers {id}")).collect::<Vec<_>>().join(", ");
            format!("{list} and 20 more (40 in total).")
        }),
    ] {
        let refused = send(import(first, last)).await;
        let detail = format!("These rows already exist, so nothing was imported: {expected}");
        assert_eq!((refused.status, &refused.body["detail"]), (409, &json!(detail)));
    }
}

#[tokio::test]
async fn import_accepts_identical_existing_rows() {
    let server = Server::start();
    let one = Account::create(&server, &json!({})).await;
    let other = Account::create(&server, &json!({})).await;
    assert_eq!(one.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let export = one.send_control("GET", "/export").await.body;
    let import = other.send_control_json("POST", "/import", &export).await;
    assert_eq!(import.status, 200, "{}", import.body);
    let added = &import.body["added"];
    assert_eq!((&added["tickets"], &added["brands"]), (&json!(1), &json!(0)), "{added}");
}

#[tokio::test]
async fn import_without_settings_keeps_clock_and_dialect() {
    let server = Server::start();
    let own = Account::create(&server, &json!({})).await;
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    own.send_control_json("PUT", "/clock", &clock).await;
    own.send_control_json("PUT", "/dialect", &json!({ "unknown_ticket_status": 404 })).await;
    let yaml = "accounts:\n  any: { tickets: [{ title: Printer on fire }] }\n";
    let import = fetch_response(own.request("POST", "/import").body(yaml)).await;
    assert_eq!(import.body["added"]["tickets"], 1, "{}", import.body);
    assert_eq!(own.send_control("GET", "/clock").await.body["mode"], "frozen");
    assert_eq!(own.client.get("/api/v2/ticket/9").await.status, 404);
    let ticket = own.client.get("/api/v2/ticket/1").await.body;
    assert_eq!(
        ticket["item"]["created_at"], "2026-03-01 12:00:00",
        "the ticket has the time of the account's clock"
    );
}

#[tokio::test]
async fn json_body_sent_as_form_gets_content_type_hint() {
    let server = Server::start();
    let own = Account::create(&server, &json!({})).await;
    assert_eq!(own.client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    let refused: JsonResponse =
        own.client.send_form("PUT", "/api/v2/ticket/1", r#"{"title":"New"}"#).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.message().contains("Content-Type: application/json"), "{}", refused.body);
    let form = own.client.send_form("PUT", "/api/v2/ticket/1", "title=%7B%7D").await;
    assert_eq!(form.status, 200, "braces in a value are accepted: {}", form.body);
}

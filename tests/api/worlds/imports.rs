//! What an import adds, and what it leaves as it is.

use serde_json::json;

use crate::control::{Account, answer};
use crate::fixtures::NEW_TICKET;
use crate::support::{Reply, Server};

#[tokio::test]
async fn names_that_are_there_already_may_come_again() {
    let server = Server::start();
    let one = Account::make(&server, &json!({})).await;
    let other = Account::make(&server, &json!({})).await;
    assert_eq!(one.client.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    let export = one.control("GET", "/export").await.body;
    let import = other.control_with("POST", "/import", &export).await;
    assert_eq!(import.status, 200, "{}", import.body);
    let added = &import.body["added"];
    assert_eq!((&added["tickets"], &added["brands"]), (&json!(1), &json!(0)), "{added}");
}

#[tokio::test]
async fn a_fixture_that_says_nothing_of_the_clock_leaves_it() {
    let server = Server::start();
    let own = Account::make(&server, &json!({})).await;
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    own.control_with("PUT", "/clock", &clock).await;
    own.control_with("PUT", "/dialect", &json!({ "unknown_ticket_status": 404 })).await;
    let yaml = "accounts:\n  any: { tickets: [{ title: Printer on fire }] }\n";
    let import = answer(own.ask("POST", "/import").body(yaml)).await;
    assert_eq!(import.body["added"]["tickets"], 1, "{}", import.body);
    assert_eq!(own.control("GET", "/clock").await.body["mode"], "frozen");
    assert_eq!(own.client.get("/api/v2/ticket/9").await.status, 404);
    let ticket = own.client.get("/api/v2/ticket/1").await.body;
    assert_eq!(ticket["item"]["created_at"], "2026-03-01 12:00:00", "by the account's clock");
}

#[tokio::test]
async fn json_that_comes_as_a_form_is_told() {
    let server = Server::start();
    let own = Account::make(&server, &json!({})).await;
    assert_eq!(own.client.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    let refused: Reply = own.client.form("PUT", "/api/v2/ticket/1", r#"{"title":"New"}"#).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.message().contains("Content-Type: application/json"), "{}", refused.body);
    let form = own.client.form("PUT", "/api/v2/ticket/1", "title=%7B%7D").await;
    assert_eq!(form.status, 200, "braces in a value are no matter: {}", form.body);
}

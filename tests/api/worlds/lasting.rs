//! With a data folder accounts, keys, snapshots and clocks are there after a restart, and after a crash.

use std::path::Path;

use serde_json::{Value, json};

use crate::control::Account;
use crate::fixtures::{NEW_TICKET, folder};
use crate::support::Server;

fn on(data: &Path) -> Server {
    let data = data.to_str().expect("the path is text");
    Server::with(&["--data", data, "--public-url", "https://desk.example.test"])
}

async fn create(account: &Account) -> Value {
    let reply = account.client.form("POST", "/api/v2/ticket", NEW_TICKET).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["ticketID"].clone()
}

/// The account on the server that runs now.
fn again(account: &Account, server: &Server) -> Account {
    Account::known(server, &account.name, &account.client.key)
}

#[tokio::test]
async fn accounts_keys_snapshots_and_clocks_survive_a_restart() {
    let data = folder();
    let server = on(data.path());
    let acme = Account::make(&server, &json!({ "name": "acme", "ttl": "1h" })).await;
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    assert_eq!(acme.control_with("PUT", "/clock", &clock).await.status, 200);
    create(&acme).await;
    assert_eq!(acme.control("PUT", "/snapshots/one").await.status, 201);
    create(&acme).await;
    let dialect = json!({ "list_type": "tickets" });
    assert_eq!(acme.control_with("PUT", "/dialect", &dialect).await.status, 200);
    let reader = json!({ "name": "reader", "permissions": ["TICKET_READ"] });
    let reader = acme.control_with("POST", "/keys", &reader).await.body;
    let fork = Account::make(&server, &json!({ "from": "account:acme", "name": "fork" })).await;
    let idle = Account::make(&server, &json!({ "name": "idle" })).await;
    assert_eq!(idle.control_with("PUT", "/clock", &json!({ "mode": "frozen" })).await.status, 200);
    create(&fork).await;
    let gone = Account::make(&server, &json!({ "name": "gone", "ephemeral": true })).await;
    let before = [acme.shown().await, fork.shown().await, idle.shown().await];
    assert_eq!(server.stop().code(), Some(0));

    let server = on(data.path());
    let (acme, fork, idle) = (again(&acme, &server), again(&fork, &server), again(&idle, &server));
    let after = [acme.shown().await, fork.shown().await, idle.shown().await];
    assert_eq!(without_versions(after), without_versions(before));
    assert_eq!(again(&gone, &server).client.get("/api/v2/ticket").await.status, 401);
    let reader = server.with_key(reader["api_key"].as_str().expect("a key"));
    assert_eq!(reader.get("/api/v2/ticket").await.status, 200);
    assert_eq!(reader.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 403);

    assert_eq!(acme.control("POST", "/snapshots/one/restore").await.status, 204);
    assert_eq!(acme.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    assert_eq!(create(&acme).await, 2, "ids go on from the snapshot");
    assert_eq!(acme.control("POST", "/reset").await.status, 204);
    assert_eq!(acme.client.get("/api/v2/ticket").await.body["itemTotal"], 0);
    assert_eq!(fork.control("POST", "/reset").await.status, 204);
    assert_eq!(
        fork.client.get("/api/v2/ticket").await.body["itemTotal"],
        2,
        "what it was made from"
    );
}

/// Versions count the changes of one run.
fn without_versions(mut shown: [Vec<Value>; 3]) -> [Vec<Value>; 3] {
    for account in &mut shown {
        account[0]["version"] = Value::Null;
    }
    shown
}

#[tokio::test]
async fn what_nobody_needs_any_more_is_removed_from_the_folder() {
    let data = folder();
    let server = on(data.path());
    let acme = Account::make(&server, &json!({ "name": "acme" })).await;
    for _ in 0..3 {
        create(&acme).await;
        assert!(acme.control("PUT", "/snapshots/one").await.status < 300);
        assert_eq!(acme.control("POST", "/reset").await.status, 204);
    }
    create(&acme).await;
    assert_eq!(acme.control("DELETE", "").await.status, 204);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(files_of_accounts(data.path()), [""; 0]);
}

fn files_of_accounts(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("accounts")).expect("the folder is there");
    files.map(|file| file.expect("a file").file_name().display().to_string()).collect()
}

#[tokio::test]
async fn an_account_can_be_copied_right_after_a_crash() {
    let data = folder();
    let server = on(data.path());
    let acme = Account::make(&server, &json!({ "name": "acme" })).await;
    create(&acme).await;
    drop(server);
    let server = on(data.path());
    let acme = again(&acme, &server);
    let snapshot = acme.control("PUT", "/snapshots/one").await;
    assert_eq!(snapshot.status, 201, "{}", snapshot.body);
    let fork = Account::make(&server, &json!({ "from": "snapshot:acme/one" })).await;
    assert_eq!(fork.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
}

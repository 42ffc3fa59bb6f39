//! Persistence: accounts, keys, snapshots and clocks survive a restart and a crash.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::control::Account;
use crate::support::files::create_temp_dir;
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, create_ticket};

fn start_server_on(data: &Path) -> Server {
    let data = data.to_str().expect("the path is UTF-8");
    Server::start_with_args(&["--data", data, "--public-url", "https://desk.example.test"])
}

/// Returns the same account on the restarted server.
fn reconnect(account: &Account, server: &Server) -> Account {
    Account::new(server, &account.name, &account.client.api_key)
}

#[tokio::test]
async fn accounts_keys_snapshots_and_clocks_survive_a_restart() {
    let data = create_temp_dir();
    let server = start_server_on(data.path());
    let acme = Account::create(&server, &json!({ "name": "acme", "ttl": "1h" })).await;
    let clock = json!({ "mode": "frozen", "at": "2026-03-01T12:00:00Z" });
    assert_eq!(acme.send_control_json("PUT", "/clock", &clock).await.status, 200);
    create_ticket(&acme.client).await;
    assert_eq!(acme.send_control("PUT", "/snapshots/one").await.status, 201);
    create_ticket(&acme.client).await;
    let dialect = json!({ "list_type": "tickets" });
    assert_eq!(acme.send_control_json("PUT", "/dialect", &dialect).await.status, 200);
    let reader = json!({ "name": "reader", "permissions": ["TICKET_READ"] });
    let reader = acme.send_control_json("POST", "/keys", &reader).await.body;
    let fork = Account::create(&server, &json!({ "from": "account:acme", "name": "fork" })).await;
    let idle = Account::create(&server, &json!({ "name": "idle" })).await;
    assert_eq!(
        idle.send_control_json("PUT", "/clock", &json!({ "mode": "frozen" })).await.status,
        200
    );
    create_ticket(&fork.client).await;
    let ephemeral = Account::create(&server, &json!({ "name": "gone", "ephemeral": true })).await;
    let before = [acme.read_all().await, fork.read_all().await, idle.read_all().await];
    assert_eq!(server.stop().exit_code, Some(0));

    let server = start_server_on(data.path());
    let (acme, fork, idle) =
        (reconnect(&acme, &server), reconnect(&fork, &server), reconnect(&idle, &server));
    let after = [acme.read_all().await, fork.read_all().await, idle.read_all().await];
    assert_eq!(clear_versions(after), clear_versions(before));
    assert_eq!(reconnect(&ephemeral, &server).client.get("/api/v2/ticket").await.status, 401);
    let reader = server.with_key(reader["api_key"].as_str().expect("a key"));
    assert_eq!(reader.get("/api/v2/ticket").await.status, 200);
    assert_eq!(reader.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 403);

    assert_eq!(acme.send_control("POST", "/snapshots/one/restore").await.status, 204);
    assert_eq!(acme.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
    assert_eq!(create_ticket(&acme.client).await, 2, "ids continue from the snapshot");
    assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
    assert_eq!(acme.client.get("/api/v2/ticket").await.body["itemTotal"], 0);
    assert_eq!(fork.send_control("POST", "/reset").await.status, 204);
    assert_eq!(
        fork.client.get("/api/v2/ticket").await.body["itemTotal"],
        2,
        "the reset restores the copied state"
    );
}

/// Clears the versions, which count only the changes since startup.
fn clear_versions(mut accounts: [Vec<Value>; 3]) -> [Vec<Value>; 3] {
    for account in &mut accounts {
        account[0]["change_counter"] = Value::Null;
    }
    accounts
}

#[tokio::test]
async fn unused_files_are_removed_from_data_dir() {
    let data = create_temp_dir();
    let server = start_server_on(data.path());
    let acme = Account::create(&server, &json!({ "name": "acme" })).await;
    for _ in 0..3 {
        create_ticket(&acme.client).await;
        assert!(acme.send_control("PUT", "/snapshots/one").await.status < 300);
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
    }
    create_ticket(&acme.client).await;
    assert_eq!(acme.send_control("DELETE", "").await.status, 204);
    assert_eq!(server.stop().exit_code, Some(0));
    assert_eq!(list_account_files(data.path()), [""; 0]);
}

fn list_account_files(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("accounts")).expect("the directory exists");
    files.map(|file| file.expect("a file").file_name().display().to_string()).collect()
}

#[tokio::test]
async fn account_can_be_copied_right_after_crash() {
    let data = create_temp_dir();
    let server = start_server_on(data.path());
    let acme = Account::create(&server, &json!({ "name": "acme" })).await;
    create_ticket(&acme.client).await;
    drop(server);
    let server = start_server_on(data.path());
    let acme = reconnect(&acme, &server);
    let snapshot = acme.send_control("PUT", "/snapshots/one").await;
    assert_eq!(snapshot.status, 201, "{}", snapshot.body);
    let fork = Account::create(&server, &json!({ "from": "snapshot:acme/one" })).await;
    assert_eq!(fork.client.get("/api/v2/ticket").await.body["itemTotal"], 1);
}

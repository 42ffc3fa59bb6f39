//! The time to live of an account starts at the end of its last request, however long the request takes.

use serde_json::{Value, json};

use super::sse_client::EventStream;
use super::ticket_requests::create_ticket;
use super::wait_limits::start_wait_in_last_slot;
use crate::support::client::ApiClient;
use crate::support::control::{
    ACCOUNTS_PATH, Account, expect_array, expect_string, fetch_response,
};
use crate::support::raw::{PendingRequest, RawConnection, build_raw_request};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};
use crate::support::wait::poll_until;

/// Shorter than each request here takes, and longer than the time between two requests.
const TTL: &str = "1500ms";

async fn create_account(client: &ApiClient, name: &str) -> Account {
    Account::create(client, &json!({ "name": name, "ttl": TTL })).await
}

/// Returns the names of all accounts. The request touches none of them.
async fn account_names(client: &ApiClient) -> Vec<String> {
    let response = fetch_response(client.request_without_key("GET", ACCOUNTS_PATH)).await;
    expect_array(&response.body["accounts"])
        .iter()
        .map(|account| expect_string(&account["account"]))
        .collect()
}

async fn wait_until_removed(client: &ApiClient, name: &str) {
    poll_until(&format!("the removal of {name}"), async || {
        !account_names(client).await.iter().any(|existing| existing == name)
    })
    .await;
}

/// Waits until accounts that were last used now have been removed.
async fn wait_until_ttl_elapsed(client: &ApiClient) {
    // One round removes accounts in any order; the second marker is removed in a later round.
    for name in ["first-marker", "second-marker"] {
        create_account(client, name).await;
        wait_until_removed(client, name).await;
    }
}

/// Starts a ticket creation that a fault delays; returns the account and the connection.
async fn start_faulted_creation(
    client: &ApiClient,
    name: &str,
    effect: &Value,
) -> (Account, RawConnection) {
    let account = create_account(client, name).await;
    account.add_fault(&json!({ "operation": "ticket.create", "effect": effect })).await;
    let mut stream = RawConnection::open(&client.base_url).await;
    let content_type = URLENCODED;
    let path = "/api/v2/ticket";
    let bytes = build_raw_request(
        "POST",
        path,
        &account.client.api_key,
        content_type,
        NEW_TICKET_FORM.as_bytes(),
    );
    stream.send(&bytes).await;
    poll_until("the fault", async || {
        account.send_control("GET", "/faults").await.body["faults"][0]["applied"] == 1
    })
    .await;
    (account, stream)
}

#[tokio::test]
async fn pending_wait_or_stream_keeps_the_account_alive() {
    let server = Server::start();
    let waits = create_account(&server, "waits").await;
    let (wait, others) = start_wait_in_last_slot(&waits, "operation=ticket.create").await;
    drop(others);
    let ticket_waits = create_account(&server, "looks").await;
    let (ticket_wait, others) = start_wait_in_last_slot(&ticket_waits, "ticket=1&status=new").await;
    drop(others);
    let follows = create_account(&server, "follows").await;
    let mut events = EventStream::open(&follows, &[]).await;
    wait_until_ttl_elapsed(&server).await;
    for account in [&waits, &ticket_waits, &follows] {
        create_ticket(&[]).send_ok(&account.client).await;
    }
    for stream in [wait, ticket_wait] {
        assert_eq!(stream.read_only_response().await.status, 200);
    }
    assert_eq!(events.next_seq_numbers(1).await, [1]);
    drop(events);
    for name in ["waits", "looks", "follows"] {
        wait_until_removed(&server, name).await;
    }
}

#[tokio::test]
async fn body_upload_keeps_the_account_alive() {
    let server = Server::start();
    let creates = create_account(&server, "creates").await;
    let creation = PendingRequest::start_ticket_creation(
        &server.base_url,
        &creates.client.api_key,
        NEW_TICKET_FORM,
    )
    .await;
    create_account(&server, "imports").await;
    let (path, body) = (format!("{ACCOUNTS_PATH}/imports/import"), r#"{"accounts":{"one":{}}}"#);
    let import = PendingRequest::start_post(&server.base_url, (&path, ""), body, body.len()).await;
    wait_until_ttl_elapsed(&server).await;
    for request in [creation, import] {
        let response = request.finish().await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    for name in ["creates", "imports"] {
        wait_until_removed(&server, name).await;
    }
}

#[tokio::test]
async fn request_held_by_a_fault_keeps_the_account_alive() {
    let server = Server::start();
    let mut delayed = Vec::new();
    for (name, effect) in [
        ("before", json!({ "delay": "5m" })),
        ("after", json!({ "delay": "5m", "when": "after" })),
        ("hang", json!({ "hang": "5m" })),
        ("lost", json!({ "drop_response": "hang" })),
        ("dribble", json!({ "dribble": "10s" })),
    ] {
        delayed.push(start_faulted_creation(&server, name, &effect).await);
    }
    wait_until_ttl_elapsed(&server).await;
    let names = account_names(&server).await;
    for (account, _) in &delayed {
        assert!(
            names.contains(&account.name),
            "{} is removed, the accounts are {names:?}",
            account.name
        );
        // A reset ends the delayed request.
        assert_eq!(account.send_control("POST", "/reset").await.status, 204, "{}", account.name);
    }
    for (account, stream) in delayed {
        drop(stream);
        wait_until_removed(&server, &account.name).await;
    }
}

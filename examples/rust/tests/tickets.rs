//! Tests of the client. Each test starts its own server.

use desk_client::{DeskClient, DeskError};
use omnidesk_mock::MockServer;

#[tokio::test]
async fn solved_ticket_is_no_longer_new() {
    let server = MockServer::start().await;
    let client = DeskClient::new(server.base_url(), server.api_key());
    let id = client
        .create_ticket("ada@example.test", "Printer on fire")
        .await
        .expect("the ticket is created");
    assert_eq!(
        client.list_new_tickets().await.expect("the tickets are listed")[0].title,
        "Printer on fire"
    );
    client.solve_tickets(&[id]).await.expect("the ticket is solved");
    assert_eq!(client.list_new_tickets().await.expect("the tickets are listed"), []);
}

#[tokio::test]
async fn closed_ticket_is_archived_after_a_month() {
    const SEED: &str = "accounts: { acme: { tickets: [{ title: Old, status: closed }] } }";
    let server = MockServer::builder().seed_text(SEED).start().await;
    let client = DeskClient::new(server.base_url(), server.api_key());
    let account = server.control().account("self");
    assert_eq!(client.list_titles().await.expect("the tickets are listed"), ["Old"]);
    account.advance("P31D").await.expect("the clock is advanced");
    assert_eq!(client.list_titles().await.expect("the tickets are listed"), [""; 0]);
    account.reset().await.expect("the account is reset");
    assert_eq!(client.list_titles().await.expect("the tickets are listed"), ["Old"]);
}

#[tokio::test]
async fn solving_a_missing_ticket_is_an_error_with_its_id() {
    let server = MockServer::start().await;
    let result = DeskClient::new(server.base_url(), server.api_key()).solve_tickets(&[77]).await;
    let Err(DeskError::Rejected { status, message }) = result else {
        panic!("the request is not rejected: {result:?}")
    };
    assert_eq!(status, 400);
    assert!(message.contains("77"), "{message}");
}

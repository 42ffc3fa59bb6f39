//! The first test: a server of its own, and a client that talks to it.

use desk_client::DeskClient;
use omnidesk_mock::MockServer;

#[tokio::test]
async fn created_ticket_is_found_by_its_title() {
    let server = MockServer::start().await;
    let client = DeskClient::new(server.base_url(), server.api_key());
    let id = client.create_ticket("ada@example.test", "Printer on fire").await.expect("created");
    let found = client.find_ticket("Printer on fire").await.expect("listed");
    assert_eq!(found, Some(id));
}

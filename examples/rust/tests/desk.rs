//! The client against a help desk of its own for each test.

use desk_client::{Desk, DeskError};
use omnidesk_mock::MockServer;

#[tokio::test]
async fn an_opened_ticket_waits_until_it_is_solved() {
    let desk = MockServer::start().await;
    let client = Desk::new(desk.base_url(), desk.api_key());
    let id = client.open("ada@example.test", "Printer on fire").await.expect("it is opened");
    assert_eq!(client.waiting().await.expect("a list")[0].title, "Printer on fire");
    client.solve(&[id]).await.expect("it is solved");
    assert_eq!(client.waiting().await.expect("a list"), []);
}

#[tokio::test]
async fn a_closed_ticket_is_archived_after_a_month() {
    const SEED: &str = "accounts: { acme: { tickets: [{ title: Old, status: closed }] } }";
    let desk = MockServer::builder().seed_text(SEED).start().await;
    let client = Desk::new(desk.base_url(), desk.api_key());
    let account = desk.control().account("self");
    assert_eq!(client.titles().await.expect("a list"), ["Old"]);
    account.advance("P31D").await.expect("time passes");
    assert_eq!(client.titles().await.expect("a list"), [""; 0]);
    account.reset().await.expect("it is as it was");
    assert_eq!(client.titles().await.expect("a list"), ["Old"]);
}

#[tokio::test]
async fn solving_what_is_not_there_is_an_error_that_says_so() {
    let desk = MockServer::start().await;
    let refused = Desk::new(desk.base_url(), desk.api_key()).solve(&[77]).await;
    let Err(DeskError::Refused { status, message }) = refused else {
        panic!("it is refused, not {refused:?}")
    };
    assert_eq!(status, 400);
    assert!(message.contains("77"), "{message}");
}

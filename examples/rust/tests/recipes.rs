//! Recipes: how a test verifies its client's requests, and how it injects faults.

use std::time::{Duration, Instant};

use desk_client::{DeskClient, DeskError, retry_rate_limited};
use omnidesk_mock::types::{
    CustomResponse, DropMode, DroppedResponse, ExpectedCount, FaultEffect, FaultRule,
    RequestPattern, Strictness, Verification,
};
use omnidesk_mock::{AccountClient, MockServer, RequestFilter};

const ONCE: ExpectedCount =
    ExpectedCount { exactly: Some(1), at_least: None, at_most: None, never: None };
const NEVER: ExpectedCount =
    ExpectedCount { exactly: None, at_least: None, at_most: None, never: Some(true) };

/// Starts a server. Returns it with a client and the control client of the same account.
async fn start_server() -> (MockServer, DeskClient, AccountClient) {
    let server = MockServer::start().await;
    let client = DeskClient::new(server.base_url(), server.api_key());
    let account = server.control().account("self");
    // A strict account rejects each request that the help desk does not document, such as one with a
    // misspelled field or with a JSON body. Otherwise the journal only has a warning about it.
    set_strict(&account, &[]).await;
    (server, client, account)
}

/// Makes the account reject requests that cause a warning, except warnings of these kinds.
async fn set_strict(account: &AccountClient, allow: &[&str]) {
    let allow = allow.iter().map(|kind| (*kind).to_owned()).collect();
    let strict = Strictness { strict: true, allow };
    account.set_strict(&strict).await.expect("strict mode is set");
}

/// Asserts the number of matching requests. Fails with the server's explanation.
async fn verify(account: &AccountClient, pattern: RequestPattern, count: ExpectedCount) {
    let expected = Verification { pattern, count: Some(count), ..Verification::default() };
    account.verify(&expected).await.unwrap_or_else(|error| panic!("{error}"));
}

/// The effects with which the server creates the ticket, but the client gets no valid response.
const LOST_RESPONSES: [FaultEffect; 5] = [
    FaultEffect::DropResponse(DroppedResponse::Mode(DropMode::Reset)),
    FaultEffect::DropResponse(DroppedResponse::Mode(DropMode::Hang)),
    FaultEffect::DropResponse(DroppedResponse::Status(503)),
    FaultEffect::Truncate(10),
    FaultEffect::Malformed,
];
/// The effects with which the client gets no valid response either, but the server has not created the ticket.
const UNEXECUTED_REQUESTS: [FaultEffect; 2] =
    [FaultEffect::status(503), FaultEffect::ResetConnection];

const TITLE: &str = "Order 4711: printer on fire";
/// A search for the order number finds both, and a search for the title finds the second.
const SIMILAR_TITLES: [&str; 2] =
    ["Order 47110: printer on fire", "Order 4711: printer on fire again"];

/// Adds a fault with this effect on the first request that creates a ticket.
async fn lose_first_response(account: &AccountClient, effect: FaultEffect) {
    let operation = Some("ticket.create".to_owned());
    let rule =
        FaultRule { operation, first: Some(1), effect: Some(effect), ..FaultRule::default() };
    account.add_fault(&rule).await.expect("the rule is added");
}

async fn verify_one_ticket_was_created(account: &AccountClient) {
    let operation = Some("ticket.create".to_owned());
    let fields = [("title".to_owned(), TITLE.into())].into_iter().collect();
    let pattern =
        RequestPattern { operation, changed: Some(true), fields, ..RequestPattern::default() };
    verify(account, pattern, ONCE).await;
}

/// Creates a ticket with a client that retries. Asserts that one ticket was created, and that the client returned its
/// id.
async fn assert_one_ticket_is_created(effect: FaultEffect) {
    let (_server, client, account) = start_server().await;
    for title in SIMILAR_TITLES {
        client.create_ticket("ada@example.test", title).await.expect("the ticket is created");
    }
    lose_first_response(&account, effect).await;
    let id = client
        .with_timeout(Duration::from_secs(1))
        .create_ticket_once("ada@example.test", TITLE)
        .await
        .expect("the ticket is created");
    verify_one_ticket_was_created(&account).await;
    let id = i64::try_from(id).expect("the id is small");
    assert_eq!(list_tickets_changed_to(&account, "title", TITLE).await, [id]);
}

#[tokio::test]
async fn retry_after_lost_response_creates_no_second_ticket() {
    for effect in LOST_RESPONSES {
        assert_one_ticket_is_created(effect).await;
    }
}

#[tokio::test]
async fn retry_of_unexecuted_request_creates_the_ticket() {
    for effect in UNEXECUTED_REQUESTS {
        assert_one_ticket_is_created(effect).await;
    }
}

#[tokio::test]
#[should_panic(expected = "Expected exactly 1 request")]
async fn retry_without_a_search_creates_two_tickets() {
    let (_server, client, account) = start_server().await;
    lose_first_response(&account, FaultEffect::drop_response()).await;
    let result = client.create_ticket("ada@example.test", TITLE).await;
    assert!(matches!(result, Err(DeskError::Transport(_))), "the response is not lost: {result:?}");
    client.create_ticket("ada@example.test", TITLE).await.expect("the ticket is created");
    verify_one_ticket_was_created(&account).await;
}

/// Adds a fault that rejects the first two requests with status 429.
async fn add_rate_limit_fault(account: &AccountClient, retry_after: &str) {
    let retry_after = Some(retry_after.to_owned());
    let effect = FaultEffect::Status {
        status: 429,
        message: None,
        retry_after,
        response: CustomResponse::NONE,
    };
    let rule = FaultRule { first: Some(2), effect: Some(effect), ..FaultRule::default() };
    account.add_fault(&rule).await.expect("the rule is added");
}

async fn verify_no_early_retry(account: &AccountClient) {
    let pattern =
        RequestPattern { warning: Some("early-retry".to_owned()), ..RequestPattern::default() };
    verify(account, pattern, NEVER).await;
}

#[tokio::test]
async fn client_obeys_retry_after() {
    let (_server, client, account) = start_server().await;
    account.freeze("2026-03-01T12:00:00Z").await.expect("the clock is frozen");
    add_rate_limit_fault(&account, "30s").await;
    let sleep = async |delay: Duration| {
        account.advance(&format!("{}s", delay.as_secs())).await.expect("the clock is advanced");
    };
    let result = retry_rate_limited(sleep, async || {
        client.create_ticket("ada@example.test", "Printer on fire").await
    });
    assert_eq!(result.await.expect("the ticket is created"), 1);
    assert_eq!(account.clock().await.expect("the clock is read").now, "2026-03-01T12:01:00Z");
    verify_no_early_retry(&account).await;
}

#[tokio::test]
#[should_panic(expected = "early-retry")]
async fn fixed_delay_causes_an_early_retry() {
    let (_server, client, account) = start_server().await;
    set_strict(&account, &["early-retry"]).await;
    account.freeze("2026-03-01T12:00:00Z").await.expect("the clock is frozen");
    add_rate_limit_fault(&account, "30s").await;
    let sleep = async |_| drop(account.advance("1s").await.expect("the clock is advanced"));
    let result = retry_rate_limited(sleep, async || {
        client.create_ticket("ada@example.test", "Printer on fire").await
    });
    result.await.expect("the ticket is created");
    verify_no_early_retry(&account).await;
}

#[tokio::test]
async fn client_with_real_sleep_obeys_retry_after() {
    let (_server, client, account) = start_server().await;
    add_rate_limit_fault(&account, "1s").await;
    let start = Instant::now();
    let result = retry_rate_limited(tokio::time::sleep, async || {
        client.create_ticket("ada@example.test", "Printer on fire").await
    });
    result.await.expect("the ticket is created");
    assert!(start.elapsed() >= Duration::from_secs(2), "the client slept twice");
    verify_no_early_retry(&account).await;
}

#[tokio::test]
async fn exactly_one_ticket_is_solved() {
    let (_server, client, account) = start_server().await;
    client
        .create_ticket("ada@example.test", "Printer on fire")
        .await
        .expect("the ticket is created");
    let second = client
        .create_ticket("ada@example.test", "Out of paper")
        .await
        .expect("the ticket is created");
    client.solve_tickets(&[second]).await.expect("the ticket is solved");

    let filter = RequestFilter::new().operation("ticket.setStatus").field("status", "solved");
    let requests = account.requests(&filter).await.expect("the requests are listed").requests;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].fields["ticketIDs"][0], "2");
    assert_eq!(list_tickets_changed_to(&account, "status", "solved").await, [2]);
}

/// Returns the ids of the tickets whose column was set to this value, by any operation.
async fn list_tickets_changed_to(account: &AccountClient, column: &str, value: &str) -> Vec<i64> {
    let changes =
        account.changes(&RequestFilter::new()).await.expect("the changes are listed").changes;
    let rows = changes.into_iter().flat_map(|change| change.rows);
    let matches =
        rows.filter(|row| row.columns.iter().any(|new| new.column == column && new.to == value));
    matches.map(|row| row.id).collect()
}

#[tokio::test]
async fn worker_solves_the_created_ticket() {
    let (_server, client, account) = start_server().await;
    client
        .create_ticket("ada@example.test", "Printer on fire")
        .await
        .expect("the ticket is created");
    let worker = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.solve_tickets(&[1]).await
    });
    let result = account.wait_for_ticket(1, &[("status", "solved")], Duration::from_secs(10)).await;
    let ticket =
        result.expect("the ticket is solved in time").ticket.expect("the response has the ticket");
    assert_eq!(ticket["title"], "Printer on fire");
    worker.await.expect("the worker does not panic").expect("the ticket is solved");
}

#[tokio::test]
async fn worker_lists_new_tickets() {
    let (_server, client, account) = start_server().await;
    let worker = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.list_new_tickets().await
    });
    let filter = RequestFilter::new().operation("ticket.list").field("status", "new");
    account.wait(&filter, 1, Duration::from_secs(10)).await.expect("the request arrives in time");
    worker.await.expect("the worker does not panic").expect("the tickets are listed");
}

#[tokio::test]
async fn client_sends_only_documented_requests() {
    let (_server, client, _account) = start_server().await;
    let id = client
        .create_ticket("ada@example.test", "Printer on fire")
        .await
        .expect("the ticket is created");
    assert_eq!(
        client.find_ticket("Printer on fire").await.expect("the tickets are listed"),
        Some(id)
    );
    client.solve_tickets(&[id]).await.expect("the ticket is solved");
    assert_eq!(client.list_new_tickets().await.expect("the tickets are listed"), []);
}

#[tokio::test]
async fn no_request_caused_a_warning() {
    let (_server, client, account) = start_server().await;
    account.set_strict(&Strictness::default()).await.expect("strict mode is off");
    let id = client
        .create_ticket("ada@example.test", "Printer on fire")
        .await
        .expect("the ticket is created");
    client.solve_tickets(&[id]).await.expect("the ticket is solved");
    let pattern = RequestPattern { warning: Some("any".to_owned()), ..RequestPattern::default() };
    verify(&account, pattern, NEVER).await;
}

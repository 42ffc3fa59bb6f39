//! Recipes: what a test sees of its client's requests, and what it can do to them.

use std::time::{Duration, Instant};

use desk_client::{Desk, DeskError, patiently};
use omnidesk_mock::types::{
    ExpectedCount, FaultEffect, FaultRule, RequestPattern, Strictness, Verification,
};
use omnidesk_mock::{AccountClient, MockServer, RequestFilter};

const ONCE: ExpectedCount =
    ExpectedCount { exactly: Some(1), at_least: None, at_most: None, never: None };
const NEVER: ExpectedCount =
    ExpectedCount { exactly: None, at_least: None, at_most: None, never: Some(true) };

/// A help desk, a client of it, and the account that they share.
async fn desk() -> (MockServer, Desk, AccountClient) {
    let server = MockServer::start().await;
    let client = Desk::new(server.base_url(), server.api_key());
    let account = server.control().account("self");
    (server, client, account)
}

/// Fails the test with the server's explanation unless this has happened so often.
async fn verify(account: &AccountClient, pattern: RequestPattern, count: ExpectedCount) {
    let expected = Verification { pattern, count: Some(count), ..Verification::default() };
    account.verify(&expected).await.unwrap_or_else(|error| panic!("{error}"));
}

/// The answer to the first creation of a ticket is lost.
async fn lose_an_answer(account: &AccountClient) {
    let lost = FaultEffect::drop_response();
    let create = Some("ticket.create".to_owned());
    let rule =
        FaultRule { operation: create, first: Some(1), effect: Some(lost), ..FaultRule::default() };
    account.add_fault(&rule).await.expect("the rule is added");
}

async fn verify_that_one_was_created(account: &AccountClient) {
    let create = Some("ticket.create".to_owned());
    let created =
        RequestPattern { operation: create, changed: Some(true), ..RequestPattern::default() };
    verify(account, created, ONCE).await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_ticket() {
    let (_server, client, account) = desk().await;
    lose_an_answer(&account).await;
    client
        .open_once("ada@example.test", "Order 4711: printer on fire")
        .await
        .expect("it is opened");
    verify_that_one_was_created(&account).await;
}

#[tokio::test]
#[should_panic(expected = "Expected exactly 1 request")]
async fn a_client_that_simply_sends_again_makes_two() {
    let (_server, client, account) = desk().await;
    lose_an_answer(&account).await;
    let first = client.open("ada@example.test", "Order 4711: printer on fire").await;
    assert!(matches!(first, Err(DeskError::Transport(_))), "the answer is lost: {first:?}");
    client.open("ada@example.test", "Order 4711: printer on fire").await.expect("it is opened");
    verify_that_one_was_created(&account).await;
}

/// The first two requests are told to come back later.
async fn be_busy(account: &AccountClient, retry_after: &str) {
    let after = Some(retry_after.to_owned());
    let busy = FaultEffect::Status { status: 429, message: None, retry_after: after };
    let rule = FaultRule { first: Some(2), effect: Some(busy), ..FaultRule::default() };
    account.add_fault(&rule).await.expect("the rule is added");
}

async fn verify_that_nobody_came_early(account: &AccountClient) {
    let early =
        RequestPattern { warning: Some("early-retry".to_owned()), ..RequestPattern::default() };
    verify(account, early, NEVER).await;
}

#[tokio::test]
async fn a_busy_server_is_left_alone_as_long_as_it_asks_for() {
    let (_server, client, account) = desk().await;
    account.freeze("2026-03-01T12:00:00Z").await.expect("time stands still");
    be_busy(&account, "30s").await;
    let sleep = async |pause: Duration| {
        account.advance(&format!("{}s", pause.as_secs())).await.expect("time passes");
    };
    let opened =
        patiently(sleep, async || client.open("ada@example.test", "Printer on fire").await);
    assert_eq!(opened.await.expect("it is opened at last"), 1);
    assert_eq!(account.clock().await.expect("shown").now, "2026-03-01T12:01:00Z");
    verify_that_nobody_came_early(&account).await;
}

#[tokio::test]
#[should_panic(expected = "early-retry")]
async fn a_client_that_waits_as_it_likes_is_back_too_early() {
    let (_server, client, account) = desk().await;
    account.freeze("2026-03-01T12:00:00Z").await.expect("time stands still");
    be_busy(&account, "30s").await;
    let sleep = async |_| drop(account.advance("1s").await.expect("time passes"));
    let opened =
        patiently(sleep, async || client.open("ada@example.test", "Printer on fire").await);
    opened.await.expect("it is opened at last");
    verify_that_nobody_came_early(&account).await;
}

#[tokio::test]
async fn a_client_that_really_sleeps_can_be_tested_as_well() {
    let (_server, client, account) = desk().await;
    be_busy(&account, "1s").await;
    let began = Instant::now();
    let opened = patiently(tokio::time::sleep, async || {
        client.open("ada@example.test", "Printer on fire").await
    });
    opened.await.expect("it is opened at last");
    assert!(began.elapsed() >= Duration::from_secs(2), "it slept twice");
    verify_that_nobody_came_early(&account).await;
}

#[tokio::test]
async fn exactly_one_ticket_is_solved() {
    let (_server, client, account) = desk().await;
    client.open("ada@example.test", "Printer on fire").await.expect("it is opened");
    let second = client.open("ada@example.test", "Out of paper").await.expect("it is opened");
    client.solve(&[second]).await.expect("it is solved");

    let sent = RequestFilter::new().operation("ticket.setStatus").field("status", "solved");
    let sent = account.requests(&sent).await.expect("a list").requests;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].fields["ticketIDs"][0], "2");
    assert_eq!(solved_tickets(&account).await, [2]);
}

/// The tickets that were solved, whichever operation did it.
async fn solved_tickets(account: &AccountClient) -> Vec<i64> {
    let changes = account.changes(&RequestFilter::new()).await.expect("a list").changes;
    let rows = changes.into_iter().flat_map(|change| change.rows);
    let solved =
        rows.filter(|row| row.columns.iter().any(|it| it.column == "status" && it.to == "solved"));
    solved.map(|row| row.id).collect()
}

#[tokio::test]
async fn the_worker_solves_what_was_opened() {
    let (_server, client, account) = desk().await;
    client.open("ada@example.test", "Printer on fire").await.expect("it is opened");
    let worker = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.solve(&[1]).await
    });
    let solved = account.wait_for_ticket(1, &[("status", "solved")], Duration::from_secs(10)).await;
    let ticket = solved.expect("it is solved in time").ticket.expect("the ticket");
    assert_eq!(ticket["title"], "Printer on fire");
    worker.await.expect("it does not panic").expect("it is done");
}

#[tokio::test]
async fn the_worker_asks_for_what_is_new() {
    let (_server, client, account) = desk().await;
    let worker = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.waiting().await
    });
    let asked = RequestFilter::new().operation("ticket.list").field("status", "new");
    account.wait(&asked, 1, Duration::from_secs(10)).await.expect("it asks in time");
    worker.await.expect("it does not panic").expect("a list");
}

#[tokio::test]
async fn the_client_sends_exactly_what_the_documents_say() {
    let (_server, client, account) = desk().await;
    let strict = Strictness { strict: true, allow: Vec::new() };
    account.set_strict(&strict).await.expect("it is strict");
    let id = client.open("ada@example.test", "Printer on fire").await.expect("it is opened");
    assert_eq!(client.find("Printer on fire").await.expect("a list"), Some(id));
    client.solve(&[id]).await.expect("it is solved");
    assert_eq!(client.waiting().await.expect("a list"), []);
}

#[tokio::test]
async fn nothing_odd_was_sent() {
    let (_server, client, account) = desk().await;
    let id = client.open("ada@example.test", "Printer on fire").await.expect("it is opened");
    client.solve(&[id]).await.expect("it is solved");
    let odd = RequestPattern { warning: Some("any".to_owned()), ..RequestPattern::default() };
    verify(&account, odd, NEVER).await;
}

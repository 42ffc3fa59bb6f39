//! How large an answer may be: a larger one is not begun, and the client is told how to ask for less.

use serde_json::json;

use super::{CONTROL, ITEM, LIST, asking, one};
use crate::fixtures::{Seeded, acme, serve_with, ticket};
use crate::raw::Answer;

/// So that links are as long on every server.
const PUBLIC: [&str; 2] = ["--public-url", "http://desk.example.test"];

/// A server with 40 tickets, the seventh of which is a long story.
fn server(flags: &[&str]) -> Seeded {
    let mut tickets: Vec<_> = (1..=40).map(ticket).collect();
    let event = |id: usize| json!({ "type": "event", "id": id, "description": "x".repeat(900) });
    tickets[6]["timeline"] = (1..=40).map(event).collect::<Vec<_>>().into();
    serve_with(&acme(tickets), &[&["--ephemeral"][..], &PUBLIC, flags].concat())
}

async fn get(server: &Seeded, path: &str) -> Answer {
    one(path, &server.base, &asking("GET", path, "")).await
}

fn is_too_large(path: &str, most: usize, answer: &Answer) {
    assert_eq!(answer.status, 400, "{path} with {most}: {}", answer.head);
    let message = answer.message();
    assert!(message.contains(&format!("{most} bytes")), "{path}: {message}");
    assert!(message.contains("itemLimit"), "{path}: {message}");
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_given_and_one_byte_more_is_not() {
    let usual = server(&[]);
    let list = format!("{LIST}?itemLimit=40");
    for path in [&list, ITEM] {
        let whole = get(&usual, path).await;
        assert_eq!(whole.status, 200, "{path}");
        let size = whole.body.len();
        assert!(size > 10_000, "{path}: {size}");
        let exact = server(&["--max-answer-bytes", &size.to_string()]);
        let given = get(&exact, path).await;
        assert_eq!((given.status, given.body), (200, whole.body), "{path}");
        let less = (size - 1).to_string();
        let smaller = server(&["--max-answer-bytes", &less]);
        is_too_large(path, size - 1, &get(&smaller, path).await);
    }
}

#[tokio::test]
async fn whoever_asks_for_less_gets_it() {
    let server = server(&["--max-answer-bytes", "5000"]);
    for path in [LIST, &format!("{LIST}?itemLimit=9999"), &format!("{LIST}?query=ticket"), ITEM] {
        is_too_large(path, 5_000, &get(&server, path).await);
        // What was refused is not kept as something else.
        is_too_large(path, 5_000, &get(&server, path).await);
    }
    for path in [
        format!("{LIST}?itemLimit=2"),
        format!("{LIST}?itemStart=39"),
        "/api/v2/ticket/8".to_owned(),
        format!("{ITEM}?getTicketHistory=false"),
    ] {
        let answer = get(&server, &path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let export = get(&server, &format!("{CONTROL}/acme/export")).await;
    assert_eq!(export.status, 200, "{}", export.head);
}

#[tokio::test]
async fn a_ticket_that_grows_is_refused_once_it_is_too_large() {
    let server = server(&["--max-answer-bytes", "2000"]);
    let path = "/api/v2/ticket/8";
    assert_eq!(get(&server, path).await.status, 200);
    for round in 0..20 {
        let form = format!("title=Printer+{round}");
        let renamed = super::sending("PUT", path, super::URLENCODED, form.as_bytes());
        let answer = one(path, &server.base, &renamed).await;
        assert_eq!(answer.status, 200, "it can still be changed: {answer:?}");
    }
    is_too_large(path, 2_000, &get(&server, path).await);
    assert_eq!(get(&server, &format!("{path}?getTicketHistory=false")).await.status, 200);
}

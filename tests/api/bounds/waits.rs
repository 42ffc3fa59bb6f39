//! How many may wait on an account at once.

use reqwest::Response;
use serde_json::json;

use super::server;
use super::talk::{soon, until};
use crate::control::{Account, problem};
use crate::fixtures::Seeded;
use crate::support::Reply;

/// The account of a server with this bound, and as many streams.
async fn full(most: usize) -> (Seeded, Account, Vec<Response>) {
    let server = server(&["--max-waits", &most.to_string()]);
    let account = Account::known(&server, "acme", &server.key);
    let mut all = Vec::new();
    for _ in 0..most {
        all.push(stream(&account).await);
        let status = all.last().map(Response::status);
        assert_eq!(status.map(|status| status.as_u16()), Some(200), "{} of {most}", all.len());
    }
    (server, account, all)
}

async fn stream(account: &Account) -> Response {
    let request = account.ask("GET", "/requests/stream").send();
    soon("a stream", request).await.expect("the server answers")
}

/// A wait that takes a place for a moment, where there is one.
async fn moment(account: &Account) -> Reply {
    account.control("GET", "/wait?operation=ticket.delete&timeout=1ms").await
}

#[tokio::test]
async fn as_many_as_may_wait_do_and_one_more_is_refused() {
    for most in [1, 2, 150] {
        let (server, account, mut all) = full(most).await;
        problem(&moment(&account).await, 429, "too-many-waits", "a wait");
        let ticket = account.control("GET", "/wait?ticket=7&status=closed&timeout=1ms").await;
        problem(&ticket, 429, "too-many-waits", "a wait for a ticket");
        let refused = stream(&account).await;
        assert_eq!(refused.status(), 429, "a stream beside {most}");
        let text = refused.text().await.expect("it arrives");
        assert!(text.contains(&most.to_string()), "the bound is told: {text}");
        let other = Account::make(&server, &json!({})).await;
        problem(&moment(&other).await, 409, "wait-over", "another account");
        all.pop();
        until("a place", async || (moment(&account).await.status == 409).then_some(())).await;
    }
}

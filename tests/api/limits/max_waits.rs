//! The limit of concurrent waits per account as a setting.

use reqwest::Response;
use serde_json::json;

use super::start_server;
use crate::support::client::JsonResponse;
use crate::support::control::{Account, assert_problem};
use crate::support::seed::SeededServer;
use crate::support::wait::{poll_for, with_timeout};

/// Starts a server with this limit and opens as many streams.
async fn start_server_at_wait_limit(max_waits: usize) -> (SeededServer, Account, Vec<Response>) {
    let server = start_server(&["--max-waits", &max_waits.to_string()]);
    let account = Account::new(&server, "acme", &server.api_key);
    let mut all = Vec::new();
    for _ in 0..max_waits {
        all.push(open_stream(&account).await);
        let status = all.last().map(Response::status);
        assert_eq!(status.map(|status| status.as_u16()), Some(200), "{} of {max_waits}", all.len());
    }
    (server, account, all)
}

async fn open_stream(account: &Account) -> Response {
    let request = account.request("GET", "/requests/stream").send();
    with_timeout("a stream", request).await.expect("the server responds")
}

/// Starts a wait of 1 ms; it fails with 429 if there is no free slot.
async fn wait_briefly(account: &Account) -> JsonResponse {
    account.send_control("GET", "/wait?operation=ticket.delete&timeout=1ms").await
}

#[tokio::test]
async fn waits_at_limit_are_accepted_and_one_more_is_rejected() {
    for max_waits in [1, 2, 150] {
        let (server, account, mut all) = start_server_at_wait_limit(max_waits).await;
        assert_problem(&wait_briefly(&account).await, 429, "too-many-waits", "a wait");
        let ticket = account.send_control("GET", "/wait?ticket=7&status=closed&timeout=1ms").await;
        assert_problem(&ticket, 429, "too-many-waits", "a wait for a ticket");
        let rejected = open_stream(&account).await;
        assert_eq!(rejected.status(), 429, "a stream beside {max_waits}");
        let text = rejected.text().await.expect("the body arrives");
        assert!(text.contains(&max_waits.to_string()), "the error names the limit: {text}");
        let other = Account::create(&server, &json!({})).await;
        assert_problem(&wait_briefly(&other).await, 409, "wait-timeout", "another account");
        all.pop();
        poll_for("a free slot", async || {
            (wait_briefly(&account).await.status == 409).then_some(())
        })
        .await;
    }
}

//! `--accounts auto`: an unknown key makes an account of its own.

use futures_util::future::join_all;
use serde_json::json;

use crate::control::{Account, answer, problem};
use crate::fixtures::{NEW_TICKET, acme, serve_with, ticket};
use crate::support::Server;

#[tokio::test]
async fn an_unknown_key_makes_a_fresh_account_from_the_seed() {
    let server = serve_with(&acme([ticket(7)]), &["--accounts", "auto"]);
    let one = server.with_key("my-own-key-1");
    let other = server.with_key("my-own-key-2");
    assert_eq!(one.get("/api/v2/ticket/7").await.status, 200, "it starts from the seed");
    assert_eq!(one.delete("/api/v2/ticket/7").await.status, 200, "it may do everything");
    assert_eq!(other.get("/api/v2/ticket/7").await.status, 200, "the other has its own");
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200, "acme as well");

    let shown = answer(one.ask("GET", "/_control/accounts/self")).await;
    let name = shown.body["account"].as_str().expect("a name").to_owned();
    let own = Account::known(&one, &name, "my-own-key-1");
    assert_eq!(own.control("POST", "/reset").await.status, 204);
    assert_eq!(one.get("/api/v2/ticket/7").await.status, 200, "it is back");
}

#[tokio::test]
async fn self_with_an_unknown_key_makes_one_as_well() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let shown = answer(server.with_key("my-own-key").ask("GET", "/_control/accounts/self")).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.body["counts"]["tickets"], 0);
}

#[tokio::test]
async fn keys_that_are_too_short_or_odd_make_none() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    for key in ["short", "with.a.dot", &"k".repeat(129)] {
        assert_eq!(server.with_key(key).get("/api/v2/ticket").await.status, 401, "{key}");
    }
    let shown = answer(server.with_key("short").ask("GET", "/_control/accounts/self")).await;
    problem(&shown, 401, "no-api-key", "short");
}

#[tokio::test]
async fn many_first_requests_with_one_key_make_one_account() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("one-key-for-all");
    let creations = (0..20).map(|_| client.form("POST", "/api/v2/ticket", NEW_TICKET));
    for reply in join_all(creations).await {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(client.get("/api/v2/ticket").await.body["itemTotal"], 20);
    let accounts = answer(server.ask("GET", "/_control/accounts")).await;
    assert_eq!(accounts.body["accounts"].as_array().map(Vec::len), Some(2), "{}", accounts.body);
}

#[tokio::test]
async fn without_it_an_unknown_key_is_refused() {
    let server = Server::start();
    assert_eq!(server.with_key("my-own-key-1").get("/api/v2/ticket").await.status, 401);
}

#[tokio::test]
async fn an_account_goes_after_its_time_without_a_request() {
    let server = Server::start();
    let brief = Account::make(&server, &json!({ "name": "brief", "ttl": "300ms" })).await;
    let lasting = Account::make(&server, &json!({ "name": "lasting", "ttl": "1h" })).await;
    assert_eq!(brief.client.get("/api/v2/ticket").await.status, 200);
    let is_there = async || {
        let list = answer(server.ask("GET", "/_control/accounts")).await.body;
        list["accounts"].as_array().expect("a list").iter().any(|one| one["account"] == "brief")
    };
    // Each look is a request, but none of the account.
    let gone = async { while is_there().await {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("it goes");
    assert_eq!(brief.client.get("/api/v2/ticket").await.status, 401);
    problem(&brief.control("GET", "").await, 404, "unknown-account", "brief");
    assert_eq!(lasting.control("GET", "").await.body["ttl"], "PT1H");
}

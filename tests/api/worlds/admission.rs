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

/// How many accounts there are.
async fn accounts(server: &Server) -> usize {
    let listed = answer(server.ask_without_key("GET", "/_control/accounts")).await;
    listed.body["accounts"].as_array().expect("accounts").len()
}

#[tokio::test]
async fn a_page_of_another_origin_makes_no_account() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    let before = accounts(&server).await;
    for (number, (name, value)) in [
        ("Origin", "https://desk.example.test"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("made-up-key-{number}");
        let page = server.with_key(&key);
        // What a page can send without being asked: the key in the query, and a form.
        let in_query = format!("/api/v2/ticket?apiKey={key}");
        let urlencoded = "application/x-www-form-urlencoded";
        for request in [
            server.ask_without_key("GET", &in_query),
            server
                .ask_without_key("POST", &in_query)
                .header("content-type", urlencoded)
                .body(NEW_TICKET),
            page.ask("GET", "/api/v2/ticket"),
            page.ask("PUT", "/api/v2/ticket/7").header("content-type", urlencoded).body("title=x"),
        ] {
            let refused = answer(request.header(name, value)).await;
            assert_eq!(refused.status, 401, "{name}: {value}: {}", refused.body);
            assert!(refused.message().contains("another origin"), "{}", refused.body);
        }
        assert_eq!(accounts(&server).await, before + number, "{name}: {value}");
        // The key is made otherwise, and works from there as well.
        assert_eq!(page.get("/api/v2/ticket").await.status, 200);
        assert_eq!(accounts(&server).await, before + 1 + number);
        let known = answer(page.ask("GET", "/api/v2/ticket").header(name, value)).await;
        assert_eq!(known.status, 200, "{name}: {value}: {}", known.body);
    }
}

#[tokio::test]
async fn a_request_that_names_another_host_makes_none() {
    let public = "http://desk.example.test:8080";
    let own = ["127.0.0.1", "localhost:1", "[::1]:80"];
    for (arguments, own, foreign) in [
        (vec![], &own[..], &["rebound.example.test", "rebound.example.test:80", "192.0.2.1"][..]),
        (vec!["--public-url", public], &["desk.example.test"], &["other.example.test"]),
    ] {
        let all = [vec!["--ephemeral", "--accounts", "auto"], arguments].concat();
        let server = Server::with(&all);
        let client = server.with_key("made-up-key");
        for host in foreign {
            let ask = |method| client.ask(method, "/api/v2/ticket").header("host", *host);
            let origin = format!("http://{host}");
            for request in [
                ask("GET"),
                ask("GET").header("origin", &origin).header("sec-fetch-site", "same-origin"),
                ask("POST").header("origin", &origin).form(&[("title", "x")]),
            ] {
                let refused = answer(request).await;
                assert_eq!(refused.status, 401, "{host}: {}", refused.body);
                let message = refused.message();
                assert!(message.contains("Host") && message.contains("--public-url"), "{message}");
            }
        }
        for (number, host) in own.iter().enumerate() {
            let one = server.with_key(&format!("own-host-{number}"));
            let request = one.ask("GET", "/api/v2/ticket").header("host", *host);
            assert_eq!(answer(request).await.status, 200, "{host}");
        }
        // A known key works under every name.
        assert_eq!(client.get("/api/v2/ticket").await.status, 200);
        let request = client.ask("GET", "/api/v2/ticket").header("host", foreign[0]);
        assert_eq!(answer(request).await.status, 200);
    }
}

#[tokio::test]
async fn a_page_of_the_server_itself_makes_one() {
    let server = Server::with(&["--ephemeral", "--accounts", "auto"]);
    for (name, value) in [
        ("Origin", server.base.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Mode", "cors"),
    ] {
        let key = format!("my-own-key-{}", value.len());
        let request = server.with_key(&key).ask("GET", "/api/v2/ticket").header(name, value);
        assert_eq!(answer(request).await.status, 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn without_accounts_by_themselves_a_page_is_told_what_everybody_is() {
    let server = Server::start();
    let request = server.with_key("my-own-key").ask("GET", "/api/v2/ticket");
    let refused = answer(request.header("Origin", "https://desk.example.test")).await;
    assert_eq!((refused.status, refused.message()), (401, "This API key is unknown."));
}

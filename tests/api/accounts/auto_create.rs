//! `--accounts auto`: an unknown key creates an account.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::control::{Account, assert_problem, count_accounts, fetch_response};
use crate::support::seed::{acme_seed, serve_seed_with_args, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};
use crate::support::wait::poll_until;

#[tokio::test]
async fn unknown_key_creates_account_from_seed() {
    let server = serve_seed_with_args(
        &acme_seed([ticket_fixture(7)]),
        &["--ephemeral", "--accounts", "auto"],
    );
    let one = server.with_key("my-own-key-1");
    let other = server.with_key("my-own-key-2");
    assert_eq!(one.get("/api/v2/ticket/7").await.status, 200, "the account starts from the seed");
    assert_eq!(one.delete("/api/v2/ticket/7").await.status, 200, "the new key has all permissions");
    assert_eq!(other.get("/api/v2/ticket/7").await.status, 200, "the other account is separate");
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200, "acme keeps its ticket");

    let summary = fetch_response(one.request("GET", "/_control/accounts/self")).await;
    let name = summary.body["account"].as_str().expect("a name").to_owned();
    let own = Account::new(&one, &name, "my-own-key-1");
    assert_eq!(own.send_control("POST", "/reset").await.status, 204);
    assert_eq!(one.get("/api/v2/ticket/7").await.status, 200, "the ticket exists after the reset");
}

#[tokio::test]
async fn control_api_self_with_unknown_key_creates_account() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let summary =
        fetch_response(server.with_key("my-own-key").request("GET", "/_control/accounts/self"))
            .await;
    assert_eq!(summary.status, 200, "{}", summary.body);
    assert_eq!(summary.body["counts"]["tickets"], 0);
}

#[tokio::test]
async fn malformed_key_creates_no_account() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    for key in ["short", "with.a.dot", &"k".repeat(129)] {
        assert_eq!(server.with_key(key).get("/api/v2/ticket").await.status, 401, "{key}");
    }
    let refused =
        fetch_response(server.with_key("short").request("GET", "/_control/accounts/self")).await;
    assert_problem(&refused, 401, "invalid-api-key", "short");
}

#[tokio::test]
async fn concurrent_requests_with_new_key_create_one_account() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let client = server.with_key("one-key-for-all");
    let creations = (0..20).map(|_| client.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM));
    for reply in join_all(creations).await {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(client.get("/api/v2/ticket").await.body["itemTotal"], 20);
    let accounts = fetch_response(server.request("GET", "/_control/accounts")).await;
    assert_eq!(accounts.body["accounts"].as_array().map(Vec::len), Some(2), "{}", accounts.body);
}

#[tokio::test]
async fn unknown_key_is_rejected_without_auto_create() {
    let server = Server::start();
    assert_eq!(server.with_key("my-own-key-1").get("/api/v2/ticket").await.status, 401);
}

#[tokio::test]
async fn account_is_removed_after_ttl_without_requests() {
    let server = Server::start();
    let brief = Account::create(&server, &json!({ "name": "brief", "ttl": "300ms" })).await;
    let lasting = Account::create(&server, &json!({ "name": "lasting", "ttl": "1h" })).await;
    assert_eq!(brief.client.get("/api/v2/ticket").await.status, 200);
    let exists = async || {
        let list = fetch_response(server.request("GET", "/_control/accounts")).await.body;
        list["accounts"].as_array().expect("a list").iter().any(|one| one["account"] == "brief")
    };
    // These requests list all accounts, so they don't extend the account's TTL.
    poll_until("the removal of the account", async || !exists().await).await;
    assert_eq!(brief.client.get("/api/v2/ticket").await.status, 401);
    assert_problem(&brief.send_control("GET", "").await, 404, "unknown-account", "brief");
    assert_eq!(lasting.send_control("GET", "").await.body["ttl"], "PT1H");
}

#[tokio::test]
async fn cross_origin_request_creates_no_account() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    let before = count_accounts(&server).await;
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
        // Requests that a page can send without a preflight: the key in the query, and a form.
        let in_query = format!("/api/v2/ticket?apiKey={key}");
        for request in [
            server.request_without_key("GET", &in_query),
            server
                .request_without_key("POST", &in_query)
                .header("content-type", URLENCODED)
                .body(NEW_TICKET_FORM),
            page.request("GET", "/api/v2/ticket"),
            page.request("PUT", "/api/v2/ticket/7")
                .header("content-type", URLENCODED)
                .body("title=x"),
        ] {
            let refused = fetch_response(request.header(name, value)).await;
            assert_eq!(refused.status, 401, "{name}: {value}: {}", refused.body);
            assert!(refused.message().contains("another origin"), "{}", refused.body);
        }
        assert_eq!(count_accounts(&server).await, before + number, "{name}: {value}");
        // Another client creates the account; then cross-origin requests with this key work too.
        assert_eq!(page.get("/api/v2/ticket").await.status, 200);
        assert_eq!(count_accounts(&server).await, before + 1 + number);
        let known = fetch_response(page.request("GET", "/api/v2/ticket").header(name, value)).await;
        assert_eq!(known.status, 200, "{name}: {value}: {}", known.body);
    }
}

#[tokio::test]
async fn request_with_foreign_host_creates_no_account() {
    let public = "http://desk.example.test:8080";
    let own = ["127.0.0.1", "localhost:1", "[::1]:80"];
    for (arguments, own, foreign) in [
        (vec![], &own[..], &["rebound.example.test", "rebound.example.test:80", "192.0.2.1"][..]),
        (vec!["--public-url", public], &["desk.example.test"], &["other.example.test"]),
    ] {
        let all = [vec!["--ephemeral", "--accounts", "auto"], arguments].concat();
        let server = Server::start_with_args(&all);
        let client = server.with_key("made-up-key");
        for host in foreign {
            let request_with_host =
                |method| client.request(method, "/api/v2/ticket").header("host", *host);
            let origin = format!("http://{host}");
            for request in [
                request_with_host("GET"),
                request_with_host("GET")
                    .header("origin", &origin)
                    .header("sec-fetch-site", "same-origin"),
                request_with_host("POST").header("origin", &origin).form(&[("title", "x")]),
            ] {
                let refused = fetch_response(request).await;
                assert_eq!(refused.status, 401, "{host}: {}", refused.body);
                let message = refused.message();
                assert!(message.contains("Host") && message.contains("--public-url"), "{message}");
            }
        }
        for (number, host) in own.iter().enumerate() {
            let one = server.with_key(&format!("own-host-{number}"));
            let request = one.request("GET", "/api/v2/ticket").header("host", *host);
            assert_eq!(fetch_response(request).await.status, 200, "{host}");
        }
        // A known key works with every `Host` header.
        assert_eq!(client.get("/api/v2/ticket").await.status, 200);
        let request = client.request("GET", "/api/v2/ticket").header("host", foreign[0]);
        assert_eq!(fetch_response(request).await.status, 200);
    }
}

#[tokio::test]
async fn same_origin_request_creates_account() {
    let server = Server::start_with_args(&["--ephemeral", "--accounts", "auto"]);
    for (name, value) in [
        ("Origin", server.base_url.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Mode", "cors"),
    ] {
        let key = format!("my-own-key-{}", value.len());
        let request = server.with_key(&key).request("GET", "/api/v2/ticket").header(name, value);
        assert_eq!(fetch_response(request).await.status, 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn cross_origin_request_gets_ordinary_401_without_auto_create() {
    let server = Server::start();
    let request = server.with_key("my-own-key").request("GET", "/api/v2/ticket");
    let refused = fetch_response(request.header("Origin", "https://desk.example.test")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.message().starts_with("This API key is unknown. "), "{}", refused.message());
}

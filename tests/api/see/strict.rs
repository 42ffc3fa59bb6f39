//! Strict accounts: what is warned about elsewhere is refused here, and changes nothing.

use serde_json::{Value, json};

use super::asks::{create, documented, get, listing};
use super::cases::cases;
use super::look::{kinds, list, text};
use crate::control::Account;
use crate::fixtures::{KEY, Seeded, acme, serve, ticket};
use crate::support::{Reply, Server};

const ALL: [&str; 6] =
    ["unknown-field", "wrong-case", "content-type", "key-in-query", "chosen-rule", "early-retry"];

impl Account {
    async fn be_strict(&self, allow: &[&str]) {
        let strict = json!({ "strict": true, "allow": allow });
        let set = self.control_with("PUT", "/strict", &strict).await;
        assert!(set.status < 300, "{strict}: {}", set.body);
    }

    async fn is_strict(&self) -> bool {
        let shown = self.control("GET", "/strict").await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        shown.body["strict"].as_bool().expect("true or false")
    }
}

fn server() -> (Seeded, Account) {
    let server = serve(&acme([7, 8, 9, 10].map(ticket)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// What the warnings about the newest request say.
async fn warned(account: &Account) -> Vec<String> {
    list(&account.newest().await["warnings"]).iter().map(|warning| text(&warning["text"])).collect()
}

#[tokio::test]
async fn each_warning_becomes_a_refusal_that_says_it_and_changes_nothing() {
    let (server, acme) = server();
    for (ask, expected) in cases() {
        assert_eq!(acme.control("POST", "/reset").await.status, 204);
        ask.done(&server).await;
        let warned = warned(&acme).await;
        assert_eq!(warned.len(), expected.len(), "{ask:?}: {warned:?}");
        assert_eq!(acme.control("POST", "/reset").await.status, 204);
        acme.be_strict(&[]).await;
        let before = acme.export().await;
        let refused = ask.send(&server).await;
        assert_eq!(refused.status, 400, "{ask:?}: {}", refused.body);
        assert_eq!(refused.body["status"], "error", "{ask:?}: {}", refused.body);
        for text in &warned {
            assert!(refused.message().contains(text), "{text:?}: {}", refused.body);
        }
        assert_eq!(acme.export().await, before, "{ask:?}");
        let entry = acme.newest().await;
        assert_eq!(entry["status"], 400, "{entry}");
        assert_eq!(entry["changes"], json!([]), "{entry}");
        assert_eq!(kinds(&entry).len(), expected.len(), "it is still warned about: {entry}");
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_refused() {
    let (server, acme) = server();
    acme.be_strict(&[]).await;
    let path = format!("/api/v2/ticket/7?apiKey={KEY}");
    let refused = Reply::of(server.ask_without_key("GET", &path)).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.message().contains("query"), "{}", refused.body);
    assert!(!refused.body.to_string().contains(KEY), "{}", refused.body);
}

#[tokio::test]
async fn an_early_retry_is_refused_until_the_time_is_over() {
    let (server, acme) = server();
    acme.be_strict(&[]).await;
    let effect = json!({ "status": 503, "retry_after": "10s" });
    acme.provoke(&json!({ "first": 1, "effect": effect })).await;
    assert_eq!(get("/7").send(&server).await.status, 503);
    let refused = get("/7").send(&server).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    acme.advance("10s").await;
    get("/7").done(&server).await;
}

#[tokio::test]
async fn what_is_documented_passes() {
    let (server, acme) = server();
    acme.be_strict(&[]).await;
    for ask in documented() {
        let reply = ask.send(&server).await;
        let expected = if ask.is_chosen() { 400 } else { 200 };
        assert_eq!(reply.status, expected, "{ask:?}: {}", reply.body);
    }
    assert_eq!(acme.control("POST", "/reset").await.status, 204);
    acme.be_strict(&["chosen-rule"]).await;
    for ask in documented() {
        ask.done(&server).await;
    }
}

#[tokio::test]
async fn exactly_the_allowed_kinds_pass() {
    let (server, acme) = server();
    for allowed in ALL {
        for (ask, expected) in cases() {
            assert_eq!(acme.control("POST", "/reset").await.status, 204);
            acme.be_strict(&[allowed]).await;
            let passes = expected.iter().all(|(kind, ..)| *kind == allowed);
            let reply = ask.send(&server).await;
            let status = if passes { 200 } else { 400 };
            assert_eq!(reply.status, status, "{allowed}: {ask:?}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn with_all_kinds_allowed_nothing_is_refused() {
    let (server, acme) = server();
    acme.be_strict(&ALL).await;
    for (ask, _) in cases() {
        ask.done(&server).await;
    }
}

#[tokio::test]
async fn it_is_shown_and_switched_off_again() {
    let (server, acme) = server();
    assert!(!acme.is_strict().await, "nobody is unless asked to be");
    acme.be_strict(&["chosen-rule", "content-type"]).await;
    let shown = acme.control("GET", "/strict").await.body;
    let expected = json!({ "strict": true, "allow": ["chosen-rule", "content-type"] });
    assert_eq!(shown, expected);
    assert_eq!(listing("?page=2").send(&server).await.status, 400);
    let off = json!({ "strict": false });
    assert!(acme.control_with("PUT", "/strict", &off).await.status < 300);
    assert!(!acme.is_strict().await);
    listing("?page=2").done(&server).await;
}

#[tokio::test]
async fn snapshots_and_resets_go_back_to_it() {
    let (_server, acme) = server();
    acme.be_strict(&["chosen-rule"]).await;
    assert_eq!(acme.control("PUT", "/snapshots/strict").await.status, 201);
    let shown = acme.control("GET", "/strict").await.body;
    assert_eq!(acme.control("POST", "/reset").await.status, 204);
    assert!(!acme.is_strict().await, "it was not when it was made");
    assert_eq!(acme.control("POST", "/snapshots/strict/restore").await.status, 204);
    assert_eq!(acme.control("GET", "/strict").await.body, shown);
}

#[tokio::test]
async fn an_account_can_be_made_so_and_stays_so_over_a_reset() {
    let server = Server::start();
    let made = json!({ "strict": true });
    let strict = Account::make(&server, &made).await;
    assert!(strict.is_strict().await);
    assert_eq!(create(&[("titel", "x")]).send(&strict.client).await.status, 400);
    create(&[]).done(&strict.client).await;
    let off = json!({ "strict": false });
    assert!(strict.control_with("PUT", "/strict", &off).await.status < 300);
    create(&[("titel", "x")]).done(&strict.client).await;
    assert_eq!(strict.control("POST", "/reset").await.status, 204);
    assert!(strict.is_strict().await, "that is how it was made");
    let usual = Account::make(&server, &json!({ "strict": false })).await;
    create(&[("titel", "x")]).done(&usual.client).await;
}

#[tokio::test]
async fn it_is_kept_by_a_server_that_keeps_its_accounts() {
    let data = crate::fixtures::folder();
    let flags = ["--data", data.path().to_str().expect("the path is text")];
    let server = Server::with(&flags);
    let account = Account::make(&server, &json!({ "name": "own" })).await;
    account.be_strict(&["content-type"]).await;
    let shown = account.control("GET", "/strict").await.body;
    assert!(server.stop().success());
    let server = Server::with(&flags);
    let again = account.at(&server);
    assert_eq!(again.control("GET", "/strict").await.body, shown);
    assert_eq!(create(&[("titel", "x")]).send(&again.client).await.status, 400);
}

#[tokio::test]
async fn other_accounts_are_not_strict_with_it() {
    let (server, acme) = server();
    acme.be_strict(&[]).await;
    let other = Account::make(&server, &json!({})).await;
    create(&[("titel", "x")]).done(&other.client).await;
    let unknown: Value = server.get("/api/v2/ticket?page=1").await.body;
    assert_eq!(unknown["status"], "error", "{unknown}");
}

#[tokio::test]
async fn the_key_in_the_query_is_refused_in_every_spelling() {
    let (server, acme) = server();
    acme.be_strict(&[]).await;
    for name in
        ["apiKey", "api%4Bey", "%61%70iKey", "apiKey%5B%5D", "apiKey[]", "apiKey[a][b]", "apikey"]
    {
        for (number, client) in [&*server, &server.with_key(KEY)].into_iter().enumerate() {
            for path in ["/api/v2/ticket/7", "/api/v2/ticket"] {
                let refused = client.get(&format!("{path}?{name}={KEY}")).await;
                assert_eq!(refused.status, 400, "{name} {number}: {}", refused.body);
                assert!(refused.message().contains("This account is strict"), "{}", refused.body);
            }
        }
    }
    let plain = server.ask_without_key("GET", &format!("/api/v2/ticket/7?api%4Bey={KEY}"));
    let refused = Reply::of(plain).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let entry = acme.newest().await;
    assert_eq!(kinds(&entry), ["key-in-query"], "{entry}");
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200);
}

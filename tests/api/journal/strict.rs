//! Strict accounts: a request that would get a warning is rejected and changes nothing.

use serde_json::{Value, json};

use super::helpers::warning_kinds;
use super::ticket_requests::{create_ticket, documented_requests, get_ticket, list_tickets};
use super::warning_cases::warning_cases;
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_array, expect_string};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;

const ALL_WARNING_KINDS: [&str; 7] = [
    "unknown-field",
    "repeated-field",
    "wrong-case",
    "content-type",
    "key-in-query",
    "undocumented",
    "early-retry",
];

impl Account {
    async fn set_strict(&self, allow: &[&str]) {
        let strict = json!({ "strict": true, "allow": allow });
        let response = self.send_control_json("PUT", "/strict", &strict).await;
        assert!(response.status < 300, "{strict}: {}", response.body);
    }

    async fn is_strict(&self) -> bool {
        let response = self.send_control("GET", "/strict").await;
        assert_eq!(response.status, 200, "{}", response.body);
        response.body["strict"].as_bool().expect("strict is a boolean")
    }
}

fn start_server() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8, 9, 10].map(ticket_fixture)));
    let acme = Account::acme(&server);
    (server, acme)
}

/// Returns kind and text of the warnings in the newest entry.
async fn latest_warnings(account: &Account) -> Vec<(String, String)> {
    expect_array(&account.latest_entry().await["warnings"])
        .iter()
        .map(|warning| (expect_string(&warning["kind"]), expect_string(&warning["message"])))
        .collect()
}

#[tokio::test]
async fn each_warning_becomes_a_rejection_that_changes_nothing() {
    let (server, acme) = start_server();
    for (request, expected) in warning_cases() {
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
        request.send_ok(&server).await;
        let warnings = latest_warnings(&acme).await;
        assert_eq!(warnings.len(), expected.len(), "{request:?}: {warnings:?}");
        assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
        acme.set_strict(&[]).await;
        let before = acme.export().await;
        let rejected = request.send(&server).await;
        assert_eq!(rejected.status, 400, "{request:?}: {}", rejected.body);
        assert_eq!(rejected.body["status"], "error", "{request:?}: {}", rejected.body);
        for (kind, text) in &warnings {
            let is_reason = kind != "no-documented-way";
            let is_named = rejected.message().contains(text);
            assert_eq!(is_named, is_reason, "{kind}: {text:?}: {}", rejected.body);
        }
        assert_eq!(acme.export().await, before, "{request:?}");
        let entry = acme.latest_entry().await;
        assert_eq!(entry["status"], 400, "{entry}");
        assert_eq!(entry["changes"], json!([]), "{entry}");
        assert_eq!(
            warning_kinds(&entry).len(),
            expected.len(),
            "the entry still has its warnings: {entry}"
        );
    }
}

#[tokio::test]
async fn key_in_the_query_is_rejected() {
    let (server, acme) = start_server();
    acme.set_strict(&[]).await;
    let path = format!("/api/v2/ticket/7?apiKey={ACME_KEY}");
    let rejected = JsonResponse::fetch(server.request_without_key("GET", &path)).await;
    assert_eq!(rejected.status, 400, "{}", rejected.body);
    assert!(rejected.message().contains("query"), "{}", rejected.body);
    assert!(!rejected.body.to_string().contains(ACME_KEY), "{}", rejected.body);
}

#[tokio::test]
async fn early_retry_is_rejected_until_retry_after_elapses() {
    let (server, acme) = start_server();
    acme.set_strict(&[]).await;
    let effect = json!({ "status": 503, "retry_after": "10s" });
    acme.add_fault(&json!({ "first": 1, "effect": effect })).await;
    assert_eq!(get_ticket("/7").send(&server).await.status, 503);
    let rejected = get_ticket("/7").send(&server).await;
    assert_eq!(rejected.status, 400, "{}", rejected.body);
    acme.advance_clock("10s").await;
    get_ticket("/7").send_ok(&server).await;
}

#[tokio::test]
async fn documented_requests_are_accepted() {
    let (server, acme) = start_server();
    acme.set_strict(&[]).await;
    for request in documented_requests() {
        request.send_ok(&server).await;
        let expected: &[&str] =
            if request.has_no_documented_way() { &["no-documented-way"] } else { &[] };
        let mut kinds = warning_kinds(&acme.latest_entry().await);
        kinds.dedup();
        assert_eq!(kinds, expected, "{request:?}");
    }
}

#[tokio::test]
async fn rejection_shows_the_setting_that_accepts_the_request() {
    let (server, acme) = start_server();
    for allowed in [&[][..], &["early-retry"], &["content-type"]] {
        for (request, _) in warning_cases() {
            acme.send_control("POST", "/reset").await;
            acme.set_strict(allowed).await;
            let reply = request.send(&server).await;
            if reply.status == 200 {
                assert!(!allowed.is_empty(), "{request:?}");
                continue;
            }
            let message = reply.message();
            let setting = &message
                [message.find('{').expect("a setting")..=message.rfind('}').expect("its end")];
            let setting: Value = serde_json::from_str(setting).expect("the setting is JSON");
            let changed = acme.send_control_json("PUT", "/strict", &setting).await;
            assert_eq!(changed.body, setting, "{message}");
            request.send_ok(&server).await;
            for kind in allowed {
                assert!(
                    setting["allow"].as_array().expect("a list").contains(&json!(kind)),
                    "{setting}"
                );
            }
        }
    }
}

#[tokio::test]
async fn only_allowed_warning_kinds_are_accepted() {
    let (server, acme) = start_server();
    for allowed in ALL_WARNING_KINDS {
        for (request, expected) in warning_cases() {
            assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
            acme.set_strict(&[allowed]).await;
            let is_allowed =
                expected.iter().all(|(kind, ..)| *kind == allowed || *kind == "no-documented-way");
            let reply = request.send(&server).await;
            let status = if is_allowed { 200 } else { 400 };
            assert_eq!(reply.status, status, "{allowed}: {request:?}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn allowing_all_warning_kinds_rejects_nothing() {
    let (server, acme) = start_server();
    acme.set_strict(&ALL_WARNING_KINDS).await;
    for (request, _) in warning_cases() {
        request.send_ok(&server).await;
    }
}

#[tokio::test]
async fn strict_setting_is_shown_and_can_be_turned_off() {
    let (server, acme) = start_server();
    assert!(!acme.is_strict().await, "accounts are not strict by default");
    acme.set_strict(&["undocumented", "content-type"]).await;
    let setting = acme.send_control("GET", "/strict").await.body;
    let expected = json!({ "strict": true, "allow": ["undocumented", "content-type"] });
    assert_eq!(setting, expected);
    assert_eq!(list_tickets("?page=2").send(&server).await.status, 400);
    let off = json!({ "strict": false });
    assert!(acme.send_control_json("PUT", "/strict", &off).await.status < 300);
    assert!(!acme.is_strict().await);
    list_tickets("?page=2").send_ok(&server).await;
}

#[tokio::test]
async fn reset_and_restore_recover_the_strict_setting() {
    let (_server, acme) = start_server();
    acme.set_strict(&["undocumented"]).await;
    assert_eq!(acme.send_control("PUT", "/snapshots/strict").await.status, 201);
    let setting = acme.send_control("GET", "/strict").await.body;
    assert_eq!(acme.send_control("POST", "/reset").await.status, 204);
    assert!(!acme.is_strict().await, "the account was not created strict");
    assert_eq!(acme.send_control("POST", "/snapshots/strict/restore").await.status, 204);
    assert_eq!(acme.send_control("GET", "/strict").await.body, setting);
}

#[tokio::test]
async fn account_created_strict_is_strict_after_a_reset() {
    let server = Server::start();
    let settings = json!({ "strict": true });
    let strict = Account::create(&server, &settings).await;
    assert!(strict.is_strict().await);
    assert_eq!(create_ticket(&[("titel", "x")]).send(&strict.client).await.status, 400);
    create_ticket(&[]).send_ok(&strict.client).await;
    let off = json!({ "strict": false });
    assert!(strict.send_control_json("PUT", "/strict", &off).await.status < 300);
    create_ticket(&[("titel", "x")]).send_ok(&strict.client).await;
    assert_eq!(strict.send_control("POST", "/reset").await.status, 204);
    assert!(strict.is_strict().await, "the account was created strict");
    let lenient = Account::create(&server, &json!({ "strict": false })).await;
    create_ticket(&[("titel", "x")]).send_ok(&lenient.client).await;
}

#[tokio::test]
async fn strict_setting_survives_a_server_restart() {
    let data = crate::support::files::create_temp_dir();
    let flags = ["--data", data.path().to_str().expect("the path is UTF-8")];
    let server = Server::start_with_args(&flags);
    let account = Account::create(&server, &json!({ "name": "own" })).await;
    account.set_strict(&["content-type"]).await;
    let setting = account.send_control("GET", "/strict").await.body;
    assert_eq!(server.stop().exit_code, Some(0));
    let server = Server::start_with_args(&flags);
    let account = account.with_server(&server);
    assert_eq!(account.send_control("GET", "/strict").await.body, setting);
    assert_eq!(create_ticket(&[("titel", "x")]).send(&account.client).await.status, 400);
}

#[tokio::test]
async fn strict_setting_does_not_affect_other_accounts() {
    let (server, acme) = start_server();
    acme.set_strict(&[]).await;
    let other = Account::create(&server, &json!({})).await;
    create_ticket(&[("titel", "x")]).send_ok(&other.client).await;
    let unknown: Value = server.get("/api/v2/ticket?page=1").await.body;
    assert_eq!(unknown["status"], "error", "{unknown}");
}

#[tokio::test]
async fn key_in_the_query_is_rejected_in_every_spelling() {
    let (server, acme) = start_server();
    acme.set_strict(&[]).await;
    for name in
        ["apiKey", "api%4Bey", "%61%70iKey", "apiKey%5B%5D", "apiKey[]", "apiKey[a][b]", "apikey"]
    {
        for (number, client) in [&*server, &server.with_key(ACME_KEY)].into_iter().enumerate() {
            for path in ["/api/v2/ticket/7", "/api/v2/ticket"] {
                let rejected = client.get(&format!("{path}?{name}={ACME_KEY}")).await;
                assert_eq!(rejected.status, 400, "{name} {number}: {}", rejected.body);
                assert!(rejected.message().contains("This account is strict"), "{}", rejected.body);
            }
        }
    }
    let request =
        server.request_without_key("GET", &format!("/api/v2/ticket/7?api%4Bey={ACME_KEY}"));
    let rejected = JsonResponse::fetch(request).await;
    assert_eq!(rejected.status, 400, "{}", rejected.body);
    let entry = acme.latest_entry().await;
    assert_eq!(warning_kinds(&entry), ["key-in-query"], "{entry}");
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200);
}

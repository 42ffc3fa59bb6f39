//! Problems of the control API never repeat the API key or the control token of the request.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::control::fetch_response;
use crate::support::property::proptest_config;
use crate::support::server::Server;
use crate::support::wait::block_on;

const KEY: &str = "canary_key_0123456789";
const TOKEN: &str = "canary_token_0123456789";

/// Checks that the problem contains neither secret, but the redaction placeholder.
fn assert_redacted(reply: &JsonResponse, label: &str) {
    let body = reply.body.to_string();
    assert!(reply.status >= 400, "{label}: {body}");
    assert!(!body.contains("canary"), "{label}: {body}");
    assert!(body.contains("(redacted)"), "{label}: {body}");
}

async fn send(client: &ApiClient, method: &str, path: &str, body: Option<&Value>) -> JsonResponse {
    let request = client.request(method, &format!("/_control{path}"));
    let request = request.header("authorization", format!("Bearer {TOKEN}"));
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    fetch_response(request).await
}

fn start_server() -> Server {
    Server::start_with_args(&["--ephemeral", "--api-key", KEY, "--control-token", TOKEN])
}

#[tokio::test]
async fn secret_in_path_or_query_is_redacted_in_problems() {
    let server = start_server();
    let client = server.with_key(KEY);
    for secret in [KEY, TOKEN] {
        let encoded = secret.replacen("_k", "%5fk", 1).replacen("_t", "%5Ft", 1);
        for path in [
            "/accounts/{}",
            "/accounts/self/snapshots/{}/restore",
            "/accounts/self/requests/{}",
            "/{}",
            "/a.{}/b",
            "/accounts/self/requests?since={}",
            "/accounts/self/requests?operation={}",
            "/accounts/self/requests?{}=1",
            "/accounts/self/wait?timeout={}",
            "/accounts/self/requests?warning=%22{}%09",
            "/accounts/self/changes?since={}",
        ] {
            let method = if path.ends_with("restore") { "POST" } else { "GET" };
            for secret in [secret, &encoded] {
                let path = path.replace("{}", secret);
                assert_redacted(&send(&client, method, &path, None).await, &path);
            }
        }
        assert_redacted(&send(&client, secret, "/accounts", None).await, "a method");
    }
}

#[tokio::test]
async fn secret_in_body_is_redacted_in_problems() {
    let server = start_server();
    let client = server.with_key(KEY);
    for secret in [KEY, TOKEN] {
        for (method, path, body) in [
            ("POST", "/accounts/self/verify", json!({ "operation": secret })),
            ("POST", "/accounts/self/verify", json!({ secret: 1 })),
            ("POST", "/accounts/self/verify", json!({ "fields": { "title": secret } })),
            ("POST", "/accounts/self/verify", json!({ "operation": format!("\t{secret}\n\"") })),
            ("PUT", "/accounts/self/rate-limits", json!({ secret: 1 })),
            ("PUT", "/accounts/self/clock", json!({ "mode": secret })),
            ("POST", "/accounts/self/keys", json!({ "permissions": [secret] })),
            ("POST", "/accounts/self/faults", json!({ "effect": { secret: 1 } })),
            ("PUT", "/accounts/self/dialect", json!({ secret: 1 })),
            ("POST", "/accounts", json!({ "from": secret })),
        ] {
            let label = format!("{method} {path} {body}");
            assert_redacted(&send(&client, method, path, Some(&body)).await, &label);
        }
        let request = client.request("POST", "/_control/accounts/self/import");
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let yaml = request.header("content-type", "application/yaml").body(format!("{secret}: 1"));
        let reply = fetch_response(yaml).await;
        assert!(
            reply.status >= 400 && !reply.body.to_string().contains("canary"),
            "{}",
            reply.body
        );
    }
}

#[tokio::test]
async fn long_secret_is_redacted_in_a_truncated_problem() {
    let key = "canary-".repeat(18);
    let server = Server::start_with_args(&["--ephemeral", "--api-key", &key]);
    let client = server.with_key(&key);
    let long = "a".repeat(150);
    for path in [format!("/{long}/{key}"), format!("/accounts/self/requests?operation={key}")] {
        assert_redacted(
            &fetch_response(client.request("GET", &format!("/_control{path}"))).await,
            &path,
        );
    }
    assert_redacted(&fetch_response(client.request(&key, "/_control/accounts")).await, "a method");
}

#[tokio::test]
async fn created_key_is_shown_and_longer_words_are_not_redacted() {
    let server = start_server();
    let client = server.with_key(KEY);
    let new = json!({ "name": "own", "api_key": "own_key_0123456789" });
    let created = send(&client, "POST", "/accounts/self/keys", Some(&new)).await;
    assert_eq!((created.status, &created.body["api_key"]), (201, &new["api_key"]));
    let reply = send(&client, "GET", &format!("/accounts/x{KEY}"), None).await;
    assert!(
        reply.body.to_string().contains(&format!("x{KEY}")),
        "a longer word is not redacted: {}",
        reply.body
    );
    let reply = send(&client, "GET", "/accounts/nobody", None).await;
    assert_eq!(reply.body["detail"], "There is no account nobody.");
}

proptest! {
    #![proptest_config(proptest_config(6))]

    #[test]
    fn problem_never_shows_the_key_as_a_word(
        around in proptest::collection::vec(("([a-z]{0,4}[ \"'`=:/&\t\n,;])?", "([ \"'`=:/&\t\n,;][a-z]{0,4})?"), 8),
    ) {
        block_on(async {
            let server = start_server();
            let client = server.with_key(KEY);
            for (before, after) in &around {
                let text = format!("{before}{KEY}{after}");
                for body in [json!({ "operation": text }), json!({ &*text: 1 })] {
                    let path = "/accounts/self/verify";
                    let reply = send(&client, "POST", path, Some(&body)).await;
                    assert!(!reply.body.to_string().contains("canary"), "{text:?}: {}", reply.body);
                }
            }
        });
    }
}

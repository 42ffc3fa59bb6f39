//! Malformed bodies and queries of the control API, and redaction of the key in the log.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::start_with_ticket;
use crate::support::client::ApiClient;
use crate::support::control::{Account, assert_problem, fetch_response, start_with_account};
use crate::support::process::{ProcessOutput, RunningProcess};
use crate::support::raw::{build_raw_head, exchange};
use crate::support::ticket::TICKETS_PATH;

const ROUTES_WITH_BODY: [(&str, &str); 4] =
    [("POST", "/faults"), ("PUT", "/rate-limits"), ("PUT", "/strict"), ("POST", "/verify")];

fn malformed_bodies() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"7".to_vec(),
        b"\"reset\"".to_vec(),
        b"{}{}".to_vec(),
        b"effect=reset".to_vec(),
        b"{\"\xff\":1}".to_vec(),
        b"{\"effect\":{\"status\":1e999}}".to_vec(),
        b"{\"nothing\":{}}".to_vec(),
        b"{\"operation\":\"a\0b\",\"effect\":{\"reset\":true}}".to_vec(),
        b"<effect/>".to_vec(),
        "[".repeat(100_000).into_bytes(),
        "{\"effect\":".repeat(100_000).into_bytes(),
        format!("{{\"effect\":{{\"status\":503,\"message\":{}}}", "\"x".repeat(1_000)).into_bytes(),
    ]
}

#[tokio::test]
async fn malformed_body_is_rejected_and_changes_nothing() {
    let (_server, account) = start_with_account().await;
    for (method, path) in ROUTES_WITH_BODY {
        for body in malformed_bodies() {
            let label = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let label = format!("{method} {path} {label}");
            let request = account.request(method, path).header(CONTENT_TYPE, "application/json");
            let reply = fetch_response(request.body(body)).await;
            assert_problem(&reply, 400, "invalid-request", &label);
            let detail = reply.body["detail"].as_str().unwrap_or_default();
            assert!(detail.len() < 2_000, "{label}: {} bytes", detail.len());
        }
    }
    assert_unchanged(&account).await;
}

#[tokio::test]
async fn oversized_body_is_rejected_and_changes_nothing() {
    let (_server, account) = start_with_account().await;
    let space = " ".repeat(2 * 1024 * 1024);
    let text = "x".repeat(2 * 1024 * 1024);
    let long = json!({ "effect": { "status": 503, "message": text } }).to_string();
    for (method, path) in ROUTES_WITH_BODY {
        for body in [&space, &long] {
            let reply = fetch_response(account.request(method, path).body(body.clone())).await;
            assert_problem(&reply, 413, "too-large", path);
        }
    }
    assert_unchanged(&account).await;
}

async fn assert_unchanged(account: &Account) {
    assert_eq!(account.list_faults().await, Vec::<Value>::new());
    assert_eq!(account.send_control("GET", "/rate-limits").await.body, json!({}));
    assert_eq!(account.send_control("GET", "/strict").await.body["strict"], false);
    assert_eq!(account.client.get(TICKETS_PATH).await.status, 200);
}

#[tokio::test]
async fn malformed_query_is_rejected() {
    let (_server, account) = start_with_ticket().await;
    let long = format!("/requests?key={}", "x".repeat(20_000));
    let nested = format!("/requests?field.a{}=1", "[a]".repeat(1_000));
    let mut failures = Vec::new();
    for path in [
        "/requests?nothing=1",
        "/requests?operation=ticket.creat",
        "/requests?status=9xx",
        "/requests?status=two",
        "/requests?key=nobody&limit=0",
        "/requests?limit=1001",
        "/requests?limit=-1",
        "/requests?limit=many",
        "/requests?changed=yes",
        "/requests?fault=1",
        "/requests?warning=loud",
        "/requests?since=garbage",
        "/requests?since=00000000.1",
        "/requests?since=",
        "/requests?operation=%zz",
        "/requests?operation=%FF",
        "/requests?limit=1&limit=2",
        "/requests/stream?nothing=1",
        "/requests/stream?since=garbage",
        "/changes?since=garbage",
        "/changes?limit=0",
        "/changes?nothing=1",
        "/wait?timeout=6m",
        "/wait?timeout=soon",
        "/wait?timeout=-1s",
        "/wait?count=0",
        "/wait?count=1001",
        "/wait?nothing=1",
        "/wait?ticket=one&status=open",
        "/wait?ticket=1&colour=red",
        "/wait?ticket=1&deleted=perhaps",
    ] {
        let reply = account.send_control("GET", path).await;
        if reply.status != 400 {
            failures.push(format!("{path:.80}: {} {:.200}", reply.status, reply.body.to_string()));
            continue;
        }
        assert_problem(&reply, 400, "invalid-request", path);
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert!(detail.len() < 2_000, "{path:.80}: {} bytes", detail.len());
    }
    assert!(failures.is_empty(), "{failures:#?}");
    for path in [long, nested] {
        let reply = account.send_control("GET", &path).await;
        assert!([200, 400, 414, 431].contains(&reply.status), "{path:.80}: {}", reply.status);
    }
}

#[tokio::test]
async fn unknown_path_method_or_account_is_a_problem() {
    let (server, account) = start_with_account().await;
    for (method, path, status, kind) in [
        ("PUT", "/faults", 405, "method-not-allowed"),
        ("GET", "/faults/1", 405, "method-not-allowed"),
        ("DELETE", "/rate-limits", 405, "method-not-allowed"),
        ("POST", "/strict", 405, "method-not-allowed"),
        ("GET", "/verify", 405, "method-not-allowed"),
        ("POST", "/wait", 405, "method-not-allowed"),
        ("DELETE", "/changes", 405, "method-not-allowed"),
        ("POST", "/requests", 405, "method-not-allowed"),
        ("DELETE", "/faults/1", 404, "unknown-fault"),
        ("DELETE", "/faults/first", 400, "invalid-request"),
        ("DELETE", "/faults/-1", 400, "invalid-request"),
        ("DELETE", "/faults/99999999999999999999", 400, "invalid-request"),
        ("GET", "/requests/1", 404, "unknown-request"),
        ("GET", "/requests/first", 400, "invalid-request"),
        ("GET", "/requests/99999999999999999999", 400, "invalid-request"),
        ("GET", "/faults/1/2", 404, "unknown-path"),
    ] {
        assert_problem(
            &account.send_control(method, path).await,
            status,
            kind,
            &format!("{method} {path}"),
        );
    }
    let missing = Account::new(&server, "nobody", "nobody-0123456789");
    for path in
        ["/faults", "/rate-limits", "/strict", "/requests", "/changes", "/wait", "/requests/stream"]
    {
        assert_problem(&missing.send_control("GET", path).await, 404, "unknown-account", path);
    }
    for (method, path) in ROUTES_WITH_BODY {
        let body = json!({ "effect": { "reset_connection": true } });
        let rejected = missing.send_control_json(method, path, &body).await;
        assert_problem(&rejected, 404, "unknown-account", path);
        let rejected =
            missing.clone().with_self_alias().send_control_json(method, path, &body).await;
        assert_problem(&rejected, 401, "invalid-api-key", path);
    }
}

fn assert_no_key_in_output(output: &ProcessOutput) {
    assert_eq!(output.exit_code, Some(0), "{output:?}");
    let text = output.combined_output();
    let leaks: Vec<&str> = text.lines().filter(|line| line.contains("canary")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    let panicked = text.lines().any(|line| line.contains("panicked"));
    assert!(!panicked, "{output:?}");
}

/// Sends the key in all places of faults, waits and other requests, also where no key belongs.
async fn send_key_everywhere(account: &Account, key: &str) {
    let client = &account.client;
    for rule in [
        json!({ "key": key, "effect": { "reset_connection": true } }),
        json!({ "fields": { key: 1 }, "effect": { "reset_connection": true } }),
        json!({ "fields": { "title": key }, "effect": { "status": 503, "message": key } }),
        json!({ "first": 2, "effect": { "drop_response": "reset" } }),
        json!({ "effect": { "malformed": true } }),
    ] {
        account.send_control_json("POST", "/faults", &rule).await;
    }
    account.send_control_json("PUT", "/rate-limits", &json!({ "requests": 8, "per": "1d" })).await;
    account.send_control_json("PUT", "/strict", &json!({ "strict": true })).await;
    for path in [
        format!("/requests?key={key}"),
        format!("/requests?apiKey={key}"),
        format!("/wait?field.title={key}&timeout=1ms"),
        format!("/wait?{key}=1"),
        format!("/requests/{key}"),
        format!("/faults/{key}"),
    ] {
        account.send_control("GET", &path).await;
        account.send_control("DELETE", &path).await;
    }
    for _ in 0..10 {
        let path = format!("{TICKETS_PATH}?apiKey={key}&query={key}");
        // A fault resets some of these connections.
        let _ = client.request_without_key("GET", &path).send().await;
        let _ = client
            .request("POST", TICKETS_PATH)
            .form(&[("title", key), ("apiKey", key)])
            .send()
            .await;
    }
    account.send_control("POST", "/reset").await;
}

#[tokio::test]
async fn log_never_contains_the_key_under_faults() {
    let key = "canary-provoked-5d1c";
    for log in ["text", "json"] {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--log", log];
        let mut command =
            crate::support::process::build_command(&[&fixed[..], &["--api-key", key]].concat());
        let mut running = RunningProcess::spawn(command.env("RUST_LOG", "trace"));
        let client = ApiClient::new(&running.base_url()).with_key(key);
        send_key_everywhere(&Account::new(&client, "dev", key), key).await;
        send_key_everywhere(&Account::new(&client, "dev", key).with_self_alias(), key).await;
        exchange(
            &client.base_url,
            &build_raw_head("GET", TICKETS_PATH, &format!("apiKey: {key}\r\n")),
        )
        .await;
        assert_no_key_in_output(&running.stop());
    }
}

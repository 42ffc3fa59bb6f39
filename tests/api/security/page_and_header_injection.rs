//! The pages show nothing that a client sends, and no header holds a line that a client has made up.

use serde_json::json;

use super::http_client::HttpRequest;
use super::markup_injection::{ENCODED_MARKUP, MARKUP, has_unescaped_markup};
use super::{BoundServer, PAGE_PATHS, TEST_API_KEY};
use crate::control_client::Account;
use crate::fixtures::NEW_TICKET_FORM;
use crate::process::{RunningProcess, build_command};
use crate::raw_http;
use crate::support::Server;

#[tokio::test]
async fn page_content_ignores_request_input() {
    let bound = BoundServer::start_on_loopback();
    for path in PAGE_PATHS {
        let plain = HttpRequest::new("GET", path).send(&bound.base_url).await;
        for asked in [
            HttpRequest::new("GET", path).with_query(&format!("{ENCODED_MARKUP}={ENCODED_MARKUP}")),
            HttpRequest::new("GET", path)
                .with_query(&format!("apiKey={ENCODED_MARKUP}&token={ENCODED_MARKUP}")),
            HttpRequest::new("GET", path)
                .with_header("apiKey", MARKUP)
                .with_header("Authorization", MARKUP),
            HttpRequest::new("GET", path)
                .with_header("Referer", MARKUP)
                .with_header("User-Agent", MARKUP),
            HttpRequest::new("GET", path)
                .with_header("Accept-Language", MARKUP)
                .with_header("Cookie", MARKUP),
            HttpRequest::new("GET", path)
                .with_header("X-Forwarded-Host", MARKUP)
                .with_header("X-Forwarded-Prefix", MARKUP),
        ] {
            let answer = asked.clone().send(&bound.base_url).await;
            assert_eq!((answer.status, &answer.body), (plain.status, &plain.body), "{asked:?}");
            let date = |head: &str| head.lines().filter(|line| !line.starts_with("date:")).count();
            assert_eq!(date(&answer.head), date(&plain.head), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn content_security_policy_allows_only_own_script() {
    let bound = BoundServer::start_on_loopback();
    for path in ["/", "/docs", "/docs/control"] {
        let page = HttpRequest::new("GET", path).send(&bound.base_url).await;
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}: {page:?}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'),
            "{path}: {policy}"
        );
        let scripts = page.body.matches("<script").count();
        assert_eq!(page.body.matches("<script src=\"/assets/").count(), scripts, "{path}");
        for inline in [" onclick=", " onload=", " onerror=", " style=", "<style", "javascript:"] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn public_url_markup_never_reaches_a_page() {
    for public in [
        "http://desk.example.test/\"><script>alert(1)</script>",
        "http://desk.example.test/<img src=x onerror=alert(1)>",
        "http://<script>alert(1)</script>",
    ] {
        let fixed = ["--ephemeral", "--listen", "127.0.0.1:0", "--public-url", public];
        let mut program = RunningProcess::spawn(&mut build_command(&fixed));
        let line = program.wait_for_line(|_, line| {
            line.starts_with("listening on ") || line.contains("public-url")
        });
        let Some(base) = line.strip_prefix("listening on ") else {
            assert_ne!(program.wait_for_exit().exit_code, Some(0), "{public}");
            continue;
        };
        for path in PAGE_PATHS {
            let answer = HttpRequest::new("GET", path).send(base).await;
            let is_page = answer.header("content-type").starts_with("text/html");
            assert!(
                !(is_page && has_unescaped_markup(&answer.body)),
                "{public} in {path}: {answer:?}"
            );
        }
    }
}

/// Texts that would begin a header of their own, or a body, where they stood in a head as they are.
const HEADER_INJECTION_PAYLOADS: [&str; 6] = [
    "a\r\nX-Injected: 1",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "a\r\n\r\n<script>alert(1)</script>",
    "a\u{85}X-Injected: 1\u{2028}X-Injected: 1",
    "a\0\r\n X-Injected: 1",
];

#[tokio::test]
async fn fault_message_cannot_inject_headers() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let plain = json!({ "effect": { "status": 429, "message": "a", "retry_after": "1s" } });
    let ask = async |rule: &serde_json::Value| {
        account.send_control("DELETE", "/faults").await;
        let made = account.send_control_json("POST", "/faults", rule).await;
        assert_eq!(made.status, 201, "{rule}: {}", made.body);
        let asked = HttpRequest::new("GET", "/api/v2/ticket")
            .with_header("apiKey", &account.client.api_key);
        asked.send(&server.base_url).await
    };
    let lines = ask(&plain).await.head.lines().count();
    for text in HEADER_INJECTION_PAYLOADS {
        let mut rule = plain.clone();
        rule["effect"]["message"] = text.into();
        let answer = ask(&rule).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.head.lines().count(), lines, "{text:?}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["message"], text, "{answer:?}");
    }
}

#[tokio::test]
async fn control_characters_in_durations_and_names_are_rejected() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    for text in ["1s\r\nX-Injected: 1", "1\r\n", "\r\nX-Injected: 1", "1s\0"] {
        let rule = json!({ "effect": { "status": 429, "retry_after": text } });
        let refused = account.send_control_json("POST", "/faults", &rule).await;
        assert_eq!(refused.status, 400, "{text:?}: {}", refused.body);
    }
    for name in ["a\r\nb", "a\nb", "a\0b", "a\u{1b}[31mb"] {
        let refused = account.send_control_json("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(refused.status, 400, "{name:?}: {}", refused.body);
    }
}

#[tokio::test]
async fn request_input_never_reaches_response_headers() {
    let bound = BoundServer::start_on_loopback();
    for part in [
        "a%0d%0aX-Injected:%201",
        "%0aX-Injected:1",
        "%E5%98%8A%E5%98%8DX-Injected:1",
        "%00X-Injected",
    ] {
        for path in [
            format!("/{part}"),
            format!("//{part}"),
            format!("/docs/{part}"),
            format!("/?{part}"),
            format!("/docs?next={part}"),
            format!("/api/v2/ticket/{part}?apiKey={part}"),
            format!("/api/v2/ticket/SETSTATUS{part}"),
            format!("/_control/accounts/{part}"),
            format!("/_control/accounts/dev/snapshots/{part}"),
            format!("/_control/accounts/dev/requests?since={part}"),
        ] {
            for method in ["GET", "PUT", "PATCH"] {
                let asked = HttpRequest::new(method, path.as_str());
                let asked = if path.contains("apiKey") {
                    asked
                } else {
                    asked.with_header("apiKey", TEST_API_KEY)
                };
                let answer = asked.send(&bound.base_url).await;
                assert!(!answer.head.contains("injected"), "{method} {path}: {answer:?}");
                assert!(answer.status < 500, "{method} {path}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn redirects_never_leave_the_server() {
    let bound = BoundServer::start_on_loopback();
    for path in [
        "/",
        "/?next=http://example.test",
        "//example.test",
        "//example.test/",
        "/\\example.test",
        "/%2Fexample.test",
        "/docs/",
        "/docs/..",
        "/docs//example.test",
        "/api/v2/ticket/",
        "/_control/",
    ] {
        let asked = HttpRequest::new("GET", path).with_header("X-Forwarded-Host", "example.test");
        let answer = asked.with_header("X-Forwarded-Proto", "https").send(&bound.base_url).await;
        let to = answer.header("location");
        assert!(to.is_empty() || to == "/docs", "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn malformed_body_fault_contains_no_request_input() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let rule = json!({ "effect": { "garbage": true } });
    assert_eq!(account.send_control_json("POST", "/faults", &rule).await.status, 201);
    let body = NEW_TICKET_FORM.replace("Printer", ENCODED_MARKUP);
    let kind = "application/x-www-form-urlencoded";
    let bytes = raw_http::build_raw_request(
        "POST",
        "/api/v2/ticket",
        &account.client.api_key,
        kind,
        body.as_bytes(),
    );
    let answer = raw_http::exchange(&server.base_url, &bytes).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.starts_with("<!DOCTYPE html>"), "{answer:?}");
    assert!(!has_unescaped_markup(&answer.body) && !answer.body.contains("alert"), "{answer:?}");
}

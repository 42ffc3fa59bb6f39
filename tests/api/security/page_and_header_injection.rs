//! Pages never contain client input, and response headers cannot be injected.

use serde_json::json;

use super::markup_injection::{ENCODED_MARKUP, MARKUP, has_unescaped_markup};
use super::{BoundServer, PAGE_PATHS, TEST_API_KEY};
use crate::support::control::Account;
use crate::support::process::{RunningProcess, build_command};
use crate::support::raw::{RawRequest, build_raw_request, exchange};
use crate::support::server::Server;
use crate::support::ticket::{NEW_TICKET_FORM, URLENCODED};

#[tokio::test]
async fn page_content_ignores_request_input() {
    let bound = BoundServer::start_on_loopback();
    for path in PAGE_PATHS {
        let plain = RawRequest::new("GET", path).send(&bound.base_url).await;
        for request in [
            RawRequest::new("GET", path).with_query(&format!("{ENCODED_MARKUP}={ENCODED_MARKUP}")),
            RawRequest::new("GET", path)
                .with_query(&format!("apiKey={ENCODED_MARKUP}&token={ENCODED_MARKUP}")),
            RawRequest::new("GET", path)
                .with_header("apiKey", MARKUP)
                .with_header("Authorization", MARKUP),
            RawRequest::new("GET", path)
                .with_header("Referer", MARKUP)
                .with_header("User-Agent", MARKUP),
            RawRequest::new("GET", path)
                .with_header("Accept-Language", MARKUP)
                .with_header("Cookie", MARKUP),
            RawRequest::new("GET", path)
                .with_header("X-Forwarded-Host", MARKUP)
                .with_header("X-Forwarded-Prefix", MARKUP),
        ] {
            let response = request.clone().send(&bound.base_url).await;
            assert!(!has_unescaped_markup(&response.body), "{request:?}: {response:?}");
            assert_eq!(
                (response.status, &response.body),
                (plain.status, &plain.body),
                "{request:?}"
            );
            let count_lines_without_date =
                |head: &str| head.lines().filter(|line| !line.starts_with("date:")).count();
            assert_eq!(
                count_lines_without_date(&response.head),
                count_lines_without_date(&plain.head),
                "{request:?}"
            );
        }
    }
}

#[tokio::test]
async fn content_security_policy_allows_only_own_script() {
    let bound = BoundServer::start_on_loopback();
    for path in ["/", "/docs", "/docs/control"] {
        let page = RawRequest::new("GET", path).send(&bound.base_url).await;
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}: {page:?}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'),
            "{path}: {policy}"
        );
        let scripts = page.body.matches("<script").count();
        let own = ["./assets/console.js", "../assets/console.js"]
            .map(|script| page.body.matches(&format!("<script src=\"{script}\"")).count());
        assert_eq!(own.iter().sum::<usize>(), scripts, "{path}");
        for inline in [" onclick=", " onload=", " onerror=", " style=", "<style", "javascript:"] {
            assert!(!page.body.contains(inline), "{path} contains {inline}");
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
        let arguments = ["--ephemeral", "--listen", "127.0.0.1:0", "--public-url", public];
        let mut program = RunningProcess::spawn(&mut build_command(&arguments));
        let line = program.wait_for_line(|_, line| {
            line.starts_with("listening on ") || line.contains("public-url")
        });
        let Some(base) = line.strip_prefix("listening on ") else {
            assert_ne!(program.wait_for_exit().exit_code, Some(0), "{public}");
            continue;
        };
        for path in PAGE_PATHS {
            let response = RawRequest::new("GET", path).send(base).await;
            let is_page = response.header("content-type").starts_with("text/html");
            assert!(
                !(is_page && has_unescaped_markup(&response.body)),
                "{public} in {path}: {response:?}"
            );
        }
    }
}

/// Texts that would start another header, or the body, if they were copied into a response head.
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
    let base_rule = json!({ "effect": { "status": 429, "message": "a", "retry_after": "1s" } });
    let request_with_fault = async |rule: &serde_json::Value| {
        account.send_control("DELETE", "/faults").await;
        let created = account.send_control_json("POST", "/faults", rule).await;
        assert_eq!(created.status, 201, "{rule}: {}", created.body);
        let request =
            RawRequest::new("GET", "/api/v2/ticket").with_header("apiKey", &account.client.api_key);
        request.send(&server.base_url).await
    };
    let line_count = request_with_fault(&base_rule).await.head.lines().count();
    for text in HEADER_INJECTION_PAYLOADS {
        let mut rule = base_rule.clone();
        rule["effect"]["message"] = text.into();
        let response = request_with_fault(&rule).await;
        assert_eq!(response.status, 429, "{response:?}");
        assert_eq!(response.head.lines().count(), line_count, "{text:?}: {response:?}");
        assert_eq!(response.header("content-type"), "application/json", "{response:?}");
        let body: serde_json::Value =
            serde_json::from_str(&response.body).expect("the body is JSON");
        assert_eq!(body["message"], text, "{response:?}");
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
                let request = RawRequest::new(method, path.as_str());
                let request = if path.contains("apiKey") {
                    request
                } else {
                    request.with_header("apiKey", TEST_API_KEY)
                };
                let response = request.send(&bound.base_url).await;
                assert!(!response.head.contains("injected"), "{method} {path}: {response:?}");
                assert!(response.status < 500, "{method} {path}: {response:?}");
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
        let request = RawRequest::new("GET", path).with_header("X-Forwarded-Host", "example.test");
        let response =
            request.with_header("X-Forwarded-Proto", "https").send(&bound.base_url).await;
        let location = response.header("location");
        assert!(location.is_empty() || location == "docs", "{path}: {response:?}");
    }
}

#[tokio::test]
async fn malformed_body_fault_contains_no_request_input() {
    let server = Server::start();
    let account = Account::create(&server, &json!({})).await;
    let rule = json!({ "effect": { "malformed": true } });
    assert_eq!(account.send_control_json("POST", "/faults", &rule).await.status, 201);
    let body = NEW_TICKET_FORM.replace("Printer", ENCODED_MARKUP);
    let bytes = build_raw_request(
        "POST",
        "/api/v2/ticket",
        &account.client.api_key,
        URLENCODED,
        body.as_bytes(),
    );
    let response = exchange(&server.base_url, &bytes).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.body.starts_with("<!DOCTYPE html>"), "{response:?}");
    assert!(
        !has_unescaped_markup(&response.body) && !response.body.contains("alert"),
        "{response:?}"
    );
}

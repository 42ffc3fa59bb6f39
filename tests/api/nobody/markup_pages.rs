//! The pages show nothing that a client sends, and no header holds a line that a client has made up.

use serde_json::json;

use super::answers::Asked;
use super::markup::{ENCODED, MARKUP, is_raw};
use super::{Bound, KEY, PAGES};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;
use crate::program::{Running, command};
use crate::raw;
use crate::support::Server;

#[tokio::test]
async fn a_page_is_the_same_whatever_is_sent() {
    let bound = Bound::on_loopback();
    for path in PAGES {
        let plain = Asked::new("GET", path).ask(&bound.base).await;
        for asked in [
            Asked::new("GET", path).asking(&format!("{ENCODED}={ENCODED}")),
            Asked::new("GET", path).asking(&format!("apiKey={ENCODED}&token={ENCODED}")),
            Asked::new("GET", path).with("apiKey", MARKUP).with("Authorization", MARKUP),
            Asked::new("GET", path).with("Referer", MARKUP).with("User-Agent", MARKUP),
            Asked::new("GET", path).with("Accept-Language", MARKUP).with("Cookie", MARKUP),
            Asked::new("GET", path)
                .with("X-Forwarded-Host", MARKUP)
                .with("X-Forwarded-Prefix", MARKUP),
        ] {
            let answer = asked.clone().ask(&bound.base).await;
            assert_eq!((answer.status, &answer.body), (plain.status, &plain.body), "{asked:?}");
            let date = |head: &str| head.lines().filter(|line| !line.starts_with("date:")).count();
            assert_eq!(date(&answer.head), date(&plain.head), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_page_may_run_nothing_but_its_own_script() {
    let bound = Bound::on_loopback();
    for path in ["/", "/docs", "/docs/control"] {
        let page = Asked::new("GET", path).ask(&bound.base).await;
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
async fn markup_in_the_public_url_gets_into_no_page() {
    for public in [
        "http://desk.example.test/\"><script>alert(1)</script>",
        "http://desk.example.test/<img src=x onerror=alert(1)>",
        "http://<script>alert(1)</script>",
    ] {
        let fixed = ["--ephemeral", "--listen", "127.0.0.1:0", "--public-url", public];
        let mut program = Running::spawn(&mut command(&fixed));
        let told = program
            .wait_for(|_, line| line.starts_with("listening on ") || line.contains("public-url"));
        let Some(base) = told.strip_prefix("listening on ") else {
            assert_ne!(program.finish().code, Some(0), "{public}");
            continue;
        };
        for path in PAGES {
            let answer = Asked::new("GET", path).ask(base).await;
            let is_page = answer.header("content-type").starts_with("text/html");
            assert!(!(is_page && is_raw(&answer.body)), "{public} in {path}: {answer:?}");
        }
    }
}

/// Texts that would begin a header of their own, or a body, where they stood in a head as they are.
const BREAKS: [&str; 6] = [
    "a\r\nX-Injected: 1",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "a\r\n\r\n<script>alert(1)</script>",
    "a\u{85}X-Injected: 1\u{2028}X-Injected: 1",
    "a\0\r\n X-Injected: 1",
];

#[tokio::test]
async fn the_message_of_a_fault_makes_no_header() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    let plain = json!({ "effect": { "status": 429, "message": "a", "retry_after": "1s" } });
    let ask = async |rule: &serde_json::Value| {
        account.control("DELETE", "/faults").await;
        let made = account.control_with("POST", "/faults", rule).await;
        assert_eq!(made.status, 201, "{rule}: {}", made.body);
        let asked = Asked::new("GET", "/api/v2/ticket").with("apiKey", &account.client.key);
        asked.ask(&server.base).await
    };
    let lines = ask(&plain).await.head.lines().count();
    for text in BREAKS {
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
async fn a_time_with_a_line_break_is_none() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    for text in ["1s\r\nX-Injected: 1", "1\r\n", "\r\nX-Injected: 1", "1s\0"] {
        let rule = json!({ "effect": { "status": 429, "retry_after": text } });
        let refused = account.control_with("POST", "/faults", &rule).await;
        assert_eq!(refused.status, 400, "{text:?}: {}", refused.body);
    }
    for name in ["a\r\nb", "a\nb", "a\0b", "a\u{1b}[31mb"] {
        let refused = account.control_with("POST", "/keys", &json!({ "name": name })).await;
        assert_eq!(refused.status, 400, "{name:?}: {}", refused.body);
    }
}

#[tokio::test]
async fn no_head_repeats_what_was_sent() {
    let bound = Bound::on_loopback();
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
                let asked = Asked::new(method, path.as_str());
                let asked = if path.contains("apiKey") { asked } else { asked.with("apiKey", KEY) };
                let answer = asked.ask(&bound.base).await;
                assert!(!answer.head.contains("injected"), "{method} {path}: {answer:?}");
                assert!(answer.status < 500, "{method} {path}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_address_is_passed_on_to_another_host() {
    let bound = Bound::on_loopback();
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
        let asked = Asked::new("GET", path).with("X-Forwarded-Host", "example.test");
        let answer = asked.with("X-Forwarded-Proto", "https").ask(&bound.base).await;
        let to = answer.header("location");
        assert!(to.is_empty() || to == "/docs", "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn what_a_fault_sends_in_place_of_json_holds_nothing_that_was_sent() {
    let server = Server::start();
    let account = Account::make(&server, &json!({})).await;
    let rule = json!({ "effect": { "garbage": true } });
    assert_eq!(account.control_with("POST", "/faults", &rule).await.status, 201);
    let body = NEW_TICKET.replace("Printer", ENCODED);
    let kind = "application/x-www-form-urlencoded";
    let bytes = raw::request("POST", "/api/v2/ticket", &account.client.key, kind, body.as_bytes());
    let answer = raw::exchange(&server.base, &bytes).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.starts_with("<!DOCTYPE html>"), "{answer:?}");
    assert!(!is_raw(&answer.body) && !answer.body.contains("alert"), "{answer:?}");
}

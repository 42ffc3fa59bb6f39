//! Responses with a status, headers and a body of the rule: redirects, successes with another body, dates.

use serde_json::{Value, json};

use super::{TICKET_PATH, start_with_ticket};
use crate::support::control::{Account, assert_problem};

/// Adds the rule, and returns status, headers and body of the response to a read.
async fn fetch_with(
    account: &Account,
    effect: &Value,
) -> (u16, reqwest::header::HeaderMap, String) {
    account.clear_faults().await;
    account.add_fault(&json!({ "effect": effect })).await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let (_, request) = account.client.request("GET", TICKET_PATH).build_split();
    let request = request.expect("a request");
    let response = client.execute(request).await.expect("a response");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().await.expect("a body"))
}

#[tokio::test]
async fn rule_sets_status_headers_and_body() {
    let (_server, account) = start_with_ticket().await;
    let error = r#"{"status":"error","message":"A fault rule responds to this request with 503."}"#;
    let json_type = Some("application/json");
    let text_type = Some("text/plain; charset=utf-8");
    for (effect, expected_type, expected_body) in [
        (json!({ "status": 302, "headers": { "Location": "/login" } }), None, ""),
        (
            json!({ "status": 307, "headers": { "location": "http://desk.test/" }, "body": "moved" }),
            text_type,
            "moved",
        ),
        (json!({ "status": 304 }), None, ""),
        (json!({ "status": 204 }), None, ""),
        (json!({ "status": 200, "body": { "type": "items" } }), json_type, r#"{"type":"items"}"#),
        (json!({ "status": 200, "body": [] }), json_type, "[]"),
        (json!({ "status": 201, "body": "" }), text_type, ""),
        (
            json!({ "status": 200, "body": "<a/>", "headers": { "Content-Type": "text/xml" } }),
            Some("text/xml"),
            "<a/>",
        ),
        (json!({ "status": 503, "headers": { "X-Request-Id": "7" } }), json_type, error),
        (json!({ "status": 503, "body": { "error": 1 } }), json_type, r#"{"error":1}"#),
    ] {
        let (status, headers, body) = fetch_with(&account, &effect).await;
        assert_eq!(Some(u64::from(status)), effect["status"].as_u64(), "{effect}");
        let content_type = headers.get("content-type").map(|value| value.to_str().expect("text"));
        assert_eq!((content_type, &*body), (expected_type, expected_body), "{effect}");
        for (name, value) in effect["headers"].as_object().into_iter().flatten() {
            assert_eq!(headers[name.as_str()], value.as_str().expect("text"), "{effect}");
        }
        let rules = account.list_faults().await;
        assert_eq!(rules[0]["effect"], effect, "the rule is shown as it was sent");
        let entry = account.latest_entry().await;
        assert_eq!(entry["status"], status, "{entry}");
        assert_eq!(entry["fault"]["effect"], "status", "{entry}");
    }
    let (_, headers, _) = fetch_with(
        &account,
        &json!({ "status": 401, "headers": { "WWW-Authenticate": "Bearer" } }),
    )
    .await;
    assert_eq!(headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn retry_after_can_be_a_date_by_the_account_clock() {
    let (_server, account) = start_with_ticket().await;
    account.freeze_clock("2026-03-01T12:00:00.5Z").await;
    for (effect, expected) in [
        (json!({ "status": 429, "retry_after": "10s" }), "10"),
        (json!({ "status": 429, "retry_after": "10s", "retry_after_format": "seconds" }), "10"),
        (
            json!({ "status": 429, "retry_after": "1500ms", "retry_after_format": "date" }),
            "Sun, 01 Mar 2026 12:00:03 GMT",
        ),
        (
            json!({ "status": 302, "retry_after": "1d", "retry_after_format": "date" }),
            "Mon, 02 Mar 2026 12:00:01 GMT",
        ),
    ] {
        let (_, headers, _) = fetch_with(&account, &effect).await;
        assert_eq!(headers["retry-after"], expected, "{effect}");
    }
}

#[tokio::test]
async fn invalid_parts_of_a_response_are_rejected() {
    let (_server, account) = start_with_ticket().await;
    for effect in [
        json!({ "status": 200 }),
        json!({ "status": 199, "body": "x" }),
        json!({ "status": 204, "body": "x" }),
        json!({ "status": 302, "message": "x" }),
        json!({ "status": 503, "headers": { "a b": "c" } }),
        json!({ "status": 503, "headers": { "a": "b\nc" } }),
        json!({ "status": 503, "headers": { "Transfer-Encoding": "chunked" } }),
        json!({ "status": 503, "body": "x", "message": "y" }),
        json!({ "hang": "1s", "body": "x" }),
    ] {
        let rule = json!({ "effect": effect });
        let reply = account.send_control_json("POST", "/faults", &rule).await;
        assert_problem(&reply, 400, "invalid-request", &effect.to_string());
    }
}

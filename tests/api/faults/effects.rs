//! The response of every effect on the wire, and whether the request is executed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::wire::{ExpectedOutcome, effect_cases};
use super::{TICKET_PATH, build_raw_form, build_raw_get, start_with_ticket};
use crate::support::client::JsonResponse;
use crate::support::control::Account;
use crate::support::raw::{RawConnection, RawResponse, transcribe};
use crate::support::ticket::{NEW_TICKET_FORM, TICKETS_PATH, URLENCODED, post_ticket};

async fn get_ticket_title(account: &Account) -> String {
    let item = account.client.get(TICKET_PATH).await.body;
    item["item"]["title"].as_str().expect("the ticket has a title").to_owned()
}

#[tokio::test]
async fn each_effect_applies_to_a_read_with_a_cached_response() {
    let (server, account) = start_with_ticket().await;
    for path in [TICKET_PATH, TICKETS_PATH] {
        let request_bytes = build_raw_get(&account, path);
        let full_body = transcribe(&server.base_url, &request_bytes).await.body().to_owned();
        for (effect, outcome, _) in effect_cases() {
            let label = format!("{path} {effect}");
            ExpectedOutcome::FullResponse.assert_matches(
                &label,
                &transcribe(&server.base_url, &request_bytes).await,
                &full_body,
            );
            account.add_fault(&json!({ "effect": effect })).await;
            outcome.assert_matches(
                &label,
                &transcribe(&server.base_url, &request_bytes).await,
                &full_body,
            );
            account.clear_faults().await;
            ExpectedOutcome::FullResponse.assert_matches(
                &label,
                &transcribe(&server.base_url, &request_bytes).await,
                &full_body,
            );
        }
    }
}

#[tokio::test]
async fn each_effect_executes_or_skips_the_write() {
    let (server, account) = start_with_ticket().await;
    let update =
        |title: &str| build_raw_form(&account, "PUT", TICKET_PATH, &format!("title={title}"));
    let full_body = transcribe(&server.base_url, &update("first")).await.body().to_owned();
    for (number, (effect, outcome, is_executed)) in effect_cases().into_iter().enumerate() {
        let (before, new) = (get_ticket_title(&account).await, format!("title-{number}"));
        account.add_fault(&json!({ "operation": "ticket.update", "effect": effect })).await;
        outcome.assert_matches(
            &effect.to_string(),
            &transcribe(&server.base_url, &update(&new)).await,
            &full_body,
        );
        account.clear_faults().await;
        let expected = if is_executed { new } else { before };
        assert_eq!(get_ticket_title(&account).await, expected, "{effect}");
    }
}

#[tokio::test]
async fn each_effect_creates_a_ticket_once_or_not_at_all() {
    let (server, account) = start_with_ticket().await;
    let request_bytes = build_raw_form(&account, "POST", TICKETS_PATH, NEW_TICKET_FORM);
    for (effect, _, is_executed) in effect_cases() {
        let before = account.count_tickets().await;
        account.add_fault(&json!({ "effect": effect })).await;
        transcribe(&server.base_url, &request_bytes).await;
        account.clear_faults().await;
        let created = account.count_tickets().await - before;
        assert_eq!(created, u64::from(is_executed), "{effect}");
    }
}

#[tokio::test]
async fn deletion_that_was_not_executed_can_be_retried() {
    let (server, account) = start_with_ticket().await;
    let request_bytes = build_raw_form(&account, "DELETE", TICKET_PATH, "");
    for effect in
        [json!({ "status": 500 }), json!({ "reset_connection": true }), json!({ "hang": "1ms" })]
    {
        account.add_fault(&json!({ "first": 1, "effect": effect })).await;
        transcribe(&server.base_url, &request_bytes).await;
        assert_eq!(account.count_tickets().await, 1, "{effect}");
    }
    account.add_fault(&json!({ "first": 1, "effect": { "drop_response": "reset" } })).await;
    transcribe(&server.base_url, &request_bytes).await;
    assert_eq!(account.count_tickets().await, 0);
    let retry = account.client.delete(TICKET_PATH).await;
    assert_eq!((retry.status, retry.message()), (400, "This ticket does not exist."));
}

#[tokio::test]
async fn error_effect_has_the_documented_envelope() {
    let (_server, account) = start_with_ticket().await;
    for status in [400, 401, 403, 404, 409, 418, 429, 499, 500, 502, 503, 504, 599] {
        for message in [None, Some("Out of \"paper\" ✓")] {
            let mut effect = json!({ "status": status });
            if let Some(message) = message {
                effect["message"] = message.into();
            }
            account.add_fault(&json!({ "effect": effect })).await;
            let reply = account.client.get(TICKET_PATH).await;
            assert_eq!(reply.status, status, "{effect}: {}", reply.body);
            assert_eq!(reply.body["status"], "error", "{effect}: {}", reply.body);
            let text = reply.body["message"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && message.is_none_or(|message| text == message), "{text}");
            assert_eq!(reply.headers["content-type"], "application/json", "{effect}");
            assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401, "{effect}");
            assert!(!reply.headers.contains_key("retry-after"), "{effect}");
            account.clear_faults().await;
        }
    }
}

#[tokio::test]
async fn retry_after_header_is_rounded_up_to_whole_seconds() {
    let (_server, account) = start_with_ticket().await;
    for (retry_after, seconds) in
        [("10s", "10"), ("1m", "60"), ("1500ms", "2"), ("1ms", "1"), ("PT2M", "120")]
    {
        for status in [429, 503] {
            let effect = json!({ "status": status, "retry_after": retry_after });
            account.add_fault(&json!({ "effect": effect })).await;
            let reply = account.client.get(TICKET_PATH).await;
            assert_eq!(reply.status, status);
            assert_eq!(reply.headers["retry-after"], seconds, "{effect}");
            account.clear_faults().await;
        }
    }
}

#[tokio::test]
async fn truncated_response_is_a_prefix_of_the_body() {
    let (server, account) = start_with_ticket().await;
    let long = NEW_TICKET_FORM.replace("Printer", &"x".repeat(1_000));
    for _ in 0..14 {
        assert_eq!(account.client.send_form("POST", TICKETS_PATH, &long).await.status, 200);
    }
    let request_bytes = build_raw_get(&account, TICKETS_PATH);
    let full_body = transcribe(&server.base_url, &request_bytes).await.body().to_owned();
    assert!(full_body.len() > 20_000, "{}", full_body.len());
    for bytes in [1, 100, 20_000, full_body.len() - 1] {
        account.add_fault(&json!({ "effect": { "truncate": bytes } })).await;
        ExpectedOutcome::TruncatedBody(bytes).assert_matches(
            "a list",
            &transcribe(&server.base_url, &request_bytes).await,
            &full_body,
        );
        account.clear_faults().await;
    }
    for bytes in [full_body.len(), 1_000_000] {
        account.add_fault(&json!({ "effect": { "truncate": bytes } })).await;
        let transcript = transcribe(&server.base_url, &request_bytes).await;
        assert_eq!(transcript.content_length(), full_body.len(), "{bytes}");
        assert!(transcript.body().len() < full_body.len(), "{bytes}: the body is truncated");
        assert!(full_body.starts_with(transcript.body()), "{bytes}");
        account.clear_faults().await;
    }
}

#[tokio::test]
async fn truncated_response_is_an_error_in_an_http_client() {
    let (_server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "truncate": 20 } })).await;
    let response =
        account.client.request("GET", TICKET_PATH).send().await.expect("the response head arrives");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the body is truncated");
}

#[tokio::test]
async fn malformed_response_is_html_with_status_200() {
    let (_server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "malformed": true } })).await;
    let response =
        account.client.request("GET", TICKET_PATH).send().await.expect("the server responds");
    assert_eq!(response.status(), 200);
    let content_type =
        response.headers()["content-type"].to_str().expect("the content type is text").to_owned();
    assert!(content_type.starts_with("text/html"), "{content_type}");
    let text = response.text().await.expect("the body arrives");
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
}

#[tokio::test]
async fn dribbled_response_arrives_complete_in_many_chunks() {
    let (server, account) = start_with_ticket().await;
    let request_bytes = build_raw_form(&account, "PUT", TICKET_PATH, "title=Other");
    let full_body = transcribe(&server.base_url, &request_bytes).await.body().to_owned();
    account.add_fault(&json!({ "effect": { "dribble": "5ms" } })).await;
    let started = Instant::now();
    let transcript = transcribe(&server.base_url, &request_bytes).await;
    let gaps = u32::try_from(full_body.len() - 1).expect("the length fits");
    assert!(started.elapsed() >= Duration::from_millis(5) * gaps, "{:?}", started.elapsed());
    ExpectedOutcome::FullResponse.assert_matches("dribble", &transcript, &full_body);
    assert_eq!(transcript.content_length(), full_body.len());
    assert!(transcript.read_count > 2, "{transcript:?}");
}

#[tokio::test]
async fn hang_ends_with_a_clean_close_and_no_response() {
    let (server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "hang": "20ms" } })).await;
    for request in [
        build_raw_get(&account, TICKET_PATH),
        build_raw_form(&account, "PUT", TICKET_PATH, "title=Other"),
    ] {
        let transcript = transcribe(&server.base_url, &request).await;
        assert_eq!((transcript.text().as_str(), transcript.read_error), ("", None));
    }
}

#[tokio::test]
async fn delay_and_hang_last_the_configured_time() {
    let (server, account) = start_with_ticket().await;
    for effect in [
        json!({ "delay": "50ms" }),
        json!({ "delay": "50ms", "when": "before" }),
        json!({ "delay": "PT0.05S", "when": "after" }),
        json!({ "hang": "50ms" }),
    ] {
        for request in [
            build_raw_get(&account, TICKET_PATH),
            build_raw_form(&account, "PUT", TICKET_PATH, "title=Other"),
        ] {
            account.add_fault(&json!({ "effect": effect })).await;
            let started = Instant::now();
            transcribe(&server.base_url, &request).await;
            let elapsed = started.elapsed();
            assert!(elapsed >= Duration::from_millis(50), "{effect}: {elapsed:?}");
            account.clear_faults().await;
        }
    }
}

/// Returns the bytes of a `GET` request that keeps the connection open.
fn build_keep_alive_get(account: &Account) -> String {
    format!(
        "GET {TICKET_PATH} HTTP/1.1\r\nHost: mock.test\r\napiKey: {}\r\n\r\n",
        account.client.api_key
    )
}

#[tokio::test]
async fn connection_stays_usable_after_a_non_breaking_effect() {
    let (server, account) = start_with_ticket().await;
    let request_bytes = build_keep_alive_get(&account);
    let mut stream = RawConnection::open(&server.base_url).await;
    for (effect, outcome, _) in effect_cases() {
        if [ExpectedOutcome::ConnectionReset, ExpectedOutcome::CloseWithoutResponse]
            .contains(&outcome)
            || matches!(outcome, ExpectedOutcome::TruncatedBody(_))
        {
            continue;
        }
        account.add_fault(&json!({ "effect": effect })).await;
        stream.send(request_bytes.as_bytes()).await;
        let RawResponse { status, body, .. } = stream.read_response().await;
        assert_eq!(Some(status), outcome.recorded_status(), "{effect}: {body}");
        account.clear_faults().await;
        stream.send(request_bytes.as_bytes()).await;
        let RawResponse { status, body, .. } = stream.read_response().await;
        assert_eq!(status, 200, "after {effect}: {body}");
        assert!(body.contains("\"title\":\"Printer\""), "after {effect}: {body}");
    }
}

#[tokio::test]
async fn aborted_connection_does_not_affect_others() {
    let (server, account) = start_with_ticket().await;
    let request_bytes = build_keep_alive_get(&account);
    let mut other = RawConnection::open_and_send(&server.base_url, request_bytes.as_bytes()).await;
    assert_eq!(other.read_response().await.status, 200);
    for effect in
        [json!({ "reset_connection": true }), json!({ "truncate": 1 }), json!({ "hang": "1ms" })]
    {
        account.add_fault(&json!({ "first": 1, "effect": effect })).await;
        transcribe(&server.base_url, &build_raw_get(&account, TICKET_PATH)).await;
        other.send(request_bytes.as_bytes()).await;
        assert_eq!(other.read_response().await.status, 200, "{effect}");
    }
}

#[tokio::test]
async fn client_with_a_large_body_receives_the_error_response() {
    let (_server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "status": 503, "message": "Down." } })).await;
    let body = format!("{NEW_TICKET_FORM}{}", "x".repeat(9 * 1024 * 1024));
    let request = account.client.request("POST", TICKETS_PATH).header("content-type", URLENCODED);
    let reply = JsonResponse::fetch(request.body(body)).await;
    assert_eq!((reply.status, reply.message()), (503, "Down."));
    account.clear_faults().await;
    assert_eq!(post_ticket(&account.client).await.body["ticketID"], 2);
}

#[tokio::test]
async fn fault_takes_precedence_over_validation_but_not_auth() {
    let (_server, account) = start_with_ticket().await;
    account.add_fault(&json!({ "effect": { "status": 503 } })).await;
    let reply = account.client.send_form("POST", TICKETS_PATH, "brandID=none").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let reply = account.client.get("/api/v2/ticket/999").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let rejected = account.client.with_key("no-such-key").get(TICKET_PATH).await;
    assert_eq!(rejected.status, 401, "an unknown key is rejected before any fault");
}

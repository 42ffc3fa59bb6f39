//! Every effect as it comes over the wire, and whether the request is carried out.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::wire::{Met, effects, hear, next, send};
use super::{ITEM, LIST, calm, create, desk_with_a_ticket, form, get, provoke, tickets};
use crate::control::Account;
use crate::fixtures::NEW_TICKET;
use crate::raw::connect;
use crate::support::Reply;

async fn title(account: &Account) -> String {
    let item = account.client.get(ITEM).await.body;
    item["item"]["title"].as_str().expect("a title").to_owned()
}

#[tokio::test]
async fn a_read_meets_each_effect_though_its_answer_was_just_given() {
    let (server, account) = desk_with_a_ticket().await;
    for path in [ITEM, LIST] {
        let asked = get(&account, path);
        let whole = hear(&server.base, &asked).await.body().to_owned();
        for (effect, met, _) in effects() {
            let what = format!("{path} {effect}");
            Met::Whole.check(&what, &hear(&server.base, &asked).await, &whole);
            provoke(&account, &json!({ "effect": effect })).await;
            met.check(&what, &hear(&server.base, &asked).await, &whole);
            calm(&account).await;
            Met::Whole.check(&what, &hear(&server.base, &asked).await, &whole);
        }
    }
}

#[tokio::test]
async fn a_write_meets_each_effect_and_is_carried_out_or_not() {
    let (server, account) = desk_with_a_ticket().await;
    let update = |title: &str| form(&account, "PUT", ITEM, &format!("title={title}"));
    let whole = hear(&server.base, &update("first")).await.body().to_owned();
    for (number, (effect, met, is_carried_out)) in effects().into_iter().enumerate() {
        let (before, new) = (title(&account).await, format!("title-{number}"));
        provoke(&account, &json!({ "operation": "ticket.update", "effect": effect })).await;
        met.check(&effect.to_string(), &hear(&server.base, &update(&new)).await, &whole);
        calm(&account).await;
        let expected = if is_carried_out { new } else { before };
        assert_eq!(title(&account).await, expected, "{effect}");
    }
}

#[tokio::test]
async fn a_new_ticket_is_made_once_or_not_at_all() {
    let (server, account) = desk_with_a_ticket().await;
    let asked = form(&account, "POST", LIST, NEW_TICKET);
    for (effect, _, is_carried_out) in effects() {
        let before = tickets(&account).await;
        provoke(&account, &json!({ "effect": effect })).await;
        hear(&server.base, &asked).await;
        calm(&account).await;
        let made = tickets(&account).await - before;
        assert_eq!(made, u64::from(is_carried_out), "{effect}");
    }
}

#[tokio::test]
async fn a_removal_that_was_not_carried_out_can_be_done_again() {
    let (server, account) = desk_with_a_ticket().await;
    let asked = form(&account, "DELETE", ITEM, "");
    for effect in [json!({ "status": 500 }), json!({ "reset": true }), json!({ "hang": "1ms" })] {
        provoke(&account, &json!({ "first": 1, "effect": effect })).await;
        hear(&server.base, &asked).await;
        assert_eq!(tickets(&account).await, 1, "{effect}");
    }
    provoke(&account, &json!({ "first": 1, "effect": { "lose_answer": "reset" } })).await;
    hear(&server.base, &asked).await;
    assert_eq!(tickets(&account).await, 0);
    let again = account.client.delete(ITEM).await;
    assert_eq!((again.status, again.message()), (400, "This ticket does not exist."));
}

#[tokio::test]
async fn an_error_has_the_documented_envelope() {
    let (_server, account) = desk_with_a_ticket().await;
    for status in [400, 401, 403, 404, 409, 418, 429, 499, 500, 502, 503, 504, 599] {
        for message in [None, Some("Out of \"paper\" ✓")] {
            let mut effect = json!({ "status": status });
            if let Some(message) = message {
                effect["message"] = message.into();
            }
            provoke(&account, &json!({ "effect": effect })).await;
            let reply = account.client.get(ITEM).await;
            assert_eq!(reply.status, status, "{effect}: {}", reply.body);
            assert_eq!(reply.body["status"], "error", "{effect}: {}", reply.body);
            let said = reply.body["message"].as_str().unwrap_or_default();
            assert!(!said.is_empty() && message.is_none_or(|message| said == message), "{said}");
            assert_eq!(reply.headers["content-type"], "application/json", "{effect}");
            assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401, "{effect}");
            assert!(!reply.headers.contains_key("retry-after"), "{effect}");
            calm(&account).await;
        }
    }
}

#[tokio::test]
async fn a_retry_is_asked_for_in_whole_seconds() {
    let (_server, account) = desk_with_a_ticket().await;
    for (retry_after, told) in
        [("10s", "10"), ("1m", "60"), ("1500ms", "2"), ("1ms", "1"), ("PT2M", "120")]
    {
        for status in [429, 503] {
            let effect = json!({ "status": status, "retry_after": retry_after });
            provoke(&account, &json!({ "effect": effect })).await;
            let reply = account.client.get(ITEM).await;
            assert_eq!(reply.status, status);
            assert_eq!(reply.headers["retry-after"], told, "{effect}");
            calm(&account).await;
        }
    }
}

#[tokio::test]
async fn a_cut_leaves_a_part_however_long_the_answer_is() {
    let (server, account) = desk_with_a_ticket().await;
    let long = NEW_TICKET.replace("Printer", &"x".repeat(1_000));
    for _ in 0..14 {
        assert_eq!(account.client.form("POST", LIST, &long).await.status, 200);
    }
    let asked = get(&account, LIST);
    let whole = hear(&server.base, &asked).await.body().to_owned();
    assert!(whole.len() > 20_000, "{}", whole.len());
    for bytes in [1, 100, 20_000, whole.len() - 1] {
        provoke(&account, &json!({ "effect": { "cut": bytes } })).await;
        Met::Cut(bytes).check("a list", &hear(&server.base, &asked).await, &whole);
        calm(&account).await;
    }
    for bytes in [whole.len(), 1_000_000] {
        provoke(&account, &json!({ "effect": { "cut": bytes } })).await;
        let heard = hear(&server.base, &asked).await;
        assert_eq!(heard.length(), whole.len(), "{bytes}");
        assert!(heard.body().len() < whole.len(), "{bytes}: fewer than all");
        assert!(whole.starts_with(heard.body()), "{bytes}");
        calm(&account).await;
    }
}

#[tokio::test]
async fn a_cut_answer_is_an_error_to_a_usual_client() {
    let (_server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "cut": 20 } })).await;
    let response = account.client.ask("GET", ITEM).send().await.expect("the head comes");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the body is not whole");
}

#[tokio::test]
async fn garbage_is_no_json_and_says_so() {
    let (_server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "garbage": true } })).await;
    let response = account.client.ask("GET", ITEM).send().await.expect("it answers");
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(content_type.starts_with("text/html"), "{content_type}");
    let text = response.text().await.expect("the body arrives");
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
}

#[tokio::test]
async fn a_dripping_answer_comes_whole_in_many_pieces() {
    let (server, account) = desk_with_a_ticket().await;
    let asked = form(&account, "PUT", ITEM, "title=Other");
    let whole = hear(&server.base, &asked).await.body().to_owned();
    provoke(&account, &json!({ "effect": { "drip": "5ms" } })).await;
    let begun = Instant::now();
    let heard = hear(&server.base, &asked).await;
    let gaps = u32::try_from(whole.len() - 1).expect("it is short");
    assert!(begun.elapsed() >= Duration::from_millis(5) * gaps, "{:?}", begun.elapsed());
    Met::Whole.check("drip", &heard, &whole);
    assert_eq!(heard.length(), whole.len());
    assert!(heard.pieces > 2, "{heard:?}");
}

#[tokio::test]
async fn a_hang_ends_as_a_server_that_gives_up_and_not_with_a_reset() {
    let (server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "hang": "20ms" } })).await;
    for asked in [get(&account, ITEM), form(&account, "PUT", ITEM, "title=Other")] {
        let heard = hear(&server.base, &asked).await;
        assert_eq!((heard.text.as_str(), heard.broken), ("", None));
    }
}

#[tokio::test]
async fn a_delay_and_a_hang_take_their_time() {
    let (server, account) = desk_with_a_ticket().await;
    for effect in [
        json!({ "delay": "50ms" }),
        json!({ "delay": "50ms", "when": "before" }),
        json!({ "delay": "PT0.05S", "when": "after" }),
        json!({ "hang": "50ms" }),
    ] {
        for asked in [get(&account, ITEM), form(&account, "PUT", ITEM, "title=Other")] {
            provoke(&account, &json!({ "effect": effect })).await;
            let begun = Instant::now();
            hear(&server.base, &asked).await;
            let taken = begun.elapsed();
            assert!(taken >= Duration::from_millis(50), "{effect}: {taken:?}");
            calm(&account).await;
        }
    }
}

/// The bytes of a `GET` after which the connection goes on.
fn kept_open(account: &Account) -> String {
    format!("GET {ITEM} HTTP/1.1\r\nHost: mock.test\r\napiKey: {}\r\n\r\n", account.client.key)
}

#[tokio::test]
async fn a_connection_goes_on_after_an_effect_that_does_not_break_it() {
    let (server, account) = desk_with_a_ticket().await;
    let asked = kept_open(&account);
    let mut stream = connect(&server.base).await;
    for (effect, met, _) in effects() {
        if [Met::Reset, Met::Silence].contains(&met) || matches!(met, Met::Cut(_)) {
            continue;
        }
        provoke(&account, &json!({ "effect": effect })).await;
        stream.write_all(asked.as_bytes()).await.expect("the server reads");
        let (status, body) = next(&mut stream).await;
        assert_eq!(Some(status), met.status(), "{effect}: {body}");
        calm(&account).await;
        stream.write_all(asked.as_bytes()).await.expect("the server still reads");
        let (status, body) = next(&mut stream).await;
        assert_eq!(status, 200, "after {effect}: {body}");
        assert!(body.contains("\"title\":\"Printer\""), "after {effect}: {body}");
    }
}

#[tokio::test]
async fn a_broken_connection_harms_no_other() {
    let (server, account) = desk_with_a_ticket().await;
    let asked = kept_open(&account);
    let mut other = send(&server.base, asked.as_bytes()).await;
    assert_eq!(next(&mut other).await.0, 200);
    for effect in [json!({ "reset": true }), json!({ "cut": 1 }), json!({ "hang": "1ms" })] {
        provoke(&account, &json!({ "first": 1, "effect": effect })).await;
        hear(&server.base, &get(&account, ITEM)).await;
        other.write_all(asked.as_bytes()).await.expect("the server reads");
        assert_eq!(next(&mut other).await.0, 200, "{effect}");
    }
}

#[tokio::test]
async fn a_large_body_gets_to_read_the_fault() {
    let (_server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "status": 503, "message": "Down." } })).await;
    let body = format!("{NEW_TICKET}{}", "x".repeat(9 * 1024 * 1024));
    let request = account.client.ask("POST", LIST).header("content-type", super::URLENCODED);
    let reply = Reply::of(request.body(body)).await;
    assert_eq!((reply.status, reply.message()), (503, "Down."));
    calm(&account).await;
    assert_eq!(create(&account).await.body["ticketID"], 2);
}

#[tokio::test]
async fn a_request_that_would_be_refused_meets_the_fault_all_the_same() {
    let (_server, account) = desk_with_a_ticket().await;
    provoke(&account, &json!({ "effect": { "status": 503 } })).await;
    let reply = account.client.form("POST", LIST, "brandID=none").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let reply = account.client.get("/api/v2/ticket/999").await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let stranger = account.client.with_key("no-such-key").get(ITEM).await;
    assert_eq!(stranger.status, 401, "a key of no account meets no fault");
}

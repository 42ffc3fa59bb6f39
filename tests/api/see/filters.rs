//! The filters of the journal, one by one and together, and its pages.

use serde_json::{Value, json};

use super::asks::{batch, create, get, json_body, listing, plain, set_status};
use super::look::{list, numbers, text};
use crate::control::Account;
use crate::fixtures::{KEY, Seeded, acme, serve, ticket};
use crate::support::Reply;

/// An account that was asked eleven things that differ in all that there is a filter for.
async fn asked() -> (Seeded, Account) {
    let server = serve(&acme([7, 8].map(ticket)));
    let acme = Account::acme(&server);
    let second = acme.clone().with_key("second").await.client;
    let solved = set_status(&[("status", "solved"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]);
    create(&[]).done(&server).await;
    scanner().done(&server).await;
    solved.done(&server).await;
    solved.done(&server).await;
    let wrong = set_status(&[("status", "done"), ("ticketIDs[]", "7")]);
    assert_eq!(wrong.send(&server).await.status, 400);
    let path = format!("/api/v2/ticket/7?apiKey={}", second.key);
    assert_eq!(Reply::of(server.ask_without_key("GET", &path)).await.status, 200);
    assert_eq!(server.get("/api/v2/nothing").await.status, 404);
    acme.provoke(&json!({ "operation": "ticket.list", "effect": { "status": 503 } })).await;
    assert_eq!(listing("").send(&server).await.status, 503);
    acme.provoke(&json!({ "operation": "ticket.delete", "effect": { "reset": true } })).await;
    // A connection of its own, so that nothing is sent again.
    let alone = reqwest::Client::new().delete(server.url("/api/v2/ticket/8"));
    alone.header("apiKey", KEY).send().await.expect_err("there is no answer");
    batch(&[
        ("TicketIDs", "8"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "Fixed"),
    ])
    .done(&server)
    .await;
    assert_eq!(plain("", "PATCH", "").send(&server).await.status, 405);
    (server, acme)
}

fn scanner() -> super::asks::Ask {
    let body = json!({
        "brandID": 2, "channelID": 1, "direction": "inbound", "from": "a", "to": "b", "title": "Scanner",
    });
    json_body(plain("ticket.create", "POST", ""), body)
}

type Case = (&'static [(&'static str, &'static str)], &'static [u64]);

#[rustfmt::skip]
const ALONE: &[Case] = &[
    (&[], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    (&[("operation", "ticket.setStatus")], &[3, 4, 5]),
    (&[("operation", "setStatus")], &[3, 4, 5]),
    (&[("operation", "ticket.update")], &[]),
    (&[("operation", "delete")], &[9]),
    (&[("method", "POST")], &[1, 2, 3, 4, 5, 10]),
    (&[("method", "post")], &[1, 2, 3, 4, 5, 10]),
    (&[("method", "Get")], &[6, 7, 8]),
    (&[("method", "PATCH")], &[11]),
    (&[("method", "PUT")], &[]),
    (&[("status", "200")], &[1, 2, 3, 4, 6, 10]),
    (&[("status", "2xx")], &[1, 2, 3, 4, 6, 10]),
    (&[("status", "404")], &[7]),
    (&[("status", "4xx")], &[5, 7, 11]),
    (&[("status", "5xx")], &[8]),
    (&[("status", "3xx")], &[]),
    (&[("status", "none")], &[9]),
    (&[("key", "second")], &[6]),
    (&[("key", "ci")], &[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
    (&[("changed", "true")], &[1, 2, 3, 10]),
    (&[("changed", "false")], &[4, 5, 6, 7, 8, 9, 11]),
    (&[("fault", "true")], &[8, 9]),
    (&[("fault", "false")], &[1, 2, 3, 4, 5, 6, 7, 10, 11]),
    (&[("warning", "any")], &[2, 6, 10]),
    (&[("warning", "none")], &[1, 3, 4, 5, 7, 8, 9, 11]),
    (&[("warning", "content-type")], &[2]),
    (&[("warning", "key-in-query")], &[6]),
    (&[("warning", "chosen-rule")], &[10]),
    (&[("warning", "unknown-field")], &[]),
    (&[("field.title", "Scanner")], &[2]),
    (&[("field.title", "scanner")], &[]),
    (&[("field.brandID", "2")], &[2]),
    (&[("field.brandID", "1")], &[1]),
    (&[("field.status", "solved")], &[3, 4]),
    (&[("field.ticketIDs", "7")], &[3, 4, 5]),
    (&[("field.ticketIDs", "8")], &[3, 4]),
    (&[("field.ticketIDs[0]", "8")], &[]),
    (&[("field.ticketIDs[1]", "8")], &[3, 4]),
    (&[("field.ticketID", "7")], &[6]),
    (&[("field.actions[0][value]", "Fixed")], &[10]),
    (&[("field.nothing", "")], &[]),
];

#[rustfmt::skip]
const TOGETHER: &[Case] = &[
    (&[("operation", "setStatus"), ("status", "200")], &[3, 4]),
    (&[("operation", "setStatus"), ("status", "200"), ("changed", "true")], &[3]),
    (&[("method", "GET"), ("key", "second")], &[6]),
    (&[("method", "GET"), ("key", "ci"), ("fault", "false")], &[7]),
    (&[("status", "none"), ("fault", "true"), ("operation", "delete")], &[9]),
    (&[("warning", "any"), ("changed", "true"), ("key", "ci")], &[2, 10]),
    (&[("field.ticketIDs", "7"), ("field.ticketIDs[1]", "8")], &[3, 4]),
    (&[("field.title", "Scanner"), ("field.brandID", "1")], &[]),
    (&[("operation", "create"), ("field.direction", "inbound"), ("limit", "1")], &[1]),
];

#[tokio::test]
async fn each_alone_and_together_lets_exactly_these_through() {
    let (_server, acme) = asked().await;
    for (query, expected) in ALONE.iter().chain(TOGETHER) {
        let found = acme.entries(query).await;
        assert_eq!(numbers(&found), *expected, "{query:?}");
    }
}

#[tokio::test]
async fn what_each_filter_lets_through_verify_finds() {
    let (_server, acme) = asked().await;
    for (query, expected) in ALONE.iter().filter(|(query, _)| !query.is_empty()) {
        let found = acme.verify(&pattern(query, expected.len())).await;
        assert_eq!(found.status, 200, "{query:?}: {}", found.body);
        assert_eq!(found.body["requests"], json!(expected), "{query:?}");
    }
}

/// The same question in the words of verify.
fn pattern(query: &[(&str, &str)], count: usize) -> Value {
    let mut pattern = json!({ "count": { "exactly": count } });
    for (name, value) in query {
        match name.strip_prefix("field.") {
            Some(name) => pattern["fields"] = json!({ name: value }),
            None => pattern[name] = typed(value),
        }
    }
    pattern
}

fn typed(text: &str) -> Value {
    match text.parse() {
        Ok(number @ (Value::Number(_) | Value::Bool(_))) => number,
        _ => text.into(),
    }
}

/// All pages of so many, one after the other.
async fn pages(account: &Account, limit: usize, filter: &[(&str, &str)]) -> Vec<Vec<u64>> {
    let (limit, mut pages) = (limit.to_string(), Vec::new());
    let mut since = text(&account.journal(&[("limit", "1")]).await["requests"][0]["cursor"]);
    loop {
        let query = [filter, &[("limit", &limit), ("since", &since)]].concat();
        let page = account.journal(&query).await;
        assert_eq!(page["truncated"], false, "{page}");
        pages.push(numbers(&list(&page["requests"])));
        since = text(&page["cursor"]);
        if page["more"] == false {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap() {
    let (_server, acme) = asked().await;
    for limit in [1, 2, 3, 10, 1000] {
        let all = pages(&acme, limit, &[]).await;
        assert_eq!(all.concat(), (2..=11).collect::<Vec<_>>(), "{limit}");
        assert!(all.iter().all(|page| page.len() <= limit), "{limit}: {all:?}");
        let posts = pages(&acme, limit, &[("method", "POST")]).await;
        assert_eq!(posts.concat(), [2, 3, 4, 5, 10], "{limit}");
    }
    assert_eq!(pages(&acme, 10, &[]).await.len(), 1, "a full page need not have more behind it");
}

#[tokio::test]
async fn the_cursor_of_an_entry_is_the_place_after_it() {
    let (server, acme) = asked().await;
    for entry in acme.entries(&[]).await {
        let after = acme.entries(&[("since", &text(&entry["cursor"]))]).await;
        let number = entry["seq"].as_u64().expect("a number");
        assert_eq!(numbers(&after), (number + 1..=11).collect::<Vec<_>>());
    }
    let end = acme.cursor().await;
    assert_eq!(acme.journal(&[("since", &end)]).await["cursor"], end.as_str());
    get("/7").done(&server).await;
    assert_eq!(numbers(&acme.entries(&[("since", &end)]).await), [12]);
}

#[tokio::test]
async fn a_cursor_passes_over_what_the_filter_left_out() {
    let (server, acme) = asked().await;
    let none = acme.journal(&[("operation", "update")]).await;
    assert_eq!(none["requests"], json!([]));
    let since = text(&none["cursor"]);
    get("/7").done(&server).await;
    assert_eq!(numbers(&acme.entries(&[("since", &since)]).await), [12]);
}

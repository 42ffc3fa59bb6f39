//! Journal filters, alone and combined, and pagination.

use serde_json::{Value, json};

use super::helpers::seq_numbers;
use super::ticket_requests::{
    batch_tickets, create_ticket, get_ticket, list_tickets, request_without_body, set_status,
    with_json,
};
use crate::support::client::JsonResponse;
use crate::support::control::{Account, expect_array, expect_string};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};

/// Starts an account with eleven requests that differ in every property that has a filter.
async fn start_with_varied_requests() -> (SeededServer, Account) {
    let server = serve_seed(&acme_seed([7, 8].map(ticket_fixture)));
    let acme = Account::acme(&server);
    let second = acme.clone().with_new_key("second").await.client;
    let solved = set_status(&[("status", "solved"), ("ticketIDs[]", "7"), ("ticketIDs[]", "8")]);
    create_ticket(&[]).send_ok(&server).await;
    create_scanner_ticket().send_ok(&server).await;
    solved.send_ok(&server).await;
    solved.send_ok(&server).await;
    let invalid = set_status(&[("status", "done"), ("ticketIDs[]", "7")]);
    assert_eq!(invalid.send(&server).await.status, 400);
    let path = format!("/api/v2/ticket/7?apiKey={}", second.api_key);
    assert_eq!(JsonResponse::fetch(server.request_without_key("GET", &path)).await.status, 200);
    assert_eq!(server.get("/api/v2/nothing").await.status, 404);
    acme.add_fault(&json!({ "operation": "ticket.list", "effect": { "status": 503 } })).await;
    assert_eq!(list_tickets("").send(&server).await.status, 503);
    acme.add_fault(
        &json!({ "operation": "ticket.delete", "effect": { "reset_connection": true } }),
    )
    .await;
    // A separate connection: the shared client would retry the request.
    let delete = reqwest::Client::new().delete(server.url("/api/v2/ticket/8"));
    delete.header("apiKey", ACME_KEY).send().await.expect_err("the fault resets the connection");
    batch_tickets(&[
        ("TicketIDs", "8"),
        ("actions[0][actionType]", "title"),
        ("actions[0][value]", "Fixed"),
    ])
    .send_ok(&server)
    .await;
    assert_eq!(request_without_body("", "PATCH", "").send(&server).await.status, 405);
    (server, acme)
}

fn create_scanner_ticket() -> super::ticket_requests::TicketRequest {
    let body = json!({
        "brandID": 2, "channelID": 1, "direction": "inbound", "from": "a", "to": "b", "title": "Scanner",
    });
    with_json(request_without_body("ticket.create", "POST", ""), body)
}

type FilterCase = (&'static [(&'static str, &'static str)], &'static [u64]);

#[rustfmt::skip]
const SINGLE_FILTERS: &[FilterCase] = &[
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
    (&[("warning", "any")], &[2, 6]),
    (&[("warning", "none")], &[1, 3, 4, 5, 7, 8, 9, 10, 11]),
    (&[("warning", "content-type")], &[2]),
    (&[("warning", "key-in-query")], &[6]),
    (&[("warning", "undocumented")], &[]),
    (&[("warning", "no-documented-way")], &[10]),
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
const COMBINED_FILTERS: &[FilterCase] = &[
    (&[("operation", "setStatus"), ("status", "200")], &[3, 4]),
    (&[("operation", "setStatus"), ("status", "200"), ("changed", "true")], &[3]),
    (&[("method", "GET"), ("key", "second")], &[6]),
    (&[("method", "GET"), ("key", "ci"), ("fault", "false")], &[7]),
    (&[("status", "none"), ("fault", "true"), ("operation", "delete")], &[9]),
    (&[("warning", "any"), ("changed", "true"), ("key", "ci")], &[2]),
    (&[("field.ticketIDs", "7"), ("field.ticketIDs[1]", "8")], &[3, 4]),
    (&[("field.title", "Scanner"), ("field.brandID", "1")], &[]),
    (&[("operation", "create"), ("field.direction", "inbound"), ("limit", "1")], &[1]),
];

#[tokio::test]
async fn single_and_combined_filters_select_the_exact_entries() {
    let (_server, acme) = start_with_varied_requests().await;
    for (query, expected) in SINGLE_FILTERS.iter().chain(COMBINED_FILTERS) {
        let found = acme.entries(query).await;
        assert_eq!(seq_numbers(&found), *expected, "{query:?}");
    }
}

#[tokio::test]
async fn verify_finds_the_same_entries_as_each_filter() {
    let (_server, acme) = start_with_varied_requests().await;
    for (query, expected) in SINGLE_FILTERS.iter().filter(|(query, _)| !query.is_empty()) {
        let found = acme.verify(&to_verify_pattern(query, expected.len())).await;
        assert_eq!(found.status, 200, "{query:?}: {}", found.body);
        assert_eq!(found.body["requests"], json!(expected), "{query:?}");
    }
}

/// Converts a journal query to the equivalent pattern for verify.
fn to_verify_pattern(query: &[(&str, &str)], count: usize) -> Value {
    let mut pattern = json!({ "count": { "exactly": count } });
    for (name, value) in query {
        match name.strip_prefix("field.") {
            Some(name) => pattern["fields"] = json!({ name: value }),
            None => pattern[name] = parse_scalar(value),
        }
    }
    pattern
}

fn parse_scalar(text: &str) -> Value {
    match text.parse() {
        Ok(number @ (Value::Number(_) | Value::Bool(_))) => number,
        _ => text.into(),
    }
}

/// Fetches all pages of `limit` entries after the first entry.
async fn fetch_pages(account: &Account, limit: usize, filter: &[(&str, &str)]) -> Vec<Vec<u64>> {
    let (limit, mut pages) = (limit.to_string(), Vec::new());
    let mut since =
        expect_string(&account.journal(&[("limit", "1")]).await["requests"][0]["cursor"]);
    loop {
        let query = [filter, &[("limit", &limit), ("since", &since)]].concat();
        let page = account.journal(&query).await;
        assert_eq!(page["truncated"], false, "{page}");
        pages.push(seq_numbers(&expect_array(&page["requests"])));
        since = expect_string(&page["cursor"]);
        if page["has_more"] == false {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_are_contiguous() {
    let (_server, acme) = start_with_varied_requests().await;
    for limit in [1, 2, 3, 10, 1000] {
        let all = fetch_pages(&acme, limit, &[]).await;
        assert_eq!(all.concat(), (2..=11).collect::<Vec<_>>(), "{limit}");
        assert!(all.iter().all(|page| page.len() <= limit), "{limit}: {all:?}");
        let posts = fetch_pages(&acme, limit, &[("method", "POST")]).await;
        assert_eq!(posts.concat(), [2, 3, 4, 5, 10], "{limit}");
    }
    assert_eq!(
        fetch_pages(&acme, 10, &[]).await.len(),
        1,
        "a full last page reports no further entries"
    );
}

#[tokio::test]
async fn entry_cursor_points_after_the_entry() {
    let (server, acme) = start_with_varied_requests().await;
    for entry in acme.entries(&[]).await {
        let after = acme.entries(&[("since", &expect_string(&entry["cursor"]))]).await;
        let number = entry["seq"].as_u64().expect("seq is a number");
        assert_eq!(seq_numbers(&after), (number + 1..=11).collect::<Vec<_>>());
    }
    let end = acme.cursor().await;
    assert_eq!(acme.journal(&[("since", &end)]).await["cursor"], end.as_str());
    get_ticket("/7").send_ok(&server).await;
    assert_eq!(seq_numbers(&acme.entries(&[("since", &end)]).await), [12]);
}

#[tokio::test]
async fn cursor_advances_past_filtered_out_entries() {
    let (server, acme) = start_with_varied_requests().await;
    let none = acme.journal(&[("operation", "update")]).await;
    assert_eq!(none["requests"], json!([]));
    let since = expect_string(&none["cursor"]);
    get_ticket("/7").send_ok(&server).await;
    assert_eq!(seq_numbers(&acme.entries(&[("since", &since)]).await), [12]);
}

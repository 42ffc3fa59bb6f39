//! Pagination of long lists: every page is the right slice of the full list, from either end, and the cached
//! totals are correct.

use serde_json::Value;

use crate::support::seed::{SeededServer, acme_seed, serve_seed, ticket_fixture};

const TICKET_COUNT: u64 = 2300;
/// Offsets around the depth from which a page is read from the nearer end, around the middle, and at both ends.
const PAGE_OFFSETS: [usize; 12] = [0, 1, 985, 999, 1000, 1001, 1149, 1150, 1151, 2284, 2299, 9000];
/// 30 days before the clock of `acme`.
const ARCHIVED_BEFORE: &str = "2026-01-30 12:00:00";

/// Generates tickets of all kinds; some closed ones are archived, and many were closed near the cutoff date.
fn generate_tickets() -> Vec<Value> {
    let statuses = ["new", "open", "pending", "holding", "solved", "closed"];
    let choose = |id: u64, names: &[&str]| {
        names[usize::try_from(id).expect("the id fits in usize") % names.len()].to_owned()
    };
    let generate_ticket = |id: u64| {
        let mut ticket = ticket_fixture(id);
        ticket["created_at"] = "2026-01-01 09:00:00".into();
        ticket["status"] = choose(id, &statuses).into();
        ticket["priority"] = choose(id / 6, &["low", "medium", "high", "urgent"]).into();
        ticket["assigned_group_id"] = if id.is_multiple_of(5) { 0 } else { 10003 }.into();
        if ticket["status"] == "closed" {
            let days = [
                "2026-01-30 11:59:59",
                "2026-01-30 12:00:00",
                "2026-01-29 23:59:59",
                "2026-02-02 00:00:00",
            ];
            ticket["closed_at"] = choose(id / 12, &days).into();
        }
        ticket
    };
    (1..=TICKET_COUNT).map(generate_ticket).collect()
}

type TicketPredicate = fn(&Value) -> bool;

/// Filters, and the predicate of each.
const FILTERS: [(&str, TicketPredicate); 7] = [
    ("", |_| true),
    ("&status=closed", |ticket| ticket["status"] == "closed"),
    ("&applyView=urgent", |ticket| ticket["priority"] == "urgent"),
    ("&applyView=vip", |ticket| ticket["priority"] == "urgent"),
    ("&applyView=unassigned", |ticket| ticket["assigned_group_id"] == 0),
    ("&applyView=unsolved", |ticket| ticket["status"] != "solved" && ticket["status"] != "closed"),
    ("&query=ticket+1", |ticket| {
        ticket["title"].as_str().is_some_and(|title| title.starts_with("Ticket 1"))
    }),
];

async fn assert_pages_match(server: &SeededServer, tickets: &[Value]) {
    for (filter, matches_filter) in FILTERS {
        for archived in ["yes", "no"] {
            let is_listed = |ticket: &&Value| {
                let closed_at = ticket["closed_at"].as_str();
                let is_archived = closed_at.is_some_and(|date| date < ARCHIVED_BEFORE);
                matches_filter(ticket) && (archived == "yes" || !is_archived)
            };
            let ids: Vec<&Value> =
                tickets.iter().rev().filter(is_listed).map(|ticket| &ticket["id"]).collect();
            for start in PAGE_OFFSETS {
                let path = format!(
                    "/api/v2/ticket?itemStart={start}&itemLimit=15&searchArchived={archived}{filter}"
                );
                let list = server.get(&path).await.body;
                assert_eq!(list["itemTotal"], ids.len(), "{path}");
                let items = list["items"].as_array().expect("items");
                let found: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
                let page = ids.get(start..).unwrap_or_default();
                assert_eq!(found, page[..page.len().min(15)], "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_page_is_a_slice_of_the_full_list() {
    let tickets = generate_tickets();
    let server = serve_seed(&acme_seed(tickets.iter().cloned()));
    assert_pages_match(&server, &tickets).await;
}

#[tokio::test]
async fn totals_follow_updates_and_deletions() {
    let mut tickets = generate_tickets();
    let server = serve_seed(&acme_seed(tickets.iter().cloned()));
    let ids = |first: u64, last: u64, name: &str| {
        let ids: Vec<String> = (first..=last).map(|id| format!("{name}[]={id}")).collect();
        ids.join("&")
    };
    let requests = [
        ("POST", "setStatus", format!("status=closed&{}", ids(1, 300, "ticketIDs"))),
        ("POST", "setStatus", format!("status=open&{}", ids(200, 500, "ticketIDs"))),
        ("POST", "setPriority", format!("priority=urgent&{}", ids(400, 700, "ticketIDs"))),
        ("DELETE", "multi", ids(600, 900, "ticketIDs")),
    ];
    for (method, name, body) in requests {
        let reply = server.send_form(method, &format!("/api/v2/ticket/{name}"), &body).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
    }
    for ticket in &mut tickets {
        let id = ticket["id"].as_u64().expect("a number");
        if id < 200 && ticket["status"] != "closed" {
            (ticket["status"], ticket["closed_at"]) =
                ("closed".into(), "2026-03-01 12:00:00".into());
        }
        if (200..=500).contains(&id) {
            (ticket["status"], ticket["closed_at"]) = ("open".into(), Value::Null);
        }
        if (400..=700).contains(&id) {
            ticket["priority"] = "urgent".into();
        }
    }
    tickets.retain(|ticket| !(600..=900).contains(&ticket["id"].as_u64().expect("a number")));
    assert_pages_match(&server, &tickets).await;
}

//! Everything that the server shows, compared with the model.

use serde_json::{Value, json};

use super::call::{Call, Encoding, Field};
use super::lists::Page;
use super::tickets::Tickets;
use crate::support::Server;

const VIEWS: [&str; 12] = [
    "all",
    "unassigned",
    "new",
    "open",
    "pending",
    "holding",
    "solved",
    "closed",
    "unsolved",
    "urgent",
    "vip",
    "12",
];

/// The form of an external id is the program's own; the model takes it from a ticket's first showing.
pub(crate) async fn learn_external_ids(server: &Server, tickets: &mut Tickets) {
    for (id, ticket) in &mut tickets.by_id {
        if ticket.columns["external_id"].is_null() {
            let shown = server.get(&format!("/api/v2/ticket/{id}")).await;
            let external = shown.body["item"]["external_id"].clone();
            assert!(external.is_string(), "{}", shown.body);
            ticket.columns.insert("external_id", external);
        }
    }
}

/// Every item, every view, every status, some searches, and all pages.
pub(crate) async fn everything(server: &Server, tickets: &Tickets) {
    for id in tickets.by_id.keys() {
        ask(server, tickets, get(*id)).await;
    }
    ask(server, tickets, list(&[("itemLimit", "9999"), ("searchArchived", "yes")])).await;
    for view in VIEWS {
        ask(server, tickets, list(&[("applyView", view)])).await;
    }
    for status in super::rules::STATUSES {
        ask(server, tickets, list(&[("status", status), ("searchArchived", "yes")])).await;
    }
    for query in ["printer", "10", "ÖL", "%", "_", "Ticket 1", "\"", "ada@"] {
        ask(server, tickets, list(&[("query", query)])).await;
    }
    for start in 0..=tickets.by_id.len() / 3 {
        let start = (start * 3).to_string();
        ask(server, tickets, list(&[("itemStart", &start), ("itemLimit", "3")])).await;
    }
}

async fn ask(server: &Server, tickets: &Tickets, call: Call) {
    let reply = call.send(server).await;
    super::compare(&call, &mut tickets.clone(), &reply);
}

fn get(id: u64) -> Call {
    Call {
        operation: "get",
        id: Some(id.to_string()),
        fields: Vec::new(),
        encoding: Encoding::Json,
    }
}

fn list(query: &[(&'static str, &str)]) -> Call {
    let fields = query.iter().map(|(name, value)| (*name, Field::Text((*value).to_owned())));
    Call { operation: "list", id: None, fields: fields.collect(), encoding: Encoding::Json }
}

pub(crate) fn same_list(said: &Value, expected: &Page, call: &Call) {
    let Page { start, limit, total, ids } = expected;
    let shown: Vec<_> =
        said["items"].as_array().expect("items").iter().map(|item| &item["id"]).collect();
    let actual =
        json!([said["type"], said["itemStart"], said["itemLimit"], said["itemTotal"], shown]);
    assert_eq!(actual, json!(["items", start, limit, total, ids]), "{call:?}");
}

/// The item has the columns and the events that the model has; the events' ids rise.
pub(crate) fn same_item(said: &Value, expected: &Value, call: &Call) {
    assert_eq!(said["type"], "item", "{call:?}");
    let mut actual = said["item"].clone();
    let events = actual["timeline"].as_array_mut().expect("a timeline");
    let ids = events.iter_mut().map(|event| event["id"].take().as_u64().expect("an id"));
    let ids: Vec<u64> = ids.collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{call:?}: {ids:?}");
    for event in events {
        event.as_object_mut().expect("an object").remove("id");
    }
    for (column, value) in expected.as_object().expect("an object") {
        assert_eq!(actual[column], *value, "{column} of {call:?}");
    }
}

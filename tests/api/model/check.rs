//! Everything that the server shows, compared with the model.

use serde_json::{Value, json};

use super::call::{Call, Encoding, Field};
use super::lists::Page;
use super::tickets::Tickets;
use crate::support::Client;

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
pub(crate) async fn learn_external_ids(client: &Client, tickets: &mut Tickets) {
    for (id, ticket) in &mut tickets.by_id {
        if ticket.columns["external_id"].is_null() {
            let shown = client.get(&format!("/api/v2/ticket/{id}")).await;
            let external = shown.body["item"]["external_id"].clone();
            assert!(external.is_string(), "{}", shown.body);
            ticket.columns.insert("external_id", external);
        }
    }
}

/// Every item, and the list of all.
pub(crate) async fn whole(client: &Client, tickets: &Tickets) {
    for id in tickets.by_id.keys() {
        ask(client, tickets, get(*id)).await;
    }
    ask(client, tickets, list(&[("itemLimit", "9999"), ("searchArchived", "yes")])).await;
}

/// Every item, every view, every status, some searches, and all pages.
pub(crate) async fn everything(client: &Client, tickets: &Tickets) {
    whole(client, tickets).await;
    for view in VIEWS {
        ask(client, tickets, list(&[("applyView", view)])).await;
    }
    for status in super::rules::STATUSES {
        ask(client, tickets, list(&[("status", status), ("searchArchived", "yes")])).await;
    }
    for query in ["printer", "10", "ÖL", "%", "_", "Ticket 1", "\"", "ada@"] {
        ask(client, tickets, list(&[("query", query)])).await;
    }
    for start in 0..=tickets.by_id.len() / 3 {
        let start = (start * 3).to_string();
        ask(client, tickets, list(&[("itemStart", &start), ("itemLimit", "3")])).await;
    }
}

async fn ask(client: &Client, tickets: &Tickets, call: Call) {
    let reply = call.send(client).await;
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

pub(crate) fn same_list(said: &Value, list_type: &str, expected: &Page, call: &Call) {
    let Page { start, limit, total, ids } = expected;
    let shown: Vec<_> =
        said["items"].as_array().expect("items").iter().map(|item| &item["id"]).collect();
    let actual =
        json!([said["type"], said["itemStart"], said["itemLimit"], said["itemTotal"], shown]);
    assert_eq!(actual, json!([list_type, start, limit, total, ids]), "{call:?}");
}

/// The item has the columns and the timeline that the model has, in the order of dates and ids.
pub(crate) fn same_item(said: &Value, expected: &Value, call: &Call) {
    assert_eq!(said["type"], "item", "{call:?}");
    let mut actual = said["item"].clone();
    let timeline = actual["timeline"].as_array_mut().expect("a timeline");
    let places: Vec<_> = timeline.iter_mut().map(place).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{call:?}: {places:?}");
    for (column, value) in expected.as_object().expect("an object") {
        assert_eq!(actual[column], *value, "{column} of {call:?}");
    }
}

/// The date and the id of an entry, which then has no id any more: the model knows none.
fn place(entry: &mut Value) -> (String, u64) {
    let id = entry.as_object_mut().and_then(|entry| entry.remove("id")).expect("an id");
    let id = id.as_str().map_or_else(|| id.as_u64(), |digits| digits.parse().ok());
    let date = entry["created_at"].as_str().expect("a date");
    (date.to_owned(), id.expect("a number"))
}

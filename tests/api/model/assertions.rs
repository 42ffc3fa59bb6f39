//! Everything that the server shows, compared with the model.

use serde_json::{Value, json};

use super::account::TicketsModel;
use super::list::ListPage;
use super::request::{BodyEncoding, FieldValue, TicketRequest};
use crate::support::ApiClient;

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
pub(crate) async fn learn_external_ids(client: &ApiClient, model: &mut TicketsModel) {
    for (id, ticket) in &mut model.tickets_by_id {
        if ticket.columns["external_id"].is_null() {
            let shown = client.get(&format!("/api/v2/ticket/{id}")).await;
            let external = shown.body["item"]["external_id"].clone();
            assert!(external.is_string(), "{}", shown.body);
            ticket.columns.insert("external_id", external);
        }
    }
}

/// Every item, and the list of all.
pub(crate) async fn assert_all_tickets_match(client: &ApiClient, model: &TicketsModel) {
    for id in model.tickets_by_id.keys() {
        send_and_compare(client, model, get_request(*id)).await;
    }
    send_and_compare(
        client,
        model,
        list_request(&[("itemLimit", "9999"), ("searchArchived", "yes")]),
    )
    .await;
}

/// Every item, every view, every status, some searches, and all pages.
pub(crate) async fn assert_everything_matches(client: &ApiClient, model: &TicketsModel) {
    assert_all_tickets_match(client, model).await;
    for view in VIEWS {
        send_and_compare(client, model, list_request(&[("applyView", view)])).await;
    }
    for status in super::validation::STATUSES {
        send_and_compare(
            client,
            model,
            list_request(&[("status", status), ("searchArchived", "yes")]),
        )
        .await;
    }
    for query in ["printer", "10", "ÖL", "%", "_", "Ticket 1", "\"", "ada@"] {
        send_and_compare(client, model, list_request(&[("query", query)])).await;
    }
    for start in 0..=model.tickets_by_id.len() / 3 {
        let start = (start * 3).to_string();
        send_and_compare(client, model, list_request(&[("itemStart", &start), ("itemLimit", "3")]))
            .await;
    }
}

async fn send_and_compare(client: &ApiClient, model: &TicketsModel, call: TicketRequest) {
    let reply = call.send(client).await;
    super::assert_response_matches_model(&call, &mut model.clone(), &reply);
}

fn get_request(id: u64) -> TicketRequest {
    TicketRequest {
        operation: "get",
        id: Some(id.to_string()),
        fields: Vec::new(),
        encoding: BodyEncoding::Json,
    }
}

fn list_request(query: &[(&'static str, &str)]) -> TicketRequest {
    let fields = query.iter().map(|(name, value)| (*name, FieldValue::Text((*value).to_owned())));
    TicketRequest {
        operation: "list",
        id: None,
        fields: fields.collect(),
        encoding: BodyEncoding::Json,
    }
}

pub(crate) fn assert_list_matches(
    body: &Value,
    list_type: &str,
    expected: &ListPage,
    call: &TicketRequest,
) {
    let ListPage { start, limit, total, ids } = expected;
    let shown: Vec<_> =
        body["items"].as_array().expect("items").iter().map(|item| &item["id"]).collect();
    let actual =
        json!([body["type"], body["itemStart"], body["itemLimit"], body["itemTotal"], shown]);
    assert_eq!(actual, json!([list_type, start, limit, total, ids]), "{call:?}");
}

/// The item has the columns and the timeline that the model has, in the order of dates and ids.
pub(crate) fn assert_item_matches(body: &Value, expected: &Value, call: &TicketRequest) {
    assert_eq!(body["type"], "item", "{call:?}");
    let mut actual = body["item"].clone();
    let timeline = actual["timeline"].as_array_mut().expect("a timeline");
    let places: Vec<_> = timeline.iter_mut().map(take_sort_key).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{call:?}: {places:?}");
    for (column, value) in expected.as_object().expect("an object") {
        assert_eq!(actual[column], *value, "{column} of {call:?}");
    }
}

/// The date and the id of an entry, which then has no id any more: the model knows none.
fn take_sort_key(entry: &mut Value) -> (String, u64) {
    let id = entry.as_object_mut().and_then(|entry| entry.remove("id")).expect("an id");
    let id = id.as_str().map_or_else(|| id.as_u64(), |digits| digits.parse().ok());
    let date = entry["created_at"].as_str().expect("a date");
    (date.to_owned(), id.expect("a number"))
}

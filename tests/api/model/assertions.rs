//! Compares the server's responses with the model.

use serde_json::{Value, json};

use super::account::TicketsModel;
use super::list::ListPage;
use super::request::{BodyEncoding, FieldValue, TicketRequest};
use crate::support::client::ApiClient;
use crate::support::ticket::STATUSES;

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

/// Copies unknown external ids from the server to the model: their format is the server's own.
pub(crate) async fn learn_external_ids(client: &ApiClient, model: &mut TicketsModel) {
    for (id, ticket) in &mut model.tickets_by_id {
        if ticket.columns["external_id"].is_null() {
            let reply = client.get(&format!("/api/v2/ticket/{id}")).await;
            let external = reply.body["item"]["external_id"].clone();
            assert!(external.is_string(), "{}", reply.body);
            ticket.set("external_id", external);
        }
    }
}

/// Compares every item and the list of all tickets.
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

/// Compares every item, view, status and page, and some searches.
pub(crate) async fn assert_everything_matches(client: &ApiClient, model: &TicketsModel) {
    assert_all_tickets_match(client, model).await;
    for view in VIEWS {
        send_and_compare(client, model, list_request(&[("applyView", view)])).await;
    }
    for status in STATUSES {
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

async fn send_and_compare(client: &ApiClient, model: &TicketsModel, request: TicketRequest) {
    let reply = request.send(client).await;
    super::assert_response_matches_model(&request, &mut model.clone(), &reply);
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
    request: &TicketRequest,
) {
    let ListPage { start, limit, total, ids } = expected;
    let ids_on_page: Vec<_> =
        body["items"].as_array().expect("items").iter().map(|item| &item["id"]).collect();
    let actual =
        json!([body["type"], body["itemStart"], body["itemLimit"], body["itemTotal"], ids_on_page]);
    assert_eq!(actual, json!([list_type, start, limit, total, ids]), "{request:?}");
}

/// Asserts that the item has the model's columns and timeline, and that the timeline is sorted by date and id.
pub(crate) fn assert_item_matches(body: &Value, expected: &Value, request: &TicketRequest) {
    assert_eq!(body["type"], "item", "{request:?}");
    let mut actual = body["item"].clone();
    let timeline = actual["timeline"].as_array_mut().expect("a timeline");
    let sort_keys: Vec<_> = timeline.iter_mut().map(take_sort_key).collect();
    assert!(sort_keys.is_sorted_by(|one, next| one < next), "{request:?}: {sort_keys:?}");
    for (column, value) in expected.as_object().expect("an object") {
        assert_eq!(actual[column], *value, "{column} of {request:?}");
    }
}

/// Returns date and id of an entry, and removes the id, which the model does not know.
fn take_sort_key(entry: &mut Value) -> (String, u64) {
    let id = entry.as_object_mut().and_then(|entry| entry.remove("id")).expect("an id");
    let id = id.as_str().map_or_else(|| id.as_u64(), |digits| digits.parse().ok());
    let date = entry["created_at"].as_str().expect("a date");
    (date.to_owned(), id.expect("a number"))
}

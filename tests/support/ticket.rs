//! Tickets through the API: their paths, the fields of a new one, and dumps of all of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{ApiClient, JsonResponse};

/// The path of the list of tickets, and of a creation.
pub(crate) const TICKETS_PATH: &str = "/api/v2/ticket";
/// The path of the list of all tickets.
pub(crate) const ALL_TICKETS_PATH: &str = "/api/v2/ticket?itemLimit=9999&searchArchived=yes";

/// Content types of a request body.
pub(crate) const URLENCODED: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=edge";

/// The required fields of a new ticket.
pub(crate) const NEW_TICKET_FIELDS: [(&str, &str); 6] = [
    ("brandID", "1"),
    ("channelID", "1"),
    ("direction", "inbound"),
    ("from", "ada@example.test"),
    ("to", "desk@example.test"),
    ("title", "Printer"),
];
/// The required fields of a new ticket, urlencoded.
pub(crate) const NEW_TICKET_FORM: &str = "brandID=1&channelID=1&direction=inbound&from=ada%40example.test&to=desk%40example.test&title=Printer";

/// The values of a ticket's `status`.
pub(crate) const STATUSES: [&str; 6] = ["new", "open", "pending", "holding", "solved", "closed"];
/// The values of a ticket's `priority`.
pub(crate) const PRIORITIES: [&str; 4] = ["low", "medium", "high", "urgent"];

/// Returns the required fields of a new ticket with this title.
pub(crate) fn new_ticket_fields(title: &str) -> [(&'static str, &str); 6] {
    NEW_TICKET_FIELDS.map(|(name, value)| (name, if name == "title" { title } else { value }))
}

/// Sends the creation of a ticket.
pub(crate) async fn post_ticket(client: &ApiClient) -> JsonResponse {
    client.send_form("POST", TICKETS_PATH, NEW_TICKET_FORM).await
}

/// Creates a ticket and returns its id.
pub(crate) async fn create_ticket(client: &ApiClient) -> u64 {
    expect_ticket_id(&post_ticket(client).await)
}

/// Creates a ticket with this title and returns its id.
pub(crate) async fn create_ticket_with_title(client: &ApiClient, title: &str) -> u64 {
    let request = client.request("POST", TICKETS_PATH).form(&new_ticket_fields(title));
    expect_ticket_id(&JsonResponse::fetch(request).await)
}

/// Returns the id of the created ticket.
fn expect_ticket_id(created: &JsonResponse) -> u64 {
    assert_eq!(created.status, 200, "{}", created.body);
    created.body["ticketID"].as_u64().expect("the id of the new ticket is a number")
}

/// Returns the titles of all tickets by id.
pub(crate) async fn fetch_titles(client: &ApiClient) -> BTreeMap<u64, String> {
    let list = client.get(ALL_TICKETS_PATH).await;
    assert_eq!(list.status, 200, "{}", list.body);
    let items = list.body["items"].as_array().expect("the list has items");
    assert_eq!(list.body["itemTotal"], items.len(), "all tickets are on this page");
    let entry = |item: &Value| {
        let title = item["title"].as_str().expect("a title is text");
        (item["id"].as_u64().expect("an id is a number"), title.to_owned())
    };
    items.iter().map(entry).collect()
}

/// Returns the list and all items of an account's tickets as text.
pub(crate) async fn dump_tickets(client: &ApiClient) -> String {
    let mut all = client.get_text(ALL_TICKETS_PATH).await;
    for id in parse_ticket_ids(&all) {
        all += "\n";
        all += &client.get_text(&format!("{TICKETS_PATH}/{id}")).await;
    }
    all
}

/// Returns the ids of a list, in its order.
pub(crate) fn parse_ticket_ids(list: &str) -> Vec<u64> {
    let list: Value = serde_json::from_str(list).expect("the list is JSON");
    let items = list["items"].as_array().expect("the list has items");
    items.iter().map(|item| item["id"].as_u64().expect("an id is a number")).collect()
}

//! Property test: a search finds the same tickets as a scan of their texts, for any characters.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::support::files::create_temp_dir;
use crate::support::property::proptest_config;
use crate::support::server::Server;
use crate::support::ticket::TICKETS_PATH;
use crate::support::wait::block_on;

/// The fields that a search covers, besides the external id.
const SEARCHED_FIELDS: [&str; 4] = ["title", "from", "fromName", "to"];

/// Strings with a special meaning to SQLite, the search index, URLs, or the server.
const SPECIAL_STRINGS: &[&str] = &[
    "\u{1f}", "\u{1e}", "\u{1}", "\t", "\n", "\r", "\u{7f}", "\u{85}", "\u{200b}", "\u{feff}",
    "\u{fdd0}", "\u{fdd1}", "\u{fffd}", "\u{fffe}", "\u{ffff}", "\"", "'", "*", "%", "_", "\\",
    "^", ":", "-", "(", ")", "+", " ", "a", "b", "A", "NEAR", "AND ", "OR", "é", "É", "İ", "ς",
    "Σ", "ß", "ſ", "K", "日本", "🖨",
];

fn text_strategy() -> impl Strategy<Value = String> {
    vec(select(SPECIAL_STRINGS), 1..7).prop_map(|parts| parts.concat())
}

/// A query: a text, or a substring of a ticket field.
#[derive(Clone, Debug)]
enum Query {
    Text(String),
    Substring(Index, usize, Index, Index),
}

fn query_strategy() -> impl Strategy<Value = Query> {
    prop_oneof![
        text_strategy().prop_map(Query::Text),
        (any::<Index>(), 0..SEARCHED_FIELDS.len(), any::<Index>(), any::<Index>())
            .prop_map(|(ticket, field, start, end)| Query::Substring(ticket, field, start, end)),
    ]
}

fn normalize(text: &str) -> String {
    let letters = text.chars().flat_map(char::to_lowercase);
    letters.map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

impl Query {
    fn text(&self, tickets: &[[String; 4]]) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Substring(ticket, field, start, end) => {
                let letters: Vec<char> = ticket.get(tickets)[*field].chars().collect();
                let (start, end) = (start.index(letters.len()), end.index(letters.len()));
                letters[start.min(end)..=start.max(end)].iter().collect()
            }
        }
    }
}

/// Returns the ids of the tickets that the query finds.
async fn search_ids(server: &Server, query: &str) -> Vec<u64> {
    let request =
        server.request("GET", TICKETS_PATH).query(&[("query", query), ("itemLimit", "9999")]);
    let response: Value =
        request.send().await.expect("the server responds").json().await.expect("the body is JSON");
    let items = response["items"].as_array().unwrap_or_else(|| panic!("{query:?}: {response}"));
    let id = |item: &Value| item["id"].as_u64().expect("an id");
    let mut ids: Vec<u64> = items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

async fn assert_search_equals_scan(tickets: &[[String; 4]], queries: &[Query]) {
    let data = create_temp_dir();
    let arguments = ["--data", data.path().to_str().expect("the path is UTF-8")];
    let server = Server::start_with_args(&arguments);
    let mut created = Vec::new();
    for ticket in tickets {
        let mut body = json!({ "brandID": 1, "channelID": 1, "direction": "inbound" });
        for (field, text) in SEARCHED_FIELDS.iter().zip(ticket) {
            body[*field] = text.as_str().into();
        }
        let reply = server.send_json("POST", TICKETS_PATH, &body).await;
        assert_eq!(reply.status, 200, "{ticket:?}: {}", reply.body);
        let id = reply.body["ticketID"].as_u64().expect("an id");
        let item = server.get(&format!("{TICKETS_PATH}/{id}")).await.body["item"].clone();
        created.push((
            id,
            normalize(item["external_id"].as_str().expect("the external id is a string")),
        ));
    }
    // A graceful stop completes the search index.
    server.stop();
    let server = Server::start_with_args(&arguments);
    for query in queries {
        let query = query.text(tickets);
        let needle = normalize(&query);
        let is_match = |(ticket, (_, external)): &(&[String; 4], &(u64, String))| {
            external.contains(&needle)
                || ticket.iter().any(|text| normalize(text).contains(&needle))
        };
        let expected: Vec<u64> =
            tickets.iter().zip(&created).filter(is_match).map(|(_, (id, _))| *id).collect();
        assert_eq!(search_ids(&server, &query).await, expected, "{query:?} in {tickets:?}");
    }
}

proptest! {
    #![proptest_config(proptest_config(8))]

    #[test]
    fn search_equals_substring_scan(
        tickets in vec([text_strategy(), text_strategy(), text_strategy(), text_strategy()], 1..12),
        queries in vec(query_strategy(), 20),
    ) {
        block_on(assert_search_equals_scan(&tickets, &queries));
    }
}

#[tokio::test]
async fn replacement_and_noncharacters_are_distinguished() {
    let title = |title: &str| [title, "ada", "Ada", "desk"].map(str::to_owned);
    let tickets = [title("ab\u{fffd}cd"), title("ab\u{fffe}cd"), title("ab\u{ffff}cd")];
    let all = ["b\u{fffd}c", "b\u{fffe}c", "b\u{ffff}c", "ab"];
    let queries: Vec<Query> = all.iter().map(|text| Query::Text((*text).to_owned())).collect();
    assert_search_equals_scan(&tickets, &queries).await;
}

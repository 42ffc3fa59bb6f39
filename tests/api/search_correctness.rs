//! A search finds exactly the tickets that a look at their texts finds, whatever letters they and the query have.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::fixtures::create_temp_dir;
use crate::support::Server;

const LIST_PATH: &str = "/api/v2/ticket";
/// What is looked through of a ticket that a client has made, beside its external id.
const SEARCHED_FIELDS: [&str; 4] = ["title", "from", "fromName", "to"];

/// Letters that mean something to SQLite, to the index, to a URL, or to us.
const SPECIAL_STRINGS: &[&str] = &[
    "\u{1f}", "\u{1e}", "\u{1}", "\t", "\n", "\r", "\u{7f}", "\u{85}", "\u{200b}", "\u{feff}",
    "\u{fdd0}", "\u{fdd1}", "\u{fffd}", "\u{fffe}", "\u{ffff}", "\"", "'", "*", "%", "_", "\\",
    "^", ":", "-", "(", ")", "+", " ", "a", "b", "A", "NEAR", "AND ", "OR", "é", "É", "İ", "ς",
    "Σ", "ß", "ſ", "K", "日本", "🖨",
];

fn text_strategy() -> impl Strategy<Value = String> {
    vec(select(SPECIAL_STRINGS), 1..7).prop_map(|parts| parts.concat())
}

/// A query: a text, or a part of what a ticket holds.
#[derive(Clone, Debug)]
enum Query {
    Text(String),
    Substring(Index, usize, Index, Index),
}

fn query_strategy() -> impl Strategy<Value = Query> {
    prop_oneof![
        text_strategy().prop_map(Query::Text),
        (any::<Index>(), 0..SEARCHED_FIELDS.len(), any::<Index>(), any::<Index>())
            .prop_map(|(ticket, field, from, to)| Query::Substring(ticket, field, from, to)),
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
            Self::Substring(ticket, field, from, to) => {
                let letters: Vec<char> = ticket.get(tickets)[*field].chars().collect();
                let (from, to) = (from.index(letters.len()), to.index(letters.len()));
                letters[from.min(to)..=from.max(to)].iter().collect()
            }
        }
    }
}

/// The ids of the tickets that a query finds.
async fn search_ids(server: &Server, query: &str) -> Vec<u64> {
    let asked = server.request("GET", LIST_PATH).query(&[("query", query), ("itemLimit", "9999")]);
    let answer: Value = asked.send().await.expect("an answer").json().await.expect("JSON");
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{query:?}: {answer}"));
    let id = |item: &Value| item["id"].as_u64().expect("an id");
    let mut ids: Vec<u64> = items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

async fn assert_search_equals_scan(tickets: &[[String; 4]], queries: &[Query]) {
    let data = create_temp_dir();
    let arguments = ["--data", data.path().to_str().expect("the path is text")];
    let server = Server::start_with_args(&arguments);
    let mut kept = Vec::new();
    for ticket in tickets {
        let mut body = json!({ "brandID": 1, "channelID": 1, "direction": "inbound" });
        for (field, text) in SEARCHED_FIELDS.iter().zip(ticket) {
            body[*field] = text.as_str().into();
        }
        let made = server.send_json("POST", LIST_PATH, &body).await;
        assert_eq!(made.status, 200, "{ticket:?}: {}", made.body);
        let id = made.body["ticketID"].as_u64().expect("an id");
        let item = server.get(&format!("{LIST_PATH}/{id}")).await.body["item"].clone();
        kept.push((id, normalize(item["external_id"].as_str().expect("an external id"))));
    }
    // The index catches up before a server ends.
    server.stop();
    let server = Server::start_with_args(&arguments);
    for query in queries {
        let query = query.text(tickets);
        let wanted = normalize(&query);
        let holds = |(ticket, (_, external)): &(&[String; 4], &(u64, String))| {
            external.contains(&wanted)
                || ticket.iter().any(|text| normalize(text).contains(&wanted))
        };
        let expected: Vec<u64> =
            tickets.iter().zip(&kept).filter(holds).map(|(_, (id, _))| *id).collect();
        assert_eq!(search_ids(&server, &query).await, expected, "{query:?} in {tickets:?}");
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future);
}

fn proptest_config() -> ProptestConfig {
    ProptestConfig { cases: 16, max_shrink_time: 30_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn search_equals_substring_scan(
        tickets in vec([text_strategy(), text_strategy(), text_strategy(), text_strategy()], 1..12),
        queries in vec(query_strategy(), 20),
    ) {
        block_on(assert_search_equals_scan(&tickets, &queries));
    }
}

#[tokio::test]
async fn separator_characters_match_only_literally() {
    let plain = |title: &str| [title, "ada", "Ada", "desk"].map(str::to_owned);
    let tickets = [plain("Printer"), plain("a\u{1f}b"), plain("\u{fdd0}\u{fdd1}\u{fdd0}")];
    let all =
        ["\u{1f}", "a\u{1f}", "\u{1f}ada", "ada\u{1f}ada", "a\u{1f}b", "\u{fdd0}", "\u{fdd1}"];
    let queries: Vec<Query> = all.iter().map(|text| Query::Text((*text).to_owned())).collect();
    assert_search_equals_scan(&tickets, &queries).await;
}

#[tokio::test]
async fn replacement_and_noncharacters_are_distinguished() {
    let title = |title: &str| [title, "ada", "Ada", "desk"].map(str::to_owned);
    let tickets = [title("ab\u{fffd}cd"), title("ab\u{fffe}cd"), title("ab\u{ffff}cd")];
    let all = ["b\u{fffd}c", "b\u{fffe}c", "b\u{ffff}c", "ab"];
    let queries: Vec<Query> = all.iter().map(|text| Query::Text((*text).to_owned())).collect();
    assert_search_equals_scan(&tickets, &queries).await;
}

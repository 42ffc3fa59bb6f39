//! A search finds exactly the tickets that a look at their texts finds, whatever letters they and the query have.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::fixtures::folder;
use crate::support::Server;

const LIST: &str = "/api/v2/ticket";
/// What is looked through of a ticket that a client has made, beside its external id.
const FIELDS: [&str; 4] = ["title", "from", "fromName", "to"];

/// Letters that mean something to SQLite, to the index, to a URL, or to us.
const ODD: &[&str] = &[
    "\u{1f}", "\u{1e}", "\u{1}", "\t", "\n", "\r", "\u{7f}", "\u{85}", "\u{200b}", "\u{feff}",
    "\u{fdd0}", "\u{fdd1}", "\u{fffd}", "\u{fffe}", "\u{ffff}", "\"", "'", "*", "%", "_", "\\",
    "^", ":", "-", "(", ")", "+", " ", "a", "b", "A", "NEAR", "AND ", "OR", "é", "É", "İ", "ς",
    "Σ", "ß", "ſ", "K", "日本", "🖨",
];

fn text() -> impl Strategy<Value = String> {
    vec(select(ODD), 1..7).prop_map(|parts| parts.concat())
}

/// A query: a text, or a part of what a ticket holds.
#[derive(Clone, Debug)]
enum Query {
    Text(String),
    Part(Index, usize, Index, Index),
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        text().prop_map(Query::Text),
        (any::<Index>(), 0..FIELDS.len(), any::<Index>(), any::<Index>())
            .prop_map(|(ticket, field, from, to)| Query::Part(ticket, field, from, to)),
    ]
}

fn lower(text: &str) -> String {
    let letters = text.chars().flat_map(char::to_lowercase);
    letters.map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

impl Query {
    fn text(&self, tickets: &[[String; 4]]) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Part(ticket, field, from, to) => {
                let letters: Vec<char> = ticket.get(tickets)[*field].chars().collect();
                let (from, to) = (from.index(letters.len()), to.index(letters.len()));
                letters[from.min(to)..=from.max(to)].iter().collect()
            }
        }
    }
}

/// The ids of the tickets that a query finds.
async fn found(server: &Server, query: &str) -> Vec<u64> {
    let asked = server.ask("GET", LIST).query(&[("query", query), ("itemLimit", "9999")]);
    let answer: Value = asked.send().await.expect("an answer").json().await.expect("JSON");
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{query:?}: {answer}"));
    let id = |item: &Value| item["id"].as_u64().expect("an id");
    let mut ids: Vec<u64> = items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

async fn search(tickets: &[[String; 4]], queries: &[Query]) {
    let data = folder();
    let arguments = ["--data", data.path().to_str().expect("the path is text")];
    let server = Server::with(&arguments);
    let mut kept = Vec::new();
    for ticket in tickets {
        let mut body = json!({ "brandID": 1, "channelID": 1, "direction": "inbound" });
        for (field, text) in FIELDS.iter().zip(ticket) {
            body[*field] = text.as_str().into();
        }
        let made = server.json("POST", LIST, &body).await;
        assert_eq!(made.status, 200, "{ticket:?}: {}", made.body);
        let id = made.body["ticketID"].as_u64().expect("an id");
        let item = server.get(&format!("{LIST}/{id}")).await.body["item"].clone();
        kept.push((id, lower(item["external_id"].as_str().expect("an external id"))));
    }
    // The index catches up before a server ends.
    server.stop();
    let server = Server::with(&arguments);
    for query in queries {
        let query = query.text(tickets);
        let wanted = lower(&query);
        let holds = |(ticket, (_, external)): &(&[String; 4], &(u64, String))| {
            external.contains(&wanted) || ticket.iter().any(|text| lower(text).contains(&wanted))
        };
        let expected: Vec<u64> =
            tickets.iter().zip(&kept).filter(holds).map(|(_, (id, _))| *id).collect();
        assert_eq!(found(&server, &query).await, expected, "{query:?} in {tickets:?}");
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future);
}

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 16, max_shrink_time: 30_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn a_search_is_a_look_at_the_texts(
        tickets in vec([text(), text(), text(), text()], 1..12),
        queries in vec(query(), 20),
    ) {
        block_on(search(&tickets, &queries));
    }
}

#[tokio::test]
async fn what_keeps_the_texts_apart_is_found_in_none_that_has_it_not() {
    let plain = |title: &str| [title, "ada", "Ada", "desk"].map(str::to_owned);
    let tickets = [plain("Printer"), plain("a\u{1f}b"), plain("\u{fdd0}\u{fdd1}\u{fdd0}")];
    let all =
        ["\u{1f}", "a\u{1f}", "\u{1f}ada", "ada\u{1f}ada", "a\u{1f}b", "\u{fdd0}", "\u{fdd1}"];
    let queries: Vec<Query> = all.iter().map(|text| Query::Text((*text).to_owned())).collect();
    search(&tickets, &queries).await;
}

#[tokio::test]
async fn letters_that_the_index_takes_for_one_are_told_apart() {
    let title = |title: &str| [title, "ada", "Ada", "desk"].map(str::to_owned);
    let tickets = [title("ab\u{fffd}cd"), title("ab\u{fffe}cd"), title("ab\u{ffff}cd")];
    let all = ["b\u{fffd}c", "b\u{fffe}c", "b\u{ffff}c", "ab"];
    let queries: Vec<Query> = all.iter().map(|text| Query::Text((*text).to_owned())).collect();
    search(&tickets, &queries).await;
}

//! Fuzzes views: the SQL of arbitrary conditions runs, and returns the tickets that satisfy the conditions.

#![no_main]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use omnidesk_mock::fuzzing::{FuzzResponse, FuzzServer};
use serde_json::{Value, json};

const SEED: &str = include_str!("view.yaml");
const TIMEOUT: Duration = Duration::from_secs(5);
const OPERATIONS: [&str; 8] = [
    "equals",
    "not_equals",
    "contains",
    "not_contains",
    "greater_than",
    "less_than",
    "is_empty",
    "is_not_empty",
];
/// Values that the tickets have, and others that are special to SQL.
const WORDS: [&str; 25] = [
    "0",
    "1",
    "-1",
    "007",
    "+5",
    "9223372036854775807",
    "9223372036854775808",
    "1e3",
    "open",
    "closed",
    "urgent",
    "2026-03-01 12:00:00",
    "2026-03-01 12:00:00Z",
    "2026",
    "printer",
    "PRINTER",
    "ÉCOLE",
    "école",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "' OR 1=1 --",
    "$1",
];

/// The date columns. A complete date in UTC is compared with them as a time; the account is in UTC as well.
const DATE_COLUMNS: [&str; 12] = [
    "closed_at",
    "created_at",
    "last_update",
    "last_update_agent",
    "last_update_customer",
    "sla_breach_customer_wait_time",
    "sla_breach_first_reply_time",
    "sla_breach_next_reply_time",
    "sla_breach_user_work_time",
    "sla_next_breach",
    "snooze_time",
    "snooze_time_sent",
];

/// The number of views before the account is reset, which takes longer than everything else.
const MAX_VIEWS: u64 = 200;

static SERVER: LazyLock<FuzzServer> =
    LazyLock::new(|| FuzzServer::open(SEED).expect("the seed is valid"));
static VIEW_COUNT: AtomicU64 = AtomicU64::new(0);
/// All tickets, from a list without a view.
static TICKETS: LazyLock<Vec<Value>> = LazyLock::new(|| items(&list("")));

#[derive(Debug)]
struct Condition {
    fact: String,
    operation: &'static str,
    value: Option<Value>,
}

#[derive(Debug, Arbitrary)]
struct View {
    all: Vec<Condition>,
    any: Vec<Condition>,
    status: Option<bool>,
    query: Option<u8>,
}

impl<'a> Arbitrary<'a> for Condition {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let columns = TICKETS[0].as_object().expect("a ticket");
        let fact =
            columns.keys().nth(input.choose_index(columns.len())?).expect("the index is valid");
        let value = match input.int_in_range(0..=5)? {
            0 => None,
            1 => Some(Value::from(u64::arbitrary(input)?)),
            2 => Some(Value::from(<&str>::arbitrary(input)?)),
            // The value of a ticket in this column.
            3 => Some(input.choose(&TICKETS)?[fact].clone()),
            _ => Some(Value::from(*input.choose(&WORDS)?)),
        };
        Ok(Self { fact: fact.clone(), operation: input.choose(&OPERATIONS)?, value })
    }
}

fuzz_target!(|view: View| -> Corpus {
    let View { all, any, status, query } = view;
    let to_json =
        |conditions: &[Condition]| conditions.iter().map(Condition::to_json).collect::<Value>();
    let id = VIEW_COUNT.fetch_add(1, Ordering::Relaxed) % MAX_VIEWS + 1;
    if id == 1 {
        assert_eq!(send("POST", "/_control/accounts/desk/reset", Vec::new()).status, 204);
    }
    let fixture = json!({ "accounts": { "desk": { "views": [
        { "id": id, "slug": format!("fuzzed-{id}"), "conditions": { "all": to_json(&all), "any": to_json(&any) } },
    ]}}});
    let imported = send("POST", "/_control/accounts/desk/import", fixture.to_string().into());
    if imported.status != 200 {
        assert_eq!(imported.status, 400, "{}", String::from_utf8_lossy(&imported.body));
        return Corpus::Reject;
    }
    let mut filter = format!("&applyView=fuzzed-{id}");
    let mut filter_conditions: Vec<Condition> = Vec::new();
    if let Some(is_open) = status {
        let status = if is_open { "open" } else { "closed" };
        filter += &format!("&status={status}");
        filter_conditions.push(Condition {
            fact: "status".to_owned(),
            operation: "equals",
            value: Some(status.into()),
        });
    }
    let query = query.map(|index| WORDS[usize::from(index) % WORDS.len()]);
    if let Some(query) = query {
        filter +=
            &form_urlencoded::Serializer::new("&".to_owned()).append_pair("query", query).finish();
    }
    let found = list(&filter);

    let expected = TICKETS.iter().filter(|ticket| {
        all.iter().chain(&filter_conditions).all(|condition| condition.holds(ticket))
            && (any.is_empty() || any.iter().any(|condition| condition.holds(ticket)))
            && query.is_none_or(|query| is_found(ticket, query))
    });
    let ids = |tickets: &mut dyn Iterator<Item = &Value>| -> Vec<u64> {
        tickets.map(|ticket| ticket["id"].as_u64().expect("an id")).collect()
    };
    assert_eq!(
        ids(&mut items(&found).iter()),
        ids(&mut expected.into_iter()),
        "{fixture} with {filter}"
    );
    Corpus::Keep
});

impl Condition {
    fn to_json(&self) -> Value {
        json!({ "fact": self.fact, "operation": self.operation, "value": self.value })
    }

    /// Evaluates the condition without SQL.
    fn holds(&self, ticket: &Value) -> bool {
        let column = &ticket[&self.fact];
        let value = match &self.value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let time = value.strip_suffix('Z').filter(|_| DATE_COLUMNS.contains(&self.fact.as_str()));
        let order = match column {
            Value::Null => None,
            Value::String(text) => Some(text.as_str().cmp(time.unwrap_or(&value))),
            number => value.parse().ok().map(|value| number.as_i64().expect("whole").cmp(&value)),
        };
        let text = column
            .as_str()
            .map(str::to_owned)
            .unwrap_or_else(|| if column.is_null() { String::new() } else { column.to_string() });
        let contains = || text.to_ascii_lowercase().contains(&value.to_ascii_lowercase());
        let is_empty = || column.is_null() || *column == "" || *column == 0;
        match self.operation {
            "equals" => order.is_some_and(|order| order.is_eq()),
            "not_equals" => !order.is_some_and(|order| order.is_eq()),
            "greater_than" => order.is_some_and(|order| order.is_gt()),
            "less_than" => order.is_some_and(|order| order.is_lt()),
            "contains" => contains(),
            "not_contains" => !contains(),
            "is_empty" => is_empty(),
            _ => !is_empty(),
        }
    }
}

fn is_found(ticket: &Value, query: &str) -> bool {
    let columns = ["title", "from", "from_name", "to", "to_name", "external_id"];
    let holds = |column: &&str| {
        let text = ticket[*column].as_str().unwrap_or_default().to_lowercase();
        text.contains(&query.to_lowercase())
    };
    ticket["id"].to_string() == query || columns.iter().any(|column| holds(&column))
}

fn send(method: &str, target: &str, body: Vec<u8>) -> FuzzResponse {
    let headers = [("apiKey".to_owned(), b"desk-key-0123456789".to_vec())];
    SERVER
        .send((method, target), &headers, body, TIMEOUT)
        .unwrap_or_else(|| panic!("no response to {target}"))
}

fn list(filter: &str) -> FuzzResponse {
    let response = send(
        "GET",
        &format!("/api/v2/ticket?itemLimit=9999&searchArchived=yes{filter}"),
        Vec::new(),
    );
    assert_eq!(response.status, 200, "{filter}: {}", String::from_utf8_lossy(&response.body));
    response
}

fn items(response: &FuzzResponse) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&response.body).expect("JSON");
    list["items"].as_array().expect("items").clone()
}

//! What is hidden of a request is its key, and not what has the key's letters: keys are short words here.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::look::{list, strangers, text};
use crate::control::{Account, answer};
use crate::fixtures::{KEY, Seeded, acme, serve, ticket};
use crate::program::{Running, Stream};
use crate::support::Client;

const INDEX: &str = "/api/v2/ticket";
const HIDDEN: &str = "(hidden)";

/// A server whose account `acme` has this key as well.
fn with_key(key: &str) -> (Seeded, Account) {
    let mut seed = acme([ticket(7)]);
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("keys");
    keys.push(json!({ "key": key, "name": "short", "permissions": "all" }));
    let server = serve(&seed);
    let account = Account::known(&server, "acme", key);
    (server, account)
}

fn new_ticket(title: &Value) -> Value {
    json!({
        "brandID": 1, "channelID": 1, "direction": "inbound", "from": "ada@example.test",
        "to": "desk@example.test", "title": title,
    })
}

/// Whether a JSON value holds the text as a plain value, or as a name.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(|entry| holds(entry, wanted)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name == wanted || holds(value, wanted))
        }
        Value::String(text) => text == wanted,
        plain => format!("{plain}") == wanted,
    }
}

#[tokio::test]
async fn words_that_have_the_letters_of_a_key_stay() {
    let (_seeded, acme) = with_key("test");
    let server = acme.client.clone();
    let titles =
        ["test printer", "latest", "a test, testing", "Re: test", "100% test", "unit/test"];
    for title in titles {
        let made = server.json("POST", INDEX, &new_ticket(&title.into())).await;
        assert_eq!(made.status, 200, "{title}: {}", made.body);
        let entry = acme.newest().await;
        assert_eq!(entry["fields"]["title"], title, "{entry}");
        let columns = list(&entry["changes"][0]["columns"]);
        assert!(columns.iter().any(|column| column["to"] == title), "{entry}");
        let pattern = json!({ "fields": { "title": title }, "count": { "exactly": 1 } });
        let verdict = acme.verify(&pattern).await;
        assert_eq!(verdict.status, 200, "{title}: {}", verdict.body);
        let id = &made.body["ticketID"];
        server.get(&format!("{INDEX}/{id}")).await;
        assert_eq!(acme.newest().await["body"]["item"]["title"], title);
    }
    // What is said of mistakes as well.
    let refused = server.form("PUT", &format!("{INDEX}/7"), "status=test printer&tests=1").await;
    let entry = acme.newest().await;
    assert!(refused.message().contains("\"test printer\" was sent"), "{}", refused.body);
    assert_eq!(entry["body"], refused.body);
    assert!(text(&entry["warnings"][0]["text"]).starts_with("tests is not a field"), "{entry}");
    server.get("/api/v2/tests/latest").await;
    assert_eq!(acme.newest().await["path"], "/api/v2/tests/latest");
}

#[tokio::test]
async fn what_the_contract_names_stays_though_it_is_the_key() {
    for key in ["ticket", "title", "ticketID", "actionType", "setStatus", "status"] {
        let (_seeded, acme) = with_key(key);
        let server = acme.client.clone();
        server.json("POST", INDEX, &new_ticket(&"Printer".into())).await;
        let entry = acme.newest().await;
        assert_eq!((&entry["path"], &entry["fields"]["title"]), (&json!(INDEX), &json!("Printer")));
        server.get(&format!("{INDEX}/7")).await;
        let entry = acme.newest().await;
        assert_eq!(entry["path"], format!("{INDEX}/7"), "{key}");
        assert_eq!(entry["fields"]["ticketID"], "7", "{key}");
        server.form("POST", &format!("{INDEX}/setStatus"), "status=solved&ticketIDs[]=7").await;
        let entry = acme.newest().await;
        assert_eq!(entry["path"], format!("{INDEX}/setStatus"), "{key}");
        assert_eq!(entry["fields"]["status"], "solved", "{key}");
        let batch = "TicketIDs=7&actions[0][actionType]=priority&actions[0][value]=high";
        server.form("POST", &format!("{INDEX}/batch"), batch).await;
        assert_eq!(acme.newest().await["fields"]["actions"][0]["actionType"], "priority", "{key}");
        let refused = server.form("PUT", &format!("{INDEX}/7"), "status=wrong").await;
        assert!(refused.message().starts_with("status must be"), "{key}: {}", refused.body);
        assert_eq!(acme.newest().await["body"], refused.body, "{key}");
        answer(server.ask("PATCH", &format!("{INDEX}/7"))).await;
        assert_eq!(acme.newest().await["path"], format!("{INDEX}/7"), "{key}");
    }
}

#[tokio::test]
async fn a_key_that_is_a_title_is_hidden_there_and_in_the_answers_that_show_it() {
    let (_seeded, acme) = with_key("test");
    let server = acme.client.clone();
    let made = server.json("POST", INDEX, &new_ticket(&"test".into())).await;
    let id = made.body["ticketID"].clone();
    server.form("PUT", &format!("{INDEX}/{id}"), "title=other").await;
    server.form("PUT", &format!("{INDEX}/{id}"), "title=test").await;
    for _ in 0..2 {
        // The second comes from what is kept.
        let shown = server.get(&format!("{INDEX}/{id}")).await;
        assert_eq!(shown.body["item"]["title"], "test", "the client reads its data");
        let shown = server.get(INDEX).await;
        assert!(holds(&shown.body, "test"), "{}", shown.body);
        server.get(&format!("{INDEX}?query=test")).await;
        server.get(&format!("{INDEX}?query=%74est&applyView=test")).await;
    }
    let journal = acme.journal(&[]).await;
    assert!(!holds(&journal, "test"), "{journal:#}");
    let changes = acme.changes(&[]).await;
    assert!(!holds(&changes, "test") && holds(&changes, HIDDEN), "{changes:#}");
    let shown = acme.entries(&[("operation", "ticket.get")]).await;
    assert!(shown.iter().all(|entry| entry["body"]["item"]["title"] == HIDDEN), "{shown:#?}");
}

#[tokio::test]
async fn a_key_that_is_a_number_is_hidden_as_one() {
    let (_seeded, acme) = with_key("12345");
    let server = acme.client.clone();
    for body in [
        json!({ "brandID": 12345, "channelID": 1, "title": [12345, { "a": 12345 }] }),
        json!({ "brandID": "12345", "12345": 12345, "itemLimit": 12345.5 }),
        new_ticket(&12345.into()),
    ] {
        server.json("POST", INDEX, &body).await;
    }
    let body = json!({ "status": "open", "ticketIDs": [12345, 7] });
    let refused = server.json("POST", &format!("{INDEX}/setStatus"), &body).await;
    assert_eq!(refused.message(), "This ticket does not exist: (hidden). Nothing was changed.");
    let body = "status=open&ticketIDs[]=12345&ticketIDs[]=12345";
    server.form("POST", &format!("{INDEX}/setStatus"), body).await;
    server.get(&format!("{INDEX}/12345")).await;
    server.delete(&format!("{INDEX}/12345")).await;
    let journal = acme.journal(&[]).await;
    assert!(!holds(&journal, "12345"), "{journal:#}");
    assert!(!journal.to_string().replace("12345.5", "").contains("12345"), "{journal:#}");
    assert!(journal.to_string().contains("12345.5"), "another number stays: {journal:#}");
}

#[tokio::test]
async fn a_key_that_is_a_method_is_hidden_in_the_journal_and_in_the_log() {
    const METHOD: &str = "canary_method_0123456789";
    let (seeded, acme) = with_key(METHOD);
    let server = acme.client.clone();
    for path in [format!("{INDEX}/7"), "/api/v2/nothing".to_owned()] {
        let refused = answer(server.ask(METHOD, &path)).await;
        assert!(!refused.body.to_string().contains(METHOD), "{}", refused.body);
        let entry = acme.newest().await;
        assert_eq!(entry["method"], HIDDEN);
        assert!(!entry.to_string().contains(METHOD), "{entry}");
    }
    answer(server.with_key("unknown-key").ask("PURGE", &format!("{INDEX}/7"))).await;
    assert_eq!(strangers(&seeded, &[]).await["requests"][0]["method"], "PURGE");

    let mut running = Running::serve(&["--api-key", METHOD]);
    let client = Client::of(&running.base()).with_key(METHOD);
    for path in [INDEX, "/nothing", "/_control/nothing", "/docs"] {
        client.ask(METHOD, path).send().await.expect("an answer");
    }
    running.wait_for(|stream, line| stream == Stream::Err && line.contains("405"));
    let finished = running.stop();
    assert!(!finished.stderr.contains("canary"), "{finished:?}");
}

#[tokio::test]
async fn other_spellings_of_a_key_are_hidden_as_well() {
    let (_seeded, acme) = with_key("test");
    let server = acme.client.clone();
    for path in
        ["/%74est", "/7/%74%65st", "/apiKey=test", "/7;k=%74est", "?query=%74est", "?%74est=1"]
    {
        answer(server.ask("GET", &format!("{INDEX}{path}"))).await;
    }
    let request = server.ask("POST", INDEX).header("content-type", "application/json");
    answer(request.body(r#"{"title": "\u0074es\u0074", "\u0074est": ["\u0074est"]}"#)).await;
    server
        .form("POST", INDEX, "title=%74est&from=%2574est&to=Bearer+%74est&fromName=%20test")
        .await;
    server.multipart("POST", INDEX, &[("title", "test"), ("test", "apiKey=test&a")]).await;
    let request = server.ask("POST", INDEX).header("content-type", "test");
    answer(request.body("test")).await;
    let request = server.ask("POST", INDEX).header("content-encoding", "test");
    answer(request.header("content-type", "application/json").body("test")).await;
    let journal = acme.journal(&[]).await.to_string();
    assert_eq!(journal.matches("\"seq\":").count(), 11);
    for spelling in ["test", "%74", "2574"] {
        let rest = journal.replace("example.test", "");
        assert!(!rest.contains(spelling), "{spelling}: {journal}");
    }
}

#[tokio::test]
async fn a_long_key_is_hidden_where_a_message_cuts_it() {
    let key = "canary-".repeat(18);
    assert_eq!(key.len(), 126);
    let (_seeded, acme) = with_key(&key);
    let server = acme.client.clone();
    let long = format!("{}apiKey={key} {}", "a ".repeat(20), "b".repeat(2_000));
    for body in
        [format!("status={key}"), format!("title={long}"), format!("{key}=1"), format!("{key}=%ff")]
    {
        server.form("PUT", &format!("{INDEX}/7"), &body).await;
    }
    let request = server.ask("PUT", &format!("{INDEX}/7")).header("content-type", &key);
    answer(request.body("a")).await;
    answer(server.ask("GET", &format!("/api/v2/{}/{key}", "a".repeat(150)))).await;
    answer(server.ask(&key, &format!("{INDEX}/7"))).await;
    let journal = acme.journal(&[]).await;
    assert_eq!(list(&journal["requests"]).len(), 7);
    assert!(!journal.to_string().contains("canary"), "{journal:#}");
}

#[tokio::test]
async fn what_one_asked_for_is_not_shown_of_another_whose_key_it_is() {
    let (_seeded, acme) = with_key("test");
    let server = acme.client.clone();
    let other = server.with_key(KEY);
    for path in ["?query=test", "?query=%74est", "?direction=test&query=a"] {
        // Kept for the one, and asked for by the other.
        for client in [&other, &other, &server, &server] {
            client.get(&format!("{INDEX}{path}")).await;
        }
    }
    for entry in acme.entries(&[("key", "short")]).await {
        assert!(!holds(&entry, "test"), "{entry:#}");
    }
    for entry in acme.entries(&[("key", "ci")]).await {
        assert!(!holds(&entry, HIDDEN), "{entry:#}");
    }
}

#[tokio::test]
async fn a_fault_rule_sees_what_is_no_key() {
    let (_seeded, acme) = with_key("test");
    let server = acme.client.clone();
    let rule = json!({ "fields": { "title": "test printer" }, "effect": { "status": 503 } });
    assert_eq!(acme.control_with("POST", "/faults", &rule).await.status, 201);
    let asked = server.json("POST", INDEX, &new_ticket(&"test printer".into())).await;
    assert_eq!(asked.status, 503, "{}", asked.body);
}

const TICKET: &str = "/api/v2/ticket/7";

/// A key that is no part of any word of the contract.
const CANARY: &str = "canary_key_0123456789";

#[tokio::test]
async fn a_warning_of_an_accepted_value_hides_the_key_in_it() {
    let (_seeded, acme) = with_key(CANARY);
    let server = acme.client.clone();
    let values = ["apiKey={}", "Bearer {}", "x={}", "apiKey: {}", "={}&", " {} ", "{}", "\t{}"];
    for value in values {
        let value = value.replace("{}", CANARY);
        let body = [("TicketIDs", "1"), ("actions[0][actionType]", &*value)];
        answer(server.ask("POST", &format!("{INDEX}/batch")).form(&body)).await;
        let entry = acme.newest().await;
        let warned = entry["warnings"].to_string();
        assert!(warned.contains("by a choice") && warned.contains(HIDDEN), "{value}: {entry:#}");
        assert!(!entry.to_string().contains(CANARY), "{value}: {entry:#}");
    }
}

#[tokio::test]
async fn a_message_hides_what_it_would_escape() {
    let (_seeded, acme) = with_key(CANARY);
    let server = acme.client.clone();
    let values = [
        "\t{}",
        "{}\n",
        "\"{}\"",
        "apiKey\n{}",
        "Bearer\t{}",
        "x= {}",
        "x=\u{a0}{}",
        "\u{1}\"apiKey\":\"{}\"",
        "\u{b}{}",
        "%09{}",
    ];
    for value in values {
        let value = value.replace("{}", CANARY);
        let path = format!("{INDEX}/setStatus");
        let form = [("status", &*value), ("ticketIDs[]", "7")];
        let json = json!({ "status": value, "ticketIDs": [7] });
        for refused in [
            answer(server.ask("POST", &path).form(&form)).await,
            server.json("POST", &path, &json).await,
        ] {
            assert_eq!(refused.status, 400, "{}", refused.body);
            let message = refused.message();
            assert!(message.contains(HIDDEN) && !message.contains(CANARY), "{value:?}: {message}");
            let entry = acme.newest().await;
            assert!(!entry.to_string().contains(CANARY), "{value:?}: {entry:#}");
        }
    }
}

#[tokio::test]
async fn a_name_hides_the_key_in_its_brackets() {
    let (_seeded, acme) = with_key(CANARY);
    let server = acme.client.clone();
    let names = [
        "a[{}]",
        "{}[]",
        "actions[{}][value]",
        "ticketIDs[{}]",
        "field.{}",
        "{}.field",
        "a[b.{}]",
        "a[b][{}",
        "apiKey] {} b",
    ];
    for name in names {
        let name = name.replace("{}", CANARY);
        server.json("PUT", TICKET, &json!({ &*name: 1 })).await;
        server.json("PUT", TICKET, &json!({ "status": "wrong", "a": { &*name: [1] } })).await;
        answer(server.ask("PUT", TICKET).form(&[(&*name, "1")])).await;
        answer(server.ask("GET", INDEX).query(&[(&*name, "1")])).await;
        answer(server.ask("GET", "/api/v2/nothing").query(&[(&*name, "1")])).await;
        for entry in acme.journal(&[]).await["requests"].as_array().expect("requests") {
            assert!(!entry.to_string().contains(CANARY), "{name}: {entry:#}");
        }
    }
    let entry = acme.newest().await;
    assert!(entry["fields"].to_string().contains(HIDDEN), "{entry:#}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..bounded() })]

    #[test]
    fn neither_a_message_nor_a_warning_shows_a_labelled_key(
        values in vec(
            (
                "[a-z \"\t\n]{0,6}",
                prop_oneof![
                    Just("apiKey="), Just("apiKey:\t"), Just("Bearer\n"), Just("x="), Just("x= "),
                    Just("\"apiKey\":\""),
                ],
                "([\"\t\n &][a-z \"\t]{0,6})?",
            ),
            6,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (_seeded, acme) = with_key(CANARY);
            let server = acme.client.clone();
            for (before, label, after) in &values {
                let value = format!("{before}{label}{CANARY}{after}");
                let form = [("status", &*value), ("ticketIDs[]", "7")];
                let refused = answer(server.ask("POST", &format!("{INDEX}/setStatus")).form(&form)).await;
                assert!(!refused.body.to_string().contains(CANARY), "{value:?}: {}", refused.body);
                let form = [("TicketIDs", "1"), ("actions[0][actionType]", &*value)];
                answer(server.ask("POST", &format!("{INDEX}/batch")).form(&form)).await;
            }
            let journal = acme.journal(&[]).await;
            assert!(!journal.to_string().contains(CANARY), "{journal:#}");
        });
    }
}

/// A value of a field; `{}` stands for the key.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("{}".to_owned()),
        1 => Just(" {} ".to_owned()),
        1 => Just("apiKey={}".to_owned()),
        1 => Just("x= {}".to_owned()),
        1 => Just("1;{}".to_owned()),
        1 => Just("apiKey:\t{}".to_owned()),
        1 => Just("a Bearer {} b".to_owned()),
        2 => "[A-Za-z0-9_-]{1,3}\\{\\}[A-Za-z0-9_-]{0,3}",
        2 => "[a-z]{1,4} \\{\\} [a-z]{0,4}",
        4 => "[ -~é]{1,20}",
    ]
}

/// What is shown of it; None where it is what was sent.
fn shown(value: &str) -> Option<&'static str> {
    match value {
        "{}" | " {} " => Some(HIDDEN),
        "apiKey={}" => Some("apiKey=(hidden)"),
        "x= {}" => Some("x= (hidden)"),
        "1;{}" => Some("1;(hidden)"),
        "apiKey:\t{}" => Some("apiKey:\t(hidden)"),
        "a Bearer {} b" => Some("a Bearer (hidden) b"),
        _ => None,
    }
}

/// Sends the values in one of three encodings, and looks at what is shown of them.
async fn look(server: &Seeded, key: &str, values: &[String], encoding: u8) {
    let wanted = json!({ "from": "account:acme", "ephemeral": true });
    let mut account = Account::make(server, &wanted).await;
    let new = json!({ "name": "short", "api_key": key });
    assert_eq!(account.control_with("POST", "/keys", &new).await.status, 201);
    account.client = account.client.with_key(key);
    let names = ["title", "from", "fromName", "toName", "unknown"];
    let fields: Vec<(&str, String)> = names
        .into_iter()
        .zip(values)
        .map(|(name, value)| (name, value.replace("{}", key)))
        .collect();
    let rest = [("brandID", "1"), ("channelID", "1"), ("direction", "inbound"), ("to", "b")];
    let all = fields.iter().map(|(name, value)| (*name, value.as_str())).chain(rest);
    let all: Vec<(&str, &str)> = all.collect();
    let sent = match encoding {
        0 => answer(account.client.ask("POST", INDEX).form(&all)).await,
        1 => account.client.multipart("POST", INDEX, &all).await,
        _ => {
            let fields: serde_json::Map<String, Value> =
                all.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            account.client.json("POST", INDEX, &fields.into()).await
        }
    };
    account.client.get(INDEX).await;
    let entry = account.entries(&[("operation", "ticket.create")]).await.remove(0);
    for ((name, sent), value) in fields.iter().zip(values) {
        assert_eq!(entry["fields"][name], shown(value).unwrap_or(sent), "{key}: {name}={value:?}");
    }
    if sent.status == 200 {
        let columns = list(&entry["changes"][0]["columns"]);
        let title = columns.iter().find(|column| column["column"] == "title");
        let expected = shown(&values[0]).unwrap_or(&fields[0].1);
        assert_eq!(title.expect("a title")["to"], expected, "{entry:#}");
    }
    let pattern = json!({ "operation": "ticket.delete" });
    for shown in [
        account.journal(&[]).await,
        account.changes(&[]).await,
        account.verify(&pattern).await.body,
    ] {
        assert!(!holds(&shown, key), "{key}: {shown:#}");
        assert!(!shown.to_string().contains(&format!("apiKey={key}")), "{key}: {shown:#}");
    }
}

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 24, max_shrink_time: 30_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn a_value_is_hidden_exactly_when_it_is_the_key(
        requests in vec(("[A-Z][A-Za-z0-9_-]{3,12}X", vec(value(), 5), 0_u8..3), 4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let server = serve(&acme([]));
            for (key, values, encoding) in &requests {
                look(&server, key, values, *encoding).await;
            }
        });
    }
}

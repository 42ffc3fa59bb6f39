//! Redaction hides the key itself, not longer words that contain it. The keys here are short words.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::helpers::unmatched_journal;
use crate::support::client::ApiClient;
use crate::support::control::{Account, expect_array, expect_string, fetch_response};
use crate::support::process::{OutputStream, RunningProcess};
use crate::support::property::proptest_config;
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};
use crate::support::ticket::TICKETS_PATH;
use crate::support::wait::block_on;

const REDACTED: &str = "(redacted)";

/// Starts a server whose account `acme` also has this key.
fn start_with_key(key: &str) -> (SeededServer, Account) {
    let mut seed = acme_seed([ticket_fixture(7)]);
    let keys = seed["accounts"]["acme"]["keys"].as_array_mut().expect("the seed has keys");
    keys.push(json!({ "key": key, "name": "short", "permissions": "all" }));
    let server = serve_seed(&seed);
    let account = Account::new(&server, "acme", key);
    (server, account)
}

fn new_ticket_body(title: &Value) -> Value {
    json!({
        "brandID": 1, "channelID": 1, "direction": "inbound", "from": "ada@example.test",
        "to": "desk@example.test", "title": title,
    })
}

/// Returns whether a JSON value contains the text as a scalar or as a name.
fn contains_value(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(|entry| contains_value(entry, wanted)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name == wanted || contains_value(value, wanted))
        }
        Value::String(text) => text == wanted,
        plain => format!("{plain}") == wanted,
    }
}

#[tokio::test]
async fn text_that_contains_the_key_is_not_redacted() {
    let (_seeded, acme) = start_with_key("test");
    let server = acme.client.clone();
    let titles =
        ["test printer", "latest", "a test, testing", "Re: test", "100% test", "unit/test"];
    for title in titles {
        let created = server.send_json("POST", TICKETS_PATH, &new_ticket_body(&title.into())).await;
        assert_eq!(created.status, 200, "{title}: {}", created.body);
        let entry = acme.latest_entry().await;
        assert_eq!(entry["fields"]["title"], title, "{entry}");
        let columns = expect_array(&entry["changes"][0]["columns"]);
        assert!(columns.iter().any(|column| column["to"] == title), "{entry}");
        let pattern = json!({ "fields": { "title": title }, "count": { "exactly": 1 } });
        let verdict = acme.verify(&pattern).await;
        assert_eq!(verdict.status, 200, "{title}: {}", verdict.body);
        let id = &created.body["ticketID"];
        server.get(&format!("{TICKETS_PATH}/{id}")).await;
        assert_eq!(acme.latest_entry().await["response_body"]["item"]["title"], title);
    }
    // Error messages and warnings are not redacted either.
    let rejected =
        server.send_form("PUT", &format!("{TICKETS_PATH}/7"), "status=test printer&tests=1").await;
    let entry = acme.latest_entry().await;
    assert!(rejected.message().contains("\"test printer\" was sent"), "{}", rejected.body);
    assert_eq!(entry["response_body"], rejected.body);
    assert!(
        expect_string(&entry["warnings"][0]["message"]).starts_with("tests is an unknown field"),
        "{entry}"
    );
    server.get("/api/v2/tests/latest").await;
    assert_eq!(acme.latest_entry().await["path"], "/api/v2/tests/latest");
}

#[tokio::test]
async fn contract_names_equal_to_the_key_are_not_redacted() {
    for key in ["ticket", "title", "ticketID", "actionType", "setStatus", "status"] {
        let (_seeded, acme) = start_with_key(key);
        let server = acme.client.clone();
        server.send_json("POST", TICKETS_PATH, &new_ticket_body(&"Printer".into())).await;
        let entry = acme.latest_entry().await;
        assert_eq!(
            (&entry["path"], &entry["fields"]["title"]),
            (&json!(TICKETS_PATH), &json!("Printer"))
        );
        server.get(&format!("{TICKETS_PATH}/7")).await;
        let entry = acme.latest_entry().await;
        assert_eq!(entry["path"], format!("{TICKETS_PATH}/7"), "{key}");
        assert_eq!(entry["fields"]["ticketID"], "7", "{key}");
        server
            .send_form("POST", &format!("{TICKETS_PATH}/setStatus"), "status=solved&ticketIDs[]=7")
            .await;
        let entry = acme.latest_entry().await;
        assert_eq!(entry["path"], format!("{TICKETS_PATH}/setStatus"), "{key}");
        assert_eq!(entry["fields"]["status"], "solved", "{key}");
        let batch = "TicketIDs=7&actions[0][actionType]=priority&actions[0][value]=high";
        server.send_form("POST", &format!("{TICKETS_PATH}/batch"), batch).await;
        assert_eq!(
            acme.latest_entry().await["fields"]["actions"][0]["actionType"],
            "priority",
            "{key}"
        );
        let rejected = server.send_form("PUT", &format!("{TICKETS_PATH}/7"), "status=wrong").await;
        assert!(rejected.message().starts_with("status must be"), "{key}: {}", rejected.body);
        assert_eq!(acme.latest_entry().await["response_body"], rejected.body, "{key}");
        fetch_response(server.request("PATCH", &format!("{TICKETS_PATH}/7"))).await;
        assert_eq!(acme.latest_entry().await["path"], format!("{TICKETS_PATH}/7"), "{key}");
    }
}

#[tokio::test]
async fn title_equal_to_the_key_is_redacted_in_the_journal() {
    let (_seeded, acme) = start_with_key("test");
    let server = acme.client.clone();
    let created = server.send_json("POST", TICKETS_PATH, &new_ticket_body(&"test".into())).await;
    let id = created.body["ticketID"].clone();
    server.send_form("PUT", &format!("{TICKETS_PATH}/{id}"), "title=other").await;
    server.send_form("PUT", &format!("{TICKETS_PATH}/{id}"), "title=test").await;
    for _ in 0..2 {
        // The second response comes from the cache.
        let response = server.get(&format!("{TICKETS_PATH}/{id}")).await;
        assert_eq!(
            response.body["item"]["title"], "test",
            "responses to the client are not redacted"
        );
        let response = server.get(TICKETS_PATH).await;
        assert!(contains_value(&response.body, "test"), "{}", response.body);
        server.get(&format!("{TICKETS_PATH}?query=test")).await;
        server.get(&format!("{TICKETS_PATH}?query=%74est&applyView=test")).await;
    }
    let journal = acme.journal(&[]).await;
    assert!(!contains_value(&journal, "test"), "{journal:#}");
    let changes = acme.changes(&[]).await;
    assert!(!contains_value(&changes, "test") && contains_value(&changes, REDACTED), "{changes:#}");
    let entries = acme.entries(&[("operation", "ticket.get")]).await;
    assert!(
        entries.iter().all(|entry| entry["response_body"]["item"]["title"] == REDACTED),
        "{entries:#?}"
    );
}

#[tokio::test]
async fn numeric_key_is_redacted_as_a_number() {
    let (_seeded, acme) = start_with_key("12345");
    let server = acme.client.clone();
    for body in [
        json!({ "brandID": 12345, "channelID": 1, "title": [12345, { "a": 12345 }] }),
        json!({ "brandID": "12345", "12345": 12345, "itemLimit": 12345.5 }),
        new_ticket_body(&12345.into()),
    ] {
        server.send_json("POST", TICKETS_PATH, &body).await;
    }
    let body = json!({ "status": "open", "ticketIDs": [12345, 7] });
    let rejected = server.send_json("POST", &format!("{TICKETS_PATH}/setStatus"), &body).await;
    assert_eq!(rejected.message(), "This ticket does not exist: (redacted). Nothing was changed.");
    let body = "status=open&ticketIDs[]=12345&ticketIDs[]=12345";
    server.send_form("POST", &format!("{TICKETS_PATH}/setStatus"), body).await;
    server.get(&format!("{TICKETS_PATH}/12345")).await;
    server.delete(&format!("{TICKETS_PATH}/12345")).await;
    let journal = acme.journal(&[]).await;
    assert!(!contains_value(&journal, "12345"), "{journal:#}");
    assert!(!journal.to_string().replace("12345.5", "").contains("12345"), "{journal:#}");
    assert!(
        journal.to_string().contains("12345.5"),
        "a different number is not redacted: {journal:#}"
    );
}

#[tokio::test]
async fn method_equal_to_the_key_is_redacted_in_journal_and_log() {
    const METHOD: &str = "canary_method_0123456789";
    let (seeded, acme) = start_with_key(METHOD);
    let server = acme.client.clone();
    for path in [format!("{TICKETS_PATH}/7"), "/api/v2/nothing".to_owned()] {
        let rejected = fetch_response(server.request(METHOD, &path)).await;
        assert!(!rejected.body.to_string().contains(METHOD), "{}", rejected.body);
        let entry = acme.latest_entry().await;
        assert_eq!(entry["method"], REDACTED);
        assert!(!entry.to_string().contains(METHOD), "{entry}");
    }
    fetch_response(server.with_key("unknown-key").request("PURGE", &format!("{TICKETS_PATH}/7")))
        .await;
    assert_eq!(unmatched_journal(&seeded, &[]).await["requests"][0]["method"], "PURGE");

    let mut running = RunningProcess::spawn_server(&["--api-key", METHOD]);
    let client = ApiClient::new(&running.base_url()).with_key(METHOD);
    for path in [TICKETS_PATH, "/nothing", "/_control/nothing", "/docs"] {
        client.request(METHOD, path).send().await.expect("the server responds");
    }
    running.wait_for_line(|stream, line| stream == OutputStream::Stderr && line.contains("405"));
    let finished = running.stop();
    assert!(!finished.stderr.contains("canary"), "{finished:?}");
}

#[tokio::test]
async fn encoded_spellings_of_the_key_are_redacted() {
    let (_seeded, acme) = start_with_key("test");
    let server = acme.client.clone();
    for path in
        ["/%74est", "/7/%74%65st", "/apiKey=test", "/7;k=%74est", "?query=%74est", "?%74est=1"]
    {
        fetch_response(server.request("GET", &format!("{TICKETS_PATH}{path}"))).await;
    }
    let request = server.request("POST", TICKETS_PATH).header("content-type", "application/json");
    fetch_response(request.body(r#"{"title": "\u0074es\u0074", "\u0074est": ["\u0074est"]}"#))
        .await;
    server
        .send_form(
            "POST",
            TICKETS_PATH,
            "title=%74est&from=%2574est&to=Bearer+%74est&fromName=%20test",
        )
        .await;
    server
        .send_multipart("POST", TICKETS_PATH, &[("title", "test"), ("test", "apiKey=test&a")])
        .await;
    let request = server.request("POST", TICKETS_PATH).header("content-type", "test");
    fetch_response(request.body("test")).await;
    let request = server.request("POST", TICKETS_PATH).header("content-encoding", "test");
    fetch_response(request.header("content-type", "application/json").body("test")).await;
    let journal = acme.journal(&[]).await.to_string();
    assert_eq!(journal.matches("\"seq\":").count(), 11);
    for spelling in ["test", "%74", "2574"] {
        let rest = journal.replace("example.test", "");
        assert!(!rest.contains(spelling), "{spelling}: {journal}");
    }
}

#[tokio::test]
async fn long_key_is_redacted_in_a_truncated_message() {
    let key = "canary-".repeat(18);
    assert_eq!(key.len(), 126);
    let (_seeded, acme) = start_with_key(&key);
    let server = acme.client.clone();
    let long = format!("{}apiKey={key} {}", "a ".repeat(20), "b".repeat(2_000));
    for body in
        [format!("status={key}"), format!("title={long}"), format!("{key}=1"), format!("{key}=%ff")]
    {
        server.send_form("PUT", &format!("{TICKETS_PATH}/7"), &body).await;
    }
    let request = server.request("PUT", &format!("{TICKETS_PATH}/7")).header("content-type", &key);
    fetch_response(request.body("a")).await;
    fetch_response(server.request("GET", &format!("/api/v2/{}/{key}", "a".repeat(150)))).await;
    fetch_response(server.request(&key, &format!("{TICKETS_PATH}/7"))).await;
    let journal = acme.journal(&[]).await;
    assert_eq!(expect_array(&journal["requests"]).len(), 7);
    assert!(!journal.to_string().contains("canary"), "{journal:#}");
}

#[tokio::test]
async fn cached_response_is_redacted_for_the_requesting_key() {
    let (_seeded, acme) = start_with_key("test");
    let server = acme.client.clone();
    let other = server.with_key(ACME_KEY);
    for path in ["?query=test", "?query=%74est", "?direction=test&query=a"] {
        // Cached for one key, then requested with the other.
        for client in [&other, &other, &server, &server] {
            client.get(&format!("{TICKETS_PATH}{path}")).await;
        }
    }
    for entry in acme.entries(&[("key", "short")]).await {
        assert!(!contains_value(&entry, "test"), "{entry:#}");
    }
    for mut entry in acme.entries(&[("key", "ci")]).await {
        entry["headers"]["apikey"].take();
        assert!(!contains_value(&entry, REDACTED), "{entry:#}");
    }
}

#[tokio::test]
async fn fault_rule_matches_text_that_contains_the_key() {
    let (_seeded, acme) = start_with_key("test");
    let server = acme.client.clone();
    let rule = json!({ "fields": { "title": "test printer" }, "effect": { "status": 503 } });
    assert_eq!(acme.send_control_json("POST", "/faults", &rule).await.status, 201);
    let response =
        server.send_json("POST", TICKETS_PATH, &new_ticket_body(&"test printer".into())).await;
    assert_eq!(response.status, 503, "{}", response.body);
}

const TICKET_PATH: &str = "/api/v2/ticket/7";

/// A key that is no part of any word of the contract.
const CANARY_KEY: &str = "canary_key_0123456789";

#[tokio::test]
async fn warning_about_an_accepted_value_redacts_the_key() {
    let (_seeded, acme) = start_with_key("priority");
    let body =
        [("TicketIDs", "7"), ("actions[0][actionType]", "priority"), ("actions[0][value]", "low")];
    let request = acme.client.request("POST", &format!("{TICKETS_PATH}/batch")).form(&body);
    assert_eq!(fetch_response(request).await.status, 200);
    let entry = acme.latest_entry().await;
    let message = "actions[0][actionType] accepts (redacted) (undocumented).";
    let warnings = expect_array(&entry["warnings"]);
    assert!(warnings.iter().any(|warning| warning["message"] == message), "{entry:#}");
}

#[tokio::test]
async fn message_redacts_a_key_beside_escaped_characters() {
    let (_seeded, acme) = start_with_key(CANARY_KEY);
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
        let value = value.replace("{}", CANARY_KEY);
        let path = format!("{TICKETS_PATH}/setStatus");
        let form = [("status", &*value), ("ticketIDs[]", "7")];
        let json = json!({ "status": value, "ticketIDs": [7] });
        for rejected in [
            fetch_response(server.request("POST", &path).form(&form)).await,
            server.send_json("POST", &path, &json).await,
        ] {
            assert_eq!(rejected.status, 400, "{}", rejected.body);
            let message = rejected.message();
            assert!(
                message.contains(REDACTED) && !message.contains(CANARY_KEY),
                "{value:?}: {message}"
            );
            let entry = acme.latest_entry().await;
            assert!(!entry.to_string().contains(CANARY_KEY), "{value:?}: {entry:#}");
        }
    }
}

#[tokio::test]
async fn field_name_redacts_a_key_in_brackets() {
    let (_seeded, acme) = start_with_key(CANARY_KEY);
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
        let name = name.replace("{}", CANARY_KEY);
        server.send_json("PUT", TICKET_PATH, &json!({ &*name: 1 })).await;
        server
            .send_json("PUT", TICKET_PATH, &json!({ "status": "wrong", "a": { &*name: [1] } }))
            .await;
        fetch_response(server.request("PUT", TICKET_PATH).form(&[(&*name, "1")])).await;
        fetch_response(server.request("GET", TICKETS_PATH).query(&[(&*name, "1")])).await;
        fetch_response(server.request("GET", "/api/v2/nothing").query(&[(&*name, "1")])).await;
        for entry in acme.journal(&[]).await["requests"].as_array().expect("requests is an array") {
            assert!(!entry.to_string().contains(CANARY_KEY), "{name}: {entry:#}");
        }
    }
    let entry = acme.latest_entry().await;
    assert!(entry["fields"].to_string().contains(REDACTED), "{entry:#}");
}

proptest! {
    #![proptest_config(proptest_config(6))]

    #[test]
    fn messages_and_warnings_redact_a_labelled_key(
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
        block_on(async {
            let (_seeded, acme) = start_with_key(CANARY_KEY);
            let server = acme.client.clone();
            for (before, label, after) in &values {
                let value = format!("{before}{label}{CANARY_KEY}{after}");
                let form = [("status", &*value), ("ticketIDs[]", "7")];
                let rejected = fetch_response(server.request("POST", &format!("{TICKETS_PATH}/setStatus")).form(&form)).await;
                assert!(!rejected.body.to_string().contains(CANARY_KEY), "{value:?}: {}", rejected.body);
                let form = [("TicketIDs", "1"), ("actions[0][actionType]", &*value)];
                fetch_response(server.request("POST", &format!("{TICKETS_PATH}/batch")).form(&form)).await;
            }
            let journal = acme.journal(&[]).await;
            assert!(!journal.to_string().contains(CANARY_KEY), "{journal:#}");
        });
    }
}

/// Generates the value of a field; `{}` stands for the key.
fn field_value_strategy() -> impl Strategy<Value = String> {
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

/// Returns the redacted form of the value; `None` if it is not redacted.
fn expected_redaction(value: &str) -> Option<&'static str> {
    match value {
        "{}" | " {} " => Some(REDACTED),
        "apiKey={}" => Some("apiKey=(redacted)"),
        "x= {}" => Some("x= (redacted)"),
        "1;{}" => Some("1;(redacted)"),
        "apiKey:\t{}" => Some("apiKey:\t(redacted)"),
        "a Bearer {} b" => Some("a Bearer (redacted) b"),
        _ => None,
    }
}

/// Sends the values in one of three encodings and checks their redaction in the control API.
async fn assert_exact_redaction(server: &SeededServer, key: &str, values: &[String], encoding: u8) {
    let settings = json!({ "from": "account:acme", "ephemeral": true });
    let mut account = Account::create(server, &settings).await;
    let new = json!({ "name": "short", "api_key": key });
    assert_eq!(account.send_control_json("POST", "/keys", &new).await.status, 201);
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
    let response = match encoding {
        0 => fetch_response(account.client.request("POST", TICKETS_PATH).form(&all)).await,
        1 => account.client.send_multipart("POST", TICKETS_PATH, &all).await,
        _ => {
            let fields: serde_json::Map<String, Value> =
                all.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            account.client.send_json("POST", TICKETS_PATH, &fields.into()).await
        }
    };
    account.client.get(TICKETS_PATH).await;
    let entry = account.entries(&[("operation", "ticket.create")]).await.remove(0);
    for ((name, sent), value) in fields.iter().zip(values) {
        assert_eq!(
            entry["fields"][name],
            expected_redaction(value).unwrap_or(sent),
            "{key}: {name}={value:?}"
        );
    }
    if response.status == 200 {
        let columns = expect_array(&entry["changes"][0]["columns"]);
        let title = columns.iter().find(|column| column["column"] == "title");
        let expected = expected_redaction(&values[0]).unwrap_or(&fields[0].1);
        assert_eq!(title.expect("the title changed")["to"], expected, "{entry:#}");
    }
    let pattern = json!({ "operation": "ticket.delete" });
    for output in [
        account.journal(&[]).await,
        account.changes(&[]).await,
        account.verify(&pattern).await.body,
    ] {
        assert!(!contains_value(&output, key), "{key}: {output:#}");
        assert!(!output.to_string().contains(&format!("apiKey={key}")), "{key}: {output:#}");
    }
}

proptest! {
    #![proptest_config(proptest_config(12))]

    #[test]
    fn value_is_redacted_exactly_when_it_is_the_key(
        requests in vec(("[A-Z][A-Za-z0-9_-]{3,12}X", vec(field_value_strategy(), 5), 0_u8..3), 4),
    ) {
        block_on(async {
            let server = serve_seed(&acme_seed([]));
            for (key, values, encoding) in &requests {
                assert_exact_redaction(&server, key, values, *encoding).await;
            }
        });
    }
}

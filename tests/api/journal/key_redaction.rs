//! The control API never shows the text of an API key, wherever the client sent it.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::helpers::unmatched_journal;
use super::sse_client::EventStream;
use crate::support::client::ApiClient;
use crate::support::control::{Account, expect_array, fetch_response};
use crate::support::seed::{ACME_KEY, acme_seed, serve_seed, ticket_fixture};
use crate::support::ticket::{TICKETS_PATH, URLENCODED};

const FORM_WITHOUT_TITLE: &str = "brandID=1&channelID=1&direction=inbound&from=a&to=b";

/// Places for a key beside its proper header; `{}` stands for the key.
#[rustfmt::skip]
const KEY_PLACEMENTS: &[(&str, &str, &str)] = &[
    ("GET", "?apiKey={}", ""),
    ("GET", "?apikey={}", ""),
    ("GET", "?APIKEY[]={}", ""),
    ("GET", "?apiKey[a][b]={}", ""),
    ("GET", "?query={}", ""),
    ("GET", "?query=before%20apiKey={}%20after", ""),
    ("GET", "?query=Bearer+{}.", ""),
    ("GET", "?applyView={}", ""),
    ("GET", "?{}=1", ""),
    ("GET", "?a[{}]=1", ""),
    ("GET", "?status={}", ""),
    ("GET", "/{}", ""),
    ("GET", "/7/{}", ""),
    ("POST", "", "apiKey={}&title=x"),
    ("POST", "", "title[]=x&title[]=k={}"),
    ("POST", "", "title[a][b]={}"),
    ("POST", "/setStatus", "status={}&ticketIDs[]=7"),
    ("POST", "/setStatus", "status=open&ticketIDs[]={}"),
    ("POST", "/batch", "TicketIDs=7&actions[0][actionType]={}&actions[0][value]={}"),
    ("POST", "/batch", "TicketIDs=7&actions[0][actionType]=priority&actions[0][value]={}"),
    ("PUT", "/7", "status={}"),
    ("PUT", "/7", "Titl={}&apiKey={}"),
];

fn build_request(
    client: &ApiClient,
    method: &str,
    path: &str,
    body: &str,
    key: &str,
) -> RequestBuilder {
    let request = client.request(method, &format!("{TICKETS_PATH}{}", path.replace("{}", key)));
    if body.is_empty() {
        return request;
    }
    let request = request.header("content-type", URLENCODED);
    request.body(body.replace("{}", key))
}

/// Collects all output of the control API about an account's requests.
async fn collect_control_output(account: &Account) -> String {
    let journal = account.journal(&[]).await;
    let mut events = EventStream::open(account, &[]).await;
    let mut streamed = String::new();
    for _ in expect_array(&journal["requests"]) {
        streamed += &events.next().await.expect("the stream has another event").raw;
    }
    let changes = account.changes(&[]).await;
    let export = account.export().await;
    let pattern = json!({ "operation": "ticket.delete", "fields": { "title": "x" } });
    let problem = account.verify(&pattern).await.body;
    let timed_out = account.wait(&[("operation", "ticket.delete"), ("timeout", "1ms")]).await.body;
    format!("{journal}\n{streamed}\n{changes}\n{export}\n{problem}\n{timed_out}")
}

/// Returns the names of the fields of an entry that contain a text.
fn fields_containing(entry: &Value, text: &str) -> Vec<String> {
    let fields = entry.as_object().expect("an entry is an object").iter();
    let matching = fields.filter(|(_, value)| value.to_string().contains(text));
    matching.map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn key_is_redacted_wherever_it_was_sent() {
    let mut leaks = Vec::new();
    for (method, path, body) in KEY_PLACEMENTS {
        let server = serve_seed(&acme_seed([ticket_fixture(7)]));
        let acme = Account::acme(&server);
        fetch_response(build_request(&server, method, path, body, ACME_KEY)).await;
        let fields = fields_containing(&acme.latest_entry().await, ACME_KEY);
        if collect_control_output(&acme).await.contains(ACME_KEY) || !fields.is_empty() {
            leaks.push(format!("{method} {path} {body}: {fields:?}"));
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn key_is_redacted_in_json_and_multipart_bodies() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let text_with_key = format!("before apiKey: {ACME_KEY} after");
    let body = json!({
        "apiKey": ACME_KEY, "ApiKey": { "deep": ACME_KEY }, "title": [text_with_key, { "x": ACME_KEY }], ACME_KEY: 1, "from": { ACME_KEY: ACME_KEY },
    });
    server.send_json("POST", TICKETS_PATH, &body).await;
    server
        .send_multipart(
            "POST",
            TICKETS_PATH,
            &[("apiKey", ACME_KEY), ("title[]", &text_with_key), (ACME_KEY, ACME_KEY)],
        )
        .await;
    let output = collect_control_output(&Account::acme(&server)).await;
    assert!(!output.contains(ACME_KEY), "{output}");
    assert!(output.contains("\"seq\":2"), "{output}");
}

#[tokio::test]
async fn field_with_the_key_has_the_redaction_placeholder() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let acme = Account::acme(&server);
    let body = format!(
        "{FORM_WITHOUT_TITLE}&title={ACME_KEY}&fromName=Ada&apikey=anything&ApiKey={ACME_KEY}"
    );
    server.send_form("POST", TICKETS_PATH, &body).await;
    let fields = &acme.latest_entry().await["fields"];
    for (name, expected) in [
        ("title", "(redacted)"),
        ("apikey", "(redacted)"),
        ("ApiKey", "(redacted)"),
        ("fromName", "Ada"),
        ("to", "b"),
    ] {
        assert_eq!(fields[name], expected, "{name}: {fields}");
    }
}

#[tokio::test]
async fn unknown_key_is_redacted() {
    const UNKNOWN: &str = "unknown-key-0123456789";
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let client = server.with_key(UNKNOWN);
    for (method, path, body) in KEY_PLACEMENTS {
        fetch_response(build_request(&client, method, path, body, UNKNOWN)).await;
        let by_query = format!("{TICKETS_PATH}?query={UNKNOWN}&apiKey={UNKNOWN}");
        fetch_response(client.request_without_key("GET", &by_query)).await;
    }
    let journal = unmatched_journal(&server, &[]).await;
    let entries = expect_array(&journal["requests"]);
    assert_eq!(entries.len(), 2 * KEY_PLACEMENTS.len());
    let leaks =
        entries.iter().map(|entry| (entry["path"].clone(), fields_containing(entry, UNKNOWN)));
    let leaks: Vec<_> = leaks.filter(|(_, fields)| !fields.is_empty()).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn request_with_two_keys_is_unmatched_and_both_are_redacted() {
    const UNKNOWN: &str = "unknown-key-0123456789";
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let path = format!("{TICKETS_PATH}/7?apiKey={UNKNOWN}&query={ACME_KEY}&a={UNKNOWN}");
    assert_eq!(fetch_response(server.request("GET", &path)).await.status, 400);
    let (matched, unmatched) =
        (Account::acme(&server).journal(&[]).await, unmatched_journal(&server, &[]).await);
    assert_eq!(matched["requests"], json!([]));
    assert_eq!(unmatched["requests"][0]["status"], 400, "{unmatched}");
    let text = unmatched.to_string();
    assert!(!text.contains(ACME_KEY) && !text.contains(UNKNOWN), "{text}");
}

#[tokio::test]
async fn key_text_sent_as_a_key_name_is_not_echoed() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    server.get("/api/v2/ticket/7").await;
    let acme = Account::acme(&server);
    let fault = json!({ "key": ACME_KEY, "effect": { "reset_connection": true } });
    let mut leaks = Vec::new();
    for (endpoint, reply) in [
        ("verify", acme.verify(&json!({ "key": ACME_KEY })).await),
        ("faults", acme.send_control_json("POST", "/faults", &fault).await),
        ("requests", acme.send_control_query("/requests", &[("key", ACME_KEY)]).await),
        ("wait", acme.wait(&[("key", ACME_KEY), ("timeout", "1ms")]).await),
    ] {
        leaks.extend(reply.body.to_string().contains(ACME_KEY).then_some(endpoint));
    }
    assert!(leaks.is_empty(), "{leaks:?}");
}

#[tokio::test]
async fn key_in_the_query_selects_self_and_is_not_echoed() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    server.get("/api/v2/ticket/7").await;
    for path in ["/requests", "/changes"] {
        let path = format!("/_control/accounts/self{path}?apiKey={ACME_KEY}");
        let response = fetch_response(server.request_without_key("GET", &path)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        assert!(!response.body.to_string().contains(ACME_KEY), "{path}: {}", response.body);
    }
}

//! The text of a key is nowhere in what the control API shows, however it was sent.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::helpers::{expect_array, unmatched_journal};
use super::sse_client::EventStream;
use crate::control_client::{Account, fetch_response};
use crate::fixtures::{ACME_KEY, acme_seed, serve_seed, ticket_fixture};
use crate::support::ApiClient;

const TICKETS_PATH: &str = "/api/v2/ticket";
const FORM_WITHOUT_TITLE: &str = "brandID=1&channelID=1&direction=inbound&from=a&to=b";

/// Where a key may come, beside the header that it belongs into; `{}` stands for it.
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
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(body.replace("{}", key))
}

/// Everything that is shown of what an account was asked.
async fn collect_control_output(account: &Account) -> String {
    let journal = account.journal(&[]).await;
    let mut events = EventStream::open(account, &[]).await;
    let mut all = String::new();
    for _ in expect_array(&journal["requests"]) {
        all += &events.next().await.expect("an event").raw;
    }
    let changes = account.changes(&[]).await;
    let export = account.export().await;
    let pattern = json!({ "operation": "ticket.delete", "fields": { "title": "x" } });
    let problem = account.verify(&pattern).await.body;
    let over = account.wait(&[("operation", "ticket.delete"), ("timeout", "1ms")]).await.body;
    format!("{journal}\n{all}\n{changes}\n{export}\n{problem}\n{over}")
}

/// The parts of an entry that hold a text.
fn parts_containing(entry: &Value, text: &str) -> Vec<String> {
    let parts = entry.as_object().expect("an entry").iter();
    let telling = parts.filter(|(_, value)| value.to_string().contains(text));
    telling.map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn key_is_redacted_wherever_it_was_sent() {
    let mut told = Vec::new();
    for (method, path, body) in KEY_PLACEMENTS {
        let server = serve_seed(&acme_seed([ticket_fixture(7)]));
        let acme = Account::acme(&server);
        fetch_response(build_request(&server, method, path, body, ACME_KEY)).await;
        let parts = parts_containing(&acme.latest_entry().await, ACME_KEY);
        if collect_control_output(&acme).await.contains(ACME_KEY) || !parts.is_empty() {
            told.push(format!("{method} {path} {body}: {parts:?}"));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn key_is_redacted_in_json_and_multipart_bodies() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let within = format!("before apiKey: {ACME_KEY} after");
    let body = json!({
        "apiKey": ACME_KEY, "ApiKey": { "deep": ACME_KEY }, "title": [within, { "x": ACME_KEY }], ACME_KEY: 1, "from": { ACME_KEY: ACME_KEY },
    });
    server.send_json("POST", TICKETS_PATH, &body).await;
    server
        .send_multipart(
            "POST",
            TICKETS_PATH,
            &[("apiKey", ACME_KEY), ("title[]", &within), (ACME_KEY, ACME_KEY)],
        )
        .await;
    let shown = collect_control_output(&Account::acme(&server)).await;
    assert!(!shown.contains(ACME_KEY), "{shown}");
    assert!(shown.contains("\"seq\":2"), "{shown}");
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
        ("title", "(hidden)"),
        ("apikey", "(hidden)"),
        ("ApiKey", "(hidden)"),
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
    let told =
        entries.iter().map(|entry| (entry["path"].clone(), parts_containing(entry, UNKNOWN)));
    let told: Vec<_> = told.filter(|(_, parts)| !parts.is_empty()).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn request_with_two_keys_is_unmatched_and_both_are_redacted() {
    const UNKNOWN: &str = "unknown-key-0123456789";
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let path = format!("{TICKETS_PATH}/7?apiKey={UNKNOWN}&query={ACME_KEY}&a={UNKNOWN}");
    assert_eq!(fetch_response(server.request("GET", &path)).await.status, 400);
    let (own, strangers) =
        (Account::acme(&server).journal(&[]).await, unmatched_journal(&server, &[]).await);
    assert_eq!(own["requests"], json!([]));
    assert_eq!(strangers["requests"][0]["status"], 400, "{strangers}");
    let text = strangers.to_string();
    assert!(!text.contains(ACME_KEY) && !text.contains(UNKNOWN), "{text}");
}

#[tokio::test]
async fn key_text_sent_as_a_key_name_is_not_echoed() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    server.get("/api/v2/ticket/7").await;
    let acme = Account::acme(&server);
    let fault = json!({ "key": ACME_KEY, "effect": { "reset": true } });
    let mut told = Vec::new();
    for (what, reply) in [
        ("verify", acme.verify(&json!({ "key": ACME_KEY })).await),
        ("faults", acme.send_control_json("POST", "/faults", &fault).await),
        ("requests", acme.send_control_query("/requests", &[("key", ACME_KEY)]).await),
        ("wait", acme.wait(&[("key", ACME_KEY), ("timeout", "1ms")]).await),
    ] {
        told.extend(reply.body.to_string().contains(ACME_KEY).then_some(what));
    }
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn key_in_the_query_selects_self_and_is_not_echoed() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    server.get("/api/v2/ticket/7").await;
    for path in ["/requests", "/changes"] {
        let path = format!("/_control/accounts/self{path}?apiKey={ACME_KEY}");
        let shown = fetch_response(server.request_without_key("GET", &path)).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.body);
        assert!(!shown.body.to_string().contains(ACME_KEY), "{path}: {}", shown.body);
    }
}

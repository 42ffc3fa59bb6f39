//! The text of a key is nowhere in what the control API shows, however it was sent.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::events::Events;
use super::look::{list, strangers};
use crate::control::{Account, answer};
use crate::fixtures::{KEY, acme, serve, ticket};
use crate::support::Client;

const INDEX: &str = "/api/v2/ticket";
const NEW: &str = "brandID=1&channelID=1&direction=inbound&from=a&to=b";

/// Where a key may come, beside the header that it belongs into; `{}` stands for it.
#[rustfmt::skip]
const PLACES: &[(&str, &str, &str)] = &[
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

fn request(client: &Client, method: &str, path: &str, body: &str, key: &str) -> RequestBuilder {
    let request = client.ask(method, &format!("{INDEX}{}", path.replace("{}", key)));
    if body.is_empty() {
        return request;
    }
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(body.replace("{}", key))
}

/// Everything that is shown of what an account was asked.
async fn shown(account: &Account) -> String {
    let journal = account.journal(&[]).await;
    let mut events = Events::open(account, &[]).await;
    let mut all = String::new();
    for _ in list(&journal["requests"]) {
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
fn telling(entry: &Value, text: &str) -> Vec<String> {
    let parts = entry.as_object().expect("an entry").iter();
    let telling = parts.filter(|(_, value)| value.to_string().contains(text));
    telling.map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn it_is_hidden_wherever_it_was_sent() {
    let mut told = Vec::new();
    for (method, path, body) in PLACES {
        let server = serve(&acme([ticket(7)]));
        let acme = Account::acme(&server);
        answer(request(&server, method, path, body, KEY)).await;
        let parts = telling(&acme.newest().await, KEY);
        if shown(&acme).await.contains(KEY) || !parts.is_empty() {
            told.push(format!("{method} {path} {body}: {parts:?}"));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn it_is_hidden_in_json_and_in_parts_as_well() {
    let server = serve(&acme([ticket(7)]));
    let within = format!("before apiKey: {KEY} after");
    let body = json!({
        "apiKey": KEY, "ApiKey": { "deep": KEY }, "title": [within, { "x": KEY }], KEY: 1, "from": { KEY: KEY },
    });
    server.json("POST", INDEX, &body).await;
    server.multipart("POST", INDEX, &[("apiKey", KEY), ("title[]", &within), (KEY, KEY)]).await;
    let shown = shown(&Account::acme(&server)).await;
    assert!(!shown.contains(KEY), "{shown}");
    assert!(shown.contains("\"seq\":2"), "{shown}");
}

#[tokio::test]
async fn a_field_that_holds_it_says_that_it_is_hidden() {
    let server = serve(&acme([ticket(7)]));
    let acme = Account::acme(&server);
    let body = format!("{NEW}&title={KEY}&fromName=Ada&apikey=anything&ApiKey={KEY}");
    server.form("POST", INDEX, &body).await;
    let fields = &acme.newest().await["fields"];
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
async fn an_unknown_key_is_hidden_as_well() {
    const UNKNOWN: &str = "unknown-key-0123456789";
    let server = serve(&acme([ticket(7)]));
    let client = server.with_key(UNKNOWN);
    for (method, path, body) in PLACES {
        answer(request(&client, method, path, body, UNKNOWN)).await;
        let by_query = format!("{INDEX}?query={UNKNOWN}&apiKey={UNKNOWN}");
        answer(client.ask_without_key("GET", &by_query)).await;
    }
    let journal = strangers(&server, &[]).await;
    let entries = list(&journal["requests"]);
    assert_eq!(entries.len(), 2 * PLACES.len());
    let told = entries.iter().map(|entry| (entry["path"].clone(), telling(entry, UNKNOWN)));
    let told: Vec<_> = told.filter(|(_, parts)| !parts.is_empty()).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn two_keys_at_once_are_nobodys_and_hidden_both() {
    const UNKNOWN: &str = "unknown-key-0123456789";
    let server = serve(&acme([ticket(7)]));
    let path = format!("{INDEX}/7?apiKey={UNKNOWN}&query={KEY}&a={UNKNOWN}");
    assert_eq!(answer(server.ask("GET", &path)).await.status, 400);
    let (own, strangers) =
        (Account::acme(&server).journal(&[]).await, strangers(&server, &[]).await);
    assert_eq!(own["requests"], json!([]));
    assert_eq!(strangers["requests"][0]["status"], 400, "{strangers}");
    let text = strangers.to_string();
    assert!(!text.contains(KEY) && !text.contains(UNKNOWN), "{text}");
}

#[tokio::test]
async fn whoever_takes_the_name_of_a_key_for_its_text_does_not_read_it_again() {
    let server = serve(&acme([ticket(7)]));
    server.get("/api/v2/ticket/7").await;
    let acme = Account::acme(&server);
    let fault = json!({ "key": KEY, "effect": { "reset": true } });
    let mut told = Vec::new();
    for (what, reply) in [
        ("verify", acme.verify(&json!({ "key": KEY })).await),
        ("faults", acme.control_with("POST", "/faults", &fault).await),
        ("requests", acme.asked("/requests", &[("key", KEY)]).await),
        ("wait", acme.wait(&[("key", KEY), ("timeout", "1ms")]).await),
    ] {
        told.extend(reply.body.to_string().contains(KEY).then_some(what));
    }
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn self_with_the_key_in_the_query_works_and_shows_nothing_of_it() {
    let server = serve(&acme([ticket(7)]));
    server.get("/api/v2/ticket/7").await;
    for path in ["/requests", "/changes"] {
        let path = format!("/_control/accounts/self{path}?apiKey={KEY}");
        let shown = answer(server.ask_without_key("GET", &path)).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.body);
        assert!(!shown.body.to_string().contains(KEY), "{path}: {}", shown.body);
    }
}

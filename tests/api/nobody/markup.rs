//! Markup in what an account holds, and in what a client sends: it comes back as data, and never as a page.

use serde_json::{Value, json};

use super::answers::{Answered, Asked};
use super::routes::{self, Route};
use crate::control::{ACCOUNTS, Account};
use crate::fixtures::{KEY, Seeded, acme, serve, ticket};

/// Markup that a browser would run, wherever it stands in a page.
pub(super) const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></title>";
/// The same as a part of a URL.
pub(super) const ENCODED: &str =
    "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E";

/// Whether a text holds markup of ours that no page has escaped.
pub(super) fn is_raw(text: &str) -> bool {
    text.contains("<script>alert") || text.contains("<img src=x")
}

/// Whether no browser takes the answer for a page, unless it is one of ours.
pub(super) fn is_inert(path: &str, answer: &Answered) -> bool {
    let kind = answer.header("content-type");
    let is_data = ["application/json", "application/problem+json", "text/event-stream"];
    let is_data = is_data.contains(&kind.split(';').next().unwrap_or_default());
    let cannot_be_taken_for_another = answer.header("x-content-type-options") == "nosniff";
    if path.starts_with("/_control") && !cannot_be_taken_for_another {
        return false;
    }
    if answer.body.is_empty() || is_data {
        return true;
    }
    cannot_be_taken_for_another && (kind.starts_with("text/plain") || !is_raw(&answer.body))
}

/// An account with markup in every text that it can have.
fn marked() -> Value {
    let mut seed = acme([]);
    let account = &mut seed["accounts"]["acme"];
    for list in ["brands", "channels", "groups", "users"] {
        account[list][0]["name"] = MARKUP.into();
    }
    account["channels"][0]["icon"] = MARKUP.into();
    for name in ["external_primary_id", "firstname", "lastname"] {
        account["customers"][0][name] = MARKUP.into();
    }
    account["views"][0]["title"] = MARKUP.into();
    account["keys"][0]["name"] = MARKUP.into();
    let mut one = ticket(7);
    for name in ["title", "from", "from_name", "to", "to_name", "icon", "external_id"] {
        one[name] = MARKUP.into();
    }
    one["customer_id"] = 626_822.into();
    one["timeline"] = json!([
        { "type": "event", "description": MARKUP, "initiated_by": MARKUP, "item_type": MARKUP },
        { "type": "note", "content": MARKUP, "user_name": MARKUP, "user_avatar": MARKUP },
    ]);
    account["tickets"] = json!([one]);
    seed
}

/// All that is shown of an account with markup, after requests and rules that have some as well.
async fn shown(server: &Seeded) -> Vec<(String, Answered)> {
    let account = Account::known(server, "acme", KEY);
    let rule = json!({ "key": MARKUP, "fields": { "title": MARKUP }, "effect": { "status": 503, "message": MARKUP } });
    assert_eq!(account.control_with("POST", "/faults", &rule).await.status, 201);
    let body = json!({ "title": MARKUP, "status": MARKUP, MARKUP: MARKUP });
    assert_eq!(server.json("PUT", "/api/v2/ticket/7", &body).await.message(), MARKUP);
    assert_eq!(server.json("POST", "/api/v2/ticket", &json!({ MARKUP: MARKUP })).await.status, 400);
    let mut routes = routes::control(&server.base, "").await;
    routes.extend(routes::tickets(&server.base).await);
    routes.extend(routes::pages());
    let mut answers = Vec::new();
    for route in routes.iter().filter(|route| route.is_read() && !route.is_endless()) {
        for account in ["acme", "self"] {
            let path = route.at(account, "7");
            let asked = Asked::new("GET", path.as_str()).with("apiKey", KEY);
            answers.push((path, asked.ask(&server.base).await));
        }
    }
    answers
}

#[tokio::test]
async fn what_an_account_holds_is_data() {
    let server = serve(&marked());
    let shown = shown(&server).await;
    let wrong: Vec<_> = shown.iter().filter(|(path, answer)| !is_inert(path, answer)).collect();
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    for path in ["/export", "/requests", "/faults", "/keys"] {
        let path = format!("{ACCOUNTS}/acme{path}");
        let marked =
            shown.iter().any(|(other, answer)| other.starts_with(&path) && is_raw(&answer.body));
        assert!(marked, "{path} shows markup as it is");
    }
    assert!(shown.iter().any(|(path, answer)| path == "/api/v2/ticket/7" && is_raw(&answer.body)));
}

#[tokio::test]
async fn the_stream_of_requests_is_data() {
    let server = serve(&marked());
    server.json("POST", "/api/v2/ticket", &json!({ "title": MARKUP })).await;
    let stream = Account::known(&server, "acme", KEY).ask("GET", "/requests/stream");
    let mut stream = stream.send().await.expect("it answers");
    let header = |name: &str| stream.headers()[name].to_str().expect("text").to_owned();
    assert!(header("content-type").starts_with("text/event-stream"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let first = stream.chunk().await.expect("an event comes").expect("the stream is open");
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.lines().all(|line| line.is_empty() || line.contains(':')), "{text}");
}

/// A route with markup in every place that there is.
fn sent(route: &Route) -> Vec<Asked> {
    let to = |account: &str, other: &str| {
        Asked::new(&route.method, route.at(account, other)).with("apiKey", KEY)
    };
    // What changes something must not take away what the others ask for.
    let account = if route.is_read() { "acme" } else { "scratch" };
    let plain = to(account, "7");
    let names = [
        "title",
        "status",
        "name",
        "from",
        "operation",
        "mode",
        "by",
        "preset",
        "key",
        "list_type",
    ];
    let fields: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), MARKUP.into())).collect();
    let one = |name: &str| json!({ name: MARKUP }).to_string();
    let mut all = vec![
        to(ENCODED, "7"),
        to(account, ENCODED),
        plain.clone().asking(&format!("{ENCODED}=1")),
        plain.clone().asking(&format!("status={ENCODED}")),
        plain.clone().asking(&format!("operation={ENCODED}")),
        plain.clone().asking(&format!("since={ENCODED}")),
        plain.clone().asking(&format!("ticket={ENCODED}")),
        plain.clone().asking(&format!("query={ENCODED}&applyView={ENCODED}")),
        plain.clone().instead("apiKey", MARKUP),
        plain.clone().with("Authorization", MARKUP),
        plain.clone().with("Last-Event-ID", MARKUP),
        plain.clone().with("Origin", MARKUP),
        plain.clone().instead("Host", MARKUP),
        plain.clone().with("Content-Encoding", MARKUP),
        plain.clone().with("Accept", "text/html"),
        plain.clone().sending(MARKUP, MARKUP),
        plain.clone().sending("text/html", MARKUP),
        plain.clone().sending("application/json", MARKUP),
        plain.clone().sending("application/json", Value::Object(fields).to_string()),
        plain.clone().sending("application/json", one(MARKUP)),
        plain.clone().sending("application/x-www-form-urlencoded", format!("{ENCODED}={ENCODED}")),
    ];
    all.extend(names.map(|name| plain.clone().sending("application/json", one(name))));
    all
}

#[tokio::test]
async fn what_is_sent_comes_back_as_data() {
    let server = serve(&marked());
    let mut routes = routes::control(&server.base, "").await;
    routes.extend(routes::tickets(&server.base).await);
    routes.extend(routes::pages());
    let mut wrong = Vec::new();
    let mut repeated = 0;
    for route in &routes {
        let scratch = server.ask_without_key("POST", ACCOUNTS).json(&json!({ "name": "scratch" }));
        assert!(scratch.send().await.is_ok());
        for (method, most) in [(None, usize::MAX), (Some("PATCH"), 5)] {
            for mut asked in sent(route).into_iter().take(most) {
                method.unwrap_or(&route.method).clone_into(&mut asked.method);
                if route.is_endless() && method.is_none() {
                    asked = asked.asking("since=none");
                }
                let answer = asked.clone().ask(&server.base).await;
                repeated += usize::from(is_raw(&answer.body));
                if !is_inert(&route.path, &answer) || is_raw(&answer.head) {
                    wrong.push(format!("{asked:?}: {answer:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    assert!(repeated > 20, "some of it comes back: {repeated}");
}

#[tokio::test]
async fn where_there_is_nothing_there_is_no_page() {
    let server = serve(&marked());
    for path in [
        format!("/{ENCODED}"),
        format!("/docs/{ENCODED}"),
        format!("/docs/control/{ENCODED}"),
        format!("/assets/{ENCODED}"),
        format!("/api/{ENCODED}"),
        format!("/api/v2/{ENCODED}"),
        format!("/api/v2/ticket/7/{ENCODED}"),
        format!("/_control/{ENCODED}"),
        format!("/_control/accounts/acme/{ENCODED}"),
        format!("/nothing?{ENCODED}={ENCODED}"),
        "/<script>alert(1)</script>".to_owned(),
        "/docs?<script>alert(1)</script>".to_owned(),
        "/_control/<img src=x onerror=alert(1)>".to_owned(),
    ] {
        for method in ["GET", "POST", "BREW"] {
            let asked = Asked::new(method, path.as_str()).with("apiKey", KEY);
            let answer = asked.with("Accept", "text/html").ask(&server.base).await;
            let is_page = path.starts_with("/docs?") && answer.status == 200;
            assert!(is_page || (400..500).contains(&answer.status), "{method} {path}: {answer:?}");
            assert!(
                is_page || !answer.header("content-type").contains("html"),
                "{method} {path}: {answer:?}"
            );
            assert!(is_inert("", &answer), "{method} {path}: {answer:?}");
        }
    }
}

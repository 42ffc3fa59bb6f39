//! Markup in what an account holds, and in what a client sends: it comes back as data, and never as a page.

use serde_json::{Value, json};

use super::http_client::{HttpRequest, HttpResponse};
use super::openapi_routes::{self, Route};
use crate::control_client::{ACCOUNTS_PATH, Account};
use crate::fixtures::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};

/// Markup that a browser would run, wherever it stands in a page.
pub(super) const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></title>";
/// The same as a part of a URL.
pub(super) const ENCODED_MARKUP: &str =
    "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E";

/// Whether a text holds markup of ours that no page has escaped.
pub(super) fn has_unescaped_markup(text: &str) -> bool {
    text.contains("<script>alert") || text.contains("<img src=x")
}

/// Whether no browser takes the answer for a page, unless it is one of ours.
pub(super) fn is_inert(path: &str, answer: &HttpResponse) -> bool {
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
    cannot_be_taken_for_another
        && (kind.starts_with("text/plain") || !has_unescaped_markup(&answer.body))
}

/// An account with markup in every text that it can have.
fn seed_with_markup() -> Value {
    let mut seed = acme_seed([]);
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
    let mut one = ticket_fixture(7);
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
async fn read_all_routes(server: &SeededServer) -> Vec<(String, HttpResponse)> {
    let account = Account::new(server, "acme", ACME_KEY);
    let rule = json!({ "key": MARKUP, "fields": { "title": MARKUP }, "effect": { "status": 503, "message": MARKUP } });
    assert_eq!(account.send_control_json("POST", "/faults", &rule).await.status, 201);
    let body = json!({ "title": MARKUP, "status": MARKUP, MARKUP: MARKUP });
    assert_eq!(server.send_json("PUT", "/api/v2/ticket/7", &body).await.message(), MARKUP);
    assert_eq!(
        server.send_json("POST", "/api/v2/ticket", &json!({ MARKUP: MARKUP })).await.status,
        400
    );
    let mut routes = openapi_routes::read_control_routes(&server.base_url, "").await;
    routes.extend(openapi_routes::read_ticket_routes(&server.base_url).await);
    routes.extend(openapi_routes::page_routes());
    let mut answers = Vec::new();
    for route in routes.iter().filter(|route| route.is_read_only() && !route.is_stream()) {
        for account in ["acme", "self"] {
            let path = route.fill_path(account, "7");
            let asked = HttpRequest::new("GET", path.as_str()).with_header("apiKey", ACME_KEY);
            answers.push((path, asked.send(&server.base_url).await));
        }
    }
    answers
}

#[tokio::test]
async fn stored_markup_is_returned_as_data() {
    let server = serve_seed(&seed_with_markup());
    let shown = read_all_routes(&server).await;
    let wrong: Vec<_> = shown.iter().filter(|(path, answer)| !is_inert(path, answer)).collect();
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    for path in ["/export", "/requests", "/faults", "/keys"] {
        let path = format!("{ACCOUNTS_PATH}/acme{path}");
        let marked = shown
            .iter()
            .any(|(other, answer)| other.starts_with(&path) && has_unescaped_markup(&answer.body));
        assert!(marked, "{path} shows markup as it is");
    }
    assert!(
        shown
            .iter()
            .any(|(path, answer)| path == "/api/v2/ticket/7" && has_unescaped_markup(&answer.body))
    );
}

#[tokio::test]
async fn request_stream_is_served_as_data() {
    let server = serve_seed(&seed_with_markup());
    server.send_json("POST", "/api/v2/ticket", &json!({ "title": MARKUP })).await;
    let stream = Account::new(&server, "acme", ACME_KEY).request("GET", "/requests/stream");
    let mut stream = stream.send().await.expect("it answers");
    let header = |name: &str| stream.headers()[name].to_str().expect("text").to_owned();
    assert!(header("content-type").starts_with("text/event-stream"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let first = stream.chunk().await.expect("an event comes").expect("the stream is open");
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.lines().all(|line| line.is_empty() || line.contains(':')), "{text}");
}

/// A route with markup in every place that there is.
fn requests_with_markup(route: &Route) -> Vec<HttpRequest> {
    let to = |account: &str, other: &str| {
        HttpRequest::new(&route.method, route.fill_path(account, other))
            .with_header("apiKey", ACME_KEY)
    };
    // What changes something must not take away what the others ask for.
    let account = if route.is_read_only() { "acme" } else { "scratch" };
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
        to(ENCODED_MARKUP, "7"),
        to(account, ENCODED_MARKUP),
        plain.clone().with_query(&format!("{ENCODED_MARKUP}=1")),
        plain.clone().with_query(&format!("status={ENCODED_MARKUP}")),
        plain.clone().with_query(&format!("operation={ENCODED_MARKUP}")),
        plain.clone().with_query(&format!("since={ENCODED_MARKUP}")),
        plain.clone().with_query(&format!("ticket={ENCODED_MARKUP}")),
        plain.clone().with_query(&format!("query={ENCODED_MARKUP}&applyView={ENCODED_MARKUP}")),
        plain.clone().set_header("apiKey", MARKUP),
        plain.clone().with_header("Authorization", MARKUP),
        plain.clone().with_header("Last-Event-ID", MARKUP),
        plain.clone().with_header("Origin", MARKUP),
        plain.clone().set_header("Host", MARKUP),
        plain.clone().with_header("Content-Encoding", MARKUP),
        plain.clone().with_header("Accept", "text/html"),
        plain.clone().with_body(MARKUP, MARKUP),
        plain.clone().with_body("text/html", MARKUP),
        plain.clone().with_body("application/json", MARKUP),
        plain.clone().with_body("application/json", Value::Object(fields).to_string()),
        plain.clone().with_body("application/json", one(MARKUP)),
        plain.clone().with_body(
            "application/x-www-form-urlencoded",
            format!("{ENCODED_MARKUP}={ENCODED_MARKUP}"),
        ),
    ];
    all.extend(names.map(|name| plain.clone().with_body("application/json", one(name))));
    all
}

#[tokio::test]
async fn sent_markup_is_returned_as_data() {
    let server = serve_seed(&seed_with_markup());
    let mut routes = openapi_routes::read_control_routes(&server.base_url, "").await;
    routes.extend(openapi_routes::read_ticket_routes(&server.base_url).await);
    routes.extend(openapi_routes::page_routes());
    let mut wrong = Vec::new();
    let mut repeated = 0;
    for route in &routes {
        let scratch =
            server.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": "scratch" }));
        assert!(scratch.send().await.is_ok());
        for (method, most) in [(None, usize::MAX), (Some("PATCH"), 5)] {
            for mut asked in requests_with_markup(route).into_iter().take(most) {
                method.unwrap_or(&route.method).clone_into(&mut asked.method);
                if route.is_stream() && method.is_none() {
                    asked = asked.with_query("since=none");
                }
                let answer = asked.clone().send(&server.base_url).await;
                repeated += usize::from(has_unescaped_markup(&answer.body));
                if !is_inert(&route.path, &answer) || has_unescaped_markup(&answer.head) {
                    wrong.push(format!("{asked:?}: {answer:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    assert!(repeated > 20, "some of it comes back: {repeated}");
}

#[tokio::test]
async fn not_found_response_is_never_html() {
    let server = serve_seed(&seed_with_markup());
    for path in [
        format!("/{ENCODED_MARKUP}"),
        format!("/docs/{ENCODED_MARKUP}"),
        format!("/docs/control/{ENCODED_MARKUP}"),
        format!("/assets/{ENCODED_MARKUP}"),
        format!("/api/{ENCODED_MARKUP}"),
        format!("/api/v2/{ENCODED_MARKUP}"),
        format!("/api/v2/ticket/7/{ENCODED_MARKUP}"),
        format!("/_control/{ENCODED_MARKUP}"),
        format!("/_control/accounts/acme/{ENCODED_MARKUP}"),
        format!("/nothing?{ENCODED_MARKUP}={ENCODED_MARKUP}"),
        "/<script>alert(1)</script>".to_owned(),
        "/docs?<script>alert(1)</script>".to_owned(),
        "/_control/<img src=x onerror=alert(1)>".to_owned(),
    ] {
        for method in ["GET", "POST", "BREW"] {
            let asked = HttpRequest::new(method, path.as_str()).with_header("apiKey", ACME_KEY);
            let answer = asked.with_header("Accept", "text/html").send(&server.base_url).await;
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

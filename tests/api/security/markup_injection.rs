//! Markup injection: markup in stored or sent data comes back as data, never as HTML.

use serde_json::{Value, json};

use super::openapi_routes::{self, Route};
use crate::support::control::{ACCOUNTS_PATH, Account};
use crate::support::raw::{RawRequest, RawResponse};
use crate::support::seed::{ACME_KEY, SeededServer, acme_seed, serve_seed, ticket_fixture};

/// Markup that a browser executes anywhere in a page.
pub(super) const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></title>";
/// The same markup, percent-encoded for a URL.
pub(super) const ENCODED_MARKUP: &str =
    "%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E";

/// Returns true if the text contains the markup unescaped.
pub(super) fn has_unescaped_markup(text: &str) -> bool {
    text.contains("<script>alert") || text.contains("<img src=x")
}

/// Returns true if no browser renders the response as HTML with the markup.
pub(super) fn is_inert(path: &str, response: &RawResponse) -> bool {
    let content_type = response.header("content-type");
    let is_data = ["application/json", "application/problem+json", "text/event-stream"];
    let is_data = is_data.contains(&content_type.split(';').next().unwrap_or_default());
    let has_nosniff = response.header("x-content-type-options") == "nosniff";
    if path.starts_with("/_control") && !has_nosniff {
        return false;
    }
    if response.body.is_empty() || is_data {
        return true;
    }
    has_nosniff && (content_type.starts_with("text/plain") || !has_unescaped_markup(&response.body))
}

/// Returns a seed whose account has markup in every text field.
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
    let mut ticket = ticket_fixture(7);
    for name in ["title", "from", "from_name", "to", "to_name", "icon", "external_id"] {
        ticket[name] = MARKUP.into();
    }
    ticket["customer_id"] = 626_822.into();
    ticket["timeline"] = json!([
        { "type": "event", "description": MARKUP, "initiated_by": MARKUP, "item_type": MARKUP },
        { "type": "note", "content": MARKUP, "user_name": MARKUP, "user_avatar": MARKUP },
    ]);
    account["tickets"] = json!([ticket]);
    seed
}

/// Returns all read responses of the account, after requests and fault rules with markup.
async fn read_all_routes(server: &SeededServer) -> Vec<(String, RawResponse)> {
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
    let mut responses = Vec::new();
    for route in routes.iter().filter(|route| route.is_read_only() && !route.is_stream()) {
        for account in ["acme", "self"] {
            let path = route.fill_path(account, "7");
            let request = RawRequest::new("GET", path.as_str()).with_header("apiKey", ACME_KEY);
            responses.push((path, request.send(&server.base_url).await));
        }
    }
    responses
}

#[tokio::test]
async fn stored_markup_is_returned_as_data() {
    let server = serve_seed(&seed_with_markup());
    let responses = read_all_routes(&server).await;
    let unsafe_responses: Vec<_> =
        responses.iter().filter(|(path, response)| !is_inert(path, response)).collect();
    assert!(
        unsafe_responses.is_empty(),
        "{} unsafe responses: {unsafe_responses:#?}",
        unsafe_responses.len()
    );
    for path in ["/export", "/requests", "/faults", "/keys"] {
        let path = format!("{ACCOUNTS_PATH}/acme{path}");
        let has_markup = responses.iter().any(|(other, response)| {
            other.starts_with(&path) && has_unescaped_markup(&response.body)
        });
        assert!(has_markup, "{path} returns the markup unescaped");
    }
    assert!(
        responses
            .iter()
            .any(|(path, response)| path == "/api/v2/ticket/7"
                && has_unescaped_markup(&response.body))
    );
}

#[tokio::test]
async fn request_stream_is_served_as_data() {
    let server = serve_seed(&seed_with_markup());
    server.send_json("POST", "/api/v2/ticket", &json!({ "title": MARKUP })).await;
    let stream = Account::new(&server, "acme", ACME_KEY).request("GET", "/requests/stream");
    let mut stream = stream.send().await.expect("the server responds");
    let header = |name: &str| stream.headers()[name].to_str().expect("text").to_owned();
    assert!(header("content-type").starts_with("text/event-stream"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    let chunk = stream.chunk().await.expect("an event arrives").expect("the stream is open");
    let text = String::from_utf8_lossy(&chunk).into_owned();
    assert!(text.lines().all(|line| line.is_empty() || line.contains(':')), "{text}");
}

/// Builds requests to a route with markup in every possible place.
fn requests_with_markup(route: &Route) -> Vec<RawRequest> {
    let build = |account: &str, other: &str| {
        RawRequest::new(&route.method, route.fill_path(account, other))
            .with_header("apiKey", ACME_KEY)
    };
    // Requests that change something must not affect the account that the others read.
    let account = if route.is_read_only() { "acme" } else { "scratch" };
    let plain = build(account, "7");
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
    let body_with_field = |name: &str| json!({ name: MARKUP }).to_string();
    let mut all = vec![
        build(ENCODED_MARKUP, "7"),
        build(account, ENCODED_MARKUP),
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
        plain.clone().with_body("application/json", body_with_field(MARKUP)),
        plain.clone().with_body(
            "application/x-www-form-urlencoded",
            format!("{ENCODED_MARKUP}={ENCODED_MARKUP}"),
        ),
    ];
    all.extend(
        names.map(|name| plain.clone().with_body("application/json", body_with_field(name))),
    );
    all
}

#[tokio::test]
async fn sent_markup_is_returned_as_data() {
    let server = serve_seed(&seed_with_markup());
    let mut routes = openapi_routes::read_control_routes(&server.base_url, "").await;
    routes.extend(openapi_routes::read_ticket_routes(&server.base_url).await);
    routes.extend(openapi_routes::page_routes());
    let mut unsafe_responses = Vec::new();
    let mut echoed = 0;
    for route in &routes {
        let scratch =
            server.request_without_key("POST", ACCOUNTS_PATH).json(&json!({ "name": "scratch" }));
        assert!(scratch.send().await.is_ok());
        for (method, max) in [(None, usize::MAX), (Some("PATCH"), 5)] {
            for mut request in requests_with_markup(route).into_iter().take(max) {
                method.unwrap_or(&route.method).clone_into(&mut request.method);
                if route.is_stream() && method.is_none() {
                    request = request.with_query("since=none");
                }
                let response = request.clone().send(&server.base_url).await;
                echoed += usize::from(has_unescaped_markup(&response.body));
                if !is_inert(&route.path, &response) || has_unescaped_markup(&response.head) {
                    unsafe_responses.push(format!("{request:?}: {response:?}"));
                }
            }
        }
    }
    assert!(
        unsafe_responses.is_empty(),
        "{} unsafe responses: {unsafe_responses:#?}",
        unsafe_responses.len()
    );
    assert!(echoed > 20, "too few responses contain the markup: {echoed}");
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
            let request = RawRequest::new(method, path.as_str()).with_header("apiKey", ACME_KEY);
            let response = request.with_header("Accept", "text/html").send(&server.base_url).await;
            let is_page = path.starts_with("/docs?") && response.status == 200;
            assert!(
                is_page || (400..500).contains(&response.status),
                "{method} {path}: {response:?}"
            );
            assert!(
                is_page || !response.header("content-type").contains("html"),
                "{method} {path}: {response:?}"
            );
            assert!(is_inert("", &response), "{method} {path}: {response:?}");
        }
    }
}

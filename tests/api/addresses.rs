//! The addresses of the server: links have the one that the client used, and the control API accepts only own names.

use regex::Regex;
use serde_json::{Value, json};

use crate::support::client::{ApiClient, JsonResponse};
use crate::support::seed::{acme_seed, serve_seed, serve_seed_with_args, ticket_fixture};
use crate::support::server::Server;

const TICKET: &str = "/api/v2/ticket/7";
const TOKEN: &str = "a-control-token";

async fn get_with_host(client: &ApiClient, path: &str, host: &str) -> JsonResponse {
    JsonResponse::fetch(client.request("GET", path).header("host", host)).await
}

fn ticket_url(response: &JsonResponse) -> &str {
    response.body["item"]["external_gui_url"].as_str().expect("a URL")
}

#[tokio::test]
async fn links_have_the_host_of_the_request() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    // Twice, so that the second response of each host comes from the cache.
    for host in ["127.0.0.1:39001", "mock:8080", "[::1]:39001", "desk.test"].repeat(2) {
        let ticket = get_with_host(&server, TICKET, host).await;
        assert_eq!(ticket_url(&ticket), format!("http://{host}/?ticketID=7"));
        let list = get_with_host(&server, "/api/v2/ticket", host).await;
        let url = &list.body["items"][0]["external_gui_url"];
        assert_eq!(*url, format!("http://{host}/?ticketID=7"));
    }
    for host in ["user@desk.test", "desk.test/path", "a b", "\"><script>"] {
        let ticket = get_with_host(&server, TICKET, host).await;
        if ticket.status == 200 {
            assert_eq!(ticket_url(&ticket), format!("{}/?ticketID=7", server.base_url), "{host}");
        }
    }
}

#[tokio::test]
async fn new_account_and_awaited_ticket_have_the_host_of_the_request() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    for host in ["127.0.0.1:39001", "localhost:39002", "mock.localhost:80"] {
        let request = server.request_without_key("POST", "/_control/accounts");
        let account = JsonResponse::fetch(request.header("host", host).json(&json!({}))).await;
        assert_eq!(account.body["base_url"], format!("http://{host}"), "{}", account.body);
        let path = "/_control/accounts/acme/wait?ticket=7";
        let request = server.request_without_key("GET", path).header("host", host);
        let wait = JsonResponse::fetch(request).await;
        let url = &wait.body["ticket"]["external_gui_url"];
        assert_eq!(*url, format!("http://{host}/?ticketID=7"), "{}", wait.body);
    }
}

#[tokio::test]
async fn configured_url_with_the_host_of_the_request_is_used_or_else_the_first() {
    let urls = ["https://desk.test/mock", "http://mock:8080"];
    let seed = acme_seed([ticket_fixture(7)]);
    let server = serve_seed_with_args(
        &seed,
        &["--ephemeral", "--public-url", urls[0], "--public-url", urls[1]],
    );
    for (host, base) in [
        ("desk.test", urls[0]),
        ("mock:8080", urls[1]),
        ("MOCK:8080", urls[1]),
        ("other:8080", urls[0]),
        ("127.0.0.1:1", urls[0]),
    ]
    .repeat(2)
    {
        let ticket = get_with_host(&server, TICKET, host).await;
        assert_eq!(ticket_url(&ticket), format!("{base}/?ticketID=7"), "{host}");
    }
}

async fn control_status(server: &Server, host: &str, token: Option<&str>) -> (u16, Value) {
    let request = server.request_without_key("GET", "/_control/accounts").header("host", host);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    let response = JsonResponse::fetch(request).await;
    (response.status, response.body["type"].clone())
}

#[tokio::test]
async fn right_token_opens_the_control_api_under_any_name() {
    let server = Server::start_with_args(&["--ephemeral", "--control-token", TOKEN]);
    let host_error = (403, json!("/docs/control#host-not-allowed"));
    let token_error = (401, json!("/docs/control#invalid-token"));
    for host in ["mock:8080", "10.1.2.3:8080", "desk.example.test"] {
        assert_eq!(control_status(&server, host, Some(TOKEN)).await, (200, Value::Null), "{host}");
        assert_eq!(control_status(&server, host, Some("wrong-token")).await, host_error, "{host}");
        assert_eq!(control_status(&server, host, None).await, host_error, "{host}");
    }
    for host in ["localhost", "a.localhost:1", "localhost.", "127.0.0.1"] {
        assert_eq!(control_status(&server, host, None).await, token_error, "{host}");
    }
}

#[tokio::test]
async fn names_below_localhost_are_loopback() {
    let server = Server::start();
    for (host, status) in [
        ("localhost:1", 200),
        ("LOCALHOST.", 200),
        ("mock.localhost:8080", 200),
        ("a.b.localhost.", 200),
        ("localhost.test", 403),
        ("notlocalhost", 403),
        ("localhost..", 403),
    ] {
        assert_eq!(control_status(&server, host, None).await.0, status, "{host}");
    }
}

#[tokio::test]
async fn links_of_pages_are_relative() {
    let server = Server::start();
    let links = Regex::new(r##"(?:href|src)="([^"#][^"]*)""##).expect("a pattern");
    for path in ["/docs", "/docs/control"] {
        let page_url = reqwest::Url::parse(&server.url(path)).expect("a URL");
        let page = server.get_text(path).await;
        let found: Vec<&str> =
            links.captures_iter(&page).map(|link| link.extract::<1>().1[0]).collect();
        assert!(
            found.len() > 10,
            "icon, style sheet, script, navigation and operations: {found:?}"
        );
        for link in found {
            assert!(!link.starts_with('/') && !link.contains(':'), "{link} in {path}");
            let url = page_url.join(link).expect("a URL");
            let response = reqwest::get(url).await.expect("the server responds");
            assert_eq!(response.status(), 200, "{link} in {path}");
        }
    }
}

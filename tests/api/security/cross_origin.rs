//! Cross-origin requests: another origin can neither change nor read anything, and gets no CORS headers.

use super::openapi_routes::{self, Route};
use super::{BoundServer, CONTROL_TOKEN, TEST_API_KEY};
use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account};
use crate::support::raw::{RawRequest, RawResponse, send_pipelined};
use crate::support::ticket::dump_tickets;

/// Headers of requests from other origins. `{port}` is the server's port.
const FOREIGN_ORIGIN_HEADERS: [(&str, &str); 14] = [
    ("Origin", "https://desk.example.test"),
    ("Origin", "http://desk.example.test:{port}"),
    ("Origin", "http://127.0.0.1:1"),
    ("Origin", "http://127.0.0.1"),
    ("Origin", "http://localhost:{port}"),
    ("Origin", "http://127.0.0.1:{port}.example.test"),
    ("Origin", "http://127.0.0.1:{port}@example.test"),
    ("Origin", "http://example.test/127.0.0.1:{port}"),
    ("Origin", "null"),
    ("Origin", "file://"),
    ("Origin", "*"),
    ("Origin", "chrome-extension://abcdefghijklmnop"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Site", "same-site"),
];

/// Headers of same-origin and non-browser requests. `{port}` is the server's port.
const OWN_ORIGIN_HEADERS: [(&str, &str); 4] = [
    ("Origin", "http://127.0.0.1:{port}"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Site", "none"),
    ("Accept", "*/*"),
];

/// Returns true if the response has no CORS or timing header.
fn has_no_cors_headers(response: &RawResponse) -> bool {
    !response.head.contains("access-control-") && !response.head.contains("timing-allow-origin")
}

fn build_request(
    bound: &BoundServer,
    (method, path): (&str, &str),
    (name, value): (&'static str, &str),
) -> RawRequest {
    let request = RawRequest::new(method, path).with_header("apiKey", TEST_API_KEY);
    let request = request.set_header("Host", format!("127.0.0.1:{}", bound.port));
    let request = request.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"));
    request.with_header(name, value.replace("{port}", &bound.port))
}

/// Sends each control API route with these headers, also with the methods that need no preflight.
async fn find_accepted_requests(
    bound: &BoundServer,
    headers: &[(&'static str, &str)],
) -> Vec<String> {
    let mut accepted = Vec::new();
    for route in openapi_routes::read_control_routes(&bound.base_url, CONTROL_TOKEN).await {
        let path = route.fill_path("self", "1");
        for method in [route.method.as_str(), "GET", "POST", "HEAD"] {
            let requests: Vec<_> = headers
                .iter()
                .map(|header| build_request(bound, (method, &path), *header))
                .collect();
            let responses = send_pipelined(&bound.base_url, &requests).await;
            assert_eq!(responses.len(), requests.len(), "{method} {path}");
            for (request, response) in requests.iter().zip(responses) {
                let is_rejected = response.is_problem(403, "origin-not-allowed")
                    || method == "HEAD" && response.status == 403;
                if !has_no_cors_headers(&response) || (!is_rejected && !route.is_unguarded()) {
                    accepted.push(format!("{request:?}: {response:?}"));
                }
            }
        }
    }
    accepted
}

#[tokio::test]
async fn foreign_origin_cannot_use_control_api() {
    for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
        let bound = BoundServer::start("127.0.0.1:0", token);
        let dev = ApiClient::new(&bound.base_url).with_key(TEST_API_KEY);
        let before = dump_tickets(&dev).await;
        let accepted = find_accepted_requests(&bound, &FOREIGN_ORIGIN_HEADERS).await;
        assert!(accepted.is_empty(), "{} requests accepted: {accepted:#?}", accepted.len());
        assert_eq!(dump_tickets(&dev).await, before);
        if token.is_empty() {
            let summary =
                Account::new(&dev, "dev", TEST_API_KEY).send_control("GET", "").await.body;
            assert_eq!(
                (&summary["key_count"], &summary["snapshot_count"]),
                (&1.into(), &0.into()),
                "{summary}"
            );
        }
    }
}

#[tokio::test]
async fn same_origin_page_behind_a_proxy_that_sends_its_own_host_can_use_control_api() {
    let bound = BoundServer::start_on_loopback();
    let request = build_request(&bound, ("POST", ACCOUNTS_PATH), ("Origin", "https://proxy.test"));
    let same_origin = request.clone().with_header("Sec-Fetch-Site", "same-origin");
    assert_eq!(same_origin.clone().send(&bound.base_url).await.status, 201);
    let rebound = same_origin.set_header("Host", "proxy.test").send(&bound.base_url).await;
    assert!(rebound.is_problem(403, "host-not-allowed"), "{rebound:?}");
    let unknown = request.send(&bound.base_url).await;
    assert!(unknown.is_problem(403, "origin-not-allowed"), "{unknown:?}");
}

#[tokio::test]
async fn same_origin_page_can_use_control_api() {
    let bound = BoundServer::start("127.0.0.1:0", &["--control-token", CONTROL_TOKEN]);
    let routes =
        openapi_routes::read_control_routes(&bound.base_url, CONTROL_TOKEN).await.into_iter();
    for route in routes.filter(|route| route.is_read_only() && !route.is_stream()) {
        let path = route.fill_path("self", "1");
        for header in OWN_ORIGIN_HEADERS {
            let request = build_request(&bound, ("GET", &path), header);
            let response = request.send(&bound.base_url).await;
            assert!(![401, 403].contains(&response.status), "{path} {header:?}: {response:?}");
            assert!(has_no_cors_headers(&response), "{path} {header:?}: {response:?}");
        }
    }
}

#[tokio::test]
async fn responses_never_carry_cors_headers() {
    let bound = BoundServer::start_on_loopback();
    let mut routes = openapi_routes::read_ticket_routes(&bound.base_url).await;
    routes.extend(openapi_routes::page_routes());
    for route in &routes {
        let path = route.fill_path("self", "1");
        for method in [route.method.as_str(), "GET", "POST"] {
            for header in FOREIGN_ORIGIN_HEADERS.iter().chain(&OWN_ORIGIN_HEADERS) {
                let request = build_request(&bound, (method, &path), *header);
                let response = request.send(&bound.base_url).await;
                assert!(has_no_cors_headers(&response), "{method} {path} {header:?}: {response:?}");
                assert!(response.status < 500, "{method} {path} {header:?}: {response:?}");
            }
        }
    }
    for path in
        ["/nothing", "/assets/console.css", "/assets/console.js", "/favicon.ico", "/api/v2/nothing"]
    {
        let response = build_request(&bound, ("GET", path), FOREIGN_ORIGIN_HEADERS[0])
            .send(&bound.base_url)
            .await;
        assert!(has_no_cors_headers(&response), "{path}: {response:?}");
    }
}

/// Returns every documented path, and some others.
async fn collect_paths(base: &str) -> Vec<String> {
    let mut routes = openapi_routes::read_control_routes(base, CONTROL_TOKEN).await;
    routes.extend(openapi_routes::read_ticket_routes(base).await);
    routes.extend(openapi_routes::page_routes());
    let mut paths: Vec<String> =
        routes.iter().map(|route: &Route| route.fill_path("self", "1")).collect();
    let others = [
        "*",
        "/nothing",
        "/_control",
        "/_control/nothing",
        "/_control/metrics",
        "/assets/console.js",
        "/api",
    ];
    paths.extend(others.map(str::to_owned));
    paths.sort();
    paths.dedup();
    paths
}

#[tokio::test]
async fn cors_preflight_is_rejected() {
    for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
        let bound = BoundServer::start("127.0.0.1:0", token);
        for path in collect_paths(&bound.base_url).await {
            for origin in
                [FOREIGN_ORIGIN_HEADERS[0], FOREIGN_ORIGIN_HEADERS[8], OWN_ORIGIN_HEADERS[0]]
            {
                let request = build_request(&bound, ("OPTIONS", &path), origin);
                let request = request.with_header("Access-Control-Request-Method", "DELETE");
                let request =
                    request.with_header("Access-Control-Request-Headers", "apikey, authorization");
                let request = request.with_header("Access-Control-Request-Private-Network", "true");
                let response = request.send(&bound.base_url).await;
                assert!((400..500).contains(&response.status), "{path} {origin:?}: {response:?}");
                assert!(has_no_cors_headers(&response), "{path} {origin:?}: {response:?}");
            }
        }
    }
}

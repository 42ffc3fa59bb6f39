//! Web pages of other origins: they change nothing, read nothing, and are promised nothing.

use super::http_client::{HttpRequest, HttpResponse, send_pipelined};
use super::openapi_routes::{self, Route};
use super::{BoundServer, CONTROL_TOKEN, TEST_API_KEY};
use crate::control_client::Account;
use crate::fixtures::dump_tickets;
use crate::support::ApiClient;

/// What browsers say of a request that another page makes. `{port}` is that of the server.
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

/// A request that a page of this server makes, or that nobody can be told to make.
const OWN_ORIGIN_HEADERS: [(&str, &str); 4] = [
    ("Origin", "http://127.0.0.1:{port}"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Site", "none"),
    ("Accept", "*/*"),
];

/// Says nothing that a browser takes for a permission.
fn has_no_cors_headers(answer: &HttpResponse) -> bool {
    !answer.head.contains("access-control-") && !answer.head.contains("timing-allow-origin")
}

fn build_request(
    bound: &BoundServer,
    (method, path): (&str, &str),
    (name, value): (&'static str, &str),
) -> HttpRequest {
    let asked = HttpRequest::new(method, path).with_header("apiKey", TEST_API_KEY);
    let asked = asked.set_header("Host", format!("127.0.0.1:{}", bound.port));
    let asked = asked.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"));
    asked.with_header(name, value.replace("{port}", &bound.port))
}

/// Each route of the control API with these headers, by its own method and by those that a page can send by itself.
async fn find_accepted_requests(
    bound: &BoundServer,
    headers: &[(&'static str, &str)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for route in openapi_routes::read_control_routes(&bound.base_url, CONTROL_TOKEN).await {
        let path = route.fill_path("self", "1");
        for method in [route.method.as_str(), "GET", "POST", "HEAD"] {
            let asked: Vec<_> = headers
                .iter()
                .map(|header| build_request(bound, (method, &path), *header))
                .collect();
            let answers = send_pipelined(&bound.base_url, &asked).await;
            assert_eq!(answers.len(), asked.len(), "{method} {path}");
            for (asked, answer) in asked.iter().zip(answers) {
                let is_refused = answer.is_problem(403, "foreign-origin")
                    || method == "HEAD" && answer.status == 403;
                if !has_no_cors_headers(&answer) || (!is_refused && !route.is_unguarded()) {
                    wrong.push(format!("{asked:?}: {answer:?}"));
                }
            }
        }
    }
    wrong
}

#[tokio::test]
async fn foreign_origin_cannot_use_control_api() {
    for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
        let bound = BoundServer::start("127.0.0.1:0", token);
        let dev = ApiClient::new(&bound.base_url).with_key(TEST_API_KEY);
        let before = dump_tickets(&dev).await;
        let wrong = find_accepted_requests(&bound, &FOREIGN_ORIGIN_HEADERS).await;
        assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
        assert_eq!(dump_tickets(&dev).await, before);
        if token.is_empty() {
            let shown = Account::new(&dev, "dev", TEST_API_KEY).send_control("GET", "").await.body;
            assert_eq!((&shown["keys"], &shown["snapshots"]), (&1.into(), &0.into()), "{shown}");
        }
    }
}

#[tokio::test]
async fn same_origin_page_can_use_control_api() {
    let bound = BoundServer::start("127.0.0.1:0", &["--control-token", CONTROL_TOKEN]);
    let reads =
        openapi_routes::read_control_routes(&bound.base_url, CONTROL_TOKEN).await.into_iter();
    for route in reads.filter(|route| route.is_read_only() && !route.is_stream()) {
        let path = route.fill_path("self", "1");
        for header in OWN_ORIGIN_HEADERS {
            let asked = build_request(&bound, ("GET", &path), header);
            let answer = asked.send(&bound.base_url).await;
            assert!(![401, 403].contains(&answer.status), "{path} {header:?}: {answer:?}");
            assert!(has_no_cors_headers(&answer), "{path} {header:?}: {answer:?}");
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
                let asked = build_request(&bound, (method, &path), *header);
                let answer = asked.send(&bound.base_url).await;
                assert!(has_no_cors_headers(&answer), "{method} {path} {header:?}: {answer:?}");
                assert!(answer.status < 500, "{method} {path} {header:?}: {answer:?}");
            }
        }
    }
    for path in
        ["/nothing", "/assets/page.css", "/assets/docs.js", "/favicon.ico", "/api/v2/nothing"]
    {
        let answer = build_request(&bound, ("GET", path), FOREIGN_ORIGIN_HEADERS[0])
            .send(&bound.base_url)
            .await;
        assert!(has_no_cors_headers(&answer), "{path}: {answer:?}");
    }
}

/// Every path that is declared, and some that are not.
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
        "/assets/docs.js",
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
                let asked = build_request(&bound, ("OPTIONS", &path), origin);
                let asked = asked.with_header("Access-Control-Request-Method", "DELETE");
                let asked =
                    asked.with_header("Access-Control-Request-Headers", "apikey, authorization");
                let asked = asked.with_header("Access-Control-Request-Private-Network", "true");
                let answer = asked.send(&bound.base_url).await;
                assert!((400..500).contains(&answer.status), "{path} {origin:?}: {answer:?}");
                assert!(has_no_cors_headers(&answer), "{path} {origin:?}: {answer:?}");
            }
        }
    }
}

//! Host header check, for each listen address, with and without a token.

use super::openapi_routes::{self, Route};
use super::{BoundServer, CONTROL_TOKEN, PAGE_PATHS, TEST_API_KEY};
use crate::support::client::ApiClient;
use crate::support::control::{ACCOUNTS_PATH, Account};
use crate::support::raw::{RawRequest, RawResponse};
use crate::support::ticket::dump_tickets;

/// Paths behind the guard of the control API.
const GUARDED_PATHS: [&str; 2] = [ACCOUNTS_PATH, "/_control/metrics"];
/// Paths that are served under any host.
const UNGUARDED_PATHS: [&str; 3] = ["/_control/health", "/_control/ready", "/api/v2/ticket"];

/// Loopback hosts. `{port}` is the server's port.
const LOOPBACK_HOSTS: [&str; 11] = [
    "localhost",
    "localhost:{port}",
    "LOCALHOST:{port}",
    "LocalHost",
    "127.0.0.1",
    "127.0.0.1:{port}",
    "127.0.0.1:1",
    "127.0.0.2:80",
    "127.255.255.254",
    "[::1]",
    "[::1]:{port}",
];

/// Addresses that are not loopback.
const NON_LOOPBACK_ADDRESSES: [&str; 6] = [
    "192.0.2.7",
    "192.0.2.7:{port}",
    "128.0.0.1:{port}",
    "0.0.0.0:{port}",
    "[2001:db8::7]:{port}",
    "[::]:{port}",
];

/// Host names that an attacker can resolve to this machine (DNS rebinding).
const FOREIGN_HOSTS: [&str; 15] = [
    "desk.example.test",
    "desk.example.test:{port}",
    "DESK.EXAMPLE.TEST",
    "desk.example.test.",
    "127.0.0.1.example.test:{port}",
    "127-0-0-1.example.test",
    "localhost.example.test:{port}",
    "localhost.example.test.",
    "example.localhost.test",
    "notlocalhost",
    "localhost-",
    "local.host",
    "127.1",
    "2130706433",
    "0x7f000001",
];

/// A listen address, further arguments, and whether every IP address is accepted as host.
const LISTEN_CASES: [(&str, &[&str], bool); 5] = [
    ("127.0.0.1:0", &[], false),
    ("127.0.0.1:0", &["--control-token", CONTROL_TOKEN], false),
    ("0.0.0.0:0", &["--control-token", CONTROL_TOKEN], true),
    ("[::1]:0", &[], false),
    ("[::]:0", &["--control-token", CONTROL_TOKEN], true),
];

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

/// Returns the kind of the response.
fn classify_response(response: &RawResponse) -> &'static str {
    match response.status {
        200 | 307 => "served",
        401 if response.is_problem(401, "invalid-token") => "no token",
        403 if response.is_problem(403, "host-not-allowed") => "foreign",
        403 if is_page_rejection(response) => "foreign",
        _ => "something else",
    }
}

/// Returns true if the response is the rejection of a page or a document, which suggests `--public-url`.
fn is_page_rejection(response: &RawResponse) -> bool {
    response.header("content-type").starts_with("text/") && response.body.contains("--public-url")
}

/// Returns the expected kind of the response.
fn expected_outcome(
    path: &str,
    is_own_host: bool,
    requires_token: bool,
    sends_token: bool,
) -> &'static str {
    let has_token = sends_token || !requires_token;
    match is_own_host {
        // A page of another host cannot know the token.
        false if requires_token && sends_token => "served",
        false => "foreign",
        true if PAGE_PATHS.contains(&path) || has_token => "served",
        true => "no token",
    }
}

/// Requests all paths with this host, with and without the token; returns the unexpected responses.
async fn find_host_violations(
    bound: &BoundServer,
    requires_token: bool,
    (host, is_own_host): (&str, bool),
) -> Vec<String> {
    let host = host.replace("{port}", &bound.port);
    let mut violations = Vec::new();
    for path in GUARDED_PATHS.iter().chain(&PAGE_PATHS) {
        for sends_token in [true, false] {
            let request = RawRequest::new("GET", *path).set_header("Host", &host);
            let bearer = format!("Bearer {CONTROL_TOKEN}");
            let request =
                if sends_token { request.with_header("Authorization", bearer) } else { request };
            let response = request.send(&bound.base_url).await;
            let expected = expected_outcome(path, is_own_host, requires_token, sends_token);
            if classify_response(&response) != expected {
                violations.push(format!(
                    "{path} of {host:?}, token {sends_token}: {expected}, not {response:?}"
                ));
            }
        }
    }
    for path in UNGUARDED_PATHS {
        let request = RawRequest::new("GET", path)
            .set_header("Host", &host)
            .with_header("apiKey", TEST_API_KEY);
        let response = request.send(&bound.base_url).await;
        if response.status != 200 {
            violations.push(format!("{path} of {host:?} must be served: {response:?}"));
        }
    }
    violations
}

#[tokio::test]
async fn only_own_hosts_are_served() {
    let mut violations = Vec::new();
    for (listen, arguments, accepts_addresses) in LISTEN_CASES {
        if listen.starts_with('[') && !has_ipv6() {
            continue;
        }
        let bound = BoundServer::start(listen, arguments);
        let own = LOOPBACK_HOSTS.iter().map(|host| (*host, true));
        let foreign = FOREIGN_HOSTS.iter().map(|host| (*host, false));
        let addresses = NON_LOOPBACK_ADDRESSES.iter().map(|host| (*host, accepts_addresses));
        for host in own.chain(foreign).chain(addresses) {
            let found = find_host_violations(&bound, !arguments.is_empty(), host).await;
            violations.extend(found.into_iter().map(|violation| format!("{listen}: {violation}")));
        }
    }
    assert!(violations.is_empty(), "{} violations: {violations:#?}", violations.len());
}

#[tokio::test]
async fn host_of_public_url_is_served() {
    for (public, own, foreign) in [
        (
            "https://desk.example.test",
            &["desk.example.test", "DESK.example.TEST"][..],
            &["example.test", "a.desk.example.test", "desk.example.test.example.test"][..],
        ),
        (
            "http://desk.example.test:8443/mock",
            &["desk.example.test:8443"],
            &["desk.example.test.example.test:8443", "desk.example.tes:8443", "mock", "mock:8443"],
        ),
        ("http://192.0.2.7:9000", &["192.0.2.7:9000"], &["192.0.2.70:9000", "92.0.2.7:9000"]),
    ] {
        for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
            let arguments = [&["--public-url", public], token].concat();
            let bound = BoundServer::start("127.0.0.1:0", &arguments);
            let own = own.iter().chain(&["localhost", "127.0.0.1:{port}"]);
            let own = own.map(|host| (*host, true));
            let mut violations = Vec::new();
            for host in own.chain(foreign.iter().map(|host| (*host, false))) {
                violations.extend(find_host_violations(&bound, !token.is_empty(), host).await);
            }
            assert!(violations.is_empty(), "{public}: {violations:#?}");
        }
    }
}

#[tokio::test]
async fn page_at_public_url_may_use_control_api() {
    const PUBLIC: &str = "https://desk.example.test";
    let bound = BoundServer::start("127.0.0.1:0", &["--public-url", PUBLIC]);
    let request = RawRequest::new("GET", ACCOUNTS_PATH).set_header("Host", "desk.example.test");
    let own =
        request.clone().with_header("Origin", PUBLIC).with_header("Sec-Fetch-Site", "same-origin");
    assert_eq!(own.send(&bound.base_url).await.status, 200);
    let other = request.with_header("Origin", "https://example.test").send(&bound.base_url).await;
    assert!(other.is_problem(403, "origin-not-allowed"), "{other:?}");
}

/// Returns the control API routes that require the token.
async fn read_guarded_routes(base: &str) -> Vec<Route> {
    let routes = openapi_routes::read_control_routes(base, CONTROL_TOKEN).await.into_iter();
    routes.filter(|route| !route.is_unguarded()).collect()
}

#[tokio::test]
async fn foreign_host_cannot_use_control_api() {
    for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
        let bound = BoundServer::start("127.0.0.1:0", token);
        let dev = ApiClient::new(&bound.base_url).with_key(TEST_API_KEY);
        let before = dump_tickets(&dev).await;
        let mut accepted = Vec::new();
        for route in read_guarded_routes(&bound.base_url).await {
            for account in ["dev", "self"] {
                let request = RawRequest::new(&route.method, route.fill_path(account, "1"));
                let request = request
                    .set_header("Host", "desk.example.test")
                    .with_header("apiKey", TEST_API_KEY);
                let request =
                    request.with_header("Authorization", format!("Bearer not-{CONTROL_TOKEN}"));
                let response = request.send(&bound.base_url).await;
                let is_rejected = response.is_problem(403, "host-not-allowed");
                accepted.extend((!is_rejected).then(|| format!("{route:?}: {response:?}")));
            }
        }
        assert!(accepted.is_empty(), "{accepted:#?}");
        assert_eq!(dump_tickets(&dev).await, before);
        if token.is_empty() {
            let account = Account::new(&dev, "dev", TEST_API_KEY);
            assert_eq!(
                account.send_control("GET", "/snapshots").await.body["snapshots"],
                serde_json::json!([])
            );
        }
    }
}

#[tokio::test]
async fn every_guarded_control_route_requires_token() {
    let bound = BoundServer::start("127.0.0.1:0", &["--control-token", CONTROL_TOKEN]);
    let mut accepted = Vec::new();
    for route in read_guarded_routes(&bound.base_url).await {
        for authorization in
            ["", "Bearer", "Bearer another-token-of-some-length", "apikey dev-key-of-this-test"]
        {
            let request = RawRequest::new(&route.method, route.fill_path("self", "1"))
                .with_header("apiKey", TEST_API_KEY);
            let request =
                request.with_query(&format!("token={CONTROL_TOKEN}&control_token={CONTROL_TOKEN}"));
            let request = request
                .with_header("X-Control-Token", CONTROL_TOKEN)
                .with_header("Authorization", authorization);
            let response = request.send(&bound.base_url).await;
            let is_rejected = response.is_problem(401, "invalid-token");
            accepted.extend(
                (!is_rejected).then(|| format!("{route:?} with {authorization:?}: {response:?}")),
            );
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    let dev = ApiClient::new(&bound.base_url).with_key(TEST_API_KEY);
    assert_eq!(dev.get("/api/v2/ticket").await.status, 200, "the account still exists");
}

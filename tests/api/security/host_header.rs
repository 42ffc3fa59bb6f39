//! Which Host a request may name, wherever the server listens, with its token and without.

use super::http_client::{HttpRequest, HttpResponse};
use super::openapi_routes::{self, Route};
use super::{BoundServer, CONTROL_TOKEN, PAGE_PATHS, TEST_API_KEY};
use crate::control_client::{ACCOUNTS_PATH, Account};
use crate::fixtures::dump_tickets;
use crate::support::ApiClient;

/// What of the control API is asked; all of it stands behind the same guard.
const GUARDED_PATHS: [&str; 2] = [ACCOUNTS_PATH, "/_control/metrics"];
/// What anybody may ask, under any name.
const UNGUARDED_PATHS: [&str; 3] = ["/_control/health", "/_control/ready", "/api/v2/ticket"];

/// Names of this machine itself. `{port}` is that of the server.
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

/// Addresses of other machines.
const NON_LOOPBACK_ADDRESSES: [&str; 6] = [
    "192.0.2.7",
    "192.0.2.7:{port}",
    "128.0.0.1:{port}",
    "0.0.0.0:{port}",
    "[2001:db8::7]:{port}",
    "[::]:{port}",
];

/// Names that anybody can point at this machine.
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

/// An address, what the server is started with beside it, and whether any address may be named.
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

/// What came of a request, in a word.
fn classify_response(answer: &HttpResponse) -> &'static str {
    match answer.status {
        200 | 307 => "served",
        401 if answer.is_problem(401, "no-token") => "no token",
        403 if answer.is_problem(403, "foreign-host") => "foreign",
        403 if is_page_rejection(answer) => "foreign",
        _ => "something else",
    }
}

/// A plain sentence that says what to do.
fn is_page_rejection(answer: &HttpResponse) -> bool {
    answer.header("content-type").starts_with("text/plain") && answer.body.contains("--public-url")
}

/// What must come of a request.
fn expected_outcome(path: &str, is_own_host: bool, has_token: bool) -> &'static str {
    match is_own_host {
        false => "foreign",
        true if PAGE_PATHS.contains(&path) || has_token => "served",
        true => "no token",
    }
}

/// Asks for everything under this name, with the token and without; gives what was not as expected.
async fn find_host_violations(
    bound: &BoundServer,
    asks_for_token: bool,
    (host, is_own_host): (&str, bool),
) -> Vec<String> {
    let host = host.replace("{port}", &bound.port);
    let mut wrong = Vec::new();
    for path in GUARDED_PATHS.iter().chain(&PAGE_PATHS) {
        for sends_token in [true, false] {
            let asked = HttpRequest::new("GET", *path).set_header("Host", &host);
            let bearer = format!("Bearer {CONTROL_TOKEN}");
            let asked =
                if sends_token { asked.with_header("Authorization", bearer) } else { asked };
            let answer = asked.send(&bound.base_url).await;
            let expected = expected_outcome(path, is_own_host, sends_token || !asks_for_token);
            if classify_response(&answer) != expected {
                wrong.push(format!(
                    "{path} of {host:?}, token {sends_token}: {expected}, not {answer:?}"
                ));
            }
        }
    }
    for path in UNGUARDED_PATHS {
        let asked = HttpRequest::new("GET", path)
            .set_header("Host", &host)
            .with_header("apiKey", TEST_API_KEY);
        let answer = asked.send(&bound.base_url).await;
        if answer.status != 200 {
            wrong.push(format!("{path} of {host:?} is open to all: {answer:?}"));
        }
    }
    wrong
}

#[tokio::test]
async fn only_own_hosts_are_served() {
    let mut wrong = Vec::new();
    for (listen, arguments, takes_addresses) in LISTEN_CASES {
        if listen.starts_with('[') && !has_ipv6() {
            continue;
        }
        let bound = BoundServer::start(listen, arguments);
        let own = LOOPBACK_HOSTS.iter().map(|host| (*host, true));
        let foreign = FOREIGN_HOSTS.iter().map(|host| (*host, false));
        let addresses = NON_LOOPBACK_ADDRESSES.iter().map(|host| (*host, takes_addresses));
        for host in own.chain(foreign).chain(addresses) {
            let tried = find_host_violations(&bound, !arguments.is_empty(), host).await;
            wrong.extend(tried.into_iter().map(|wrong| format!("{listen}: {wrong}")));
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
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
            let mut wrong = Vec::new();
            for host in own.chain(foreign.iter().map(|host| (*host, false))) {
                wrong.extend(find_host_violations(&bound, !token.is_empty(), host).await);
            }
            assert!(wrong.is_empty(), "{public}: {wrong:#?}");
        }
    }
}

#[tokio::test]
async fn page_at_public_url_may_use_control_api() {
    const PUBLIC: &str = "https://desk.example.test";
    let bound = BoundServer::start("127.0.0.1:0", &["--public-url", PUBLIC]);
    let asked = HttpRequest::new("GET", ACCOUNTS_PATH).set_header("Host", "desk.example.test");
    let own =
        asked.clone().with_header("Origin", PUBLIC).with_header("Sec-Fetch-Site", "same-origin");
    assert_eq!(own.send(&bound.base_url).await.status, 200);
    let other = asked.with_header("Origin", "https://example.test").send(&bound.base_url).await;
    assert!(other.is_problem(403, "foreign-origin"), "{other:?}");
}

/// The guarded routes of the control API.
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
        let mut wrong = Vec::new();
        for route in read_guarded_routes(&bound.base_url).await {
            for account in ["dev", "self"] {
                let asked = HttpRequest::new(&route.method, route.fill_path(account, "1"));
                let asked = asked
                    .set_header("Host", "desk.example.test")
                    .with_header("apiKey", TEST_API_KEY);
                let asked = asked.with_header("Authorization", format!("Bearer {CONTROL_TOKEN}"));
                let answer = asked.send(&bound.base_url).await;
                let is_refused = answer.is_problem(403, "foreign-host");
                wrong.extend((!is_refused).then(|| format!("{route:?}: {answer:?}")));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
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
    let mut wrong = Vec::new();
    for route in read_guarded_routes(&bound.base_url).await {
        for sent in
            ["", "Bearer", "Bearer another-token-of-some-length", "apikey dev-key-of-this-test"]
        {
            let asked = HttpRequest::new(&route.method, route.fill_path("self", "1"))
                .with_header("apiKey", TEST_API_KEY);
            let asked =
                asked.with_query(&format!("token={CONTROL_TOKEN}&control_token={CONTROL_TOKEN}"));
            let asked = asked
                .with_header("X-Control-Token", CONTROL_TOKEN)
                .with_header("Authorization", sent);
            let answer = asked.send(&bound.base_url).await;
            let is_refused = answer.is_problem(401, "no-token");
            wrong.extend((!is_refused).then(|| format!("{route:?} with {sent:?}: {answer:?}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let dev = ApiClient::new(&bound.base_url).with_key(TEST_API_KEY);
    assert_eq!(dev.get("/api/v2/ticket").await.status, 200, "the account is there");
}

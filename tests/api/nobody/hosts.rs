//! Which Host a request may name, wherever the server listens, with its token and without.

use super::answers::{Answered, Asked};
use super::routes::{self, Route};
use super::{Bound, KEY, PAGES, TOKEN};
use crate::control::{ACCOUNTS, Account};
use crate::fixtures::whole;
use crate::support::Client;

/// What of the control API is asked; all of it stands behind the same guard.
const CONTROL: [&str; 2] = [ACCOUNTS, "/_control/metrics"];
/// What anybody may ask, under any name.
const OPEN: [&str; 3] = ["/_control/health", "/_control/ready", "/api/v2/ticket"];

/// Names of this machine itself. `{port}` is that of the server.
const OWN: [&str; 11] = [
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
const ADDRESSES: [&str; 6] = [
    "192.0.2.7",
    "192.0.2.7:{port}",
    "128.0.0.1:{port}",
    "0.0.0.0:{port}",
    "[2001:db8::7]:{port}",
    "[::]:{port}",
];

/// Names that anybody can point at this machine.
const FOREIGN: [&str; 15] = [
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
const BOUND: [(&str, &[&str], bool); 5] = [
    ("127.0.0.1:0", &[], false),
    ("127.0.0.1:0", &["--control-token", TOKEN], false),
    ("0.0.0.0:0", &["--control-token", TOKEN], true),
    ("[::1]:0", &[], false),
    ("[::]:0", &["--control-token", TOKEN], true),
];

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

/// What came of a request, in a word.
fn word(answer: &Answered) -> &'static str {
    match answer.status {
        200 | 307 => "served",
        401 if answer.is_problem(401, "no-token") => "no token",
        403 if answer.is_problem(403, "foreign-host") => "foreign",
        403 if is_page_refusal(answer) => "foreign",
        _ => "something else",
    }
}

/// A plain sentence that says what to do.
fn is_page_refusal(answer: &Answered) -> bool {
    answer.header("content-type").starts_with("text/plain") && answer.body.contains("--public-url")
}

/// What must come of a request.
fn expected(path: &str, is_known: bool, has_token: bool) -> &'static str {
    match is_known {
        false => "foreign",
        true if PAGES.contains(&path) || has_token => "served",
        true => "no token",
    }
}

/// Asks for everything under this name, with the token and without; gives what was not as expected.
async fn tried(bound: &Bound, asks_for_token: bool, (host, is_known): (&str, bool)) -> Vec<String> {
    let host = host.replace("{port}", &bound.port);
    let mut wrong = Vec::new();
    for path in CONTROL.iter().chain(&PAGES) {
        for sends_token in [true, false] {
            let asked = Asked::new("GET", *path).instead("Host", &host);
            let bearer = format!("Bearer {TOKEN}");
            let asked = if sends_token { asked.with("Authorization", bearer) } else { asked };
            let answer = asked.ask(&bound.base).await;
            let expected = expected(path, is_known, sends_token || !asks_for_token);
            if word(&answer) != expected {
                wrong.push(format!(
                    "{path} of {host:?}, token {sends_token}: {expected}, not {answer:?}"
                ));
            }
        }
    }
    for path in OPEN {
        let asked = Asked::new("GET", path).instead("Host", &host).with("apiKey", KEY);
        let answer = asked.ask(&bound.base).await;
        if answer.status != 200 {
            wrong.push(format!("{path} of {host:?} is open to all: {answer:?}"));
        }
    }
    wrong
}

#[tokio::test]
async fn only_names_of_the_server_are_served() {
    let mut wrong = Vec::new();
    for (listen, arguments, takes_addresses) in BOUND {
        if listen.starts_with('[') && !has_ipv6() {
            continue;
        }
        let bound = Bound::on(listen, arguments);
        let own = OWN.iter().map(|host| (*host, true));
        let foreign = FOREIGN.iter().map(|host| (*host, false));
        let addresses = ADDRESSES.iter().map(|host| (*host, takes_addresses));
        for host in own.chain(foreign).chain(addresses) {
            let tried = tried(&bound, !arguments.is_empty(), host).await;
            wrong.extend(tried.into_iter().map(|wrong| format!("{listen}: {wrong}")));
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
}

#[tokio::test]
async fn that_of_the_public_url_is_served_as_well() {
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
        for token in [&[][..], &["--control-token", TOKEN]] {
            let arguments = [&["--public-url", public], token].concat();
            let bound = Bound::on("127.0.0.1:0", &arguments);
            let own = own.iter().chain(&["localhost", "127.0.0.1:{port}"]);
            let own = own.map(|host| (*host, true));
            let mut wrong = Vec::new();
            for host in own.chain(foreign.iter().map(|host| (*host, false))) {
                wrong.extend(tried(&bound, !token.is_empty(), host).await);
            }
            assert!(wrong.is_empty(), "{public}: {wrong:#?}");
        }
    }
}

#[tokio::test]
async fn the_page_at_the_public_url_may_use_the_control_api() {
    const PUBLIC: &str = "https://desk.example.test";
    let bound = Bound::on("127.0.0.1:0", &["--public-url", PUBLIC]);
    let asked = Asked::new("GET", ACCOUNTS).instead("Host", "desk.example.test");
    let own = asked.clone().with("Origin", PUBLIC).with("Sec-Fetch-Site", "same-origin");
    assert_eq!(own.ask(&bound.base).await.status, 200);
    let other = asked.with("Origin", "https://example.test").ask(&bound.base).await;
    assert!(other.is_problem(403, "foreign-origin"), "{other:?}");
}

/// The guarded routes of the control API.
async fn guarded(base: &str) -> Vec<Route> {
    let routes = routes::control(base, TOKEN).await.into_iter();
    routes.filter(|route| !route.is_open()).collect()
}

#[tokio::test]
async fn no_route_of_the_control_api_is_served_under_a_foreign_name_and_nothing_is_changed() {
    for token in [&[][..], &["--control-token", TOKEN]] {
        let bound = Bound::on("127.0.0.1:0", token);
        let dev = Client::of(&bound.base).with_key(KEY);
        let before = whole(&dev).await;
        let mut wrong = Vec::new();
        for route in guarded(&bound.base).await {
            for account in ["dev", "self"] {
                let asked = Asked::new(&route.method, route.at(account, "1"));
                let asked = asked.instead("Host", "desk.example.test").with("apiKey", KEY);
                let asked = asked.with("Authorization", format!("Bearer {TOKEN}"));
                let answer = asked.ask(&bound.base).await;
                let is_refused = answer.is_problem(403, "foreign-host");
                wrong.extend((!is_refused).then(|| format!("{route:?}: {answer:?}")));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(whole(&dev).await, before);
        if token.is_empty() {
            let account = Account::known(&dev, "dev", KEY);
            assert_eq!(
                account.control("GET", "/snapshots").await.body["snapshots"],
                serde_json::json!([])
            );
        }
    }
}

#[tokio::test]
async fn every_route_of_the_control_api_asks_for_the_token() {
    let bound = Bound::on("127.0.0.1:0", &["--control-token", TOKEN]);
    let mut wrong = Vec::new();
    for route in guarded(&bound.base).await {
        for sent in
            ["", "Bearer", "Bearer another-token-of-some-length", "apikey dev-key-of-this-test"]
        {
            let asked = Asked::new(&route.method, route.at("self", "1")).with("apiKey", KEY);
            let asked = asked.asking(&format!("token={TOKEN}&control_token={TOKEN}"));
            let asked = asked.with("X-Control-Token", TOKEN).with("Authorization", sent);
            let answer = asked.ask(&bound.base).await;
            let is_refused = answer.is_problem(401, "no-token");
            wrong.extend((!is_refused).then(|| format!("{route:?} with {sent:?}: {answer:?}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let dev = Client::of(&bound.base).with_key(KEY);
    assert_eq!(dev.get("/api/v2/ticket").await.status, 200, "the account is there");
}

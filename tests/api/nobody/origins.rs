//! Web pages of other origins: they change nothing, read nothing, and are promised nothing.

use super::answers::{Answered, Asked, all};
use super::routes::{self, Route};
use super::{Bound, KEY, TOKEN};
use crate::control::Account;
use crate::fixtures::whole;
use crate::support::Client;

/// What browsers say of a request that another page makes. `{port}` is that of the server.
const FOREIGN: [(&str, &str); 14] = [
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
const OWN: [(&str, &str); 4] = [
    ("Origin", "http://127.0.0.1:{port}"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Site", "none"),
    ("Accept", "*/*"),
];

/// Says nothing that a browser takes for a permission.
fn promises_nothing(answer: &Answered) -> bool {
    !answer.head.contains("access-control-") && !answer.head.contains("timing-allow-origin")
}

fn asked(
    bound: &Bound,
    (method, path): (&str, &str),
    (name, value): (&'static str, &str),
) -> Asked {
    let asked = Asked::new(method, path).with("apiKey", KEY);
    let asked = asked.instead("Host", format!("127.0.0.1:{}", bound.port));
    let asked = asked.with("Authorization", format!("Bearer {TOKEN}"));
    asked.with(name, value.replace("{port}", &bound.port))
}

/// Each route of the control API with these headers, by its own method and by those that a page can send by itself.
async fn refused(bound: &Bound, headers: &[(&'static str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for route in routes::control(&bound.base, TOKEN).await {
        let path = route.at("self", "1");
        for method in [route.method.as_str(), "GET", "POST", "HEAD"] {
            let asked: Vec<_> =
                headers.iter().map(|header| asked(bound, (method, &path), *header)).collect();
            let answers = all(&bound.base, &asked).await;
            assert_eq!(answers.len(), asked.len(), "{method} {path}");
            for (asked, answer) in asked.iter().zip(answers) {
                let is_refused = answer.is_problem(403, "foreign-origin")
                    || method == "HEAD" && answer.status == 403;
                if !promises_nothing(&answer) || (!is_refused && !route.is_open()) {
                    wrong.push(format!("{asked:?}: {answer:?}"));
                }
            }
        }
    }
    wrong
}

#[tokio::test]
async fn they_use_no_route_of_the_control_api() {
    for token in [&[][..], &["--control-token", TOKEN]] {
        let bound = Bound::on("127.0.0.1:0", token);
        let dev = Client::of(&bound.base).with_key(KEY);
        let before = whole(&dev).await;
        let wrong = refused(&bound, &FOREIGN).await;
        assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
        assert_eq!(whole(&dev).await, before);
        if token.is_empty() {
            let shown = Account::known(&dev, "dev", KEY).control("GET", "").await.body;
            assert_eq!((&shown["keys"], &shown["snapshots"]), (&1.into(), &0.into()), "{shown}");
        }
    }
}

#[tokio::test]
async fn pages_of_the_server_itself_use_it() {
    let bound = Bound::on("127.0.0.1:0", &["--control-token", TOKEN]);
    let reads = routes::control(&bound.base, TOKEN).await.into_iter();
    for route in reads.filter(|route| route.is_read() && !route.is_endless()) {
        let path = route.at("self", "1");
        for header in OWN {
            let asked = asked(&bound, ("GET", &path), header);
            let answer = asked.ask(&bound.base).await;
            assert!(![401, 403].contains(&answer.status), "{path} {header:?}: {answer:?}");
            assert!(promises_nothing(&answer), "{path} {header:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn no_page_and_no_operation_promises_anything() {
    let bound = Bound::on_loopback();
    let mut routes = routes::tickets(&bound.base).await;
    routes.extend(routes::pages());
    for route in &routes {
        let path = route.at("self", "1");
        for method in [route.method.as_str(), "GET", "POST"] {
            for header in FOREIGN.iter().chain(&OWN) {
                let asked = asked(&bound, (method, &path), *header);
                let answer = asked.ask(&bound.base).await;
                assert!(promises_nothing(&answer), "{method} {path} {header:?}: {answer:?}");
                assert!(answer.status < 500, "{method} {path} {header:?}: {answer:?}");
            }
        }
    }
    for path in
        ["/nothing", "/assets/page.css", "/assets/docs.js", "/favicon.ico", "/api/v2/nothing"]
    {
        let answer = asked(&bound, ("GET", path), FOREIGN[0]).ask(&bound.base).await;
        assert!(promises_nothing(&answer), "{path}: {answer:?}");
    }
}

/// Every path that is declared, and some that are not.
async fn paths(base: &str) -> Vec<String> {
    let mut routes = routes::control(base, TOKEN).await;
    routes.extend(routes::tickets(base).await);
    routes.extend(routes::pages());
    let mut paths: Vec<String> = routes.iter().map(|route: &Route| route.at("self", "1")).collect();
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
async fn a_question_before_the_request_is_answered_with_a_refusal() {
    for token in [&[][..], &["--control-token", TOKEN]] {
        let bound = Bound::on("127.0.0.1:0", token);
        for path in paths(&bound.base).await {
            for origin in [FOREIGN[0], FOREIGN[8], OWN[0]] {
                let asked = asked(&bound, ("OPTIONS", &path), origin);
                let asked = asked.with("Access-Control-Request-Method", "DELETE");
                let asked = asked.with("Access-Control-Request-Headers", "apikey, authorization");
                let asked = asked.with("Access-Control-Request-Private-Network", "true");
                let answer = asked.ask(&bound.base).await;
                assert!((400..500).contains(&answer.status), "{path} {origin:?}: {answer:?}");
                assert!(promises_nothing(&answer), "{path} {origin:?}: {answer:?}");
            }
        }
    }
}

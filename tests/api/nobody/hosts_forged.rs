//! Requests that name two hosts, or one in a way of their own: none of that opens anything.

use super::answers::{Answered, Asked};
use super::{Bound, PAGES, TOKEN};
use crate::control::ACCOUNTS;
use crate::raw;

/// Names that are no host at all, and look as if they were one of this machine.
const NO_HOST: [&str; 24] = [
    "user@localhost",
    "user:word@127.0.0.1",
    "localhost@desk.example.test",
    "127.0.0.1@desk.example.test:80",
    "desk.example.test@127.0.0.1",
    "localhost:80@desk.example.test",
    "desk.example.test:80@localhost:80",
    "localhost,desk.example.test",
    "desk.example.test,localhost",
    "desk.example.test, localhost",
    "desk.example.test localhost",
    "localhost desk.example.test",
    "localhost/desk.example.test",
    "desk.example.test/localhost",
    "desk.example.test#localhost",
    "desk.example.test?localhost",
    "desk.example.test\\localhost",
    "http://localhost",
    "//localhost",
    "localhost:port",
    "[::1].example.test",
    "[::1]desk.example.test:80",
    "[localhost]",
    "ⓛocalhost",
];

const PATHS: [&str; 4] = [ACCOUNTS, PAGES[0], PAGES[1], PAGES[3]];

fn is_turned_away(answer: &Answered) -> bool {
    [400, 403].contains(&answer.status)
}

/// Each of the requests is turned away, by a server with a token and by one without.
async fn are_turned_away(asked: impl Fn(&str) -> Vec<Asked>) {
    let mut wrong = Vec::new();
    for token in [&[][..], &["--control-token", TOKEN]] {
        let bound = Bound::on("127.0.0.1:0", token);
        for path in PATHS {
            for asked in asked(path) {
                let bearer = format!("Bearer {TOKEN}");
                let answer = asked.clone().with("Authorization", bearer).ask(&bound.base).await;
                wrong.extend((!is_turned_away(&answer)).then(|| format!("{asked:?}: {answer:?}")));
            }
        }
        let good = Asked::new("GET", PAGES[1]).ask(&bound.base).await;
        assert_eq!(good.status, 200, "the server goes on");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_is_no_host_is_no_host_of_this_machine() {
    are_turned_away(|path| {
        let asked = |host: &&str| Asked::new("GET", path).instead("Host", *host);
        NO_HOST.iter().map(asked).collect()
    })
    .await;
}

#[tokio::test]
async fn of_two_hosts_none_is_taken() {
    are_turned_away(|path| {
        let pairs = [
            ("localhost", "desk.example.test"),
            ("desk.example.test", "localhost"),
            ("desk.example.test", "example.test"),
            ("", "localhost"),
        ];
        let asked = |(one, other): (&str, &str)| {
            Asked::new("GET", path).instead("Host", one).with("Host", other)
        };
        pairs.into_iter().map(asked).collect()
    })
    .await;
}

#[tokio::test]
async fn an_empty_host_is_none_of_this_machine() {
    are_turned_away(|path| vec![Asked::new("GET", path).instead("Host", "")]).await;
}

#[tokio::test]
async fn what_a_proxy_says_opens_nothing() {
    are_turned_away(|path| {
        let headers = [
            ("X-Forwarded-Host", "localhost"),
            ("X-Forwarded-Host", "127.0.0.1"),
            ("X-Forwarded-Server", "localhost"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Real-IP", "127.0.0.1"),
            ("X-Original-Host", "localhost"),
            ("X-Host", "localhost"),
            ("Forwarded", "for=127.0.0.1;host=localhost;proto=http"),
            ("X-Original-URL", "/_control/health"),
            ("X-Rewrite-URL", "/_control/health"),
            ("X-HTTP-Method-Override", "GET"),
        ];
        let asked = |(name, value): (&'static str, &str)| {
            Asked::new("GET", path).instead("Host", "desk.example.test").with(name, value)
        };
        headers.into_iter().map(asked).collect()
    })
    .await;
}

#[tokio::test]
async fn what_a_proxy_says_closes_nothing() {
    let bound = Bound::on_loopback();
    for path in PATHS {
        let asked = Asked::new("GET", path).with("X-Forwarded-Host", "desk.example.test");
        let answer = asked.ask(&bound.base).await;
        assert!([200, 307].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_target_with_a_host_in_it_opens_nothing() {
    are_turned_away(|path| {
        let targets =
            ["http://localhost", "http://127.0.0.1", "https://localhost", "http://u:p@localhost"];
        let asked = |target: &str| {
            let target = format!("{target}{path}");
            Asked::new("GET", target).instead("Host", "desk.example.test")
        };
        targets.into_iter().map(asked).collect()
    })
    .await;
}

#[tokio::test]
async fn a_missing_host_of_an_old_client_is_taken() {
    let bound = Bound::on_loopback();
    for (path, status) in [(ACCOUNTS, 200), ("/docs", 200), ("/", 307), ("/openapi.json", 200)] {
        let bytes = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = raw::exchange(&bound.base, bytes.as_bytes()).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn other_ways_to_write_a_target_open_nothing() {
    let bound = Bound::on("127.0.0.1:0", &["--control-token", TOKEN]);
    for target in [
        "//_control/accounts",
        "/./_control/accounts",
        "/api/../_control/accounts",
        "/_control/health/../accounts",
        "/_control/health/accounts",
        "/_control//accounts",
        "/_control/accounts/",
        "/_control/accounts;/health",
        "/_control%2Faccounts",
        "/%5Fcontrol/accounts",
        "/_CONTROL/accounts",
        "/_control/Accounts",
        "/_control/accounts%00",
        "/_control/accounts#/_control/health",
        "/_control/accounts?/_control/health",
        "http://localhost/_control/accounts",
        "localhost:80",
        "*",
    ] {
        for method in ["GET", "HEAD", "POST", "CONNECT", "OPTIONS"] {
            let answer = Asked::new(method, target).ask(&bound.base).await;
            assert!((400..500).contains(&answer.status), "{method} {target}: {answer:?}");
            assert!(!answer.body.contains("\"dev\""), "{method} {target}: {answer:?}");
        }
    }
}

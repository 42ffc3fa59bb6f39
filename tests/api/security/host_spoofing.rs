//! Host spoofing: requests with two hosts, or with unusual spellings of one, are rejected.

use super::{BoundServer, CONTROL_TOKEN, PAGE_PATHS};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawRequest, RawResponse, exchange};

/// Malformed hosts that look like a loopback host.
const MALFORMED_HOSTS: [&str; 24] = [
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

const GUARDED_PATHS: [&str; 4] = [ACCOUNTS_PATH, PAGE_PATHS[0], PAGE_PATHS[1], PAGE_PATHS[3]];

fn is_rejected(response: &RawResponse) -> bool {
    [400, 403].contains(&response.status)
}

/// Asserts that each request is rejected: on a server without a control token, and on another one with a wrong token.
async fn assert_all_rejected(build_requests: impl Fn(&str) -> Vec<RawRequest>) {
    let mut accepted = Vec::new();
    for token in [&[][..], &["--control-token", CONTROL_TOKEN]] {
        let bound = BoundServer::start("127.0.0.1:0", token);
        for path in GUARDED_PATHS {
            for request in build_requests(path) {
                let bearer = format!("Bearer not-{CONTROL_TOKEN}");
                let response = request
                    .clone()
                    .with_header("Authorization", bearer)
                    .send(&bound.base_url)
                    .await;
                accepted.extend(
                    (!is_rejected(&response)).then(|| format!("{request:?}: {response:?}")),
                );
            }
        }
        let valid = RawRequest::new("GET", PAGE_PATHS[1]).send(&bound.base_url).await;
        assert_eq!(valid.status, 200, "the server still works");
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[tokio::test]
async fn malformed_host_is_rejected() {
    assert_all_rejected(|path| {
        let build_request = |host: &&str| RawRequest::new("GET", path).set_header("Host", *host);
        MALFORMED_HOSTS.iter().map(build_request).collect()
    })
    .await;
}

#[tokio::test]
async fn duplicate_host_headers_are_rejected() {
    assert_all_rejected(|path| {
        let pairs = [
            ("localhost", "desk.example.test"),
            ("desk.example.test", "localhost"),
            ("desk.example.test", "example.test"),
            ("", "localhost"),
        ];
        let build_request = |(first, second): (&str, &str)| {
            RawRequest::new("GET", path).set_header("Host", first).with_header("Host", second)
        };
        pairs.into_iter().map(build_request).collect()
    })
    .await;
}

#[tokio::test]
async fn empty_host_is_rejected() {
    assert_all_rejected(|path| vec![RawRequest::new("GET", path).set_header("Host", "")]).await;
}

#[tokio::test]
async fn forwarded_headers_do_not_bypass_host_check() {
    assert_all_rejected(|path| {
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
        let build_request = |(name, value): (&'static str, &str)| {
            RawRequest::new("GET", path)
                .set_header("Host", "desk.example.test")
                .with_header(name, value)
        };
        headers.into_iter().map(build_request).collect()
    })
    .await;
}

#[tokio::test]
async fn forwarded_headers_do_not_block_valid_host() {
    let bound = BoundServer::start_on_loopback();
    for path in GUARDED_PATHS {
        let request =
            RawRequest::new("GET", path).with_header("X-Forwarded-Host", "desk.example.test");
        let response = request.send(&bound.base_url).await;
        assert!([200, 307].contains(&response.status), "{path}: {response:?}");
    }
}

#[tokio::test]
async fn absolute_target_does_not_bypass_host_check() {
    assert_all_rejected(|path| {
        let targets =
            ["http://localhost", "http://127.0.0.1", "https://localhost", "http://u:p@localhost"];
        let build_request = |target: &str| {
            let target = format!("{target}{path}");
            RawRequest::new("GET", target).set_header("Host", "desk.example.test")
        };
        targets.into_iter().map(build_request).collect()
    })
    .await;
}

#[tokio::test]
async fn http_1_0_request_without_host_is_served() {
    let bound = BoundServer::start_on_loopback();
    for (path, status) in [(ACCOUNTS_PATH, 200), ("/docs", 200), ("/", 200), ("/openapi.json", 200)]
    {
        let bytes = format!("GET {path} HTTP/1.0\r\n\r\n");
        let response = exchange(&bound.base_url, bytes.as_bytes()).await;
        assert_eq!(response.status, status, "{path}: {response:?}");
    }
}

#[tokio::test]
async fn alternative_target_spellings_do_not_bypass_token() {
    let bound = BoundServer::start("127.0.0.1:0", &["--control-token", CONTROL_TOKEN]);
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
            let response = RawRequest::new(method, target).send(&bound.base_url).await;
            assert!((400..500).contains(&response.status), "{method} {target}: {response:?}");
            assert!(!response.body.contains("\"dev\""), "{method} {target}: {response:?}");
        }
    }
}

//! Responses to requests whose body was not read: the connection stays open, or the response says `close`.

use futures_util::future::join_all;

use super::{ITEM_PATH, start_server};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::exchange_all;
use crate::support::seed::ACME_KEY;
use crate::support::ticket::TICKETS_PATH;

const TOKEN: &str = "control-token-0123";

/// Requests whose body is not read: method, path, additional headers, status.
fn request_cases() -> Vec<(&'static str, String, String, u16)> {
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let key = format!("apiKey: {ACME_KEY}\r\n");
    let acme = format!("{ACCOUNTS_PATH}/acme");
    let foreign = "Origin: http://desk.example.test\r\n";
    let case = |method, path: &str, headers: &str, status| {
        (method, path.to_owned(), headers.to_owned(), status)
    };
    vec![
        case("POST", ACCOUNTS_PATH, "", 401),
        case("POST", ACCOUNTS_PATH, "Authorization: Bearer wrong\r\n", 401),
        case("PUT", &format!("{acme}/clock"), "", 401),
        case("POST", ACCOUNTS_PATH, &format!("{bearer}{foreign}"), 403),
        case("POST", "/_control/nothing", &bearer, 404),
        case("POST", "/_control/nothing", "", 401),
        case("PATCH", ACCOUNTS_PATH, &bearer, 405),
        case("OPTIONS", ACCOUNTS_PATH, &bearer, 405),
        case("POST", "/_control/health", "", 405),
        case("GET", "/_control/health", "", 200),
        case("POST", &format!("{ACCOUNTS_PATH}/nobody/reset"), &bearer, 404),
        case("GET", &acme, &bearer, 200),
        case("GET", &format!("{acme}/requests"), &bearer, 200),
        case("POST", "/docs", "", 405),
        case("GET", "/docs", "", 200),
        case("GET", "/", "", 303),
        case("POST", "/nothing", "", 404),
        case("POST", TICKETS_PATH, "", 401),
        case("POST", TICKETS_PATH, "apiKey: unknown-key\r\n", 401),
        case("PATCH", ITEM_PATH, &key, 405),
        case("OPTIONS", TICKETS_PATH, &key, 405),
        case("POST", "/api/v2/nothing", &key, 404),
        case("GET", TICKETS_PATH, &key, 200),
        case("GET", ITEM_PATH, &key, 200),
        case("POST", TICKETS_PATH, &format!("{key}Content-Type: text/plain\r\n"), 415),
        case("POST", TICKETS_PATH, &format!("{key}Content-Encoding: gzip\r\n"), 415),
    ]
}

/// Bodies: label, framing headers, and the body itself.
fn body_cases() -> Vec<(&'static str, String, String)> {
    let long = "a".repeat(300_000);
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n".to_owned();
    vec![
        ("none", String::new(), String::new()),
        ("a short one", length("{}"), "{}".to_owned()),
        ("a long one", length(&long), long.clone()),
        ("chunks", chunked.clone(), "2\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("long chunks", chunked, format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len())),
        // The client withholds the body until the server sends 100, which it never does.
        (
            "one that is withheld",
            format!("{}Expect: 100-continue\r\n", length(&long)),
            String::new(),
        ),
    ]
}

#[tokio::test]
async fn connection_is_kept_alive_or_response_says_close() {
    let server = start_server(&["--control-token", TOKEN]);
    let (cases, bodies) = (request_cases(), body_cases());
    let host = server.base_url.trim_start_matches("http://");
    let requests = cases.iter().flat_map(|case| bodies.iter().map(move |body| (case, body)));
    // A body with an unsupported content type is read before the rejection, so the server sends 100.
    let requests = requests.filter(|((_, _, headers, _), (_, length, _))| {
        !(headers.contains("text/plain") && length.contains("Expect"))
    });
    let all = requests.map(async |((method, path, headers, status), (label, length, body))| {
        let first =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n{body}");
        let second =
            format!("GET /_control/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let label = format!("{method} {path} {headers:?} with {label}");
        let responses =
            exchange_all(&server.base_url, &[first, second].concat().into_bytes()).await;
        assert!(!responses.is_empty(), "{label}: no response");
        // Without a body there is no type or encoding to reject, but its fields are missing.
        let status = if *status == 415 && length.is_empty() { 400 } else { *status };
        assert_eq!(responses[0].status, status, "{label}: {responses:?}");
        let closes = responses[0].head.contains("connection: close");
        let is_body_sent = !length.contains("Expect");
        assert_eq!(responses.len(), if closes { 1 } else { 2 }, "{label}: {responses:?}");
        assert!(
            !(closes && is_body_sent),
            "{label}: the connection should stay open: {responses:?}"
        );
        responses.len()
    });
    let response_counts = join_all(all).await;
    assert!(response_counts.contains(&1) && response_counts.contains(&2), "{response_counts:?}");
}

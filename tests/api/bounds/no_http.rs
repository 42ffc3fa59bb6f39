//! Bytes that are no request at all: told so, in the envelope, and the connection is closed.

use super::{BAD_HTTP, CONTROL, LIST, one, server, tickets, unharmed};
use crate::fixtures::KEY;

/// The first flight of a TLS client.
const TLS: &[u8] = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 a hello that is none here";
/// What a client of HTTP/2 begins with.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test]
async fn what_is_no_http_is_told_so() {
    let server = server(&["--header-timeout", "500ms"]);
    let before = tickets(&server.base).await;
    for (what, bytes) in [
        ("TLS", TLS),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n"),
        ("a mail", b"EHLO mail.example.test\r\nMAIL FROM:<ada@example.test>\r\n"),
        ("zeros", &[0; 100]),
        ("high bytes", &[0xff; 100]),
        ("a method alone", b"GET\r\n\r\n"),
        ("no version", b"GET /api/v2/ticket\r\n\r\n"),
        ("a version of its own", b"GET /api/v2/ticket HTTP/9.9\r\nHost: localhost\r\n\r\n"),
        ("no HTTP but a version", b"GET /api/v2/ticket HTTQ/1.1\r\nHost: localhost\r\n\r\n"),
        ("a space in the URL", b"GET /api/v2/ticket ? HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a brace for a method", b"{} /api/v2/ticket HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("no colon", b"GET /api/v2/ticket HTTP/1.1\r\nHost localhost\r\n\r\n"),
        ("no name", b"GET /api/v2/ticket HTTP/1.1\r\n: localhost\r\n\r\n"),
        ("JSON", b"{\"title\":\"Printer\"}\r\n\r\n"),
    ] {
        let answer = one(what, &server.base, bytes).await;
        BAD_HTTP.check(what, "", &answer);
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn http_2_is_told_so() {
    let server = server(&[]);
    BAD_HTTP.check("HTTP/2", "", &one("HTTP/2", &server.base, HTTP2).await);
}

#[tokio::test]
async fn a_bad_head_is_refused_in_the_envelope_of_its_path() {
    let server = server(&[]);
    let before = tickets(&server.base).await;
    for path in [LIST, CONTROL] {
        for (what, header) in [
            ("a space before the colon", "apiKey : acme-key-0123456789\r\n"),
            ("a space in a name", "api Key: acme-key-0123456789\r\n"),
            ("a folded line", "apiKey: acme-key-\r\n 0123456789\r\n"),
            ("a tab before a header", "\tapiKey: acme-key-0123456789\r\n"),
            ("a NUL in a value", "apiKey: acme-key\0-0123456789\r\n"),
            ("a NUL in a name", "api\0Key: acme-key-0123456789\r\n"),
            ("a CR in a value", "apiKey: acme-key\r-0123456789\r\n"),
            ("a name that is no ASCII", "schlüssel: acme-key-0123456789\r\n"),
        ] {
            let what = format!("{what}, {path}");
            let host = format!("Host: localhost\r\napiKey: {KEY}\r\n");
            let bytes = format!("POST {path} HTTP/1.1\r\n{host}{header}Content-Length: 0\r\n\r\n");
            let answer = one(&what, &server.base, bytes.as_bytes()).await;
            BAD_HTTP.check(&what, path, &answer);
        }
    }
    unharmed(&server.base, &before).await;
}

#[tokio::test]
async fn a_client_that_leaves_within_its_head_does_no_harm() {
    let server = server(&[]);
    let before = tickets(&server.base).await;
    for bytes in [&b"P"[..], b"POST /api/v2/ticket HTTP/1.1\r\nHos", b"\r\n"] {
        for _ in 0..20 {
            drop(super::talk::say(&server.base, bytes).await);
        }
    }
    unharmed(&server.base, &before).await;
}

//! Bytes that are no HTTP request: the server responds with an error and closes the connection.

use super::{MALFORMED_HTTP, assert_unchanged_and_serving, list_all_tickets, start_server};
use crate::support::control::ACCOUNTS_PATH;
use crate::support::raw::{RawConnection, exchange};
use crate::support::seed::ACME_KEY;
use crate::support::ticket::TICKETS_PATH;

/// The first bytes of a TLS client.
const TLS_CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 a hello that is none here";
/// The first bytes of an HTTP/2 client.
const HTTP2_PREFACE: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test]
async fn non_http_bytes_get_400() {
    let server = start_server(&["--header-timeout", "500ms"]);
    let before = list_all_tickets(&server.base_url).await;
    for (label, bytes) in [
        ("TLS", TLS_CLIENT_HELLO),
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
        let response = exchange(&server.base_url, bytes).await;
        MALFORMED_HTTP.assert_matches(label, "", &response);
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn http2_preface_gets_400() {
    let server = start_server(&[]);
    MALFORMED_HTTP.assert_matches("HTTP/2", "", &exchange(&server.base_url, HTTP2_PREFACE).await);
}

#[tokio::test]
async fn malformed_header_is_rejected_in_error_format_of_its_path() {
    let server = start_server(&[]);
    let before = list_all_tickets(&server.base_url).await;
    for path in [TICKETS_PATH, ACCOUNTS_PATH] {
        for (label, header) in [
            ("a space before the colon", "apiKey : acme-key-0123456789\r\n"),
            ("a space in a name", "api Key: acme-key-0123456789\r\n"),
            ("a folded line", "apiKey: acme-key-\r\n 0123456789\r\n"),
            ("a tab before a header", "\tapiKey: acme-key-0123456789\r\n"),
            ("a NUL in a value", "apiKey: acme-key\0-0123456789\r\n"),
            ("a NUL in a name", "api\0Key: acme-key-0123456789\r\n"),
            ("a CR in a value", "apiKey: acme-key\r-0123456789\r\n"),
            ("a name that is no ASCII", "schlüssel: acme-key-0123456789\r\n"),
        ] {
            let label = format!("{label}, {path}");
            let host = format!("Host: localhost\r\napiKey: {ACME_KEY}\r\n");
            let bytes = format!("POST {path} HTTP/1.1\r\n{host}{header}Content-Length: 0\r\n\r\n");
            let response = exchange(&server.base_url, bytes.as_bytes()).await;
            MALFORMED_HTTP.assert_matches(&label, path, &response);
        }
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

#[tokio::test]
async fn client_disconnect_within_request_head_does_no_harm() {
    let server = start_server(&[]);
    let before = list_all_tickets(&server.base_url).await;
    for bytes in [&b"P"[..], b"POST /api/v2/ticket HTTP/1.1\r\nHos", b"\r\n"] {
        for _ in 0..20 {
            drop(RawConnection::open_and_send(&server.base_url, bytes).await);
        }
    }
    assert_unchanged_and_serving(&server.base_url, &before).await;
}

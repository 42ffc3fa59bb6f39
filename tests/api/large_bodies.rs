//! Bodies far over the limit: the client can read the 413 response, and the server keeps working.

use std::time::Duration;

use futures_util::stream;
use reqwest::Body;
use serde_json::Value;

use crate::support::client::JsonResponse;
use crate::support::raw::{RawConnection, build_raw_head, build_raw_request, exchange};
use crate::support::seed::{self, ACME_KEY, SeededServer, acme_seed, ticket_fixture};
use crate::support::ticket::{self, NEW_TICKET_FORM};

const HUGE_BODY_BYTES: usize = 100 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

fn start_server() -> SeededServer {
    seed::serve_seed(&acme_seed([ticket_fixture(7)]))
}

/// Streams a form with a title of 100 MiB, generated on the fly.
fn stream_huge_body() -> Body {
    let chunks = (0..HUGE_BODY_BYTES / CHUNK_BYTES).map(|index| {
        let mut chunk = vec![b'x'; CHUNK_BYTES];
        if index == 0 {
            chunk[..6].copy_from_slice(b"title=");
        }
        Ok::<_, std::io::Error>(chunk)
    });
    Body::wrap_stream(stream::iter(chunks))
}

fn assert_content_too_large(status: u16, body: &Value) {
    assert_eq!(status, 413, "{body}");
    assert_eq!(body["status"], "error", "{body}");
    let message = body["message"].as_str().expect("a message");
    assert!(
        message.contains("10") || message.contains("10485760"),
        "the message names the limit: {message}"
    );
}

async fn assert_unchanged_and_usable(server: &SeededServer, before: &str) {
    assert_eq!(ticket::dump_tickets(server).await, before);
    assert_eq!(server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
}

#[tokio::test]
async fn huge_chunked_body_gets_413() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=edge",
    ] {
        let request = server.request("POST", "/api/v2/ticket").header("content-type", content_type);
        let reply = JsonResponse::fetch(request.body(stream_huge_body())).await;
        assert_content_too_large(reply.status, &reply.body);
    }
    assert_unchanged_and_usable(&server, &before).await;
}

#[tokio::test]
async fn huge_body_with_content_length_gets_413() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    let request = server
        .request("POST", "/api/v2/ticket")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-length", HUGE_BODY_BYTES);
    let reply = JsonResponse::fetch(request.body(stream_huge_body())).await;
    assert_content_too_large(reply.status, &reply.body);
    assert_unchanged_and_usable(&server, &before).await;
}

#[tokio::test]
async fn client_that_writes_whole_body_first_still_reads_413() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    let headers = format!(
        "apiKey: {ACME_KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {HUGE_BODY_BYTES}\r\n"
    );
    let mut stream = RawConnection::open(&server.base_url).await;
    stream.send(&build_raw_head("POST", "/api/v2/ticket", &headers)).await;
    let chunk = vec![b'x'; CHUNK_BYTES];
    for _ in 0..HUGE_BODY_BYTES / CHUNK_BYTES {
        // The server may close the connection before it has received everything.
        stream.try_send(&chunk).await;
    }
    let response = stream.read_only_response().await;
    assert_content_too_large(
        response.status,
        &serde_json::from_str(&response.body).expect("the body is JSON"),
    );
    assert_unchanged_and_usable(&server, &before).await;
}

#[tokio::test]
async fn expect_continue_gets_413_before_the_body() {
    let server = start_server();
    let headers = format!(
        "apiKey: {ACME_KEY}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {HUGE_BODY_BYTES}\r\nExpect: 100-continue\r\n"
    );
    let head = build_raw_head("POST", "/api/v2/ticket", &headers);
    let response = exchange(&server.base_url, &head);
    let response = tokio::time::timeout(Duration::from_secs(10), response)
        .await
        .expect("the server responds in time");
    assert_content_too_large(
        response.status,
        &serde_json::from_str(&response.body).expect("the body is JSON"),
    );
}

#[tokio::test]
async fn body_limit_is_exact_to_the_byte() {
    let server = start_server();
    let padding = MAX_BODY_BYTES - NEW_TICKET_FORM.len() - "&note=".len();
    let body = format!("{NEW_TICKET_FORM}&note={}", "x".repeat(padding));
    let reply = server.send_form("POST", "/api/v2/ticket", &body).await;
    assert_ne!(reply.status, 413, "{}", reply.body);
    let reply = server.send_form("POST", "/api/v2/ticket", &format!("{body}x")).await;
    assert_content_too_large(reply.status, &reply.body);
}

#[tokio::test]
async fn client_disconnect_in_body_changes_nothing() {
    let server = start_server();
    let before = ticket::dump_tickets(&server).await;
    let bytes = build_raw_request(
        "POST",
        "/api/v2/ticket",
        ACME_KEY,
        "application/x-www-form-urlencoded",
        NEW_TICKET_FORM.as_bytes(),
    );
    for _ in 0..20 {
        let mut stream = RawConnection::open(&server.base_url).await;
        stream.send(&bytes[..bytes.len() - 3]).await;
        drop(stream);
    }
    assert_eq!(ticket::dump_tickets(&server).await, before);
}
